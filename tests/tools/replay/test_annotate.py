"""Zones and lines are drawn at their places."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_agent.core.facts import LineCountsObservation, Phase, RuleObservation, RuleRef, Stay
from edge_agent.core.model import NO_INFERENCES, Box, Motion, Scene, Severity, Tracks
from edge_agent.pipeline import FrameResult
from edge_agent.tools.replay.annotate import LINE, ZONE, _text, caption, draw
from tests.config.places import camera_of

RULES = """\
url: rtsp://h/s
zones: {lane: {polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.4], [0.1, 0.4]]}}
lines: {door: {from: [0.2, 0.7], to: [0.8, 0.7]}}
rules:
  - {id: a, kind: wrong-way, zone: lane, arrow: {from: [0.3, 0.25], to: [0.7, 0.25]}}
  - {id: b, kind: line-crossing, line: door}
"""


def test_lines_arrows_and_zones_are_drawn(tmp_path: Path) -> None:
    rules = camera_of(tmp_path, RULES).rules
    motion = Motion(regions=(), scene=Scene.STEADY, changed=0.0)
    nothing = FrameResult(motion, NO_INFERENCES, Tracks((), ()), False)
    picture = draw(np.zeros((360, 640, 3), np.uint8), nothing, rules=rules)
    assert tuple(picture[252, 400]) == LINE
    assert tuple(picture[90, 320]) == ZONE, "the arrow"
    assert tuple(picture[144, 320]) == ZONE, "the lower edge of the zone"
    assert picture[225:248, 310:345].any(), "the name of side A"
    assert picture[258:275, 310:345].any(), "the name of side B"


def test_a_vietnamese_name_is_written_in_plain_letters() -> None:
    vietnamese, plain = (np.zeros((60, 640, 3), np.uint8) for _ in range(2))
    _text(vietnamese, "Cổng trường Đề Thám", Box(0.1, 0.5, 0.1, 0.5), (0, 200, 0))
    _text(plain, "Cong truong De Tham", Box(0.1, 0.5, 0.1, 0.5), (0, 200, 0))
    assert (vietnamese == plain).all(), "OpenCV draws ? for other letters"


def test_what_a_rule_tells_stands_in_the_video_in_its_own_words() -> None:
    rule = RuleRef("yard-night", "zone-intrusion", Severity.ALARM)
    box, why = Box(0.1, 0.1, 0.2, 0.2), "person in yard for 2 s"
    hit = RuleObservation(Phase.START, "e", rule, Stay("yard", 2.0), why, 0.0, 2.0, None, box)
    assert caption(hit) == "yard-night start: person in yard for 2 s"
    counts = LineCountsObservation(rule, "door", "2026-11-24", 0.0, 60.0, {"person": 2, "car": 1}, {})
    assert caption(counts) == "door: 2 person, 1 car from A to B, none from B to A"
