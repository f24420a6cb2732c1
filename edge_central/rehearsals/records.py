"""Reads rules and rehearsals for the console. Who may read a rehearsal is decided as for a search
(docs/decisions/0066)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from edge_agent.wire.received.bounds import with_problem
from edge_agent.wire.received.messages import milliseconds
from edge_central.rehearsals.model import (
    CountedRehearsal,
    ReceivedExample,
    RehearsalDraft,
    RehearsalView,
    RehearsedExample,
)
from edge_central.rehearsals.rules import CameraRuleSet, parse_camera_rules
from edge_central.searches.model import SearchReader
from edge_central.searches.records import read_search
from edge_central.store import tables
from edge_central.store.scope import Scope

MAX_LISTED = 20


@dataclass(frozen=True, slots=True)
class ReportedRules:
    """The rules of a camera, as its gateway has reported them.

    ``rules`` is None if it has reported none yet; ``words`` is then the reason, if the gateway gave one.
    """

    rules: CameraRuleSet | None
    received_ms: int | None
    is_current: bool  # the rules are those of the configuration that the gateway has now
    words: str


@dataclass(frozen=True, slots=True)
class RehearsalLine:
    """A line in the list of a camera's rehearsals."""

    id: str
    rule: str
    days: int
    asked_ms: int
    asked_by: str
    status: str
    reports: int | None  # reports that the draft would have made; None: no result


def read_camera_rules(connection: Connection, scope: Scope, gateway: str, camera: str) -> ReportedRules:
    columns = tables.camera_rules.c
    query = select(tables.camera_rules).where(columns.gateway == gateway, scope.of(columns.ward))
    row = connection.execute(query).first()
    if row is None:
        return ReportedRules(None, None, False, "")
    is_current = row.next_ms is None and row.document is not None
    words = "" if is_current else with_problem(row.words, row.problem)
    return ReportedRules(parse_camera_rules(row.document, camera), row.received_ms, is_current, words)


def is_rehearsal(connection: Connection, search: str) -> bool:
    columns = tables.rehearsal.c
    return connection.scalar(select(columns.rule).where(columns.search == search)) is not None


def list_rehearsals(
    connection: Connection, reader: SearchReader, gateway: str, camera: str
) -> list[RehearsalLine]:
    """Return the newest rehearsals of a camera that the reader may see."""
    columns, search, answer = tables.rehearsal.c, tables.search.c, tables.search_answer.c
    query = (
        select(tables.rehearsal, search.asked_ms, search.asked_by, answer.status)
        .join_from(tables.rehearsal, tables.search, columns.search == search.id)
        .join(tables.search_answer, answer.search == columns.search)
        .where(columns.gateway == gateway, columns.camera == camera, reader.of(columns))
        .order_by(search.asked_ms.desc(), search.id)
        .limit(MAX_LISTED)
    )
    return [
        RehearsalLine(
            row.search, row.rule, row.days, row.asked_ms, row.asked_by, row.status,
            None if row.result is None else _result(row).draft.reports,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def read_rehearsal(connection: Connection, reader: SearchReader, id_: str) -> RehearsalView | None:
    """Return the rehearsal; None: it does not exist, belongs to another account, or is not in the scope."""
    columns = tables.rehearsal.c
    row = connection.execute(
        select(tables.rehearsal).where(columns.search == id_, reader.of(columns))
    ).first()
    search = None if row is None else read_search(connection, reader, id_)
    if row is None or search is None:
        return None
    answer = search.answers[0]
    return RehearsalView(
        id=id_,
        gateway=row.gateway,
        ward=row.ward,
        camera=row.camera,
        rule=row.rule,
        days=row.days,
        asked_ms=search.asked_ms,
        asked_by=search.asked_by,
        purpose=search.purpose,
        case=search.case,
        expires_ms=search.expires_ms,
        draft=msgspec.json.decode(row.draft, type=RehearsalDraft),
        answer=answer,
        result=None if row.result is None else _result(row),
        examples=tuple(_examples(row)),
        dropped=answer.dropped,
    )


def _result(row: Any) -> CountedRehearsal:
    return msgspec.json.decode(row.result, type=CountedRehearsal)


def _examples(row: Any) -> Iterator[RehearsedExample]:
    for each in msgspec.json.decode(row.shown or b"[]", type=list[ReceivedExample]):
        start_ms = milliseconds(each.time)
        place = (row.gateway, row.ward, row.camera)
        yield RehearsedExample(*place, each.passage, start_ms, each.group, each.by, each.picture)
