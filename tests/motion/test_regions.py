"""From a mask to blobs: every group of pixels once, with exactly its own pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.motion.regions import REACH_X, REACH_Y, ForegroundBlob, RegionFinder

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

WIDTH, HEIGHT = 160, 90


def empty() -> Gray:
    return np.zeros((HEIGHT, WIDTH), np.uint8)


def find(mask: Gray) -> list[ForegroundBlob]:
    return RegionFinder(WIDTH, HEIGHT).find(mask)


def test_a_thing_has_its_own_box_and_pixels() -> None:
    mask = empty()
    mask[20:40, 30:50] = 255
    mask[20:25, 30:35] = 0
    assert find(mask) == [ForegroundBlob(30, 20, 20, 20, 375)]


def test_what_is_within_reach_is_one_thing() -> None:
    mask = empty()
    mask[10:20, 10:20] = mask[10:20, 20 + 2 * REACH_X : 40] = 255
    mask[20 + 2 * REACH_Y : 60, 10:20] = 255
    assert [(p.x, p.y, p.width, p.height) for p in find(mask)] == [(10, 10, 30, 50)]


def test_what_is_out_of_reach_is_two_things() -> None:
    mask = empty()
    mask[10:20, 10:20] = mask[10:20, 21 + 2 * REACH_X : 40] = 255
    assert len(find(mask)) == 2


def test_a_thing_within_another_ones_bend_keeps_its_pixels_to_itself() -> None:
    mask = empty()
    mask[10:80, 10:20] = mask[70:80, 10:120] = 255  # an L ...
    mask[20:40, 60:90] = 255  # ... and something in its box
    assert [(p.width, p.pixels) for p in find(mask)] == [(110, 1700), (30, 600)]


def test_a_thing_within_a_ring_is_a_thing() -> None:
    mask = empty()
    mask[10:80, 10:120] = 255
    mask[20:70, 20:110] = 0
    mask[40:50, 60:70] = 255
    assert [(p.x, p.y, p.pixels) for p in find(mask)] == [(10, 10, 7700 - 4500), (60, 40, 100)]


def test_a_thing_at_the_edge_has_a_box_inside_the_picture() -> None:
    mask = empty()
    mask[70:, 150:] = 255
    assert find(mask) == [ForegroundBlob(150, 70, 10, 20, 200)]


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.floats(0.5, 0.95))
def test_any_mask_has_the_groups_that_opencv_counts(seed: int, grain: int, threshold: float) -> None:
    coarse = np.random.default_rng(seed).random((HEIGHT // grain + 1, WIDTH // grain + 1))
    mask = np.where(cv2.resize(coarse, (WIDTH, HEIGHT)) > threshold, 255, 0).astype(np.uint8)
    reach = np.ones((2 * REACH_Y + 1, 2 * REACH_X + 1), np.uint8)
    count, labels = cv2.connectedComponents(cv2.dilate(mask, reach))
    pixels = np.bincount(labels.astype(np.int64)[mask > 0], minlength=count)[1:]
    counted = sorted((n for n in pixels.tolist() if n >= 4), reverse=True)
    assert [patch.pixels for patch in find(mask)] == counted
