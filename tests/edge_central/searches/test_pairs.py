"""Pairs of a search with a second place: read page by page, each once, without building all of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, insert, select

from edge_central.searches import matches, records
from edge_central.searches.matches import FIRST, SECOND, PassageMatch, ReceivedPassage
from edge_central.searches.question import SearchQuestion
from edge_central.searches.sheet import SheetPosition, read_sheet
from edge_central.store import tables
from tests.edge_central.searches.parts import OF_ALL, ask, passage

MINUTE_MS = 60_000
FIRST_MS = 1_795_779_000_000  # 2026-11-27T11:30:00Z, as of ``passage``


def ask_for_pairs(connection: Connection) -> tuple[str, SearchQuestion]:
    search = ask(connection, gateways=["dt-001"], second={"gateway": "bx-001", "within_min": 10})
    text = connection.scalar(select(tables.search.c.question).where(tables.search.c.id == search))
    return search, msgspec.json.decode(str(text), type=SearchQuestion)


def row(search: str, place: int, number: int, start_ms: int) -> dict[str, Any]:
    sent = json.dumps(passage(number)).encode()
    return {
        "search": search,
        "place": place,
        "gateway": "dt-001" if place == FIRST else "bx-001",
        "ward": "de-tham" if place == FIRST else "bo-xuyen",
        "camera": "cam-1",
        "passage": number,
        "start_ms": start_ms,
        "document": msgspec.json.encode(msgspec.json.decode(sent, type=ReceivedPassage)),
    }


def fill(connection: Connection, search: str, firsts: int, seconds: int, begin: int = 0) -> None:
    rows = [row(search, FIRST, begin + n, FIRST_MS + n) for n in range(firsts)]
    rows += [row(search, SECOND, begin + n, FIRST_MS + MINUTE_MS + n) for n in range(seconds)]
    connection.execute(insert(tables.search_match), rows)


def key(pair: PassageMatch) -> tuple[int, int]:
    assert pair.then is not None
    return pair.passage, pair.then.passage


def pages(connection: Connection, search: str, limit: int, after: int = 0) -> Iterator[list[PassageMatch]]:
    while page := records.read_matches(connection, OF_ALL, search, after, limit):
        yield page
        after = page[-1].cursor


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[PassageMatch]:
    """The pairs that are built from here on."""
    made: list[PassageMatch] = []

    def count(one: PassageMatch, **changes: Any) -> PassageMatch:
        made.append(dataclasses.replace(one, **changes))
        return made[-1]

    monkeypatch.setattr(matches, "replace", count)
    return made


def test_a_page_builds_the_pairs_that_it_shows(connection: Connection, built: list[PassageMatch]) -> None:
    """A city of 465 gateways would have 1.1 million pairs."""
    search, question = ask_for_pairs(connection)
    fill(connection, search, 2_000, 50)
    assert len(records.read_matches(connection, OF_ALL, search, 0, 200)) == 200
    assert len(built) == 200
    built.clear()
    sheet = read_sheet(connection, OF_ALL, search, question)
    assert (len(sheet.matches), sheet.count, len(built)) == (60, 100_000, 61)


@pytest.mark.parametrize("limit", [1, 4, 1_000])
def test_each_pair_is_on_one_page(connection: Connection, limit: int) -> None:
    search, _ = ask_for_pairs(connection)
    fill(connection, search, 5, 3)
    found = [key(pair) for page in pages(connection, search, limit) for pair in page]
    assert sorted(found) == [(first, then) for first in range(5) for then in range(3)]
    assert all(len(page) <= limit for page in pages(connection, search, limit))


def test_pairs_of_later_answers_follow_those_that_were_read(connection: Connection) -> None:
    search, _ = ask_for_pairs(connection)
    fill(connection, search, 3, 2)
    begun = records.read_matches(connection, OF_ALL, search, 0, 4)
    fill(connection, search, 2, 2, begin=100)
    rest = [pair for page in pages(connection, search, 3, begun[-1].cursor) for pair in page]
    found = [key(pair) for pair in (*begun, *rest)]
    firsts, thens = (0, 1, 2, 100, 101), (0, 1, 100, 101)
    assert sorted(found) == [(first, then) for first in firsts for then in thens]
    cursors = [pair.cursor for pair in (*begun, *rest)]
    assert cursors == sorted(set(cursors))


def test_a_page_of_the_contact_sheet_ends_between_pairs_of_one_row(connection: Connection) -> None:
    """The seconds have answered first, so that all pairs of a first passage end with the same row."""
    search, question = ask_for_pairs(connection)
    fill(connection, search, 0, 5)
    fill(connection, search, 2, 0)
    position: SheetPosition | None = None
    found = []
    while True:
        sheet = read_sheet(connection, OF_ALL, search, question, position, size=3)
        found += [key(pair) for pair in sheet.matches]
        if sheet.next is None:
            break
        position = SheetPosition.parse(str(sheet.next))
    assert found == [(first, then) for first in (1, 0) for then in (4, 3, 2, 1, 0)]
