"""The JPEGs of a still: the whole picture, the object, and the lower half of a vehicle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_agent.config.model.settings import Polygon
from edge_agent.core.model import FULL_PICTURE, TWO_WHEELER, VEHICLE, Box, Picture
from edge_agent.evidence.jpeg import crop, fitted
from edge_agent.evidence.snapshots import surroundings, within

ViewName = Literal["scene", "object", "lower-half"]

SCENE_SIDE, OBJECT_SIDE, HALF_SIDE = 1920, 1280, 2560  # longest side of each, pixels
SCENE_BYTES, OBJECT_BYTES, HALF_BYTES = 150_000, 120_000, 80_000
"""The first JPEG quality with a result below this is used."""
MAX_VIEW_BYTES = 400_000
REQUESTED_SIDE, REQUESTED_BYTES, MAX_REQUESTED_BYTES = 4096, 1_000_000, 1_600_000
"""For a still that a person requests: longest side in pixels, bytes to aim at, and most bytes. The broker
accepts messages of 2 MiB."""
HALF_MARGIN = 0.1  # of the box, left, right and below: a box is seldom exact


@dataclass(frozen=True, slots=True, eq=False)
class StillView:
    name: ViewName
    payload: bytes  # JPEG
    width: int
    height: int
    box: Box  # where the object is, in 0..1 of this view


class StillViews:
    """Makes the views of one camera's stills. Any thread."""

    def __init__(self, privacy_masks: Sequence[Polygon], sub_width: int) -> None:
        """``privacy_masks``: in 0..1, as drawn on the sub-stream, which is ``sub_width`` pixels wide. Both
        streams have the same field of view, so 0..1 fits both, whatever their aspect."""
        self._privacy_masks = tuple(privacy_masks)
        self._sub_width = sub_width

    def of_object(self, picture: Picture, box: Box, group: str | None) -> list[StillView]:
        """Return all views that an object of ``group`` gets. Encodes some megapixels: 20 to 100 ms.

        The whole picture comes last: pages show the newest picture of a camera.
        """
        around = surroundings(box, picture.width, picture.height)
        views = [self._view(picture, "object", around, box, OBJECT_SIDE, OBJECT_BYTES)]
        if group in (VEHICLE, TWO_WHEELER):
            views.append(self._view(picture, "lower-half", lower_half(box), box, HALF_SIDE, HALF_BYTES))
        return [*views, self._view(picture, "scene", FULL_PICTURE, box, SCENE_SIDE, SCENE_BYTES)]

    def scene(self, picture: Picture, box: Box = FULL_PICTURE) -> StillView:
        """Return the whole picture of the sub-stream, used when there is none of the main stream."""
        return self._view(picture, "scene", FULL_PICTURE, box, SCENE_SIDE, SCENE_BYTES)

    def requested(self, picture: Picture) -> StillView:
        """Return the whole picture in full size, as a person requests it."""
        return self._view(
            picture, "scene", FULL_PICTURE, FULL_PICTURE, REQUESTED_SIDE, REQUESTED_BYTES, MAX_REQUESTED_BYTES
        )

    def _view(
        self,
        picture: Picture,
        name: ViewName,
        region: Box,
        box: Box,
        side: int,
        aim_bytes: int,
        max_bytes: int = MAX_VIEW_BYTES,
    ) -> StillView:
        # Masks were drawn on the sub-stream, and one of its pixels may be six of this picture: blacken a
        # wider edge of each mask in proportion.
        edge = 3 * max(1, math.ceil(picture.width / self._sub_width))
        colour = crop(picture, region, self._privacy_masks, side, edge)
        payload, colour = fitted(colour, aim_bytes, max_bytes)
        height, width = colour.shape[:2]
        return StillView(name, payload, width, height, within(box, region))


def lower_half(box: Box) -> Box:
    """Return the lower half of an object's box with a margin: a number plate is there."""
    dx, dy = HALF_MARGIN * box.width, HALF_MARGIN * box.height
    return Box(box.x1 - dx, (box.y1 + box.y2) / 2, box.x2 + dx, box.y2 + dy).clipped()
