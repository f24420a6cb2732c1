from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_agent.detection.stage import DARK, brightened

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


def street(level: int, of_walker: int) -> Colour:
    """A flat noisy picture with a walker in the middle, levels of grey."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(max(0, level - 2), level + 3, (288, 512, 3), np.uint8)
    pixels[120:180, 250:270] = of_walker
    return pixels


def contrast(pixels: Colour) -> float:
    return float(abs(pixels[140:160, 255:265].mean() - pixels[120:180, 200:230].mean()))


def test_a_walker_in_an_unlit_yard_stands_out() -> None:
    dark = street(2, 14)
    assert contrast(brightened(dark)) > 2 * contrast(dark)


@pytest.mark.parametrize("level", [DARK + 10, 120])
def test_pictures_with_light_stay_as_they_are(level: int) -> None:
    pixels = street(level, 200)
    assert brightened(pixels) is pixels


def test_lamps_in_a_part_of_the_picture_do_not_make_it_light() -> None:
    pixels = street(4, 16)
    pixels[:, :80] = 250
    assert contrast(brightened(pixels)) > 2 * contrast(pixels)


def test_a_picture_is_not_changed_in_place() -> None:
    dark = street(2, 14)
    before = dark.copy()
    brightened(dark)
    assert np.array_equal(dark, before)


def test_the_smallest_picture_has_a_brightness() -> None:
    assert brightened(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)
