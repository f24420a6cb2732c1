"""Copies a journey, as it is now, into the case with the journey's case number."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from edge_central.cases.facts import JourneyFacts, JourneyLink, as_facts, facts_of_match
from edge_central.cases.items import add_item
from edge_central.cases.model import (
    MAX_ITEM_PICTURES,
    AddedItem,
    CaseAuthor,
    CaseItemKind,
    CaseRefused,
    NewCaseItem,
    PictureReference,
)
from edge_central.console.site_names import Names
from edge_central.journeys.model import Journey
from edge_central.sentences import problem_text

MAX_LINE = 500


def check_length(journey: Journey) -> None:
    """Check that the route is not too long for an item. Raises CaseRefused."""
    if len(journey.route) > MAX_ITEM_PICTURES:
        raise CaseRefused(problem_text("case-item-large", pictures=MAX_ITEM_PICTURES))


def add_to_case(
    connection: Connection,
    author: CaseAuthor,
    journey: Journey,
    links: Sequence[Sequence[str]],
    note: str,
    names: Names,
    now_ms: int,
) -> AddedItem:
    """Add the route with its pictures. A route that the case already has is not added again. ``links``: for
    each two consecutive passages the reasons in words. Raises CaseRefused: the caller must roll the
    transaction back."""
    check_length(journey)
    route = journey.route
    facts = JourneyFacts(
        passages=[
            facts_of_match(
                each.match,
                names.site_name(each.match.gateway),
                names.camera(each.match.gateway, each.match.camera).name,
            )
            for each in route
        ],
        links=[JourneyLink(lines=[line[:MAX_LINE] for line in lines[:20]]) for lines in links],
        note=note[:MAX_LINE],
    )
    steps = " ".join(str(each.id) for each in route)
    item = NewCaseItem(
        kind=CaseItemKind.JOURNEY,
        source=f"journey {journey.id}: {steps}",
        at_ms=route[0].match.start_ms,
        wards=frozenset(each.match.ward for each in route),
        facts=as_facts(facts),
        pictures=tuple(
            PictureReference(each.search, each.match.gateway, each.match.passage) for each in route
        ),
    )
    return add_item(connection, author, journey.case, item, now_ms)
