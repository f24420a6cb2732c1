"""Decodes small JPEGs of unknown origin: the size in the header is checked before a decoder sees the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

MAX_DECODED_SIDE = 1024
PASSAGE_SIDE = 128
"""The longest side of a passage's picture in pixels; a larger picture is scaled down to it."""

_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended, progressive: ITU-T T.81, table B.1
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length
_SCAN = 0xDA


def jpeg_size(payload: bytes) -> tuple[int, int] | None:
    """Return (width, height) from the frame header; None if it is no JPEG or its header is unknown."""
    if not payload.startswith(b"\xff\xd8\xff"):
        return None
    place = 2
    while place + 9 <= len(payload) and payload[place] == 0xFF:
        marker = payload[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in _ALONE:
            place += 2
        elif marker in _FRAMES:
            height, width = (int.from_bytes(payload[place + n : place + n + 2]) for n in (5, 7))
            return width, height
        elif marker == _SCAN:
            return None
        else:
            place += 2 + int.from_bytes(payload[place + 2 : place + 4])
    return None


def blank_jpeg() -> bytes:
    """Return a black JPEG that has to be scaled down: decoding it loads all code that decoding needs."""
    _, jpeg = cv2.imencode(".jpg", np.zeros((200, 100, 3), np.uint8))
    return jpeg.tobytes()


def decode_without_threads() -> None:
    """Tell OpenCV to use no threads, for a process that cannot create any."""
    cv2.setNumThreads(0)


def decode_small_jpeg(payload: bytes) -> Colour | None:
    """Return the picture, (height, width, 3) uint8 BGR, scaled down to at most ``PASSAGE_SIDE`` a side.
    None if it is damaged, or no JPEG with sides of at most ``MAX_DECODED_SIDE``."""
    size = jpeg_size(payload)
    if size is None or not all(1 <= side <= MAX_DECODED_SIDE for side in size):
        return None
    try:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        picture = cv2.imdecode(np.frombuffer(payload, np.uint8), flags)
    except cv2.error:
        return None
    if picture is None or picture.shape[:2] != size[::-1]:
        return None
    longest = max(size)
    if longest > PASSAGE_SIDE:
        smaller = (max(1, round(side * PASSAGE_SIDE / longest)) for side in size)
        picture = cv2.resize(picture, tuple(smaller), interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8)
