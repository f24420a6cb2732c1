"""Events become states of properties."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.onvif.mapping import ALL_TOPICS, TOPICS_OF_KIND
from edge_central.onvif.notification import Notification
from edge_central.onvif.properties import MAX_PROPERTIES, MappedEvent, PropertyTracker
from tests.edge_central.onvif.parts import AT_MS, RECEIVED_MS, inside, stored


def data_of(found: list[Notification]) -> list[dict[str, Any]]:
    return [dict(each.data) for each in found]


def numbered(event: MappedEvent, number: int, **changes: str) -> MappedEvent:
    document = json.loads(event.payload) | {"sequence": f"{number:016d}", **changes}
    return replace(event, payload=json.dumps(document).encode())


def test_a_zone_is_entered_until_the_last_object_has_left() -> None:
    tracker = PropertyTracker()
    first = tracker.apply(inside("start", "a"))
    second = tracker.apply(inside("start", "b", label="car"))
    left = tracker.apply(inside("end", "a"))
    empty = tracker.apply(inside("end", "b"))
    assert data_of([*first, *second, *left, *empty]) == [
        {"IsInside": True, "ObjectId": "t-a", "ClassTypes": "Human"},
        {"IsInside": True, "ObjectId": "t-a t-b", "ClassTypes": "Human Vehicle"},
        {"IsInside": True, "ObjectId": "t-b", "ClassTypes": "Vehicle"},
        {"IsInside": False},
    ]
    assert first[0].topic.name == "tns1:RuleEngine/FieldDetector/ObjectsInside"
    assert (first[0].rule, first[0].time_ms, first[0].operation) == ("yard", AT_MS, "Changed")


def test_a_repeated_event_changes_nothing() -> None:
    tracker = PropertyTracker()
    tracker.apply(inside("start"))
    assert tracker.apply(inside("update")) == []
    assert len(tracker.apply(inside("end"))) == 1
    assert tracker.apply(inside("end")) == []


def test_a_start_that_arrives_after_its_end_does_not_stay_open() -> None:
    tracker = PropertyTracker()
    found = [*tracker.apply(inside("end")), *tracker.apply(inside("start"))]
    assert [each["IsInside"] for each in data_of(found)] == [False, True, False]
    assert [tracker.apply(inside("update")) for _ in range(2)] == [[], []]


def test_an_end_whose_start_is_unknown_ends_the_state_that_the_broker_has() -> None:
    over = PropertyTracker().apply(stored("loitering", phase="end", event_id="l", rule_id="bench"))
    assert [(each.operation, each.data) for each in over] == [("Deleted", ())]
    seen = stored("object", phase="end", event_id="o", track_id="t1")
    assert PropertyTracker().apply(seen) == [], "no property"


@pytest.mark.parametrize(
    ("kind", "earlier", "later"),
    [
        ("camera-state", {"state": "online"}, {"state": "offline"}),
        ("thermal", {"phase": "update", "to_step": 1}, {"phase": "end", "to_step": 0}),
        (
            "line-counts",
            {"rule_id": "gate", "a_to_b": {"car": 3}},
            {"rule_id": "gate", "a_to_b": {"car": 4}},
        ),
    ],
)
def test_a_value_that_arrives_after_a_later_one_is_ignored(
    kind: str, earlier: dict[str, Any], later: dict[str, Any]
) -> None:
    """Gateways send events by severity, and repeat some of them."""
    tracker = PropertyTracker()
    assert len(tracker.apply(numbered(stored(kind, event_id="e", **later), 9))) == 1
    assert tracker.apply(numbered(stored(kind, event_id="e", **earlier), 8)) == []
    assert len(tracker.apply(numbered(stored(kind, event_id="e", **earlier), 10))) == 1
    rebooted = numbered(stored(kind, event_id="e", **later), 1, epoch="later")
    assert len(tracker.apply(rebooted)) == 1, "numbers begin again in each epoch"


def test_a_masked_rule_notifies_nobody() -> None:
    tracker = PropertyTracker()
    assert tracker.apply(inside("start", masked=True)) == []
    assert tracker.apply(inside("end", masked=True)) == []
    assert list(tracker.alive()) == []


def test_without_a_synchronised_clock_the_time_is_that_of_the_arrival() -> None:
    waits = stored(
        "loitering", phase="start", event_id="e", rule_id="yard", started_at="1970-01-01T00:01:00Z"
    )
    unsynced = replace(waits, payload=waits.payload.replace(b'"synced"', b'"unsynced"'), time_ms=60_000)
    (found,) = PropertyTracker().apply(unsynced)
    assert found.time_ms == RECEIVED_MS
    assert dict(found.data)["Since"] == rfc3339_of_ms(RECEIVED_MS)
    (synced,) = PropertyTracker().apply(waits)
    assert (synced.time_ms, dict(synced.data)["Since"]) == (AT_MS, "1970-01-01T00:01:00.000Z")


def test_a_synchronisation_point_repeats_states_as_initialized() -> None:
    tracker = PropertyTracker()
    tracker.apply(inside("start"))
    tracker.apply(stored("line-crossing", phase="moment", event_id="c", rule_id="gate", track_id="t"))
    tracker.apply(stored("camera-state", state="offline"))
    alive = {each.topic.path: each for each in tracker.alive()}
    assert set(alive) == {"RuleEngine/FieldDetector/ObjectsInside", "VideoSource/SignalLoss"}
    assert {each.operation for each in alive.values()} == {"Initialized"}
    assert dict(alive["VideoSource/SignalLoss"].data) == {"State": True}
    again = {each.topic.path: each for each in tracker.alive()}
    assert all(again[path] is each for path, each in alive.items()), "subscribers share them"
    tracker.apply(stored("camera-state", state="online"))
    later = {each.topic.path: dict(each.data) for each in tracker.alive()}
    assert later["VideoSource/SignalLoss"] == {"State": False}


def test_loitering_is_deleted_when_it_is_over() -> None:
    tracker = PropertyTracker()
    more = {"event_id": "l", "rule_id": "bench", "label": "person", "track_id": "t7"}
    begun = tracker.apply(stored("loitering", phase="start", started_at="2026-11-24T13:00:00.000Z", **more))
    assert dict(begun[0].data)["Since"] == "2026-11-24T13:00:00.000Z"
    over = tracker.apply(stored("loitering", phase="end", **more))
    assert [(each.operation, each.data) for each in over] == [("Deleted", ())]
    assert list(tracker.alive()) == []


EVENTS: list[tuple[str, dict[str, Any], str, dict[str, Any] | None]] = [
    ("object", {"phase": "start", "label": "car"}, "ObjectDetection/Object", {"ClassTypes": "Vehicle"}),
    (
        "line-crossing",
        {"phase": "moment", "rule_id": "gate", "label": "motorcycle", "direction": "a-to-b"},
        "LineDetector/Crossed",
        {"ObjectId": "t1", "ClassTypes": "Bike", "edge:Direction": "a-to-b"},
    ),
    (
        "line-counts",
        {"rule_id": "gate", "a_to_b": {"car": 3, "person": 1}, "b_to_a": {"car": 2}},
        "CountAggregation/Counter",
        {"Count": 6, "edge:CountAToB": 4, "edge:CountBToA": 2},
    ),
    ("stopped-vehicle", {"phase": "start", "rule_id": "r", "label": "bus"}, "edge:StoppedVehicle", None),
    ("wrong-way", {"phase": "start", "rule_id": "r", "label": "bus"}, "edge:WrongWay", None),
    ("crowding", {"phase": "start", "rule_id": "r", "count": 12}, "Crowding", {"State": True, "Count": 12}),
    (
        "camera-view",
        {"phase": "start", "state": "moved"},
        "GlobalSceneChange/AnalyticsService",
        {"State": True},
    ),
    ("camera-view", {"phase": "start", "state": "dark"}, "ImageTooDark/AnalyticsService", {"State": True}),
    ("camera-view", {"phase": "start", "state": "frozen"}, "edge:ImageFrozen", {"State": True}),
    ("camera-state", {"state": "degraded"}, "SignalLoss", {"State": False}),
    ("thermal", {"phase": "update", "to_step": 2}, "TemperatureCritical", {"Critical": True}),
    ("thermal", {"phase": "end", "to_step": 0}, "TemperatureCritical", {"Critical": False}),
    (
        "clock-correction",
        {"corrected_at": "2026-11-24T13:00:00Z"},
        "LastClockSynchronization",
        {"Status": "2026-11-24T13:00:00.000Z"},
    ),
]


@pytest.mark.parametrize(("kind", "data", "topic", "wanted"), EVENTS, ids=lambda each: str(each)[:20])
def test_what_an_event_becomes(
    kind: str, data: dict[str, Any], topic: str, wanted: dict[str, Any] | None
) -> None:
    (found,) = PropertyTracker().apply(stored(kind, **{"event_id": "e", "track_id": "t1", **data}))
    assert found.topic.path.endswith(topic)
    assert wanted is None or dict(found.data) == wanted
    assert {name for name, _ in found.data} <= {item.name for item in found.topic.data}


@pytest.mark.parametrize("state", ["visibility-degraded", "colour-mono-switch", "of a later version"])
def test_rain_and_what_is_unknown_have_no_topic(state: str) -> None:
    event = stored("camera-view", phase="start", event_id="v", state=state)
    assert PropertyTracker().apply(event) == []


def test_a_gateway_with_endless_rules_displaces_no_other() -> None:
    tracker = PropertyTracker()
    tracker.apply(inside("start"))
    for number in range(2 * MAX_PROPERTIES):
        event = inside("start", rule_id=f"rule-{number}")
        tracker.apply(replace(event, gateway="bx-001"))
    alive = [each.gateway for each in tracker.alive()]
    assert alive.count("dt-001") == 1
    assert alive.count("bx-001") == MAX_PROPERTIES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("phase", "event_id", "rule_id", "state", "count", "a_to_b", "to_step", "started_at", "track_id")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(TOPICS_OF_KIND)),
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from(["start", "end", "dark", "offline"])),
)
def test_an_event_that_cannot_be_read_notifies_nobody_or_validly(kind: str, data: dict[str, Any]) -> None:
    found = PropertyTracker().apply(stored(kind, **data))
    for each in found:
        assert each.topic in ALL_TOPICS
        assert len(each.rule) <= 64
        assert all(isinstance(value, str | bool | int) for _, value in each.data)


def test_bytes_that_are_no_event_notify_nobody() -> None:
    for payload in (b"", b"{", b"[]", b"\xff", b'{"data": 5}'):
        assert PropertyTracker().apply(MappedEvent("w", "g", "c", "zone-intrusion", 0, 0, payload)) == []
