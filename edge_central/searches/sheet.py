"""The contact sheet of a search: its matches by time, one page at a time."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, and_, func, or_, select

from edge_central.searches.matches import FIRST, PassageMatch, PassagePair, match_of, read_pairs
from edge_central.searches.model import SearchReader
from edge_central.searches.question import SearchQuestion
from edge_central.store import tables

PAGE_SIZE = 60
_POSITION = re.compile(r"(\d{1,15})-(\d{1,18})")  # 2**63 has 19 digits


@dataclass(frozen=True, slots=True)
class SheetPosition:
    """Where the next page begins: it shows the matches before this position."""

    start_ms: int
    cursor: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        found = _POSITION.fullmatch(text)
        return None if found is None else cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.start_ms}-{self.cursor}"


@dataclass(frozen=True, slots=True)
class ContactSheet:
    matches: tuple[PassageMatch, ...]  # the newest first; for two places: pairs, by their first passages
    count: int  # number of matches on all pages
    next: SheetPosition | None


def read_sheet(
    connection: Connection,
    reader: SearchReader,
    search: str,
    question: SearchQuestion,
    before: SheetPosition | None = None,
    size: int = PAGE_SIZE,
) -> ContactSheet:
    """Return one page of the matches of a search."""
    if question.second is not None:
        return _pairs(connection, reader, search, question, before, size)
    columns = tables.search_match.c
    own = and_(columns.search == search, reader.of(columns))
    query = select(tables.search_match).where(own)
    if before is not None:
        same = and_(columns.start_ms == before.start_ms, columns.cursor < before.cursor)
        query = query.where(or_(columns.start_ms < before.start_ms, same))
    query = query.order_by(columns.start_ms.desc(), columns.cursor.desc()).limit(size + 1)
    found = [match_of(row) for row in connection.execute(query)]
    count = connection.scalar(select(func.count()).select_from(tables.search_match).where(own)) or 0
    return _page(found, count, size)


def _pairs(
    connection: Connection,
    reader: SearchReader,
    search: str,
    question: SearchQuestion,
    before: SheetPosition | None,
    size: int,
) -> ContactSheet:
    """Return one page of the pairs of a search, in the order of their first passages."""
    count = 0

    def earlier() -> Iterator[PassagePair]:
        """Yield the pairs of this page and of the pages after it, and count all pairs. The pairs are not kept
        in memory, because a city may have a million."""
        nonlocal count
        for each in read_pairs(connection, reader, question, search):
            count += 1
            if before is None or _position(each) < (before.start_ms, before.cursor):
                yield each

    found = [pair.match() for pair in heapq.nlargest(size + 1, earlier(), key=_position)]
    return _page(found, count, size)


def _position(pair: PassagePair) -> tuple[int, int]:
    return pair.first.start_ms, pair.cursor


def _page(found: list[PassageMatch], count: int, size: int) -> ContactSheet:
    shown = tuple(found[:size])
    more = len(found) > size
    return ContactSheet(shown, count, SheetPosition(shown[-1].start_ms, shown[-1].cursor) if more else None)


def oldest_matches(connection: Connection, reader: SearchReader, search: str) -> dict[str, int]:
    """Return by gateway the time of its oldest match at the first place, in milliseconds since 1970."""
    columns = tables.search_match.c
    which = (columns.search == search, columns.place == FIRST, reader.of(columns))
    query = (
        select(columns.gateway, func.min(columns.start_ms).label("start_ms"))
        .where(*which)
        .group_by(columns.gateway)
    )
    return {row.gateway: row.start_ms for row in connection.execute(query)}


def read_match(
    connection: Connection, reader: SearchReader, search: str, gateway: str, passage: int
) -> PassageMatch | None:
    """Return one match. None: the reader may see no such match."""
    columns = tables.search_match.c
    which = (columns.search == search, columns.gateway == gateway, columns.passage == passage)
    row = connection.execute(select(tables.search_match).where(*which, reader.of(columns))).first()
    return None if row is None else match_of(row)
