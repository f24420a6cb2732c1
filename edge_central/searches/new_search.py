"""Starts a search: checks limits and scope, and stores one row for each gateway that is asked.

The console only writes rows; the ingest signs and sends the commands (docs/decisions/0058).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, insert, or_, select

from edge_central.console.site_names import Names
from edge_central.searches.geography import site_place
from edge_central.searches.matches import FIRST, SECOND
from edge_central.searches.model import (
    HOUR_MS,
    KEY_RECORD,
    SEARCH_COMMAND,
    AnswerStatus,
    SearchAuthor,
    SearchesUnavailable,
    SearchKeyRecord,
    TooManySearches,
)
from edge_central.searches.question import InvalidQuestion, SearchQuestion
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.database import read_record
from edge_central.store.problems import problem_column
from edge_central.store.scope import Scope

MAX_OPEN, MAX_PER_HOUR = 20, 30
"""Searches of one account: how many may wait for gateways, and how many may be made within an hour."""

ACTIVE_MS = 7 * 24 * HOUR_MS
"""A gateway without state and birth counts as removed if its newest heartbeat is older."""


def searchable_wards(connection: Connection) -> frozenset[str]:
    """Return the wards of centres that have a search key."""
    keys = connection.scalars(select(tables.meta.c.key).where(tables.meta.c.key.like(f"{KEY_RECORD}%"))).all()
    records = [read_record(connection, key, SearchKeyRecord) for key in keys]
    return frozenset(ward for record in records if record is not None for ward in record.wards)


def start_search(
    connection: Connection,
    author: SearchAuthor,
    question: SearchQuestion,
    now_ms: int,
    names: Names | None = None,
) -> str:
    """Store a search and its row of the access log, and return its id; the ingest sends it. ``names``: the
    fleet's sheet, used for a circle; locations that it lacks come from the gateways. Raises InvalidQuestion,
    TooManySearches, SearchesUnavailable."""
    check_limits(connection, author.account, now_ms)
    _check_scope(author.scope, question)
    asked = list(_concerned(connection, author.scope, question, now_ms, names or Names()))
    if not any(place == FIRST for _, _, place in asked):
        raise InvalidQuestion("wards", problem_text("search-nowhere"))
    for window in question.windows or ():
        if (window.gateway, FIRST) not in {(gateway, place) for gateway, _, place in asked}:
            raise InvalidQuestion("windows", problem_text("search-window-not-asked", place=window.gateway))
    served = searchable_wards(connection)
    if not any(ward in served for _, ward, _ in asked):
        raise SearchesUnavailable(problem_text("search-no-key"))
    search, expires_ms = secrets.token_hex(8), now_ms + round(question.hours * HOUR_MS)
    row = {
        "id": search,
        "asked_ms": now_ms,
        "asked_by": author.account,
        "address": author.address,
        "purpose": question.purpose,
        "case_number": question.case,
        "question": msgspec.json.encode(question).decode(),
        "wards": " ".join(sorted({ward for _, ward, _ in asked})),
        "expires_ms": expires_ms,
        "changes": 0,
    }
    connection.execute(insert(tables.search), row)
    rows = [
        {"command": f"{SEARCH_COMMAND}{search}-{number}", "search": search}
        | answer_row(*each, served, now_ms, expires_ms)
        for number, each in enumerate(asked, 1)
    ]
    connection.execute(insert(tables.search_answer), rows)
    more = {"search": search, "purpose": question.purpose, "case_number": question.case}
    gateways = len({gateway for gateway, _, _ in asked})
    record_access(
        connection, AccessKind.SEARCH, author.account, author.address, now_ms, **more, gateways=gateways
    )
    return search


def answer_row(
    gateway: str, ward: str, place: int, served: frozenset[str], now_ms: int, expires_ms: int
) -> dict[str, Any]:
    """Return a row of ``search_answer`` without command and search."""
    can_ask = ward in served
    words = "" if can_ask else problem_text("search-no-key")
    return {
        "place": place,
        "gateway": gateway,
        "ward": ward,
        "status": (AnswerStatus.WAITING if can_ask else AnswerStatus.FAILED).value,
        "sends": 0,
        "next_ms": now_ms if can_ask else None,
        "until_ms": expires_ms if can_ask else None,
        "words": str(words),
        "problem": problem_column(words),
    }


def check_limits(connection: Connection, account: str, now_ms: int) -> None:
    """Check the limits of searches; a rehearsal counts as a search. Raises TooManySearches."""
    columns = tables.search.c
    own = select(func.count()).select_from(tables.search).where(columns.asked_by == account)
    recent = connection.scalar(own.where(columns.asked_ms > now_ms - HOUR_MS)) or 0
    answer = tables.search_answer.c
    waiting = select(answer.command).where(answer.search == columns.id, answer.until_ms.is_not(None)).exists()
    still_open = connection.scalar(own.where(columns.expires_ms > now_ms, waiting)) or 0
    if recent >= MAX_PER_HOUR or still_open >= MAX_OPEN:
        text = problem_text("search-too-many", open=still_open, recent=recent)
        raise TooManySearches(text, 60 if recent < MAX_PER_HOUR else 600)


def _check_scope(scope: Scope, question: SearchQuestion) -> None:
    """Raises InvalidQuestion for a ward outside the scope, as for a ward that does not exist."""
    for ward in question.wards or ():
        if not scope.admits(ward):
            raise InvalidQuestion("wards", problem_text("search-not-yours", place=ward))


def can_be_asked(now_ms: int) -> ColumnElement[bool]:
    """Return the SQL condition for gateways that are not removed."""
    columns = tables.gateway.c
    recent = columns.heartbeat_ms > now_ms - ACTIVE_MS
    return or_(columns.state.is_not(None), columns.birth.is_not(None), recent)


def _concerned(
    connection: Connection, scope: Scope, question: SearchQuestion, now_ms: int, names: Names
) -> Iterator[tuple[str, str, int]]:
    """Yield gateway, ward and place of each command. Raises InvalidQuestion for a named gateway that does not
    exist or is not in the scope."""
    columns = tables.gateway.c
    query = select(columns.id, columns.ward, columns.birth).where(
        scope.of(columns.ward), can_be_asked(now_ms)
    )
    known = {row.id: row for row in connection.execute(query.order_by(columns.ward, columns.id))}
    named = {*(question.gateways or ()), *(each.partition("/")[0] for each in question.cameras or ())}
    wanted, second = named or None, question.second  # None: all
    if question.line is not None:
        of_line = {question.line.gateway}
        wanted, named = (wanted or of_line) & of_line, named | of_line
    for gateway in (*sorted(named), *(() if second is None else (second.gateway,))):
        if gateway not in known:
            raise InvalidQuestion(
                _field_of(question, gateway), problem_text("search-not-yours", place=gateway)
            )
    for gateway, row in known.items():
        within = question.circle is None or _is_within(question, row, names)
        in_ward = not question.wards or row.ward in question.wards
        if within and in_ward and (wanted is None or gateway in wanted):
            yield gateway, row.ward, FIRST
    if second is not None:
        yield second.gateway, known[second.gateway].ward, SECOND


def _field_of(question: SearchQuestion, gateway: str) -> str:
    """Return the field of the question that names this gateway."""
    if gateway in (question.gateways or ()):
        return "gateways"
    if any(each.partition("/")[0] == gateway for each in question.cameras or ()):
        return "cameras"
    return "line" if question.line is not None and question.line.gateway == gateway else "second"


def _is_within(question: SearchQuestion, row: Any, names: Names) -> bool:
    place = site_place(names, row.id, row.birth)
    return question.circle is not None and place is not None and question.circle.contains(*place)
