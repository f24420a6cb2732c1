"""The lag between two streams of one scene, from their pictures alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.stills.alignment import (
    MINIATURE,
    LagEstimate,
    Miniatures,
    StreamAlignment,
    lag_between,
    view_correlation,
)
from edge_agent.stills.maker import SAME_VIEW
from tests.testbed.numbered import STRIP_MASK, scene

RNG = np.random.default_rng(3)


def filmed(
    times_s: np.ndarray,
    shift_s: float = 0.0,
    *,
    size: tuple[int, int] = (320, 180),
    noise: float = 3.0,
    moving: bool = True,
) -> Miniatures:
    """The numbered scene at these times, as a stream shows it that is ``shift_s`` late."""
    coarse = np.random.default_rng(5).integers(70, 170, (18, 32), np.uint8)
    grey = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    ground = np.repeat(grey[:, :, None], 3, axis=2)
    pixels = []
    for time_s in times_s:
        tick = round((time_s - shift_s) * 20) if moving else 40
        picture = cv2.cvtColor(scene(ground, max(0, tick)), cv2.COLOR_BGR2GRAY).astype(np.float32)
        picture += RNG.normal(0, noise, picture.shape)
        pixels.append(cv2.resize(picture, MINIATURE, interpolation=cv2.INTER_AREA).ravel())
    return Miniatures(times_s, np.array(pixels, np.float32))


@pytest.mark.parametrize("lag_s", [0.0, 0.13, 0.42, -0.36, 1.1, -1.1])
def test_a_moving_car_shows_the_lag(lag_s: float) -> None:
    sub = filmed(np.arange(0.5, 5.5, 0.1))
    main = filmed(np.arange(2.0, 4.0, 0.05), lag_s, size=(640, 360))
    estimate = lag_between(main, sub, (STRIP_MASK,))
    assert estimate is not None
    assert estimate.lag_s == pytest.approx(lag_s, abs=0.03)


def test_where_nothing_moves_no_lag_is_claimed() -> None:
    sub = filmed(np.arange(0.5, 5.5, 0.1), moving=False)
    main = filmed(np.arange(2.0, 4.0, 0.05), moving=False)
    assert lag_between(main, sub) is None


def test_what_moves_back_and_forth_shows_no_lag() -> None:
    """A fan or a flag fits again after each period."""

    def swinging(times_s: np.ndarray, late_s: float) -> Miniatures:
        still = filmed(np.zeros(1), moving=False).pixels[0].reshape(MINIATURE[::-1])
        pixels = []
        for time_s in times_s:
            picture = still + RNG.normal(0, 1, still.shape)
            x = 80 + round(20 * np.sin(2 * np.pi * (time_s - late_s) / 0.6))
            picture[40:60, x : x + 8] = 240
            pixels.append(picture.ravel())
        return Miniatures(times_s, np.array(pixels, np.float32))

    assert lag_between(swinging(np.arange(2, 4, 0.05), 0.2), swinging(np.arange(0.5, 5.5, 0.1), 0)) is None


def test_a_lag_beyond_the_search_is_not_claimed() -> None:
    sub = filmed(np.arange(0.5, 5.5, 0.1))
    assert lag_between(filmed(np.arange(2.0, 4.0, 0.05), 2.4), sub, (STRIP_MASK,)) is None


def test_streams_of_one_view_look_alike_at_any_aspect_and_a_part_of_it_does_not() -> None:
    sub = filmed(np.arange(0.5, 2.5, 0.1), size=(352, 288))
    main = filmed(np.arange(0.5, 2.5, 0.1), size=(640, 360))
    assert view_correlation(main, sub) > 0.9
    part = main.pixels.reshape(-1, *MINIATURE[::-1])[:, :, 20:140]
    zoomed = np.array([cv2.resize(each, MINIATURE).ravel() for each in part])
    assert view_correlation(Miniatures(main.times_s, zoomed), sub) < 0.6


@pytest.mark.parametrize(
    "shown",
    [(0.125, 0.0, 0.875, 1.0), (0.0, 0.125, 1.0, 0.875), (0.05, 0.0, 1.0, 1.0), (0.025, 0.025, 0.975, 0.975)],
    ids=["4:3 of 16:9", "16:9 of 4:3", "moved", "larger"],
)
def test_a_bright_sky_above_a_dark_road_does_not_make_other_views_alike(
    shown: tuple[float, float, float, float],
) -> None:
    rng = np.random.default_rng(11)
    whole = np.linspace(220, 30, 720)[:, None] + np.zeros((1, 1280))
    whole += cv2.resize(rng.normal(0, 25, (36, 64)), (1280, 720), interpolation=cv2.INTER_CUBIC)

    def stream(left: float, top: float, right: float, bottom: float) -> Miniatures:
        part = whole[round(720 * top) : round(720 * bottom), round(1280 * left) : round(1280 * right)]
        small = cv2.resize(part, MINIATURE, interpolation=cv2.INTER_AREA).ravel()
        return Miniatures(np.arange(8.0), (small + rng.normal(0, 2, (8, small.size))).astype(np.float32))

    main = stream(0.0, 0.0, 1.0, 1.0)
    assert view_correlation(main, stream(0.0, 0.0, 1.0, 1.0)) > 0.9
    assert view_correlation(main, stream(*shown)) < SAME_VIEW - 0.05


def test_what_was_learnt_holds_for_these_connections_only() -> None:
    alignment, main, sub = StreamAlignment(), object(), object()
    alignment.connected(main, sub)
    for lag_s in (0.40, 0.42, 0.41):
        alignment.add(LagEstimate(lag_s, 0.9), 10.0)
    assert alignment.lag_s == pytest.approx(0.41)
    assert alignment.is_settled(0.025, 20.0)
    assert not alignment.is_settled(0.01, 20.0), "the samples differ by more"
    assert not alignment.is_settled(0.025, 10_000.0), "the clock of a camera drifts"
    alignment.connected(main, sub)
    assert alignment.learnt
    alignment.connected(main, object())
    assert (alignment.learnt, alignment.lag_s) == (False, 0.0)
