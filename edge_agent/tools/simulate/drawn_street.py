"""Draws the pictures and clips of simulated alarms: a street, an object, and the word SIMULATED.

The same arguments give the same bytes on one machine.
"""

from __future__ import annotations

import io
import zlib
from functools import lru_cache
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 360
STREETS = 12
"""Number of different backgrounds; each takes 0.7 MB in the cache."""
CLIP_S, CLIP_FPS = 5, 5
CLIP_SIZE = (320, 180)
_HORIZON = 120
_COATS = ((60, 60, 170), (150, 90, 40), (60, 120, 60), (50, 50, 55))

PictureBox = tuple[float, float, float, float]
"""x1, y1, x2, y2 in 0..1 of the picture."""
_Pixels = NDArray[Any]


def draw_picture(view: str, label: str, box: PictureBox | None) -> bytes:
    """Return a JPEG of 640x360, about 20 kB. ``view`` names the camera and chooses its street; ``box``: where
    the object is; None: no object."""
    done, jpeg = cv2.imencode(".jpg", _picture(view, label, box), [cv2.IMWRITE_JPEG_QUALITY, 70])
    assert done
    return jpeg.tobytes()


def draw_clip(view: str, label: str, box: PictureBox | None) -> bytes:
    """Return an MP4 (H.264) of 5 s, in which the object walks or drives a little."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"g": str(CLIP_FPS), "bf": "0", "crf": "28", "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=CLIP_FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = *CLIP_SIZE, "yuv420p"
        stream.codec_context.thread_count = 1  # the same bytes again
        for number in range(CLIP_S * CLIP_FPS):
            picture = _picture(view, label, _moved(box, number / (CLIP_S * CLIP_FPS) - 0.5))
            small: NDArray[np.uint8] = cv2.resize(picture, CLIP_SIZE, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format="bgr24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def _moved(box: PictureBox | None, share: float) -> PictureBox | None:
    if box is None:
        return None
    across = 0.15 * share
    return box[0] + across, box[1], box[2] + across, box[3]


def _picture(view: str, label: str, box: PictureBox | None) -> _Pixels:
    number = zlib.crc32(view.encode())
    picture: _Pixels = _street(number % STREETS).copy()
    if box is not None:
        left, top, right, bottom = (
            round(value * side) for value, side in zip(box, (WIDTH, HEIGHT) * 2, strict=True)
        )
        draw = _draw_person if label == "person" else _draw_vehicle
        draw(picture, (left, top, right, bottom), _COATS[number % len(_COATS)])
    text = f"SIMULATED {view}"
    cv2.putText(picture, text, (14, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (235, 235, 235), 1, cv2.LINE_AA)
    return picture


@lru_cache(STREETS)
def _street(seed: int) -> _Pixels:
    """Draw houses below a sky, and a road to a vanishing point."""
    rng = np.random.default_rng(seed)
    picture: _Pixels = np.full((HEIGHT, WIDTH, 3), (128, 132, 134), np.uint8)
    picture[:_HORIZON] = np.linspace((205, 190, 170), (225, 222, 215), _HORIZON).astype(np.uint8)[:, None, :]
    x = 0
    while x < WIDTH:
        width, height = int(rng.integers(46, 96)), int(rng.integers(50, 108))
        colour = tuple(int(each) for each in np.sort(rng.integers(120, 205, 3)))
        cv2.rectangle(picture, (x, _HORIZON + 34 - height), (x + width, _HORIZON + 40), colour, -1)
        for row in range(_HORIZON + 42 - height, _HORIZON + 14, 22):
            for column in range(x + 8, x + width - 12, 20):
                cv2.rectangle(picture, (column, row), (column + 10, row + 12), (96, 88, 80), -1)
        x += width
    vanish = int(rng.integers(260, 380))
    far, near = _HORIZON + 40, HEIGHT
    road = np.array([[-80, near], [vanish - 14, far], [vanish + 14, far], [WIDTH + 100, near]])
    cv2.fillPoly(picture, [road], (92, 92, 90))
    cv2.line(picture, (vanish, far), (WIDTH // 2, near), (215, 220, 222), 3, cv2.LINE_AA)
    noisy: _Pixels = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
    return noisy


def _draw_person(picture: _Pixels, box: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    """Draw a person. ``box``: x1, y1, x2, y2 in pixels."""
    left, top, right, bottom = box
    middle, head, waist = (left + right) // 2, (bottom - top) // 8, top + (bottom - top) * 55 // 100
    cv2.rectangle(picture, (middle - head, waist), (middle - 3, bottom), (60, 50, 40), -1)
    cv2.rectangle(picture, (middle + 3, waist), (middle + head, bottom), (60, 50, 40), -1)
    cv2.rectangle(picture, (left, top + 2 * head), (right, waist), colour, -1)
    cv2.circle(picture, (middle, top + head), head, (150, 170, 200), -1, cv2.LINE_AA)


def _draw_vehicle(picture: _Pixels, box: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    """Draw a vehicle. ``box``: x1, y1, x2, y2 in pixels."""
    left, top, right, bottom = box
    quarter, half = (right - left) // 4, top + (bottom - top) // 2
    cv2.rectangle(picture, (left + quarter, top), (right - quarter, half), (190, 180, 170), -1)
    cv2.rectangle(picture, (left, half), (right, bottom - 8), colour, -1)
    for x in (left + quarter, right - quarter):
        cv2.circle(picture, (x, bottom - 8), 8, (40, 40, 40), -1, cv2.LINE_AA)
