"""Judgements of sizes in the picture, with the figures of docs/design/rules.md and tracking.md."""

from __future__ import annotations

import pytest

from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE
from edge_agent.tools.doctor.aim.analysis import ObjectSize, judge


@pytest.mark.parametrize(
    ("group", "width", "height", "picture_width", "size"),
    [
        (PERSON, 4, 9, 640, ObjectSize.TINY),  # never detected
        (PERSON, 8, 19, 640, ObjectSize.SMALL),
        (PERSON, 9, 20, 640, ObjectSize.GOOD),
        (PERSON, 20, 45, 640, ObjectSize.GOOD),
        (TWO_WHEELER, 15, 25, 640, ObjectSize.ENOUGH),
        (TWO_WHEELER, 18, 30, 640, ObjectSize.GOOD),
        (VEHICLE, 50, 25, 640, ObjectSize.ENOUGH),
        (None, 12, 25, 640, ObjectSize.ENOUGH),  # a moving object without a label
        (PERSON, 18, 38, 1280, ObjectSize.SMALL),  # 19 of 640
        (PERSON, 9, 20, 320, ObjectSize.GOOD),  # a small stream is not enlarged
    ],
)
def test_how_large_is_large_enough(
    group: str | None, width: int, height: int, picture_width: int, size: ObjectSize
) -> None:
    assert judge(group, width, height, picture_width) is size
