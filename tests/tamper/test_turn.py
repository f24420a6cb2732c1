"""A turned camera is detected beside the camera's own clock, a swinging pole and passers-by."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.tamper.frame_features import FrameFeatureExtractor, FrameFeatures
from edge_agent.tamper.shift import CameraShiftTracker, find_shift
from edge_agent.tamper.stillness import LATE, Stillness
from tests.tamper.painted import HEIGHT, WIDTH, street

SKETCHER = FrameFeatureExtractor(WIDTH, HEIGHT)


def seen(pan: int = 0, contrast: float = 1.0, clock: bool = False) -> FrameFeatures:
    """The painted street, turned by ``pan`` pixels."""
    picture = 60 + contrast * (street()[:, 40 + pan : 40 + pan + WIDTH].mean(axis=2) - 60)
    luma = np.clip(picture, 0, 255).astype(np.uint8)
    if clock:
        luma[:60, :280] = 20
        cv2.putText(luma, "2026-11-25 01:02", (4, 45), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (250,), 4)
    return SKETCHER.extract(SKETCHER.shrink(luma))


@pytest.mark.parametrize("contrast", [1.0, 0.12], ids=["by day", "by street lamps"])
@pytest.mark.parametrize("pan", [64, 150])
def test_a_clock_in_the_picture_hides_no_turn(pan: int, contrast: float) -> None:
    shift = find_shift(seen(pan, contrast, clock=True), seen(0, contrast, clock=True))
    assert shift is not None
    assert shift.x == pytest.approx(-pan / WIDTH, abs=0.015)


def test_a_turn_is_settled_although_a_person_hides_it_for_one_analysis() -> None:
    turn, usual = CameraShiftTracker(), seen()
    turn.update(seen(64), usual)
    assert not turn.settled
    turn.update(SKETCHER.extract(np.full((180, 320), 90, np.uint8)), usual)
    assert turn.shift is None
    turn.update(seen(64), usual)
    assert turn.settled


def test_a_view_that_is_elsewhere_at_each_analysis_swings() -> None:
    turn, usual = CameraShiftTracker(), seen()
    turn.update(seen(24), usual)
    turn.update(seen(-24), usual)
    assert turn.swings
    assert not turn.settled


def test_a_picture_is_not_called_frozen_before_life_is_known() -> None:
    """A passer-by at the first analysis makes all later pictures look still."""
    rng = np.random.default_rng(4)
    still = Stillness(SKETCHER.counted)
    quiet = SKETCHER.shrink(street()[:, :WIDTH].mean(axis=2).astype(np.uint8)).astype(np.float32)
    noisy = (quiet + rng.normal(0, 30 if k < 3 else 1, quiet.shape) for k in range(LATE))
    begun = [still.update(np.clip(picture, 0, 255).astype(np.uint8), k) for k, picture in enumerate(noisy)]
    assert not any(begun)
