"""Begins journeys, reads them, and records what officers decide about candidates.

A journey can be read and continued by its author, and by each account that may see all wards of the journey.
Callers must exclude viewers. Each change is a row of the access log in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from edge_central.journeys.model import (
    Journey,
    JourneySearch,
    JourneyStep,
    JourneySummary,
    MatchKey,
    StepStatus,
    Way,
)
from edge_central.searches.matches import match_of
from edge_central.searches.model import HOUR_MS, SearchAuthor, TooManySearches
from edge_central.searches.records import find_row
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.database import insert_row
from edge_central.store.scope import Scope

MAX_PER_HOUR = 30
"""Journeys that one account may begin in an hour."""
MAX_STEPS = 300
"""Limit for the steps of one journey, confirmed and rejected ones."""
MAX_LISTED = 100

_COPIED = ("search", "gateway", "ward", "camera", "passage", "start_ms", "document")


class JourneyRefused(Exception):
    """The change is refused. The text says why, and carries a code."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


# --- read ---


def read_journey(connection: Connection, author: SearchAuthor, journey: str) -> Journey | None:
    """Return the journey; None: it does not exist, or the account may not see it."""
    row = connection.execute(select(tables.journey).where(tables.journey.c.id == journey)).first()
    if row is None or not _may_see(author, row):
        return None
    step, search = tables.journey_step.c, tables.journey_search.c
    steps = select(tables.journey_step, step.id.label("cursor")).where(step.journey == journey)
    searches = select(tables.journey_search).where(search.journey == journey)
    return Journey(
        id=row.id,
        case=row.case_number,
        purpose=row.purpose,
        author=row.author,
        made_ms=row.made_ms,
        changed_ms=row.changed_ms,
        wards=tuple(row.wards.split()),
        steps=tuple(_step(each) for each in connection.execute(steps.order_by(step.id))),
        searches=tuple(
            JourneySearch(each.search, each.step, Way(each.way), each.reach_m, each.asked_ms)
            for each in connection.execute(searches.order_by(search.asked_ms.desc(), search.search))
        ),
    )


def list_journeys(connection: Connection, author: SearchAuthor) -> list[JourneySummary]:
    """Return the journeys that the account may see; the one that changed last is first."""
    columns, step = tables.journey.c, tables.journey_step.c
    count = select(func.count()).select_from(tables.journey_step)
    count = count.where(step.journey == columns.id, step.status == StepStatus.CONFIRMED.value)
    query = select(tables.journey, count.scalar_subquery().label("confirmed"))
    found = []
    for row in connection.execute(query.order_by(columns.changed_ms.desc(), columns.id)):
        if _may_see(author, row):
            names = ("id", "purpose", "author", "made_ms", "changed_ms", "confirmed")
            found.append(JourneySummary(case=row.case_number, **{name: getattr(row, name) for name in names}))
        if len(found) == MAX_LISTED:
            break
    return found


def _may_see(author: SearchAuthor, row: Row[Any]) -> bool:
    return row.author == author.account or author.scope.includes(Scope(frozenset(row.wards.split())))


def _step(row: Row[Any]) -> JourneyStep:
    return JourneyStep(
        id=row.id,
        parent=row.parent,
        way=None if row.way is None else Way(row.way),
        status=StepStatus(row.status),
        search=row.search,
        match=match_of(row),
        decided_by=row.decided_by,
        decided_ms=row.decided_ms,
    )


# --- change ---


def begin_journey(connection: Connection, author: SearchAuthor, begin: MatchKey, now_ms: int) -> str | None:
    """Begin a journey with a match of a search of this account, and return its id. The journey gets the case
    number and purpose of the search. If the account has already begun this journey, return the id of that
    one. None: there is no such match in the scope, or the search is another account's. Raises
    TooManySearches."""
    asked, match = find_row(connection, begin.search), _match_row(connection, author.scope, begin)
    if asked is None or match is None or asked.asked_by != author.account:
        return None
    existing = _begun(connection, author.account, asked.case_number, begin)
    if existing is not None:
        return existing
    _check_limit(connection, author.account, now_ms)
    journey = secrets.token_hex(8)
    row = {
        "id": journey,
        "case_number": asked.case_number,
        "purpose": asked.purpose,
        "author": author.account,
        "made_ms": now_ms,
        "changed_ms": now_ms,
        "wards": match.ward,
    }
    connection.execute(insert(tables.journey), row)
    _insert_step(connection, journey, match, StepStatus.CONFIRMED, author, now_ms)
    _record(connection, AccessKind.JOURNEY_BEGUN, author, row, match, now_ms)
    return journey


def _begun(connection: Connection, account: str, case: str, begin: MatchKey) -> str | None:
    columns, step = tables.journey.c, tables.journey_step.c
    query = (
        select(columns.id)
        .join_from(tables.journey, tables.journey_step, columns.id == step.journey)
        .where(columns.author == account, columns.case_number == case, step.parent.is_(None))
        .where(step.gateway == begin.gateway, step.passage == begin.passage)
    )
    found: str | None = connection.scalar(query.limit(1))
    return found


def _check_limit(connection: Connection, account: str, now_ms: int) -> None:
    columns = tables.journey.c
    recent = select(func.count()).select_from(tables.journey)
    recent = recent.where(columns.author == account, columns.made_ms > now_ms - HOUR_MS)
    if (connection.scalar(recent) or 0) >= MAX_PER_HOUR:
        raise TooManySearches(problem_text("journey-too-many", count=MAX_PER_HOUR), 600)


def decide(
    connection: Connection,
    author: SearchAuthor,
    journey: Journey,
    from_step: int,
    candidate: MatchKey,
    status: StepStatus,
    now_ms: int,
) -> int | None:
    """Confirm or reject a candidate that a search of ``from_step`` has found, and return the id of the new
    step. A rejected candidate can be confirmed afterwards; a confirmed one must be undone first. None: there
    is no such candidate in the scope, or the step no longer exists. Raises JourneyRefused."""
    current = _current(connection, author, journey)
    if current is None or not current.is_confirmed(from_step):
        return None
    journey = current
    searches = {each.search: each for each in journey.searches if each.step == from_step}
    asked, match = searches.get(candidate.search), _match_row(connection, author.scope, candidate)
    if asked is None or match is None:
        return None
    columns = tables.journey_step.c
    of_journey = columns.journey == journey.id
    same = (of_journey, columns.gateway == match.gateway, columns.passage == match.passage)
    before = connection.execute(select(columns.id, columns.status).where(*same)).first()
    if before is not None and before.status == status.value:
        return int(before.id)
    if before is not None and before.status == StepStatus.CONFIRMED.value:
        raise JourneyRefused(problem_text("journey-undo-first"))
    if before is None and len(journey.steps) >= MAX_STEPS:
        raise JourneyRefused(problem_text("journey-too-long", steps=MAX_STEPS))
    connection.execute(delete(tables.journey_step).where(*same))
    step = _insert_step(connection, journey.id, match, status, author, now_ms, from_step, asked.way)
    is_confirmed = status is StepStatus.CONFIRMED
    kind = AccessKind.JOURNEY_CONFIRMED if is_confirmed else AccessKind.JOURNEY_REJECTED
    _record(connection, kind, author, _facts(journey), match, now_ms)
    note_change(connection, journey, [match.ward], now_ms)
    return step


def undo(connection: Connection, author: SearchAuthor, journey: Journey, step: int, now_ms: int) -> bool:
    """Withdraw a decision: the passage is a candidate again. False: there is no such decision. Raises
    JourneyRefused for the step with which the journey begins, and for a step from which an officer has
    confirmed others."""
    current = _current(connection, author, journey)
    found = None if current is None else current.step(step)
    if current is None or found is None:
        return False
    journey = current
    if found.parent is None:
        raise JourneyRefused(problem_text("journey-first-step"))
    if any(each.parent == step and each.status is StepStatus.CONFIRMED for each in journey.steps):
        raise JourneyRefused(problem_text("journey-later-steps"))
    columns, search = tables.journey_step.c, tables.journey_search.c
    connection.execute(delete(tables.journey_step).where((columns.id == step) | (columns.parent == step)))
    connection.execute(delete(tables.journey_search).where(search.journey == journey.id, search.step == step))
    row = {"search": found.search, "passage": found.match.passage}
    row |= {name: getattr(found.match, name) for name in ("ward", "gateway", "camera")}
    _record_row(connection, AccessKind.JOURNEY_UNDONE, author, _facts(journey), row, now_ms)
    note_change(connection, journey, (), now_ms)
    return True


def _current(connection: Connection, author: SearchAuthor, journey: Journey) -> Journey | None:
    """Lock the journey until the end of the transaction, and read it again, because another officer may have
    changed it."""
    _locked_wards(connection, journey)
    return read_journey(connection, author, journey.id)


def _locked_wards(connection: Connection, journey: Journey) -> str:
    """Lock the row of the journey and return its wards. SQLite has no row locks, and needs none: it permits
    only one writer at a time."""
    columns = tables.journey.c
    return connection.scalar(select(columns.wards).where(columns.id == journey.id).with_for_update()) or ""


def note_change(connection: Connection, journey: Journey, wards: Iterable[str], now_ms: int) -> None:
    """Record that the journey has changed, and that these wards now belong to it too."""
    columns = tables.journey.c
    stored = _locked_wards(connection, journey)
    reached = " ".join(sorted({*stored.split(), *wards}))
    values = {"changed_ms": now_ms, "wards": reached}
    connection.execute(update(tables.journey).where(columns.id == journey.id).values(**values))


def _match_row(connection: Connection, scope: Scope, key: MatchKey) -> Row[Any] | None:
    columns = tables.search_match.c
    which = (columns.search == key.search, columns.gateway == key.gateway, columns.passage == key.passage)
    query = select(tables.search_match).where(*which, scope.of(columns.ward))
    return connection.execute(query.order_by(columns.cursor)).first()


def _insert_step(
    connection: Connection,
    journey: str,
    match: Row[Any],
    status: StepStatus,
    author: SearchAuthor,
    now_ms: int,
    parent: int | None = None,
    way: Way | None = None,
) -> int:
    row = {name: getattr(match, name) for name in _COPIED} | {
        "journey": journey,
        "parent": parent,
        "way": None if way is None else way.value,
        "status": status.value,
        "decided_by": author.account,
        "decided_ms": now_ms,
    }
    return insert_row(connection, tables.journey_step, row)


def _facts(journey: Journey) -> dict[str, str]:
    return {"purpose": journey.purpose, "case_number": journey.case}


def _record(
    connection: Connection,
    kind: AccessKind,
    author: SearchAuthor,
    journey: dict[str, Any],
    match: Row[Any],
    now_ms: int,
) -> None:
    names = ("search", "ward", "gateway", "camera", "passage")
    _record_row(connection, kind, author, journey, {name: getattr(match, name) for name in names}, now_ms)


def _record_row(
    connection: Connection,
    kind: AccessKind,
    author: SearchAuthor,
    journey: dict[str, Any],
    match: dict[str, Any],
    now_ms: int,
) -> None:
    """``match``: search, ward, gateway, camera and passage."""
    more = {name: match[name] for name in ("search", "ward", "gateway", "camera")}
    more |= {name: journey[name] for name in ("purpose", "case_number")}
    more["media_id"] = str(match["passage"])
    record_access(connection, kind, author.account, author.address, now_ms, **more)
