"""The filters of ``/api/events``, on both databases: what they leave out, their cursors, their mistakes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, text

from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.ringing import ALARM, WARNING
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.web.api import event_history as history
from edge_central.web.api.event_history import HistoryFilter
from tests.edge_central.parts import WARD, FakeGateway
from tests.edge_central.prepared import configured
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import House

FIFTY_PAST_ONE_MS = round(datetime(2026, 11, 24, 13, 50, tzinfo=UTC).timestamp() * 1000)
GATE, YARD, THEIRS = FakeGateway("dt-001"), FakeGateway("dt-002"), FakeGateway("bx-001", "bo-xuyen")


@dataclass(frozen=True)
class Sent:
    """An event as it was sent."""

    gateway: FakeGateway
    sequence: int
    kind: str
    camera: str
    label: str | None
    severity: int
    minute: int

    @property
    def time(self) -> str:
        return f"2026-11-24T13:{self.minute:02d}:00.000Z"

    @property
    def message(self) -> tuple[str, bytes]:
        data = {"why": "a car, a person, a truck"} | ({} if self.label is None else {"label": self.label})
        return event(
            *(self.gateway, self.sequence, data),
            kind=self.kind,
            severity=self.severity,
            camera=self.camera,
            time=self.time,
        )


def sent_events() -> list[Sent]:
    """Every gateway sends the same, in another order of minutes: what is stored later may be earlier."""
    found = []
    for gateway in (GATE, YARD, THEIRS):
        for sequence in range(1, 25):
            kind = ("object", "line-crossing", "counts", "zone-intrusion")[sequence % 4]
            label = None if kind == "counts" else ("person", "car", "truck")[sequence % 3]
            severity = {"zone-intrusion": 17, "line-crossing": 13}.get(kind, 9)
            minute = (sequence * 7) % 30
            found.append(Sent(gateway, sequence, kind, f"cam-{sequence % 2}", label, severity, minute))
    return found


@pytest.fixture
def centre(database: Database, tmp_path: Path) -> Iterator[House]:
    """A centre with ``sent_events``, on each database."""
    with House(tmp_path, database=configured(database)) as house:
        house.take(*(each.message for each in sent_events()))
        house.take(GATE.heartbeat("s"), YARD.heartbeat("s"), THEIRS.heartbeat("s"))
        yield house.start()


def page_of(client: httpx.Client, **params: str) -> dict[str, Any]:
    answer = client.get("/api/events", params=params)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def followed(client: httpx.Client, **params: str) -> list[str]:
    """The ids of all pages."""
    found = list[str]()
    while True:
        page = page_of(client, **params)
        found += [each["id"] for each in page["events"]]
        if not page["more"]:
            return found
        params["after"] = page["next"]


CHOICES: dict[str, tuple[str | None, ...]] = {
    "gateway": (None, "dt-001"),
    "kind": (None, "line-crossing", "counts,zone-intrusion"),
    "label": (None, "truck"),
    "severity": (None, "warning"),
    "from": (None, "2026-11-24T13:10:00Z"),
    "to": (None, "2026-11-24T20:20:00+07:00"),
}


def fits(each: Sent, asked: dict[str, str]) -> bool:
    return (
        each.gateway.ward == WARD
        and each.gateway.id == asked.get("gateway", each.gateway.id)
        and each.kind in asked.get("kind", each.kind).split(",")
        and asked.get("label") in (None, each.label)
        and each.severity >= {"warning": WARNING}.get(asked.get("severity", ""), 0)
        and ("from" not in asked or each.minute >= 10)
        and ("to" not in asked or each.minute < 20)
    )


@pytest.mark.parametrize("window", [10, pytest.param(20_000, marks=pytest.mark.long)])
def test_every_combination_of_filters_leaves_out_what_it_should_and_nothing_else(
    centre: House, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    for name in ("WINDOW", "NARROW_WINDOW", "FAR_WINDOW"):
        monkeypatch.setattr(history, name, window)
    client = centre.program(centre.token("app", WARD))
    for values in itertools.product(*CHOICES.values()):
        asked = {key: value for key, value in zip(CHOICES, values, strict=True) if value is not None}
        expected = [f"{each.gateway.id}/{each.gateway.epoch}/{each.sequence:016d}"
                    for each in sent_events() if fits(each, asked)]  # fmt: skip
        assert followed(client, limit="20", **asked) == expected, asked


def test_a_camera_is_of_its_gateway(centre: House) -> None:
    client = centre.program(centre.token("app", WARD))
    found = page_of(client, gateway="dt-001", camera="cam-1")["events"]
    assert {(each["source"], each["subject"]) for each in found} == {("/tb/dt-001", "cam-1")}
    assert len(found) == 12
    assert page_of(client, gateway="dt-001", camera="gateway")["events"] == []


def test_a_cursor_stays_valid_with_other_filters(centre: House) -> None:
    client = centre.program(centre.token("app", WARD))
    everything = followed(client)
    first = page_of(client, gateway="dt-002", limit="3")
    end = first["events"][-1]["id"]
    rest = followed(client, after=first["next"])
    assert rest == everything[everything.index(end) + 1 :]
    middle = page_of(client, limit="30")["next"]
    of_yard = [each for each in everything[30:] if each.startswith("dt-002/")]
    assert followed(client, after=middle, gateway="dt-002") == of_yard


def test_the_next_match_behind_many_other_events_is_found_at_once(
    centre: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "WINDOW", 5)
    monkeypatch.setattr(history, "NARROW_WINDOW", 5)
    last = Sent(YARD, 30, "crowding", "cam-1", None, 17, 55)
    centre.take(last.message)
    for wanted in (
        HistoryFilter(EVERYWHERE, kinds=frozenset({"crowding"})),
        HistoryFilter(EVERYWHERE, from_ms=FIFTY_PAST_ONE_MS),
        HistoryFilter(EVERYWHERE, kinds=frozenset({"crowding"}), gateway="dt-002"),
        HistoryFilter(Scope(frozenset({WARD})), kinds=frozenset({"crowding"}), least_severity=ALARM),
    ):
        turns = iter([0.0, 0.0, 9.0])  # one turn: an empty window, and then the index
        with centre.connections.reading() as connection:
            found = history.events_after(connection, wanted, 0, 10, turns.__next__)
        assert [bytes(each) for each in found.events] == [last.message[1]], wanted


@pytest.mark.parametrize(
    "wanted",
    [
        HistoryFilter(EVERYWHERE, kinds=frozenset({"loss"}), from_ms=1),
        HistoryFilter(EVERYWHERE, kinds=frozenset({"object"}), label="bus"),
        HistoryFilter(Scope(frozenset({WARD})), label="bus"),
        HistoryFilter(Scope(frozenset({WARD, "bo-xuyen"})), label="bus"),
    ],
)
def test_a_turn_searches_a_bounded_number_of_events(
    centre: House, monkeypatch: pytest.MonkeyPatch, wanted: HistoryFilter
) -> None:
    for name in ("WINDOW", "NARROW_WINDOW", "FAR_WINDOW"):
        monkeypatch.setattr(history, name, 5)
    turns = iter([0.0, 0.0, 9.0])
    with centre.connections.reading() as connection:
        found = history.events_after(connection, wanted, 0, 10, turns.__next__)
    assert (found.events, found.more) == ([], True)
    assert 5 < int(found.next.partition("-")[0]) <= 10


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"kind": "zone-intrusions"}, "there is no kind 'zone-intrusions'; the kinds are object,"),
        ({"kind": "object,"}, None),
        ({"label": "dog"}, "there is no label 'dog'; the labels are bicycle,"),
        ({"gateway": "dt-999"}, "there is no gateway 'dt-999' in your wards"),
        ({"gateway": "bx-001"}, "there is no gateway 'bx-001' in your wards"),
        ({"gateway": "DT 1"}, "gateway must be an id"),
        ({"camera": "cam-1"}, "the parameter camera needs the parameter gateway"),
        ({"gateway": "dt-001", "camera": "cam-9"}, "dt-001 has no camera 'cam-9'"),
        ({"from": "yesterday"}, "from must be a time such as"),
        ({"from": "2026-11-24T13:00:00"}, "from must be a time such as"),
        ({"from": "2026-13-24T13:00:00Z"}, "from must be a time such as"),
        ({"to": "2026-11-24T13:00:00 07:00"}, "is written %2B"),
        ({"from": "2026-11-24T13:00:00Z", "to": "2026-11-24T20:00:00+07:00"}, "to must be later than from"),
        ({"Label": "car"}, "there is no parameter 'Label'"),
    ],
)
def test_an_unknown_value_is_refused_with_the_valid_ones(
    house: House, params: dict[str, str], says: str | None
) -> None:
    house.take(GATE.heartbeat("s"), THEIRS.heartbeat("s"))
    answer = house.program(house.token("app", WARD)).get("/api/events", params=params)
    assert answer.status_code == (200 if says is None else 400)
    assert says is None or says in answer.json()["detail"]


def test_a_camera_that_was_removed_keeps_its_history(house: House) -> None:
    house.take(GATE.birth("s"), GATE.event(1, camera="cam-1"))
    client = house.program(house.token("app", WARD))
    asked = {"gateway": "dt-001", "camera": "cam-1"}
    assert client.get("/api/events", params=asked).status_code == 400, "nothing says that it was there"
    house.picture(GATE, "m1")
    assert len(page_of(client, **asked)["events"]) == 1


def test_deleted_events_between_two_matches_are_skipped(house: House) -> None:
    house.take(*(GATE.event(number) for number in range(1, 50)))
    with house.connections.writing() as connection:
        connection.execute(delete(tables.event).where(tables.event.c.cursor.between(2, 48)))
    found = page_of(house.program(house.token("app", WARD)), kind="object")
    assert [int(each["sequence"]) for each in found["events"]] == [1, 49]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (HistoryFilter(EVERYWHERE, gateway="dt-001", from_ms=1), "event_by_gateway"),
        (HistoryFilter(EVERYWHERE, from_ms=1, to_ms=2, kinds=frozenset({"loss"})), "event_by_time"),
        (HistoryFilter(EVERYWHERE, kinds=frozenset({"loss"})), "event_by_kind"),
        (HistoryFilter(EVERYWHERE, least_severity=ALARM, kinds=frozenset({"loitering"})), "event_of_note"),
        (HistoryFilter(Scope(frozenset({WARD}))), "event_by_ward"),
        (HistoryFilter(Scope(frozenset({WARD, "bo-xuyen"})), label="car"), "event_by_ward"),
    ],
)
def test_what_is_far_away_is_found_by_an_index(house: House, wanted: HistoryFilter, index: str) -> None:
    with house.connections.reading() as connection:
        query = history.far_query(connection, replace(wanted, label=""), 5, 9, 10)
        compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = " ".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}")))
    assert index in plan
