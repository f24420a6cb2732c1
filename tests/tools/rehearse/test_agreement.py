"""Live and rehearsed: each kind of rule on drawn streets and on footage, with the same objects in both."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bench.passages.rehearsal import BEGAN_AT, Agreement, TimedReport, compare, live, rehearsed, stored
from bench.passages.run import RecordedReports
from edge_agent.cameras.build import DetectorAccess, PipelineContext, budget_of, build_pipeline
from edge_agent.config.loader import load
from edge_agent.detection.worker import InlineInference
from edge_agent.passages.observer import PassageObserver
from edge_agent.passages.passage import Passage
from edge_agent.tools.rehearse import synthetic
from edge_agent.tools.replay.run import JsonLinesWriter
from edge_agent.tracking import lifecycle
from tests.events.parts import maker
from tests.testbed.agent import write_config
from tests.testbed.traffic import Reader, Street, Thing, along

CAR, BIKE, PERSON = (0.16, 0.16), (0.05, 0.14), (0.05, 0.26)
CAMERA = {
    "zones": {
        "road": {"polygon": [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]]},
        "yard": {"polygon": [[0.4, 0.3], [0.7, 0.3], [0.7, 0.9], [0.4, 0.9]]},
    },
    "lines": {"middle": {"from": [0.5, 0.0], "to": [0.5, 1.0]}},
}
RULES = [
    {"id": "in", "kind": "zone-intrusion", "zone": "yard", "cooldown_s": 0},
    {"id": "stay", "kind": "loitering", "zone": "yard", "min_duration_s": 8, "cooldown_s": 0},
    {"id": "cross", "kind": "line-crossing", "line": "middle", "cooldown_s": 0},
    {"id": "stop", "kind": "stopped-vehicle", "zone": "road", "still_s": 20, "cooldown_s": 0},
    {"id": "crowd", "kind": "crowding", "zone": "road", "count": 6, "min_duration_s": 5},
    {"id": "night", "kind": "line-crossing", "line": "middle", "schedule": {"from": "22:00", "to": "05:00"}},
    {
        "id": "way",
        "kind": "wrong-way",
        "zone": "road",
        "arrow": {"from": [0.2, 0.5], "to": [0.8, 0.5]},
        "cooldown_s": 0,
    },
]

Reports = dict[str, tuple[list[TimedReport], list[TimedReport]]]


def both(folder: Path, street: Street, seconds: float) -> Reports:
    """Live and rehearsed reports of a street that begins at noon, by rule."""
    camera = {"id": "cam-1", "url": str(folder), "rules": RULES, **CAMERA}
    settings = load(write_config(folder, cameras=[camera]))
    access = DetectorAccess(InlineInference(Reader(street.things)), budget_of(settings.detector, ("cam-1",)))
    passages: list[Passage] = []
    gateway = settings.gateway
    site = PipelineContext(
        access,
        settings.detector.min_score,
        maker(),
        JsonLinesWriter(io.StringIO()),
        gateway.timezone,
        gateway.holidays,
        passages=lambda _: PassageObserver("cam-1", passages.append),
    )
    pipeline = build_pipeline(settings.cameras[0], site, "t")
    sink = RecordedReports()
    pipeline.sink = sink
    for frame in street.frames(seconds, BEGAN_AT):
        pipeline.process(frame)
    pipeline.stop("camera")
    reader = stored(passages, folder / "passages")
    return {
        rule.id: (live(sink.reports, rule.id), rehearsed(reader, "cam-1", rule, timezone=gateway.timezone))
        for rule in settings.cameras[0].rules
    }


def walk(y: float, start: float, *, back: bool = False, label: str = "person") -> Thing:
    xs = (1.1, -0.1) if back else (-0.1, 1.1)
    size = BIKE if label != "person" else PERSON
    return Thing(label, along((start, xs[0], y), (start + 8, xs[1], y)), size)


STAY = (12, 0.62, 0.85), (26, 0.66, 0.85)
STREETS = {
    "people and riders pass in both directions": (
        Street(
            walk(0.5, 1),
            walk(0.8, 3, back=True),
            walk(0.6, 12, label="motorcycle"),
            walk(0.6, 21, back=True, label="motorcycle"),
        ),
        31,
        {"in": 4, "cross": 4, "way": 1},
    ),
    "a car stops for 30 s, somebody stays, and somebody turns at the line": (
        Street(
            Thing("car", along((2, -0.1, 0.6), (6, 0.55, 0.6), (36, 0.55, 0.6), (40, 1.1, 0.6)), CAR),
            Thing("person", along((3, 0.2, 1.3), (8, 0.2, 0.9), *STAY, (34, 0.66, 1.4)), PERSON),
            Thing("person", along((30, -0.1, 0.4), (34, 0.44, 0.4), (38, -0.1, 0.4)), PERSON),
        ),
        44,
        {"in": 2, "stay": 2, "stop": 1, "cross": 2},
    ),
    "ten come and stand together, and leave": (
        Street(
            *(
                Thing(
                    "person",
                    along(
                        (1 + 0.5 * n, -0.05, 0.6),
                        *((t, 0.9 - 0.08 * n, y) for t, y in ((6 + 0.5 * n, 0.6), (30, 0.6), (36, 1.4))),
                    ),
                    (0.04, 0.2),
                )
                for n in range(10)
            )
        ),
        40,
        {"crowd": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STREETS)
def test_live_and_rehearsal_say_the_same_on_drawn_streets(name: str, tmp_path: Path) -> None:
    """The same objects, and times at most a second apart. No rule reports what the other does not."""
    street, seconds, expected = STREETS[name]
    found = both(tmp_path, street, seconds)
    assert {rule: len(reports) for rule, (reports, _) in found.items() if rule in expected} == expected
    for rule, (seen, repeated) in found.items():
        agreement = Agreement()
        agreement.add(seen, repeated)
        counts = (agreement.same, agreement.live, agreement.rehearsed)
        assert counts == (len(seen),) * 3, (rule, seen, repeated)
    assert found["night"] == ([], []), "it is noon"


LEAST_SAME = {"line-crossing": 0.9, "zone-intrusion": 0.8, "wrong-way": 0.8}
"""Of all reports that live or rehearsal made; docs/design/rehearsal.md has the figures of all clips."""


def test_live_and_rehearsal_on_a_real_motorway(test_data: Path) -> None:
    found = compare(test_data / "video" / "bgslibrary_video02_motorway.avi", 15.0, 5.0)
    for kind, least in LEAST_SAME.items():
        each = found[kind]
        assert each.live > 5
        assert each.same >= least * (each.live + each.rehearsed - each.same), (kind, each)


def test_a_lost_track_lasts_as_long_as_in_the_tracker() -> None:
    assert synthetic.LOST_S == lifecycle.LOST_S
