"""Answers wait in memory and are stored a few at a time; none of them keeps the others back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from edge_agent.wire.received.messages import ReplyMessage
from edge_central.searches import answer_queue, records
from edge_central.searches.answer_queue import AT_ONCE, MAX_OF_GATEWAY, AnswerQueue
from edge_central.searches.answers import record_answers
from edge_central.store.batch import Store
from edge_central.store.database import DatabaseUnavailable
from tests.edge_central.prepared import make_sqlite
from tests.edge_central.searches.parts import OF_ALL, answer, ask, command_of, found_city, passage, reply


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(make_sqlite(tmp_path / "central.db"))
    opened.load()
    with opened.batch() as batch:
        found_city(batch.connection)
    yield opened
    opened.close()


def asked(store: Store, number: int) -> list[ReplyMessage]:
    """An answer of one gateway to each of so many searches."""
    with store.batch() as batch:
        commands = [
            command_of(batch.connection, ask(batch.connection, now_ms=n), "dt-001") for n in range(number)
        ]
    return [answer("dt-001", each, passage(number)) for number, each in enumerate(commands)]


def stored(store: Store) -> int:
    def count(connection: Connection) -> int:
        return sum(each.matches for each in records.list_searches(connection, OF_ALL))

    return store.query(count)


def test_a_few_are_stored_at_a_time(store: Store) -> None:
    queue = AnswerQueue(store)
    queue.add(asked(store, AT_ONCE + 3))
    assert (len(queue), stored(store)) == (AT_ONCE + 3, 0)
    queue.store_some(1)
    assert (len(queue), stored(store)) == (3, AT_ONCE)
    queue.store_some(1)
    queue.store_some(1)
    assert (len(queue), stored(store)) == (0, AT_ONCE + 3)


def test_an_interim_reply_is_not_stored_unless_it_says_when(store: Store) -> None:
    (whole,) = asked(store, 1)
    later = {"code": "search-later", "params": {}}
    queue = AnswerQueue(store)
    queue.add(reply("dt-001", whole.command, status) for status in ("accepted", "running"))
    assert len(queue) == 0
    queue.add([reply("dt-001", whole.command, "running", text="too hot", problem=later), whole])
    assert len(queue) == 2


def test_a_gateway_that_floods_has_its_own_limit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine,) = asked(store, 1)
    flood = [answer("bx-001", f"search-0-{n}", passage()) for n in range(MAX_OF_GATEWAY + 50)]
    queue = AnswerQueue(store)
    queue.add([*flood, mine])
    assert len(queue) == MAX_OF_GATEWAY + 1
    while queue:
        queue.store_some(1)
    assert stored(store) == 1
    monkeypatch.setattr(answer_queue, "MAX_BYTES", len(mine.result) * 2)
    queue.add([mine, mine, mine])
    assert len(queue) == 2, "nor do all of them fill the memory"


def test_an_answer_that_cannot_be_stored_costs_no_other(store: Store) -> None:
    good = asked(store, 3)

    def record(connection: Connection, replies: Sequence[ReplyMessage], now_ms: int) -> None:
        if any(each.text == "bad" for each in replies):
            raise ValueError("an unknown fault")
        record_answers(connection, replies, now_ms)

    queue = AnswerQueue(store, record)
    queue.add([good[0], replace(good[1], text="bad"), good[2]])
    queue.store_some(1)
    assert (len(queue), stored(store)) == (0, 2)


def test_they_wait_while_the_database_is_away(store: Store) -> None:
    is_away = True

    def record(connection: Connection, replies: Sequence[ReplyMessage], now_ms: int) -> None:
        if is_away:
            raise DatabaseUnavailable("the disk is full")
        record_answers(connection, replies, now_ms)

    queue = AnswerQueue(store, record)
    queue.add(asked(store, 2))
    with pytest.raises(DatabaseUnavailable):
        queue.store_some(1)
    assert len(queue) == 2
    is_away = False
    queue.store_some(1)
    assert (len(queue), stored(store)) == (0, 2)
