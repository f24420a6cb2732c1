"""Real clips as an endless view through a window that can be moved and rolled."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.uint8]
"""Shape (height, width, 3), BGR."""

WIDTH, HEIGHT = 640, 360
CANVAS_WIDTH, CANVAS_HEIGHT = 896, 504
"""Size of the clip; the camera shows a window of it, so that it can be turned without invented pixels."""
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A static camera's clip. ``top``: share of its height that is cut off because of text in the picture."""

    file: str
    first_s: float  # earlier frames show a window of the recording program
    fps: float  # of the frames that are kept
    night: bool
    top: float = 0.0
    lefts: tuple[int, ...] = (48, 192)  # where windows begin on the canvas, to the next 16 pixels


CLIPS: dict[str, Clip] = {
    "street": Clip("vn_street_motorbikes.mp4", 0.45, 30.0, night=False),
    "asphalt": Clip("car-detection.mp4", 0.0, 5.0, night=False, lefts=(238,)),
    "room": Clip("one-by-one-person-detection.mp4", 10.0, 5.0, night=False),
    "barn": Clip("night_person_ken2190.mp4", 0.0, 5.0, night=True),
    "motorway": Clip("bgslibrary_video02_motorway.avi", 0.0, 5.0, night=False, top=0.14),
}


def data_folder() -> Path | None:
    """``$EDGE_AGENT_TEST_DATA``, where it has the clips."""
    folder = os.environ.get("EDGE_AGENT_TEST_DATA")
    return Path(folder) if folder and Path(folder, "video").is_dir() else None


class Footage:
    """The frames of a clip, forwards and backwards for ever, so that there is no jump at the restart."""

    def __init__(self, frames: list[Colour], fps: float) -> None:
        """``frames``: I420, which needs half the memory of BGR."""
        self._frames = frames
        self._fps = fps

    def window(self, time_s: float, x: float, y: float) -> Colour:
        """BGR of the 640 x 360 window with its top left at ``x``, ``y`` of the canvas; a fresh array."""
        whole = cv2.cvtColor(self._at(time_s), cv2.COLOR_YUV2BGR_I420)
        if float(x).is_integer() and float(y).is_integer():
            return np.ascontiguousarray(whole[int(y) : int(y) + HEIGHT, int(x) : int(x) + WIDTH])
        centre = (x + (WIDTH - 1) / 2, y + (HEIGHT - 1) / 2)
        return np.asarray(cv2.getRectSubPix(whole, (WIDTH, HEIGHT), centre), np.uint8)

    def turned(self, time_s: float, x: float, y: float, degrees: float) -> Colour:
        """The same window, rolled about its centre."""
        whole = cv2.cvtColor(self._at(time_s), cv2.COLOR_YUV2BGR_I420)
        matrix = cv2.getRotationMatrix2D((x + WIDTH / 2, y + HEIGHT / 2), degrees, 1.0)
        matrix[:, 2] -= np.array((x, y))
        return np.asarray(cv2.warpAffine(whole, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT))

    def _at(self, time_s: float) -> Colour:
        turn = max(1, len(self._frames) - 1)
        index = int(time_s * self._fps) % (2 * turn)
        return self._frames[index if index <= turn else 2 * turn - index]


@functools.cache
def footage(name: str, offset_s: float) -> Footage:
    """20 s of the clip from ``offset_s`` on, or less if it is shorter; cached, because many cases share
    it."""
    folder = data_folder()
    if folder is None:
        raise FileNotFoundError("EDGE_AGENT_TEST_DATA names no folder with video/")
    clip = CLIPS[name]
    frames: list[Colour] = []
    with av.open(str(folder / "video" / clip.file)) as container:
        due = clip.first_s + offset_s
        for frame in container.decode(video=0):
            at = frame.time or 0.0
            if at < due - 1e-6:
                continue
            due = at + 0.98 / clip.fps
            frames.append(_on_canvas(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), clip.top))
            if len(frames) >= SECONDS * clip.fps:
                break
    return Footage(frames, clip.fps)


def _on_canvas(picture: NDArray[np.uint8], top: float) -> Colour:
    """The largest part of the picture with the canvas's aspect, scaled to the canvas."""
    picture = picture[round(top * picture.shape[0]) :]
    height, width = picture.shape[:2]
    wanted = min(height, round(width * CANVAS_HEIGHT / CANVAS_WIDTH))
    wide = min(width, round(height * CANVAS_WIDTH / CANVAS_HEIGHT))
    left = (width - wide) // 2
    part = picture[height - wanted :, left : left + wide]
    shrinks = wide > CANVAS_WIDTH
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    sized = cv2.resize(part, (CANVAS_WIDTH, CANVAS_HEIGHT), interpolation=how)
    return np.asarray(cv2.cvtColor(sized, cv2.COLOR_BGR2YUV_I420), np.uint8)
