"""Makes the altered copy of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.model import Box
from edge_agent.detection.small_jpeg import jpeg_size
from edge_central.redaction.cover import cover
from edge_central.redaction.order import MAX_PIXELS, RedactionOrder, RedactionReport

if TYPE_CHECKING:
    from edge_agent.core.model import Colour
    from edge_central.redaction.areas import AreaFinder

QUALITY = 88
_PNG = b"\x89PNG\r\n\x1a\n"


def redact_picture(
    content: bytes, order: RedactionOrder, finder: AreaFinder
) -> tuple[bytes | None, RedactionReport]:
    """Return the copy as JPEG, without the metadata of the original such as place and device. ``content``: a
    JPEG or PNG of any origin; its size is checked before it is decoded. The copy is None after a failure."""
    size = jpeg_size(content) or _png_size(content)
    if size is None:
        return None, RedactionReport(failure="not-readable")
    if size[0] * size[1] > MAX_PIXELS:
        return None, RedactionReport(failure="too-large")
    picture = _decoded(content)
    if picture is None:
        return None, RedactionReport(failure="not-readable")
    found = finder.find(picture, order.known)
    by_hand = [Box(*each).clipped() for each in order.by_hand]
    done, jpeg = cv2.imencode(".jpg", cover(picture, [*found, *by_hand]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        return None, RedactionReport(failure="failed")
    return jpeg.tobytes(), RedactionReport(areas=len(found))


def _decoded(content: bytes) -> Colour | None:
    """Decode a picture upright: (height, width, 3) uint8 BGR. None: it is damaged."""
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _png_size(content: bytes) -> tuple[int, int] | None:
    """Return (width, height) from the header (PNG, 11.2.2). None: the content is not a PNG."""
    if not content.startswith(_PNG) or content[12:16] != b"IHDR" or len(content) < 24:
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
