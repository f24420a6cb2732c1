"""Finds the areas to cover in a picture: faces and number plates, with a margin.

Three sources are combined, so that each of them may miss something: the face and plate cascades that OpenCV
ships (Viola and Jones, 2001), the product's detector of people and vehicles, and the objects that are already
recorded about the picture. More is covered than is necessary: a face that is missed does more harm than a
covered wall.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.model import FULL_PICTURE, GROUP_OF_LABEL, PERSON, TWO_WHEELER, VEHICLE, Box
from edge_central.redaction.order import RecordedObject

if TYPE_CHECKING:
    from edge_agent.core.model import Colour, Gray
    from edge_agent.detection.detector import ObjectDetector

CASCADES = Path(str(files("cv2") / "data"))
FRONTAL = ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml")
PROFILE = "haarcascade_profileface.xml"
"""Finds faces that are turned left; for faces that are turned right the picture is mirrored."""
PLATES = ("haarcascade_russian_plate_number.xml", "haarcascade_license_plate_rus_16stages.xml")
SCALE_STEP, CLIP_SCALE_STEP, NEIGHBOURS = 1.1, 1.2, 2
"""Parameters of the cascades. Fewer neighbours than usual are required: more false finds, but fewer missed
faces."""
SMALLEST = 18
"""Side in pixels of the smallest face that the cascades look for; they were trained with 20 to 24."""
MIN_SIDE, MAX_SIDE, MAX_CLIP_SIDE = 480, 1920, 1280
"""Sides in pixels. A small picture is enlarged before the cascades see it, a large one is reduced. In a clip
the largest side is smaller: a face is in many frames, and each frame costs time."""
FACE_MARGIN, PLATE_MARGIN = 0.3, 0.25
"""Margin on each side, as a share of the size of what was found: hair, ears and chin belong to a face."""
TILE_OVERLAP = 0.15

HEAD_SHARE = 0.4
"""The upper part of a person's box, as a share: the head is in it, also if the person sits or bends."""
RIDER_SHARE = 0.5
"""The upper part of the box of a two-wheeler and its riders, as a share."""
PLATE_FROM = 0.5
"""Where the lower half of a vehicle's box begins: the number plate is in it, in front and at the back."""


class AreaFinder:
    """Finds the areas to cover. Without ``detector`` it uses only the cascades and recorded objects. Not
    thread-safe."""

    def __init__(self, detector: ObjectDetector | None, *, of_clip: bool = False) -> None:
        """``of_clip``: search each picture faster, because a clip has many frames.

        Raises OSError if OpenCV has no cascades.
        """
        self._detector = detector
        self._of_clip = of_clip
        self._frontal = [_cascade(name) for name in FRONTAL]
        self._profile = _cascade(PROFILE)
        self._plates = [_cascade(name) for name in PLATES]

    def find(self, picture: Colour, known: Sequence[RecordedObject] = ()) -> list[Box]:
        """Return the areas to cover, in 0..1 of ``picture`` (height, width, 3; uint8; BGR). ``known``:
        recorded objects."""
        objects = [(each.group, Box(*each.box)) for each in known]
        if self._detector is not None:
            objects += self._objects(picture)
        found = [*self._faces_and_plates(picture)]
        for group, box in objects:
            found += parts_to_cover(group, box)
        return [each for each in (box.clipped() for box in found) if each.area > 0]

    # --- cascades ---

    def _faces_and_plates(self, picture: Colour) -> Iterator[Box]:
        most, step = (MAX_CLIP_SIDE, CLIP_SCALE_STEP) if self._of_clip else (MAX_SIDE, SCALE_STEP)
        gray = _scaled(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), most)
        height, width = gray.shape
        for luma in (gray,) if self._of_clip else (gray, np.asarray(cv2.equalizeHist(gray), np.uint8)):
            faces = [box for each in self._frontal for box in _detect(each, luma, step)]
            faces += _detect(self._profile, luma, step)
            mirrored = _detect(self._profile, np.ascontiguousarray(luma[:, ::-1]), step)
            faces += [(width - x - w, y, w, h) for x, y, w, h in mirrored]
            for x, y, w, h in faces:
                box = Box.from_pixels(x, y, x + w, y + h, width, height)
                yield box.grown(FACE_MARGIN * box.width, FACE_MARGIN * box.height)
        for plate in self._plates:
            for x, y, w, h in _detect(plate, gray, step):
                box = Box.from_pixels(x, y, x + w, y + h, width, height)
                yield box.grown(PLATE_MARGIN * box.width, PLATE_MARGIN * box.height)

    # --- people and vehicles ---

    def _objects(self, picture: Colour) -> list[tuple[str, Box]]:
        """Return group and box of each object that is found in the whole picture or in its quarters."""
        assert self._detector is not None
        found = []
        for tile in _tiles():
            x1, y1, x2, y2 = tile.to_pixels(picture.shape[1], picture.shape[0])
            for each in self._detector.detect(np.ascontiguousarray(picture[y1:y2, x1:x2])):
                group = GROUP_OF_LABEL.get(each.label, each.label)
                box = each.box
                inner = Box(
                    *(tile.x1 + box.x1 * tile.width, tile.y1 + box.y1 * tile.height),
                    *(tile.x1 + box.x2 * tile.width, tile.y1 + box.y2 * tile.height),
                )
                found.append((group, inner))
        return found


def parts_to_cover(group: str, box: Box) -> Iterator[Box]:
    """Yield the parts of an object's box where heads and number plates can be."""
    side, above = 0.1 * box.width, 0.1 * box.height
    if group == PERSON:
        yield Box(box.x1 - side, box.y1 - above, box.x2 + side, box.y1 + HEAD_SHARE * box.height)
    if group == TWO_WHEELER:
        yield Box(box.x1 - side, box.y1 - above, box.x2 + side, box.y1 + RIDER_SHARE * box.height)
    if group in (TWO_WHEELER, VEHICLE):
        yield Box(box.x1, box.y1 + PLATE_FROM * box.height, box.x2, box.y2)


def _cascade(name: str) -> cv2.CascadeClassifier:
    loaded = cv2.CascadeClassifier(str(CASCADES / name))
    if loaded.empty():
        raise OSError(f"OpenCV has no {name}: nothing can be covered without it")
    return loaded


def _detect(cascade: cv2.CascadeClassifier, luma: Gray, step: float) -> list[tuple[int, int, int, int]]:
    """Return x, y, width and height of each find, in pixels."""
    found = cascade.detectMultiScale(luma, step, NEIGHBOURS, minSize=(SMALLEST, SMALLEST))
    return [(int(x), int(y), int(w), int(h)) for x, y, w, h in found]


def _scaled(gray: Gray, max_side: int) -> Gray:
    longest = max(gray.shape)
    factor = max(1.0, MIN_SIDE / longest) if longest < max_side else max_side / longest
    if factor == 1.0:
        return gray
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(gray, None, fx=factor, fy=factor, interpolation=how), np.uint8)


def _tiles() -> tuple[Box, ...]:
    half = 0.5 + TILE_OVERLAP / 2
    ends = ((0.0, half), (1.0 - half, 1.0))
    return (FULL_PICTURE, *(Box(x1, y1, x2, y2) for y1, y2 in ends for x1, x2 in ends))
