"""Judgements of sizes in the picture, with the figures of docs/design/rules.md and tracking.md."""

from __future__ import annotations

import pytest

from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE
from edge_agent.tools.doctor.aim.analysis import ObjectSize, judge


@pytest.mark.parametrize(
    ("group", "width", "height", "picture", "size"),
    [
        (PERSON, 4, 9, (640, 360), ObjectSize.TINY),  # never detected
        (PERSON, 8, 19, (640, 360), ObjectSize.SMALL),
        (PERSON, 9, 20, (640, 360), ObjectSize.GOOD),
        (PERSON, 20, 45, (640, 360), ObjectSize.GOOD),
        (TWO_WHEELER, 15, 25, (640, 360), ObjectSize.ENOUGH),
        (TWO_WHEELER, 18, 30, (640, 360), ObjectSize.GOOD),
        (VEHICLE, 50, 25, (640, 360), ObjectSize.ENOUGH),
        (None, 12, 25, (640, 360), ObjectSize.ENOUGH),  # a moving object without a label
        (PERSON, 18, 38, (1280, 720), ObjectSize.SMALL),  # 19 of 640
        (TWO_WHEELER, 18, 34, (640, 480), ObjectSize.ENOUGH),  # 4:3 is scaled by its height: 27
        (TWO_WHEELER, 30, 57, (1080, 1920), ObjectSize.SMALL),  # upright: 11
        (PERSON, 9, 20, (320, 180), ObjectSize.GOOD),  # a small stream is not enlarged
    ],
)
def test_how_large_is_large_enough(
    group: str | None, width: int, height: int, picture: tuple[int, int], size: ObjectSize
) -> None:
    assert judge(group, width, height, picture) is size
