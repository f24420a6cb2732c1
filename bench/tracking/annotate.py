"""Draws the confirmed tracks of an analysed frame into its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE, Frame, Track

if TYPE_CHECKING:
    from cv2.typing import MatLike

COLOURS = {PERSON: (80, 220, 80), TWO_WHEELER: (60, 60, 240), VEHICLE: (240, 150, 40)}
SCALE = 2
MOST_BYTES = 300_000


def draw(frame: Frame, tracks: tuple[Track, ...], footer: str, path: Path) -> None:
    """Write a JPEG of less than ``MOST_BYTES`` with boxes, short ids and groups."""
    picture = cv2.resize(frame.picture.bgr(), None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    height, width = picture.shape[:2]
    for track in tracks:
        _label(picture, track, track.box.to_pixels(width, height))
    cv2.rectangle(picture, (0, height - 22), (width, height), (0, 0, 0), cv2.FILLED)
    cv2.putText(
        picture, footer, (6, height - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in range(88, 40, -6):
        done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and encoded.size < MOST_BYTES:
            path.write_bytes(encoded.tobytes())
            return
    raise ValueError(f"{path}: no JPEG below {MOST_BYTES} bytes")


def _label(picture: MatLike, track: Track, corners: tuple[int, int, int, int]) -> None:
    x1, y1, x2, y2 = corners
    colour = COLOURS[track.group or PERSON]
    cv2.rectangle(picture, (x1, y1), (x2, y2), colour, 2)
    text = f"{track.id.rsplit('-', 1)[-1]} {track.label}"
    (w, h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.38, 1)
    top = y1 - h - 4 if y1 > h + 4 else y2 + 2
    cv2.rectangle(picture, (x1, top), (x1 + w + 2, top + h + 4), colour, cv2.FILLED)
    cv2.putText(
        picture, text, (x1 + 1, top + h + 1), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA
    )
