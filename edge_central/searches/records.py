"""Reads searches for the console and the API: the list, the answers of gateways, the matches.

Every function gets a connection and a reader. A reader sees the searches of one account, or of all accounts
(docs/decisions/0066). The caller checks which roles may read at all: officers, administrators and programs
with a token.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from edge_agent.wire.received.bounds import with_problem
from edge_central.searches import matches
from edge_central.searches.matches import PassageMatch
from edge_central.searches.model import (
    AnswerStatus,
    GatewayAnswer,
    SearchReader,
    SearchSummary,
    SearchView,
)
from edge_central.searches.question import SearchQuestion
from edge_central.store import tables

MAX_LISTED = 100
"""Maximum number of searches in a list."""


def list_searches(connection: Connection, reader: SearchReader) -> list[SearchSummary]:
    """Return those searches of the reader that asked a gateway of the scope, newest first. Counts are those
    of the scope."""
    columns, answer = tables.search.c, tables.search_answer.c
    scope = reader.scope
    of_scope = select(answer.command).where(answer.search == columns.id, scope.of(answer.ward)).exists()
    names = (columns.id, columns.asked_ms, columns.asked_by, columns.purpose, columns.expires_ms)
    query = select(*names, columns.case_number.label("case")).where(of_scope, reader.of_search(columns.id))
    query = query.where(columns.id.not_in(select(tables.rehearsal.c.search)))  # these have separate pages
    rows = connection.execute(query.order_by(columns.asked_ms.desc(), columns.id).limit(MAX_LISTED)).all()
    counts = select(
        answer.search,
        func.count().label("asked"),
        func.count().filter(answer.status == AnswerStatus.ANSWERED.value).label("answered"),
        func.count().filter(answer.until_ms.is_not(None)).label("open"),
        func.sum(func.coalesce(answer.stored, 0)).label("matches"),
    ).where(answer.search.in_([row.id for row in rows]), scope.of(answer.ward))
    of_search = {row.search: row for row in connection.execute(counts.group_by(answer.search))}
    return [
        SearchSummary(
            **row._mapping,
            asked=of_search[row.id].asked,
            answered=of_search[row.id].answered,
            open=of_search[row.id].open,
            matches=of_search[row.id].matches,
        )
        for row in rows
    ]


def read_search(connection: Connection, reader: SearchReader, search: str) -> SearchView | None:
    """Return the search with the answers of the scope. None: there is no such search, the reader may not see
    it, or it asked no gateway of the scope."""
    row = find_row(connection, search)
    if row is None:
        return None
    columns, gateway = tables.search_answer.c, tables.gateway.c
    query = (
        select(tables.search_answer, gateway.state)
        .join_from(tables.search_answer, tables.gateway, columns.gateway == gateway.id, isouter=True)
        .where(columns.search == search, reader.of(columns))
        .order_by(columns.ward, columns.gateway, columns.place)
    )
    answers = tuple(_answer(each) for each in connection.execute(query))
    if not answers:
        return None
    found = tables.search_match.c
    newest = select(func.max(found.cursor)).where(found.search == search, reader.of(found))
    return SearchView(
        id=row.id,
        asked_ms=row.asked_ms,
        asked_by=row.asked_by,
        purpose=row.purpose,
        case=row.case_number,
        question=_question_of(row),
        expires_ms=row.expires_ms,
        wards=tuple(dict.fromkeys(each.ward for each in answers)),
        answers=answers,
        newest_cursor=connection.scalar(newest) or 0,
        withdrawn_ms=row.withdrawn_ms,
        withdrawn_by=row.withdrawn_by,
    )


def read_matches(
    connection: Connection, reader: SearchReader, search: str, after_cursor: int = 0, limit: int = 200
) -> list[PassageMatch]:
    """Return the matches of a search after a cursor, in the order in which they were stored. To read on, pass
    the cursor of the last one. For a question with a second place these are pairs: ``then`` is the second
    passage."""
    row = find_row(connection, search)
    if row is None:
        return []
    return matches.read_matches(connection, reader, _question_of(row), search, after_cursor, limit)


def may_read(connection: Connection, reader: SearchReader, search: str) -> bool:
    """Whether ``read_search`` would return this search."""
    columns = tables.search_answer.c
    query = select(columns.command).where(columns.search == search, reader.of(columns))
    return connection.execute(query.limit(1)).first() is not None


def read_changes(connection: Connection, search: str) -> int:
    """Return a number that grows with each stored answer and picture of the search."""
    columns = tables.search.c
    return connection.scalar(select(columns.changes).where(columns.id == search)) or 0


def find_row(connection: Connection, search: str) -> Any:
    return connection.execute(select(tables.search).where(tables.search.c.id == search)).first()


def _question_of(row: Any) -> SearchQuestion:
    return msgspec.json.decode(row.question, type=SearchQuestion)


def _answer(row: Any) -> GatewayAnswer:
    return GatewayAnswer(
        gateway=row.gateway,
        ward=row.ward,
        place=row.place,
        status=AnswerStatus(row.status),
        online=row.state == "online",
        sent_ms=row.sent_ms,
        answered_ms=row.answered_ms,
        total=row.total or 0,
        stored=row.stored or 0,
        dropped=row.dropped or 0,
        words=with_problem(row.words, row.problem),
    )
