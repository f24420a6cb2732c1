"""Withdraws a search: gateways that have not answered are no longer asked, and later answers do not count.
Answers that arrived before are kept. A command that the broker has already accepted cannot be called back:
the answer to it is dropped and counted (``answers.py``)."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from edge_central.searches.model import (
    OPEN_PICTURES,
    PICTURE_KINDS,
    AnswerStatus,
    PictureStatus,
    SearchAuthor,
    SearchReader,
)
from edge_central.searches.records import read_search
from edge_central.searches.sender import note_changes
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access


def withdraw_search(
    connection: Connection, author: SearchAuthor, reader: SearchReader, search: str, now_ms: int
) -> bool:
    """End all open answers of a search in all its wards, and its requests for pictures that have not arrived,
    and add a row to the access log. Nothing changes if no gateway can answer any more. False: the reader may
    see no such search."""
    found = read_search(connection, reader, search)
    if found is None:
        return False
    gateways = _gateways_without_answer(connection, search)
    if gateways == 0:
        return True
    answer = tables.search_answer.c
    ended = {"status": AnswerStatus.WITHDRAWN.value, "next_ms": None, "until_ms": None}
    is_open = (answer.search == search, answer.until_ms.is_not(None))
    connection.execute(update(tables.search_answer).where(*is_open).values(**ended))
    dropped = {"status": PictureStatus.WITHDRAWN.value, "next_ms": None}
    for kind in PICTURE_KINDS:
        picture = kind.table.c
        waits = picture.status.in_([each.value for each in OPEN_PICTURES])
        connection.execute(update(kind.table).where(picture.search == search, waits).values(**dropped))
    of_search = update(tables.search).where(tables.search.c.id == search)
    connection.execute(of_search.values(withdrawn_ms=now_ms, withdrawn_by=author.account))
    note_changes(connection, [search])
    more = {"search": search, "purpose": found.purpose, "case_number": found.case}
    record_access(
        connection, AccessKind.WITHDRAWAL, author.account, author.address, now_ms, **more, gateways=gateways
    )
    return True


def _gateways_without_answer(connection: Connection, search: str) -> int:
    columns = tables.search_answer.c
    gateways = select(func.count(columns.gateway.distinct()))
    return connection.scalar(gateways.where(columns.search == search, columns.until_ms.is_not(None))) or 0
