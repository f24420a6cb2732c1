"""A clock in the picture keeps a camera in full mode without a reason, and health says where it is."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.core.model import Box, MotionRegion
from edge_agent.motion.persistent_motion import AFTER_S, PersistentMotion

CLOCK = Box(0.30, 0.02, 0.33, 0.06)  # the seconds of a clock


def watched(seconds: float, moving: object = None, clock: bool = True) -> PersistentMotion:
    """Five frames a second with a running clock; ``moving(t)``: the box of another object, or None."""
    spot = PersistentMotion()
    for n in range(round(seconds * 5)):
        boxes = [CLOCK] if clock and n % 5 == 0 else []
        if callable(moving) and (other := moving(n / 5)) is not None:
            boxes.append(other)
        spot.update([MotionRegion(box, box.area) for box in boxes], n / 5)
    return spot


def walker(t: float) -> Box | None:
    """A person crosses the picture for ten seconds, every two minutes."""
    x = t % 120 / 10
    return Box(x * 0.9, 0.5, x * 0.9 + 0.05, 0.7) if x < 1 else None


def traffic(t: float) -> Box:
    x = t % 4 / 4
    return Box(x * 0.9, 0.5, x * 0.9 + 0.05, 0.7)


def test_a_clock_is_found_where_it_is() -> None:
    box = watched(AFTER_S + 60).box
    assert box is not None
    assert CLOCK.inside(box) == pytest.approx(1.0)
    assert box.area < 0.05


def test_it_takes_minutes_to_be_sure() -> None:
    assert watched(AFTER_S - 10).box is None


def test_a_person_who_walks_by_now_and_then_hides_no_clock() -> None:
    assert watched(900, walker).box is not None


def test_a_street_is_no_clock() -> None:
    assert watched(900, traffic).box is None
    assert watched(900, traffic, clock=False).box is None


def test_a_quiet_place_has_none() -> None:
    assert watched(900, clock=False).box is None


def test_when_the_clock_is_masked_it_is_soon_forgotten() -> None:
    spot = watched(600)
    for n in range(120):
        spot.update([], 600.0 + n)
    assert spot.box is None


def test_rain_all_over_the_picture_is_no_clock() -> None:
    rng = np.random.default_rng(3)
    spot = PersistentMotion()
    for n in range(3000):
        x, y = rng.uniform(0, 0.95, 2)
        spot.update([MotionRegion(Box(x, y, x + 0.02, y + 0.05), 0.001)], n / 5)
    assert spot.box is None
