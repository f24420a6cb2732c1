"""What is worth an inference: crops around tracks and motion, and a slow sweep for what stands still.

Small models see nothing on a whole street and most of it on crops (figures: docs/design/detection.md), so
a crop's side follows the size of what it is cut for. Pure planning: no pixels, no detector.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.model import Box, Motion, Scene, Track

# Repeated looks at one object use these in turn: its motion box may hold half of it or two of them, and
# the same look again would fail in the same way.
_SCALES = (1.0, 0.75, 1.4)
_MARGIN = 0.1  # of the object, left free on every side: boxes of motion are a little too small
_SAME_SCALE = 1.7  # a crop may be so much larger than one of its objects would have on its own
_COVERED = 0.5  # a motion region counts as a track's when this much of it is inside the track
_ENLARGED_AT_MOST = 4.0  # pixels beyond that carry nothing a model could use


@dataclass(frozen=True, slots=True)
class Crop:
    """One inference to be made."""

    box: Box  # inside the picture
    wanted: tuple[Box, ...]  # what it is for, each inside ``box``; empty for a tile of the sweep
    urgency: float


@dataclass(frozen=True, slots=True)
class _Wish:
    box: Box
    side_px: float
    urgency: float


class LookPlanner:
    """Plans the crops of one camera. Keeps how often each track was looked at; one thread calls it.

    ``side_per_object``: side of a crop over the longer side of the object in it, as the detector wants
    it. Larger shows more surroundings and less detail, and puts more objects into one inference.
    """

    def __init__(self, input_size: tuple[int, int], side_per_object: float = 2.5) -> None:
        self._input_px = max(input_size)
        self._side_per_object = side_per_object
        self._attempts: dict[str, int] = {}

    def plan(self, size: tuple[int, int], motion: Motion, tracks: Sequence[Track], limit: int) -> list[Crop]:
        """At most ``limit`` crops of a picture of ``size`` (width, height in pixels), most urgent first.

        Tracks that want a look come before motion that no track explains. Motion is not believed
        while the scene is not steady; tracks are.
        """
        if limit <= 0:
            return []
        wishes = [self._wish_of_track(track, size) for track in tracks if track.wants_look > 0]
        wishes.sort(key=lambda wish: -wish.urgency)
        if motion.scene is Scene.STEADY:
            wishes += self._wishes_of_motion(motion, tracks, size)
        return _merged(wishes, size, limit)

    def looked(self, crops: Iterable[Crop], tracks: Sequence[Track]) -> None:
        """Tell what was inferred, so that the next look at the same object uses another scale."""
        known = {track.id for track in tracks}
        self._attempts = {track: n for track, n in self._attempts.items() if track in known}
        wanted = {box for crop in crops for box in crop.wanted}
        for track in tracks:
            if _seen_part(track.box) in wanted:
                self._attempts[track.id] = self._attempts.get(track.id, 0) + 1

    def _wish_of_track(self, track: Track, size: tuple[int, int]) -> _Wish:
        attempts = self._attempts.get(track.id, 0)
        return self._wish(_seen_part(track.box), track.wants_look, size, _SCALES[attempts % len(_SCALES)])

    def _wishes_of_motion(
        self, motion: Motion, tracks: Sequence[Track], size: tuple[int, int]
    ) -> list[_Wish]:
        covers = [track.box.grown(track.box.width / 4, track.box.height / 4) for track in tracks]
        free = [
            region.box.clipped()
            for region in motion.regions
            if not any(region.box.inside(cover) > _COVERED for cover in covers)
        ]
        return [self._wish(box, 0.0, size) for box in sorted(free, key=lambda box: -box.area) if box.area > 0]

    def _wish(self, box: Box, urgency: float, size: tuple[int, int], scale: float = 1.0) -> _Wish:
        longer_px = max(box.width * size[0], box.height * size[1])
        least_px = max(longer_px * (1 + 2 * _MARGIN), self._input_px / _ENLARGED_AT_MOST)
        return _Wish(box, max(longer_px * self._side_per_object * scale, least_px), urgency)


def _seen_part(box: Box) -> Box:
    """The part of a track's box inside the picture; a predicted box may have left it."""
    clipped = box.clipped()
    if clipped.area > 0:
        return clipped
    # Gone over the edge: look where it went out.
    x, y = (clipped.x1 + clipped.x2) / 2, (clipped.y1 + clipped.y2) / 2
    return Box(x - 0.01, y - 0.01, x + 0.01, y + 0.01).clipped()


def _merged(wishes: Sequence[_Wish], size: tuple[int, int], limit: int) -> list[Crop]:
    """Greedy: each wish joins the first crop of about its scale that can hold it, or opens one."""
    groups: list[list[_Wish]] = []
    for wish in wishes:
        for group in groups:
            if _fits(group, wish, size):
                group.append(wish)
                break
        else:
            if len(groups) < limit:
                groups.append([wish])
    return [_crop(group, size) for group in groups]


def _fits(group: Sequence[_Wish], wish: _Wish, size: tuple[int, int]) -> bool:
    together = [*group, wish]
    return _side_px(together, size) <= _SAME_SCALE * min(w.side_px for w in together)


def _side_px(group: Sequence[_Wish], size: tuple[int, int]) -> float:
    """Side of the crop that shows all of them: what the largest needs, or more to hold them."""
    needed = _union(group)
    return max(needed.width * size[0], needed.height * size[1], *(w.side_px for w in group))


def _union(group: Iterable[_Wish]) -> Box:
    """What a crop must hold: every wanted box with its margin, as far as it is in the picture."""
    boxes = [w.box.grown(w.box.width * _MARGIN, w.box.height * _MARGIN).clipped() for w in group]
    union = boxes[0]
    for box in boxes[1:]:
        union = union.union(box)
    return union


def _crop(group: Sequence[_Wish], size: tuple[int, int]) -> Crop:
    return Crop(
        box=square(_union(group).centre, _side_px(group, size), size),
        wanted=tuple(w.box for w in group),
        urgency=max(w.urgency for w in group),
    )


def square(centre: tuple[float, float], side_px: float, size: tuple[int, int]) -> Box:
    """A square around ``centre``, shifted into the picture rather than cut, whole pixels.

    Where the picture is smaller than ``side_px`` the crop is as wide or as high as the picture.
    """
    x1, x2 = _span(centre[0], side_px, size[0])
    y1, y2 = _span(centre[1], side_px, size[1])
    return Box.from_pixels(x1, y1, x2, y2, *size)


def _span(centre: float, side_px: float, length_px: int) -> tuple[int, int]:
    side = min(length_px, max(1, math.ceil(side_px - 1e-6)))
    start = min(max(round(centre * length_px - side / 2), 0), length_px - side)
    return start, start + side
