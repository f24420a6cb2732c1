"""A rendered clip of a walking person, whom OpenCV detects as a person: real input without footage."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.testbed.clips import made_once
from tests.testbed.noise import SensorNoise

SIZE = (640, 360)
FPS = 10
STEPS = 6 * 5 / 700  # radians a pixel
HEIGHT = 150.0  # of a person, in pixels
SKIN, COAT, TROUSERS = (150, 170, 200), (40, 40, 45), (60, 50, 40)


WalkPath = Callable[[float], tuple[float, float] | None]
"""Where somebody's feet are at a second, in pixels; None while nobody is there."""


def walking_clip(
    path: Path, *, empty_s: float = 2.0, walk_s: float = 5.0, tail_s: float = 2.0, height: float = HEIGHT
) -> Path:
    """An empty place, one person crossing it from left to right, empty again."""

    def way(t: float) -> tuple[float, float] | None:
        walked_s = t - empty_s
        return (-30 + walked_s / walk_s * (SIZE[0] + 60), 300) if 0 <= walked_s < walk_s else None

    # Six radians a second at any speed: the detector finds people with this gait.
    steps = 6 * walk_s / (SIZE[0] + 60)
    return people_clip(path, [way], empty_s + walk_s + tail_s, steps, height)


def people_clip(
    path: Path, people: Sequence[WalkPath], seconds: float, steps: float = STEPS, height: float = HEIGHT
) -> Path:
    """H.264, 640x360 at 10 fps: people of ``height`` pixels in an empty place. Later people are in front of
    earlier ones.

    ``steps``: radians of the gait for each pixel.
    """
    feet = [[way(number / FPS) for way in people] for number in range(round(seconds * FPS))]
    wanted = f"people {height} {steps} {feet}"
    return made_once(
        path, wanted, lambda path: film(path, _pictures(feet, steps, height), SIZE, {"crf": "23"})
    )


def _pictures(
    feet: Sequence[Sequence[tuple[float, float] | None]], steps: float, height: float
) -> Iterator[NDArray[Any]]:
    """``feet``: of each person in each picture."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(110, 170, (23, 40), np.uint8)
    place = cv2.cvtColor(cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2BGR)
    noise = SensorNoise(rng, 2, place.shape)
    for now in feet:
        picture = place.copy()
        for x, y in filter(None, now):
            draw_person(picture, x, foot=y, height=height, phase=steps * (x + 30 + y - 300))
        yield noise.on(picture)


def film(path: Path, pictures: Iterable[NDArray[Any]], size: tuple[int, int], how: dict[str, str]) -> Path:
    """Encode pictures, BGR or grey, as H.264 at 10 fps with a keyframe every 2 s; ``how``: for libx264."""
    common = {"g": "20", "bf": "0", "preset": "veryfast"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=common | how)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for picture in pictures:
            form = "bgr24" if picture.ndim == 3 else "gray"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format=form)))
        container.mux(stream.encode(None))
    return path


def draw_person(picture: NDArray[Any], x: float, *, foot: float, height: float, phase: float) -> None:
    """A silhouette around ``x`` standing at ``foot``, all in pixels; ``phase`` of the step in radians."""
    unit = height / 8  # drawing schools count a person as eight heads
    top = foot - height
    cv2.circle(picture, (round(x), round(top + 0.55 * unit)), round(0.55 * unit), SKIN, -1, cv2.LINE_AA)
    coat = [(-0.95, 1.4), (0.95, 1.4), (0.75, 4.2), (-0.75, 4.2)]
    outline = np.array([(x + dx * unit, top + dy * unit) for dx, dy in coat], np.int32)
    cv2.fillPoly(picture, [outline], COAT, cv2.LINE_AA)
    swing = math.sin(phase) * 0.7
    for side in (1, -1):
        _limb(picture, x, top, unit, (side * 0.35, 4.0), (side * (0.35 + swing), 8.0), TROUSERS, 0.75)
        _limb(picture, x, top, unit, (side * 0.95, 1.6), (side * (1.15 - swing / 2), 4.3), COAT, 0.45)


def _limb(
    picture: NDArray[Any],
    x: float,
    top: float,
    unit: float,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: tuple[int, int, int],
    width: float,
) -> None:
    begin, finish = ((round(x + dx * unit), round(top + dy * unit)) for dx, dy in (start, end))
    cv2.line(picture, begin, finish, colour, round(width * unit), cv2.LINE_AA)
