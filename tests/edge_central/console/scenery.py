"""Draws streets for snapshots of the invented city: without people, and marked as invented."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 360
Picture = NDArray[Any]
RIDERS = (((60, 60, 190), (0.42, 0.52)), ((190, 120, 50), (0.55, 0.70)), ((70, 150, 70), (0.30, 0.78)))


@cache
def street(seed: int, *, night: bool = False, rain: bool = False, covered: bool = False) -> bytes:
    """A JPEG of about 15 kB."""
    rng = np.random.default_rng(seed)
    if covered:
        picture = np.full((HEIGHT, WIDTH, 3), (38, 42, 46), np.uint8)
    else:
        picture = _street(rng)
        if night:
            picture = _night(picture)
        if rain:
            picture = _rain(picture, rng)
    noise = rng.normal(0, 4 if night else 2, picture.shape)
    noisy: Picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    cv2.putText(noisy, "SIMULATED", (14, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (235, 235, 235), 1, cv2.LINE_AA)
    done, jpeg = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 62])
    assert done
    return jpeg.tobytes()


def _street(rng: np.random.Generator) -> Picture:
    picture: Picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    horizon = 120
    sky = np.linspace((205, 190, 170), (225, 222, 215), horizon).astype(np.uint8)
    picture[:horizon] = sky[:, None, :]
    picture[horizon:] = (128, 132, 134)
    _houses(picture, rng, horizon)
    left, right = int(rng.integers(-120, -40)), int(rng.integers(WIDTH + 40, WIDTH + 160))
    vanish = int(rng.integers(260, 380))
    far_end = [vanish - 14, horizon + 16], [vanish + 14, horizon + 16]
    cv2.fillPoly(picture, [np.array([[left, HEIGHT], *far_end, [right, HEIGHT]])], (92, 92, 90))
    for step in range(7):
        near, far = ((step + 0.55) / 7) ** 2, (step / 7) ** 2
        y1, y2 = (int(horizon + 16 + (HEIGHT - horizon - 16) * t) for t in (far, near))
        cv2.line(picture, (vanish, y1), (vanish, y2), (215, 220, 222), max(1, int(5 * near)), cv2.LINE_AA)
    cv2.line(picture, (left + 20, HEIGHT), (vanish - 12, horizon + 16), (200, 205, 205), 2, cv2.LINE_AA)
    for colour, (x, y) in RIDERS:
        _rider(picture, x + rng.uniform(-0.12, 0.12), y + rng.uniform(-0.04, 0.1), colour)
    return cv2.GaussianBlur(picture, (3, 3), 0)


def _houses(picture: Picture, rng: np.random.Generator, horizon: int) -> None:
    x = 0
    while x < WIDTH:
        width, height = int(rng.integers(46, 96)), int(rng.integers(50, 108))
        tone = rng.integers(120, 205, 3)
        colour = tuple(int(each) for each in np.sort(tone))
        cv2.rectangle(picture, (x, horizon + 34 - height), (x + width, horizon + 40), colour, -1)
        for row in range(horizon + 42 - height, horizon + 14, 22):
            for column in range(x + 8, x + width - 12, 20):
                cv2.rectangle(picture, (column, row), (column + 10, row + 12), (96, 88, 80), -1)
        cv2.rectangle(picture, (x, horizon + 22), (x + width, horizon + 40), (70, 74, 96), -1)
        x += width


def _rider(picture: Picture, x: float, y: float, colour: tuple[int, int, int]) -> None:
    size = int(16 + 70 * max(0.0, y - 0.38))
    middle, top, half = int(x * WIDTH), int(y * HEIGHT), size // 5
    cv2.ellipse(picture, (middle, top + size), (size // 2, size // 6), 0, 0, 360, (60, 60, 60), -1)
    cv2.rectangle(picture, (middle - half, top), (middle + half, top + size), (44, 44, 46), -1)
    cv2.ellipse(picture, (middle, top + size // 6), (size // 3, size // 2), 0, 0, 360, colour, -1, 16)
    cv2.circle(picture, (middle, top - size // 3), half, (200, 205, 214), -1, cv2.LINE_AA)


def _night(picture: Picture) -> Picture:
    dark = picture.astype(np.float32) * 0.28
    glow: Picture = np.zeros((HEIGHT, WIDTH), np.float32)
    for x in (120, 330, 540):
        cv2.circle(glow, (x, 118), 90, 1.0, -1)
    glow = cv2.GaussianBlur(glow, (0, 0), 50)
    lit: Picture = np.clip(dark + glow[:, :, None] * np.array([70, 120, 150]), 0, 255).astype(np.uint8)
    return lit


def _rain(picture: Picture, rng: np.random.Generator) -> Picture:
    washed = cv2.GaussianBlur(picture, (9, 9), 0).astype(np.float32) * 0.55 + 80
    streaks = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(260):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT))
        cv2.line(streaks, (x, y), (x - 3, y + int(rng.integers(8, 20))), 60, 1, cv2.LINE_AA)
    wet: Picture = np.clip(washed + streaks[:, :, None], 0, 255).astype(np.uint8)
    return wet
