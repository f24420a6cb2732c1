"""Holds of passages: who asks for one, what is sent, what gateways answer, and what retention keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from edge_central.rehearsals.answers import record_replies
from edge_central.retention.deletion_plans import DeletionTarget
from edge_central.retention.operator_records import delete_old
from edge_central.searches import passage_holds
from edge_central.searches.answers import record_answers
from edge_central.searches.model import SearchAuthor, SearchesUnavailable, SearchReader, TooManySearches
from edge_central.searches.passage_holds import DAY_MS, HoldStatus, PassageHoldView, ask_hold, read_hold
from edge_central.searches.sender import BIRTH_WAIT_MS, SearchSender
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.searches.parts import (
    ADMIN,
    LAN,
    NOW_MS,
    OF_ALL,
    OF_LAN,
    TOPICS,
    WARDS,
    answer,
    ask,
    command_of,
    passage,
    reply,
)
from tests.edge_central.searches.test_sender import KEY, WallClock, opened

UNTIL_MS = NOW_MS + 90 * DAY_MS


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def sender(clock: WallClock) -> SearchSender:
    return SearchSender(TOPICS, WARDS, clock, "central", KEY)


def found(connection: Connection, author: SearchAuthor = LAN, *others: Any) -> str:
    """A search of the account that has found passage 1 of dt-001, and others; all its commands are sent."""
    search = ask(connection, author, gateways=["dt-001"])
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(1), *others)], NOW_MS)
    return search


def hold(
    connection: Connection,
    search: str,
    days: int | None = 90,
    author: SearchAuthor = LAN,
    reader: SearchReader = OF_LAN,
    now_ms: int = NOW_MS,
) -> HoldStatus | None:
    return ask_hold(connection, author, reader, search, "dt-001", 1, days, now_ms)


def view(connection: Connection) -> PassageHoldView:
    found = read_hold(connection, EVERYWHERE, "dt-001", 1)
    assert found is not None
    return found


def answered(connection: Connection, status: str = "succeeded", **more: Any) -> PassageHoldView:
    """The state after a reply of the gateway to the newest command."""
    command = connection.scalar(select(tables.passage_hold.c.command))
    record_replies(connection, [reply("dt-001", str(command), status, **more)], NOW_MS)
    return view(connection)


def test_a_hold_is_signed_with_purpose_and_case_and_is_on_record(
    connection: Connection, sender: SearchSender, tmp_path: Path
) -> None:
    assert hold(connection, found(connection)) is HoldStatus.ASKED
    assert sender.has_waiting(connection)
    (message,) = sender.send(connection)
    assert message.topic == "tb/v1/de-tham/dt-001/down/cmd/passage-hold"
    assert opened(tmp_path, message)["args"] == {
        "purpose": "theft of a motorcycle",
        "case": "7/2026",
        "wards": ["de-tham"],
        "asked_by": "lan",
        "ids": [1],
        "until": "2027-02-25T12:00:00.000Z",
    }
    assert view(connection).status is HoldStatus.SENT
    assert not sender.has_waiting(connection)
    row = connection.execute(select(tables.access).where(tables.access.c.what == "passage-hold")).one()
    assert (row.account, row.media_id, row.case_number) == ("lan", "1", "7/2026")


@pytest.mark.parametrize(
    ("status", "more", "expected"),
    [
        ("succeeded", {"result": {"passages": [1], "missing": []}}, HoldStatus.KEPT),
        ("succeeded", {"result": {"passages": [], "missing": [1]}}, HoldStatus.MISSING),
        ("succeeded", {"result": {"passages": "all"}}, HoldStatus.FAILED),
        ("succeeded", {}, HoldStatus.FAILED),
        ("failed", {"code": "failed"}, HoldStatus.FAILED),
        ("rejected", {"code": "unknown-type"}, HoldStatus.REFUSED),
        ("rejected", {"code": "busy"}, HoldStatus.SENT),
        ("accepted", {}, HoldStatus.SENT),
        ("expired", {}, HoldStatus.EXPIRED),
    ],
)
def test_what_the_gateway_answers(
    connection: Connection, sender: SearchSender, status: str, more: dict[str, Any], expected: HoldStatus
) -> None:
    hold(connection, found(connection))
    sender.send(connection)
    assert answered(connection, status, **more).status is expected


def test_a_gateway_that_has_moved_can_be_asked_to_keep_a_passage_again(
    connection: Connection, sender: SearchSender
) -> None:
    hold(connection, found(connection, ADMIN), 30, ADMIN, OF_ALL)
    connection.execute(update(tables.passage_hold).values(ward="bo-xuyen"))
    assert hold(connection, found(connection)) is HoldStatus.ASKED
    (message,) = sender.send(connection)
    assert message.topic == "tb/v1/de-tham/dt-001/down/cmd/passage-hold"
    assert (view(connection).asked_by, view(connection).until_ms) == ("lan", UNTIL_MS)


def test_who_extends_the_hold_of_another_does_not_end_it(connection: Connection) -> None:
    son = SearchAuthor("son", "::1", LAN.scope)
    of_son = SearchReader(LAN.scope, "son")
    hold(connection, found(connection))
    answered(connection, result={"passages": [1]})
    search = found(connection, son)
    assert hold(connection, search, 180, son, of_son) is HoldStatus.ASKED
    answered(connection, result={"passages": [1]})
    assert hold(connection, search, None, son, of_son) is None, "lan needs it for 90 days"
    assert hold(connection, search, 365, son, of_son) is HoldStatus.ASKED
    assert hold(connection, search, None, son, of_son) is None, "it is still that of both"
    assert hold(connection, search, None, ADMIN, OF_ALL) is HoldStatus.ASKED
    assert hold(connection, search, 30, son, of_son) is HoldStatus.ASKED
    assert hold(connection, search, None, son, of_son) is HoldStatus.ASKED, "nobody else holds it any more"


def test_a_release_is_a_command_without_a_date(
    connection: Connection, sender: SearchSender, tmp_path: Path
) -> None:
    search = found(connection)
    hold(connection, search)
    sender.send(connection)
    answered(connection, result={"passages": [1]})
    assert view(connection).is_in_force(NOW_MS)
    assert hold(connection, search, None) is HoldStatus.ASKED
    (message,) = sender.send(connection)
    assert "until" not in opened(tmp_path, message)["args"]
    assert answered(connection, result={"passages": [1]}).status is HoldStatus.RELEASED
    assert not view(connection).is_in_force(NOW_MS)


def test_an_officer_sees_and_holds_no_match_of_others(connection: Connection) -> None:
    search = found(connection, ADMIN)
    assert hold(connection, search) is None
    tuan = Scope(frozenset({"bo-xuyen"}))
    own = SearchReader(tuan, None)
    assert hold(connection, search, 90, SearchAuthor("tuan", "::1", tuan), own) is None
    assert read_hold(connection, tuan, "dt-001", 1) is None


def test_a_shorter_hold_and_a_release_by_another_change_nothing(connection: Connection) -> None:
    hold(connection, found(connection, ADMIN), 365, ADMIN, OF_ALL)
    search = found(connection)
    assert hold(connection, search, 30) is HoldStatus.ASKED
    assert view(connection).until_ms == NOW_MS + 365 * DAY_MS
    assert hold(connection, search, None) is None
    assert view(connection).until_ms == NOW_MS + 365 * DAY_MS
    assert hold(connection, search, 365, now_ms=NOW_MS + DAY_MS) is HoldStatus.ASKED
    assert view(connection).asked_by == "lan"


def test_a_gateway_that_was_away_gets_it_when_it_is_back(
    connection: Connection, sender: SearchSender, clock: WallClock
) -> None:
    search = found(connection)
    gateway = tables.gateway.c
    connection.execute(update(tables.gateway).where(gateway.id == "dt-001").values(state="offline"))
    hold(connection, search)
    assert sender.send(connection) == []
    connection.execute(update(tables.gateway).values(state="online"))
    (first,) = sender.send(connection)
    clock.ms += 60_000
    sender.on_births(connection, ["dt-001"])
    clock.ms += BIRTH_WAIT_MS
    (again,) = sender.send(connection)
    assert again.topic == first.topic
    clock.ms += 8 * DAY_MS
    sender.expire(connection)
    assert view(connection).status is HoldStatus.EXPIRED


def test_a_hold_has_limits(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    search = found(connection)
    monkeypatch.setattr(passage_holds, "MAX_HOLDS_PER_HOUR", 1)
    hold(connection, search)
    with pytest.raises(TooManySearches, match="1 passages were held"):
        hold(connection, search, 180)


def test_without_a_key_nothing_is_asked(connection: Connection, clock: WallClock) -> None:
    search = found(connection)
    SearchSender(TOPICS, WARDS, clock, "central", None).publish_key(connection)
    with pytest.raises(SearchesUnavailable, match="no search key"):
        hold(connection, search)


@pytest.mark.parametrize("wrong", [{"until_ms": 2**62}, {"until_ms": -(2**62)}, {"passage": -(2**62)}])
def test_rows_of_a_stolen_console_do_not_stop_the_ingest(
    connection: Connection, sender: SearchSender, wrong: dict[str, int]
) -> None:
    hold(connection, found(connection))
    connection.execute(update(tables.passage_hold).values(**wrong))
    sender.send(connection)
    assert not sender.has_waiting(connection)


def test_retention_keeps_of_a_search_what_a_gateway_keeps(
    connection: Connection, sender: SearchSender
) -> None:
    """The other passages show people whom no case concerns."""
    search = found(connection, LAN, passage(2))
    hold(connection, search)
    sender.send(connection)
    answered(connection, result={"passages": [1]})

    def deleted(now_ms: int) -> int:
        batch = delete_old(connection, DeletionTarget.SEARCH, NOW_MS + 1, None, 200, now_ms)
        assert batch.on_hold == 1 - len(batch.gone_ms)
        return len(batch.gone_ms)

    assert deleted(UNTIL_MS - 1) == 0
    assert connection.scalars(select(tables.search_match.c.passage)).all() == [1]
    assert deleted(UNTIL_MS) == 1
    assert connection.scalar(select(tables.passage_hold.c.passage)) is None
