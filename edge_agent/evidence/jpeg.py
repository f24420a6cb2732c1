"""Encodes pictures as JPEG of bounded size, and blacks out private areas before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.config.model.settings import Polygon
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.model import Box, Picture

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

AIM_BYTES = 50_000  # the first quality with a result below this is used
MAX_BYTES = 200_000
QUALITIES = (95, 85, 70, 50, 30)


EDGE = 3
"""Pixels by which a mask's outline is thickened: rounding must not leave private pixels at the edge."""


def crop(
    picture: Picture, region: Box, privacy: Sequence[Polygon], max_side: int, edge: int = EDGE
) -> Colour:
    """Return a BGR copy of ``region``, (height, width, 3) uint8, at most ``max_side`` pixels long.

    Every pixel that a ``privacy`` polygon (0..1 of the whole picture) touches is black, with an outline of
    ``edge`` pixels. This is done before scaling, so that no private pixel is averaged into a neighbour.
    """
    colour = picture.bgr(region)
    x1, y1, _, _ = region.to_pixels(picture.width, picture.height)
    for polygon in privacy:
        scaled = np.array(polygon, dtype=np.float64) * (picture.width, picture.height) - (x1, y1)
        points = [np.round(scaled).astype(np.int32)]
        cv2.fillPoly(colour, points, (0, 0, 0))
        cv2.polylines(colour, points, True, (0, 0, 0), thickness=edge)
    longest = max(colour.shape[:2])
    return _scaled(colour, max_side / longest) if longest > max_side else colour


def encode(colour: Colour) -> bytes:
    """Return a JPEG of about 40 kB, at most ``MAX_BYTES``."""
    return fitted(colour, AIM_BYTES, MAX_BYTES)[0]


def fitted(colour: Colour, aim_bytes: int, max_bytes: int) -> tuple[bytes, Colour]:
    """Return a JPEG and its pixels. It has at most ``aim_bytes`` if a quality allows it; beyond ``max_bytes``
    the picture is halved. Encodes up to five times for each halving."""
    while True:
        for quality in QUALITIES:
            payload = encode_at(colour, quality)
            if len(payload) <= aim_bytes:
                return payload, colour
        if len(payload) <= max_bytes:
            return payload, colour
        colour = _scaled(colour, 0.5)


def encode_at(colour: Colour, quality: int) -> bytes:
    """Return a JPEG of the given quality, 1 to 100, of any size."""
    done, buffer = cv2.imencode(".jpg", colour, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise EdgeAgentError(f"snapshot: OpenCV cannot encode a picture of {colour.shape}")
    return buffer.tobytes()


def _scaled(colour: Colour, factor: float) -> Colour:
    height, width = colour.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(colour, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
