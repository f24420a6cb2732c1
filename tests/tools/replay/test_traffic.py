"""Traffic from the configuration file to the event, through the real pipeline on drawn streets."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cameras.build import DetectorAccess, PipelineContext, budget_of, build_pipeline, change_rules
from edge_agent.config.loader import load
from edge_agent.config.model.settings import Settings
from edge_agent.detection.worker import InlineInference
from edge_agent.tools.replay.run import JsonLinesWriter
from tests.events.parts import maker
from tests.testbed.agent import write_config
from tests.testbed.schemas import check_message
from tests.testbed.traffic import Reader, Street, Thing, along

NOON = datetime.fromisoformat("2026-11-24T12:00:00+07:00")
CAR, BIKE, PERSON = (0.16, 0.16), (0.05, 0.14), (0.05, 0.26)
ROAD = {"road": {"polygon": [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]]}}
STOPPED = {"id": "stop", "kind": "stopped-vehicle", "zone": "road"}
ARROW = {"from": [0.2, 0.5], "to": [0.8, 0.5]}
WRONG_WAY = {"id": "way", "kind": "wrong-way", "zone": "road", "arrow": ARROW}
CROWDING = {"id": "crowd", "kind": "crowding", "zone": "road", "count": 8}


def reported(
    folder: Path,
    street: Street,
    seconds: float,
    *rules: Mapping[str, object],
    objects: bool = False,
    counts_s: float = 0,
    **places: object,
) -> list[dict[str, Any]]:
    """The events of the camera; each matches its schema. ``places``: lines, or other zones than the road."""
    report = {"objects": objects, "counts_s": counts_s, "snapshots": "none"}
    camera: dict[str, object] = {"id": "cam-1", "url": str(folder), "report": report, "zones": ROAD}
    camera |= {"rules": list(rules), **places}
    settings = load(write_config(folder, cameras=[camera]))
    out = io.StringIO()
    pipeline = build_pipeline(settings.cameras[0], context(settings, street, out), "t")
    for frame in street.frames(seconds, NOON):
        pipeline.process(frame)
    pipeline.stop("camera")
    return events_of(out)


def context(settings: Settings, street: Street, out: io.StringIO) -> PipelineContext:
    access = DetectorAccess(InlineInference(Reader(street.things)), budget_of(settings.detector, ("cam-1",)))
    gateway, score, events = settings.gateway, settings.detector.min_score, JsonLinesWriter(out)
    return PipelineContext(access, score, maker(), events, gateway.timezone, gateway.holidays)


def events_of(out: io.StringIO) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [json.loads(line) for line in out.getvalue().splitlines()]
    for event in events:
        check_message(event, f"event-{event['type'].split('.')[3]}")
    return events


def phases(events: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(event["data"]["phase"], event["data"]["end_reason"]) for event in events]


@pytest.mark.parametrize(("seconds", "expected"), [(29, []), (31, [("start", None), ("end", "moved")])])
def test_a_car_that_stands_for_31_s_is_told_and_one_for_29_s_is_not(
    tmp_path: Path, seconds: float, expected: list[tuple[str, str | None]]
) -> None:
    path = along((2, -0.1, 0.6), (6, 0.5, 0.6), (6 + seconds, 0.5, 0.6), (10 + seconds, 1.1, 0.6))
    events = reported(tmp_path, Street(Thing("car", path, CAR)), seconds + 11, STOPPED | {"still_s": 30})
    assert phases(events) == expected


def test_a_car_that_was_there_before_the_camera_is_never_told(tmp_path: Path) -> None:
    car = Thing("car", along((0, 0.5, 0.6), (90, 0.5, 0.6)), CAR)
    assert reported(tmp_path, Street(car), 90, STOPPED | {"still_s": 30}) == []


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ((0.0, 0.6), (1.0, 0.6), []),  # the right way
        ((0.5, 0.1), (0.5, 1.1), []),  # across, at 90 degrees
        ((1.0, 0.6), (0.0, 0.6), ["start", "end"]),  # against it
    ],
)
def test_a_rider_against_the_arrow_is_told_once_and_nobody_else(
    tmp_path: Path, begin: tuple[float, float], end: tuple[float, float], expected: list[str]
) -> None:
    rider = Thing("motorcycle", along((2, *begin), (8, *end)), BIKE)
    events = reported(tmp_path, Street(rider), 12, WRONG_WAY)
    assert [phase for phase, _ in phases(events)] == expected
    for event in events:
        assert event["data"]["angle_deg"] == pytest.approx(180, abs=5)


def test_a_parked_car_with_ten_passers_by_is_one_car_and_ten_people(tmp_path: Path) -> None:
    """The car drives in, and people walk in front of it one after another: all of them keep their tracks."""
    car = Thing("car", along((2, -0.1, 0.55), (6, 0.5, 0.55), (99, 0.5, 0.55)), CAR)
    begins = [12 + 4 * n for n in range(10)]
    people = [Thing("person", along((s, -0.05, 0.62), (s + 10, 1.05, 0.62)), PERSON) for s in begins]
    events = reported(tmp_path, Street(car, *people), 64, STOPPED | {"still_s": 30}, objects=True)
    objects = [event["data"] for event in events if ".object." in event["type"]]
    assert Counter(data["label"] for data in objects if data["phase"] == "start") == {"car": 1, "person": 10}
    stops = [event["data"] for event in events if ".stopped-vehicle." in event["type"]]
    assert [data["phase"] for data in stops] == ["start", "end"], "the end is that of the film"
    (car_id,) = {data["track_id"] for data in objects if data["label"] == "car"}
    assert {data["track_id"] for data in stops} == {car_id}


def riders(stop_s: float, go_s: float) -> list[Thing]:
    """Thirty two-wheelers, each with a person: they come from the left, wait in five rows, and ride on."""
    things = []
    for row in range(5):
        for column in range(6):
            x, y, come = 0.75 - 0.1 * column, 0.2 + 0.17 * row, 0.7 * column + 0.15 * row
            go = go_s + come
            path = [(come + 1, -0.1, y), (come + stop_s, x, y), (go, x, y), (go + 5, 1.1, y)]
            things.append(Thing("motorcycle", along(*path), (0.05, 0.08)))
            things.append(Thing("person", along(*((t, px, py - 0.04) for t, px, py in path)), (0.035, 0.1)))
    return things


def test_a_red_light_with_thirty_riders_is_no_warning_with_the_defaults(tmp_path: Path) -> None:
    """Each kind of rule with its required keys only, over the place where they wait for a minute."""
    street = Street(*riders(stop_s=7, go_s=67))
    crowding = CROWDING | {"count": 20}
    events = reported(tmp_path, street, 84, STOPPED, WRONG_WAY, crowding)
    assert {event["severitytext"] for event in events} == {"INFO"}
    crowd = [event["data"] for event in events if ".crowding." in event["type"]]
    assert crowd[0]["phase"] == "start"
    assert 20 <= max(data["most"] for data in crowd) <= 36, "a rider and his machine are one"
    assert not [event for event in events if ".stopped-vehicle." in event["type"]]


def test_a_crowd_begins_and_dissolves_with_hysteresis(tmp_path: Path) -> None:
    """Ten come and stand; two leave, which is not the end; then all leave."""
    people = []
    for n in range(10):
        come, x, leave = 1 + 0.5 * n, 0.9 - 0.08 * n, 25 if n < 2 else 35
        path = along((come, -0.05, 0.6), (come + 5, x, 0.6), (leave, x, 0.6), (leave + 6, x, 1.4))
        people.append(Thing("person", path, (0.04, 0.2)))
    events = reported(tmp_path, Street(*people), 55, CROWDING | {"min_duration_s": 5, "release_count": 5})
    assert phases(events) == [("start", None), ("end", "over")]
    start, end = (event["data"] for event in events)
    assert start["event_id"] == end["event_id"]
    assert start["count"] >= 8
    ended = datetime.fromisoformat(end["ended_at"]) - datetime.fromisoformat(start["started_at"])
    assert ended.total_seconds() > 20


def test_a_line_that_is_added_while_a_car_passes_is_part_of_its_turn(tmp_path: Path) -> None:
    lines = {line: {"from": [x, 0.1], "to": [x, 0.9]} for line, x in (("west", 0.3), ("east", 0.7))}
    rules = [{"id": line, "kind": "line-crossing", "line": line, "each": False} for line in lines]
    found = []
    for wanted in (rules[:1], rules):
        camera = {"id": "cam-1", "url": str(tmp_path), "lines": lines, "rules": wanted}
        camera["report"] = {"counts_s": 0}
        found.append(load(write_config(tmp_path, cameras=[camera])))
    one_line, two_lines = found
    street, out = Street(Thing("car", along((1, -0.1, 0.6), (9, 1.1, 0.6)), CAR)), io.StringIO()
    site = context(one_line, street, out)
    pipeline = build_pipeline(one_line.cameras[0], site, "t")
    for frame in street.frames(11, NOON):
        if frame.captured_mono == 5.0:
            change_rules(pipeline, one_line.cameras[0], two_lines.cameras[0], site, None)
        pipeline.process(frame)
    pipeline.stop("camera")
    counts = {event["data"]["line"]: event["data"] for event in events_of(out)}
    assert counts["west"]["b_to_a"] == {"car": 1}
    (turn,) = counts["east"]["turns"]["turns"]
    assert (turn["line"], turn["objects"], counts["west"]["turns"]["only"]) == ("west", {"car": 1}, {})


def row_of_cars(*xs: float, come: bool) -> Street:
    """Cars that stand at these places, one below the other; ``come``: they drive in first."""
    places = list(zip(xs, (0.3, 0.6, 0.9), strict=True))
    begins = [((1, -0.1, y), (4, x, y)) if come else ((0, x, y),) for x, y in places]
    ways = [along(*begin, (99, *place)) for begin, place in zip(begins, places, strict=True)]
    return Street(*(Thing("car", way, CAR) for way in ways))


def column_of_cars(first_s: float, takes_s: float, count: int) -> Street:
    """Cars that cross the picture one after another, every four seconds."""
    begins = [first_s + 4 * n for n in range(count)]
    return Street(*(Thing("car", along((s, -0.1, 0.6), (s + takes_s, 1.1, 0.6)), CAR) for s in begins))


SCENES = {
    "free": (10, column_of_cars(1, 4, 2)),
    "slow": (12, column_of_cars(-15, 16, 6)),
    "jammed": (14, row_of_cars(0.7, 0.5, 0.3, come=True)),
    "parked row": (6, row_of_cars(0.7, 0.5, 0.3, come=False)),
}


def test_the_traffic_of_a_street_is_reported_with_the_counts(tmp_path: Path) -> None:
    flows: dict[str, Any] = {}
    for name, (seconds, street) in SCENES.items():
        (tmp_path / name).mkdir()
        events = reported(tmp_path / name, street, seconds, counts_s=300)
        (flows[name],) = [event["data"]["flow"] for event in events] or [None]
    free, slow, jammed = flows["free"], flows["slow"], flows["jammed"]
    assert free["speed"] == pytest.approx(1.87, rel=0.25), "0.3 widths a second, and 0.16 long"
    assert slow["speed"] == pytest.approx(0.47, rel=0.25)
    assert slow["moving"] > 2 * free["moving"], "the same road, fuller"
    assert jammed["standing"] > max(1, jammed["moving"]), "it does not look like an empty road"
    assert flows["parked row"] is None
