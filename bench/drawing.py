"""Draws the pictures of the bench's cameras: a place, moving objects, and a sensor's noise. BGR, uint8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.testbed.walker import draw_person

Pixels = NDArray[np.uint8]
NOISE_SIGMA = 2.0
SHIFTS = 97
WALK_S = 5.0


class Camera:
    """A fixed view of ``width`` x ``height`` with its own noise, the same for the same seed."""

    def __init__(self, width: int, height: int, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.width, self.height = width, height
        self.unit = width / 640
        view = np.zeros((height, width), np.float64)
        for cells, depth in ((24, 60), (80, 25), (240, 12)):  # edges and texture at three scales
            coarse = rng.uniform(-0.5, 0.5, (cells * height // width, cells)) * depth
            view += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        grey = np.clip(view + 140, 0, 255).astype(np.uint8)
        self.place: Pixels = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
        sheet = rng.normal(0, NOISE_SIGMA, (height + SHIFTS, width + SHIFTS))
        self._noise = np.repeat(np.rint(sheet)[:, :, None], 3, axis=2).astype(np.int16)

    def exposed(self, picture: Pixels, number: int) -> Pixels:
        """The picture with the noise of frame ``number``."""
        # Another part of the same noise each time: as good as fresh noise, and fast.
        down, right = number * 29 % SHIFTS, number * 53 % SHIFTS
        noise = self._noise[down : down + self.height, right : right + self.width]
        exposed: Pixels = cv2.add(picture, noise, dtype=cv2.CV_8U)  # type: ignore[assignment]
        return exposed


@dataclass(frozen=True, slots=True)
class Mover:
    """Crosses the picture once in ``period_s``, for ever; lengths in pixels of a picture 640 wide."""

    kind: str
    foot: float
    height: float
    period_s: float
    offset_s: float
    leftwards: bool = False


BUSY_STREET = (
    Mover("vehicle", 150, 40, 6.0, 0.0),
    Mover("vehicle", 165, 45, 7.5, 3.0, leftwards=True),
    Mover("vehicle", 155, 42, 10.0, 5.0),
    Mover("person", 230, 90, 12.0, 1.0),
    Mover("person", 240, 95, 15.0, 6.0, leftwards=True),
    Mover("person", 300, 140, 10.0, 2.0),
    Mover("person", 320, 150, 12.0, 8.0, leftwards=True),
    Mover("vehicle", 345, 80, 5.0, 2.5),
)
"""All periods divide 60 s, so that a loop of a minute has no jump."""


def busy(camera: Camera, fps: int, seconds: float, movers: Sequence[Mover] = BUSY_STREET) -> Iterator[Pixels]:
    """People and vehicles are in view in every picture."""
    for number in range(round(seconds * fps)):
        picture = camera.place.copy()
        for mover in movers:
            _draw(picture, mover, number / fps, camera)
        yield camera.exposed(picture, number)


@dataclass(frozen=True, slots=True)
class Visit:
    """A person is in view from ``begin_s`` for ``seconds``.

    ``walks_in``: the person comes from beyond the left edge and crosses within ``WALK_S``. Otherwise the
    person appears as from behind a wall: whole from the first picture to the last, walking."""

    begin_s: float
    seconds: float
    walks_in: bool = False


def visited(camera: Camera, fps: int, seconds: float, visits: Sequence[Visit]) -> Iterator[Pixels]:
    """An empty place with visits."""
    for number in range(round(seconds * fps)):
        picture = camera.place.copy()
        for visit in visits:
            _draw_visitor(picture, visit, number / fps - visit.begin_s, camera)
        yield camera.exposed(picture, number)


def ordinary(camera: Camera, fps: int, seconds: float) -> Iterator[Pixels]:
    """A walker every 8.6 s: 10,000 objects a day, as in an ordinary street of the city."""
    beginnings = np.arange(1.0, seconds - WALK_S, 86_400 / 10_000)
    return visited(
        camera, fps, seconds, [Visit(round(float(b), 1), WALK_S, walks_in=True) for b in beginnings]
    )


def first_shown(camera: Camera, fps: int, visit: Visit) -> int:
    """Number of the first frame in which one pixel of the visitor can be seen."""
    number = max(0, round(visit.begin_s * fps))
    while True:
        picture = camera.place.copy()
        _draw_visitor(picture, visit, number / fps - visit.begin_s, camera)
        if not np.array_equal(picture, camera.place):
            return number
        number += 1
        if number > (visit.begin_s + visit.seconds) * fps:
            raise ValueError(f"{visit} is never in view")


def _draw_visitor(picture: Pixels, visit: Visit, since_s: float, camera: Camera) -> None:
    # A small tolerance: in floating point, 26.3 s are not a whole number of frames.
    if not -1e-6 <= since_s < visit.seconds - 1e-6:
        return
    unit = camera.unit
    x = -30 + since_s / WALK_S * 700 if visit.walks_in else 250 + since_s * 60
    draw_person(picture, x * unit, foot=300 * unit, height=150 * unit, phase=since_s * 6)


def _draw(picture: Pixels, mover: Mover, at_s: float, camera: Camera) -> None:
    unit = camera.unit
    share = ((at_s + mover.offset_s) / mover.period_s) % 1.0
    half = mover.height * (1.3 if mover.kind == "vehicle" else 0.4)
    x = (-half + share * (640 + 2 * half)) * unit
    if mover.leftwards:
        x = camera.width - x
    if mover.kind == "person":
        draw_person(picture, x, foot=mover.foot * unit, height=mover.height * unit, phase=at_s * 6)
    else:
        _draw_vehicle(picture, x, mover.foot * unit, mover.height * unit)


def _draw_vehicle(picture: NDArray[Any], x: float, foot: float, height: float) -> None:
    left, right = round(x - 1.2 * height), round(x + 1.2 * height)
    body_top, roof_top, base = round(foot - 0.6 * height), round(foot - height), round(foot - 0.15 * height)
    cv2.rectangle(picture, (left, body_top), (right, base), (60, 50, 150), -1)
    cabin = (round(x - 0.6 * height), roof_top), (round(x + 0.6 * height), body_top)
    cv2.rectangle(picture, *cabin, (90, 80, 70), -1)
    for side in (-0.7, 0.7):
        wheel = (round(x + side * height), round(foot - 0.2 * height))
        cv2.circle(picture, wheel, round(0.2 * height), (25, 25, 25), -1, cv2.LINE_AA)
