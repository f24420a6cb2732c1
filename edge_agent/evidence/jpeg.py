"""Encodes pictures as JPEG of bounded size, after it has blacked out private areas."""

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
"""Pixels by which a mask is enlarged at its outline: rounding must not leave private pixels at the edge."""


def crop(
    picture: Picture, region: Box, privacy: Sequence[Polygon], max_side: int, edge: int = EDGE
) -> Colour:
    """Return a BGR copy of ``region``, (height, width, 3) uint8, at most ``max_side`` pixels long.

    Every pixel that a ``privacy`` polygon (0..1 of the whole picture) touches is black, with an outline of
    ``edge`` pixels. This is done before scaling, so that no private pixel is averaged into a neighbour.
    """
    colour = picture.bgr(region)
    x1, y1, _, _ = region.to_pixels(picture.width, picture.height)
    _blacken(colour, privacy, (picture.width, picture.height), (x1, y1), edge)
    longest = max(colour.shape[:2])
    return _scaled(colour, max_side / longest) if longest > max_side else colour


def scaled_whole(picture: Picture, privacy: Sequence[Polygon], max_side: int) -> Colour:
    """Return a BGR copy of the whole picture, at most ``max_side`` pixels long, without private pixels.

    It is scaled before it is converted, which costs a fraction of ``crop`` for a large picture. Scaling
    averages private pixels into neighbours at most one pixel away, which the outline of ``EDGE`` pixels
    covers.
    """
    factor = min(1.0, max_side / max(picture.width, picture.height))
    # The picture has a quicker way to scale to even sides.
    width, height = (max(2, 2 * round(side * factor / 2)) for side in (picture.width, picture.height))
    colour = picture.scaled((width, height))
    _blacken(colour, privacy, (width, height), (0, 0), EDGE)
    return colour


def _blacken(
    colour: Colour, privacy: Sequence[Polygon], size: tuple[int, int], origin: tuple[int, int], edge: int
) -> None:
    """Blacken polygons in ``colour``, the part of a picture that begins at ``origin`` (x, y). The polygons
    are in 0..1 of the whole picture, whose ``size`` is (width, height)."""
    for polygon in privacy:
        scaled = np.array(polygon, dtype=np.float64) * size - origin
        points = [np.round(scaled).astype(np.int32)]
        cv2.fillPoly(colour, points, (0, 0, 0))
        cv2.polylines(colour, points, True, (0, 0, 0), thickness=edge)


def encode(colour: Colour) -> bytes:
    """Return a JPEG of about 40 kB, at most ``MAX_BYTES``."""
    return fitted(colour, AIM_BYTES, MAX_BYTES)[0]


def fitted(
    colour: Colour, aim_bytes: int, max_bytes: int, qualities: Sequence[int] = QUALITIES
) -> tuple[bytes, Colour]:
    """Return a JPEG and its pixels: of at most ``aim_bytes`` if one of the ``qualities`` (1 to 100, the best
    first) allows this. If every quality gives more than ``max_bytes``, the picture is halved. Encodes once
    for each quality and halving."""
    while True:
        for quality in qualities:
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
