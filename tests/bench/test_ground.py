"""The comparison of speeds with paths that were marked by hand."""

from __future__ import annotations

import pytest

from bench.ground.clips import clips, compare, hand_speed
from bench.passages.marks import Mark, read_marks
from edge_agent.core.ground import GroundPlane

PLANE = GroundPlane(((0.1, 0.9), (0.9, 0.9), (0.9, 0.5), (0.1, 0.5)), ((0, 0), (8, 0), (8, 4), (0, 4)))


def test_the_speed_of_a_marked_path_is_its_length_on_the_road_over_its_time() -> None:
    walked = Mark("person", [(10.0, 0.2, 0.7), (11.0, 0.4, 0.7), (12.0, 0.4, 0.5)])
    assert hand_speed(walked, PLANE) == pytest.approx((2 + 2) / 2)
    cut_off = Mark("person", [(10.0, 0.2, 0.99), (11.0, 0.2, 0.8), (11.5, 0.2, 0.7)])
    assert hand_speed(cut_off, PLANE) is None, "half a second of it is well inside the picture"


def test_each_clip_has_marks_by_hand() -> None:
    marked = {each.clip for each in read_marks()}
    assert {file for file, _ in clips()} <= marked
    assert callable(compare)
