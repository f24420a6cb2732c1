"""Rows of the table for given messages, without a broker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent.tools.gateways.fleet_status import FleetStatus
from edge_agent.tools.gateways.rows import GatewayRow, cut, duration, gateway_rows, lines, summary, text_width
from tests.edge_central.parts import TIME, FakeGateway

NOW_MS = 1_800_000_000_000
ONLINE, BEAT = FakeGateway().state("online", "s"), FakeGateway().heartbeat("s")


def said(
    board: FleetStatus, *messages: tuple[str, bytes], mono: float = 100.0, retained: bool = False
) -> None:
    for topic, payload in messages:
        board.receive(topic, payload, retained, mono, NOW_MS)


def rows(board: FleetStatus, mono: float = 101.0, *states: str) -> list[GatewayRow]:
    return gateway_rows(board, mono, NOW_MS, 50.0, states)


def row(board: FleetStatus, mono: float = 101.0) -> GatewayRow:
    (only,) = rows(board, mono)
    return only


def presence(state: str, gateway: str = "dt-001", why: str = "by the centre") -> tuple[str, bytes]:
    """The centre's retained message about a gateway."""
    document = {"gateway": gateway, "ward": "de-tham", "state": state, "since": TIME, "why": why}
    return f"tb/v1/central/presence/de-tham/{gateway}", json.dumps(document).encode()


@pytest.fixture
def board() -> FleetStatus:
    return FleetStatus("tb/v1")


def test_a_gateway_that_is_well_is_fine(board: FleetStatus) -> None:
    said(board, ONLINE, FakeGateway().birth("s"), BEAT)
    found = row(board)
    assert (found.standing, found.why, found.cameras_up, found.cameras) == ("fine", "", 1, 1)
    assert (found.temperature_c, found.heartbeat_age_s, found.outbox) == (61.5, 1.0, 0)


TROUBLES: list[tuple[dict[str, Any], str]] = [
    ({"cameras": {"cam-1": {"state": "offline"}, "cam-2": {"state": "online"}}}, "cam-1 offline"),
    ({"degraded": ["disk: 98 % full", "clock: not set"]}, "disk: 98 % full (and 1 more)"),
    ({"box": {"undervoltage": True}}, "undervoltage"),
    ({"outbox": {"depth": 7, "oldest_s": 900}}, "7 events wait, the oldest for 900 s"),
]


@pytest.mark.parametrize(("more", "why"), TROUBLES)
def test_trouble_says_what(board: FleetStatus, more: dict[str, Any], why: str) -> None:
    said(board, ONLINE, FakeGateway().heartbeat("s", **more))
    assert (row(board).standing, row(board).why) == ("trouble", why)


def test_a_late_will_of_an_older_session_changes_nothing(board: FleetStatus) -> None:
    box = FakeGateway()
    said(board, box.state("online", "new"), box.state("offline", "old"), box.heartbeat("new"))
    assert row(board).standing == "fine"
    said(board, box.state("offline", "new"))
    found = row(board)
    assert (found.standing, found.why, found.since_s) == ("offline", "why", 0.0)


def test_since_when_is_not_taken_from_a_will_that_was_written_before(board: FleetStatus) -> None:
    said(board, FakeGateway().state("offline", "s"), retained=True)
    assert row(board).since_s is None
    said(board, presence("offline"))
    assert (row(board).since_s is not None, row(board).since) == (True, TIME)


def test_three_missed_heartbeats_are_silence_but_not_before_we_could_hear(board: FleetStatus) -> None:
    said(board, ONLINE, BEAT, mono=100.0)
    assert row(board, 190.0).standing == "fine"
    assert (row(board, 210.0).standing, row(board, 210.0).why) == ("silent", "no heartbeat for 110 s")
    (again,) = gateway_rows(board, 210.0, NOW_MS, 205.0)
    assert again.standing == "fine"


def test_a_gateway_that_saves_data_is_given_time(board: FleetStatus) -> None:
    said(board, ONLINE, FakeGateway().heartbeat("s", uplink={"heartbeat_s": 300}))
    assert row(board, 900.0).standing == "fine"


def test_what_a_wildcard_did_not_bring_is_asked_for_by_its_name(board: FleetStatus) -> None:
    said(board, BEAT, mono=100.0)
    assert board.exact_topics(100.5) == []
    assert row(board).standing == "fine", "a heartbeat is a sign of life"
    board.gateways["de-tham", "dt-001"].state = None
    own = [f"tb/v1/de-tham/dt-001/up/{name}" for name in ("state", "birth")]
    assert board.exact_topics(103.0) == [*own, "tb/v1/central/presence/de-tham/dt-001"]


def test_what_is_broken_comes_first(board: FleetStatus) -> None:
    two, three, four = (FakeGateway(f"dt-00{number}") for number in (2, 3, 4))
    said(board, ONLINE, BEAT, two.state("stopped", "s"), four.state("offline", "s"))
    said(board, three.state("online", "s"), three.heartbeat("s", degraded=["hot"]))
    assert [each.gateway for each in rows(board)] == ["dt-004", "dt-003", "dt-002", "dt-001"]
    assert [each.gateway for each in rows(board, 101.0, "stopped", "trouble")] == ["dt-003", "dt-002"]
    assert summary(rows(board)) == "4 gateways: 1 offline, 1 stopped, 2 online (1 with trouble)"


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        ("online", "fine"),
        ("booting", "fine"),
        ("unstable", "trouble"),
        ("offline", "offline"),
        ("cut", "offline"),
        ("stopped", "stopped"),
        ("of tomorrow", "fine"),
    ],
)
def test_the_state_is_the_one_the_centre_publishes(board: FleetStatus, state: str, standing: str) -> None:
    said(board, ONLINE, BEAT, presence(state))
    found = row(board)
    assert (found.state, found.since, found.standing) == (state, TIME, standing)
    assert found.why == ("" if state in ("online", "booting") else "by the centre")
    assert summary([found]) == f"1 gateway: 1 {state}"
    shown = [each.state for each in rows(board, 101.0, "cut", "fine")]
    assert shown == ([state] if standing == "fine" or state == "cut" else [])


def test_an_absence_that_the_centre_does_not_report_yet_is_shown_beside_its_state(board: FleetStatus) -> None:
    said(board, presence("online"), ONLINE, FakeGateway().state("offline", "s"))
    found = row(board)
    assert (found.state, found.standing, found.why) == ("online", "offline", "why")


def test_without_a_connected_centre_its_old_states_do_not_count(board: FleetStatus) -> None:
    said(board, ONLINE, BEAT, presence("cut"))
    said(board, ("tb/v1/central/state", b'{"state": "offline"}'))
    assert (row(board).state, row(board).standing) == ("online", "fine")
    said(board, ("tb/v1/central/state", b'{"state": "degraded"}'))
    assert row(board).state == "cut"


def test_a_gateway_that_only_the_centre_knows_is_in_the_table_until_it_is_removed(board: FleetStatus) -> None:
    said(board, presence("offline"))
    assert (row(board).gateway, row(board).state) == ("dt-001", "offline")
    said(board, ("tb/v1/central/presence/de-tham/dt-001", b""))
    assert rows(board) == []


def test_a_gateway_that_is_taken_away_leaves_the_table(board: FleetStatus) -> None:
    said(board, ONLINE)
    said(board, (f"{FakeGateway().up}/state", b""))
    assert rows(board) == []


def test_an_outage_of_a_ward_is_one_line_until_it_is_over(board: FleetStatus) -> None:
    outage = {"ward": "de-tham", "gateways": ["dt-001", "dt-002"], "of": 3}
    said(board, ("tb/v1/central/outage/de-tham", json.dumps(outage).encode()))
    assert board.outages == {"de-tham": (2, 3)}
    said(board, ("tb/v1/central/outage/de-tham", b""))
    assert board.outages == {}


def test_a_broker_moves_no_cursor(board: FleetStatus) -> None:
    said(board, ONLINE, FakeGateway().heartbeat("s", degraded=["\x1b[2Jgone\r\n"], version="\x9b1m"))
    assert row(board).why == "?[2Jgone??"
    assert row(board).version == "?1m"
    said(board, (BEAT[0], b"\xff"), ("elsewhere", b"{}"), ("tb/v1/central/x/y/z", b"1"))
    assert board.unreadable == 1


def test_lines_are_never_wider_than_the_terminal(board: FleetStatus) -> None:
    said(board, ONLINE, FakeGateway().heartbeat("s", degraded=["đường truyền chậm " * 10]))
    for width in (40, 80, 200):
        assert all(text_width(line) <= width for line in lines(rows(board), width))
    assert cut("監視カメラ", 6) == "監視…"
    assert text_width("Đề Thám") == 7


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (5.4, "5 s"), (600, "10 min"), (36_000, "10 h"), (864_000, "10 d")]
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
