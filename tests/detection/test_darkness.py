"""Dark pictures are brightened for the model, and what only their noise shows is no object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_agent.core.model import Box
from edge_agent.detection.darkness import DARK, brightened, only_visible
from tests.detection.fakes import detection, yard

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

WALKER, NOTHING = Box(0.48, 0.40, 0.54, 0.64), Box(0.7, 0.6, 0.9, 0.8)
"""In a ``yard``."""


def contrast(pixels: Colour) -> float:
    return float(abs(pixels[140:160, 255:265].mean() - pixels[120:180, 200:230].mean()))


def test_a_walker_in_an_unlit_yard_stands_out() -> None:
    dark = yard(2, 14)
    assert contrast(brightened(dark)) > 2 * contrast(dark)


@pytest.mark.parametrize("level", [DARK + 10, 120])
def test_pictures_with_light_stay_as_they_are(level: int) -> None:
    pixels = yard(level, 200)
    assert brightened(pixels) is pixels


def test_lamps_in_a_part_of_the_picture_do_not_make_it_light() -> None:
    pixels = yard(4, 16)
    pixels[:, :80] = 250
    assert contrast(brightened(pixels)) > 2 * contrast(pixels)


def test_a_picture_is_not_changed_in_place() -> None:
    dark = yard(2, 14)
    before = dark.copy()
    brightened(dark)
    assert np.array_equal(dark, before)


def test_the_smallest_picture_has_a_brightness() -> None:
    assert brightened(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)


def test_a_detection_in_enlarged_noise_is_dropped() -> None:
    dark, found = yard(1, 14), [detection(WALKER), detection(NOTHING)]
    assert [one.box for one in only_visible(found, dark, brightened(dark))] == [WALKER]


def test_a_plain_area_of_a_light_picture_may_be_an_object() -> None:
    light, found = yard(120, 200), [detection(WALKER), detection(NOTHING)]
    assert only_visible(found, light, brightened(light)) == found
