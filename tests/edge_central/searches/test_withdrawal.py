"""A withdrawn search asks no gateway any more, and keeps no answer that still comes."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from edge_central.searches import match_pictures, records
from edge_central.searches.answers import record_answers
from edge_central.searches.model import AnswerStatus, PictureStatus, SearchReader, SearchView
from edge_central.searches.report import month_bounds, searches_between
from edge_central.searches.sender import SearchSender
from edge_central.searches.withdrawal import withdraw_search
from edge_central.store import tables
from tests.edge_central.searches.parts import (
    ADMIN,
    HOUR_MS,
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
    picture_reply,
    reply,
)
from tests.edge_central.searches.test_records import ZONE
from tests.edge_central.searches.test_sender import KEY, WallClock


def sender_at(now_ms: int = NOW_MS) -> SearchSender:
    clock = WallClock()
    clock.ms = now_ms
    return SearchSender(TOPICS, WARDS, clock, "central", KEY)


def view_of(connection: Connection, search: str) -> SearchView:
    found = records.read_search(connection, OF_ALL, search)
    assert found is not None
    return found


def statuses(connection: Connection, search: str) -> dict[str, AnswerStatus]:
    return {each.gateway: each.status for each in view_of(connection, search).answers}


def set_state(connection: Connection, gateway: str, state: str) -> None:
    connection.execute(update(tables.gateway).where(tables.gateway.c.id == gateway).values(state=state))


def test_a_command_that_waits_is_not_sent(connection: Connection) -> None:
    search = ask(connection, LAN)
    assert withdraw_search(connection, LAN, OF_LAN, search, NOW_MS + 1)
    assert not sender_at().has_waiting(connection)
    assert sender_at().send(connection) == []
    view = view_of(connection, search)
    assert (view.is_open, view.withdrawn_ms, view.withdrawn_by) == (False, NOW_MS + 1, "lan")
    assert {each.status for each in view.unanswered} == {AnswerStatus.WITHDRAWN}


def test_a_gateway_that_was_away_is_never_asked(connection: Connection) -> None:
    set_state(connection, "dt-002", "offline")
    search = ask(connection, LAN)
    assert [each.topic for each in sender_at().send(connection)] == ["tb/v1/de-tham/dt-001/down/cmd/search"]
    assert withdraw_search(connection, LAN, OF_LAN, search, NOW_MS)
    set_state(connection, "dt-002", "online")
    later = sender_at(NOW_MS + HOUR_MS)
    later.on_births(connection, ["dt-001", "dt-002"])
    assert sender_at(NOW_MS + 2 * HOUR_MS).send(connection) == []


def test_a_search_that_is_withdrawn_while_it_is_signed_stays_so(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, sign = ask(connection, LAN), SearchSender.message

    def withdraw_and_sign(sender: SearchSender, *args: Any) -> Any:
        withdraw_search(connection, LAN, OF_LAN, search, NOW_MS)
        return sign(sender, *args)

    monkeypatch.setattr(SearchSender, "message", withdraw_and_sign)
    sender_at().send(connection)
    assert set(statuses(connection, search).values()) == {AnswerStatus.WITHDRAWN}
    assert sender_at(NOW_MS + HOUR_MS).send(connection) == []


def test_what_has_come_stays_and_what_comes_later_is_dropped_and_counted(connection: Connection) -> None:
    search = ask(connection, LAN)
    first, second = (command_of(connection, search, gateway) for gateway in ("dt-001", "dt-002"))
    record_answers(connection, [answer("dt-001", first, passage(1), passage(2))], NOW_MS)
    assert withdraw_search(connection, LAN, OF_LAN, search, NOW_MS)
    changes = records.read_changes(connection, search)
    late = answer("dt-002", second, *map(passage, range(3)), total=70)
    for _ in range(2):
        record_answers(connection, [late], NOW_MS + 5)
    assert [each.passage for each in records.read_matches(connection, OF_LAN, search)] == [1, 2]
    view = view_of(connection, search)
    assert statuses(connection, search) == {
        "dt-001": AnswerStatus.ANSWERED,
        "dt-002": AnswerStatus.WITHDRAWN,
    }
    assert [(each.gateway, each.dropped, each.total) for each in view.too_late] == [("dt-002", 3, 0)]
    assert records.read_changes(connection, search) == changes + 1, "pages ask again, once"


def test_other_replies_to_a_withdrawn_search_change_nothing(connection: Connection) -> None:
    search = ask(connection, LAN)
    withdraw_search(connection, LAN, OF_LAN, search, NOW_MS)
    changes = records.read_changes(connection, search)
    first, second = (command_of(connection, search, gateway) for gateway in ("dt-001", "dt-002"))
    later = reply("dt-001", first, "running", problem={"code": "search-later"})
    refused = reply("dt-002", second, "rejected", code="busy")
    record_answers(connection, [later, refused, reply("dt-002", second, "expired")], NOW_MS)
    assert set(statuses(connection, search).values()) == {AnswerStatus.WITHDRAWN}
    assert records.read_changes(connection, search) == changes
    record_answers(connection, [reply("dt-001", first, result="no rows")], NOW_MS)
    assert [each.dropped for each in view_of(connection, search).too_late] == [0], "it says nothing readable"


def test_a_picture_that_has_not_come_is_withdrawn_too_and_may_be_opened_again(connection: Connection) -> None:
    search = ask(connection, LAN)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(412))], NOW_MS)
    where = (search, "dt-001", 412)
    match_pictures.open_picture(connection, LAN, OF_LAN, *where, NOW_MS)
    old = str(connection.scalar(select(tables.search_picture.c.command)))
    withdraw_search(connection, LAN, OF_LAN, search, NOW_MS)
    assert sender_at().send(connection) == []
    record_answers(connection, [picture_reply("dt-001", old, 412)], NOW_MS)
    found = match_pictures.read_picture(connection, LAN, OF_LAN, *where)
    assert found is not None
    assert (found.status, found.jpeg) == (PictureStatus.WITHDRAWN, None)
    again = match_pictures.open_picture(connection, LAN, OF_LAN, *where, NOW_MS)
    assert again is PictureStatus.ASKED
    assert len(sender_at().send(connection)) == 1


def test_the_author_and_administrators_withdraw_and_it_is_on_record(connection: Connection) -> None:
    search = ask(connection, LAN)
    stranger = SearchReader(LAN.scope, "hung")
    assert not withdraw_search(connection, LAN, stranger, search, NOW_MS)
    assert not withdraw_search(connection, LAN, OF_LAN, "0" * 16, NOW_MS)
    assert view_of(connection, search).is_open
    assert withdraw_search(connection, ADMIN, OF_ALL, search, NOW_MS)
    assert withdraw_search(connection, LAN, OF_LAN, search, NOW_MS + 1), "again: nothing changes"
    assert view_of(connection, search).withdrawn_by == "minh"
    columns = tables.access.c
    wanted = (columns.what, columns.account, columns.search, columns.case_number, columns.gateways)
    _, row = connection.execute(select(*wanted).order_by(columns.id)).all()
    assert tuple(row) == ("withdrawal", "minh", search, "7/2026", 2)
    (used,) = searches_between(connection, *month_bounds("2026-11", ZONE))
    assert (used.account, used.searches, used.gateways_asked) == ("lan", 1, 2), "the report counts searches"


def test_a_search_without_open_answers_is_not_withdrawn(connection: Connection) -> None:
    search = ask(connection, LAN, gateways=["dt-001"])
    record_answers(connection, [answer("dt-001", command_of(connection, search, "dt-001"))], NOW_MS)
    assert withdraw_search(connection, LAN, OF_LAN, search, NOW_MS)
    assert view_of(connection, search).withdrawn_ms is None
    assert statuses(connection, search) == {"dt-001": AnswerStatus.ANSWERED}


def test_a_withdrawn_search_counts_no_more_as_open(connection: Connection) -> None:
    search = ask(connection, LAN)
    withdraw_search(connection, LAN, OF_LAN, search, NOW_MS)
    (line,) = records.list_searches(connection, OF_LAN)
    assert line.open == 0
