"""A small drawn world with exact truth: textured objects move over a textured ground.

Motion is the mask of the truth, and a policy makes inferences from the truth, so a test determines exactly
what the tracker receives. 640 x 360, 5 frames a second unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.core.model import (
    FULL_PICTURE,
    NO_INFERENCES,
    Box,
    Detection,
    Frame,
    Inferences,
    Motion,
    MotionRegion,
    Scene,
    Track,
    Tracks,
    TrackState,
)
from edge_agent.tracking.tracker import Tracker

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

WIDTH, HEIGHT = 640, 360
START = datetime(2026, 1, 1, tzinfo=UTC)


def drawn(luma: Gray) -> ArrayPicture:
    """A grey picture that was drawn rather than decoded."""
    return ArrayPicture(np.asarray(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR), np.uint8))


def texture(seed: int, height: int, width: int, low: int, high: int) -> Gray:
    """Smooth noise, so that correlation has structure to match."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(low, high, (max(2, height // 5), max(2, width // 5)), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


Place = Callable[[float], tuple[float, float] | None]
"""Centre of an object at a time in seconds, or None while it is absent."""
Naming = Callable[["Thing", Box, int], Sequence[Detection]]
"""What a model detects of an object, by its box and the number of the inference, from 0."""


def by_name(thing: Thing, box: Box, inference: int) -> Sequence[Detection]:
    return [Detection(thing.label, 0.8, box)]


@dataclass
class Thing:
    """An object in the world. Later objects are drawn over earlier ones."""

    label: str
    place: Place
    size: tuple[float, float] = (0.06, 0.2)
    naming: Naming = by_name
    moves: bool = True  # False: part of the background, no foreground
    hides: bool = False  # an obstacle: drawn, never detected
    seed: int = 0  # of its texture; negative: it is not drawn
    inferences: int = 0

    def box(self, t: float) -> Box | None:
        centre = self.place(t)
        if centre is None:
            return None
        (x, y), (w, h) = centre, self.size
        box = Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        return box if box.clipped().area > 0.1 * box.area else None


def line(x: float, y: float, vx: float, vy: float, start: float = 0.0, end: float = 1e9) -> Place:
    """Constant velocity; there from ``start`` to ``end``."""
    return lambda t: (x + vx * (t - start), y + vy * (t - start)) if start <= t <= end else None


def corners(x: int, y: int, w: int, h: int) -> tuple[float, float, float, float]:
    """Plain floats, so that no numpy scalar gets into the tracker."""
    return float(x), float(y), float(x + w), float(y + h)


LookPolicy = Callable[["World", float, Sequence[Track]], Inferences]


def no_inferences(world: World, t: float, tracks: Sequence[Track]) -> Inferences:
    return NO_INFERENCES


def everything(world: World, t: float, tracks: Sequence[Track]) -> Inferences:
    """The whole picture, each frame."""
    return world.infer(t, [FULL_PICTURE])


def budgeted(per_s: float) -> LookPolicy:
    """Infer the whole picture within a budget, where an object moves or a track needs it."""
    allowance, last = 1.0, 0.0

    def policy(world: World, t: float, tracks: Sequence[Track]) -> Inferences:
        nonlocal allowance, last
        allowance, last = min(2.0, allowance + per_s * (t - last)), t
        parked = [track.box for track in tracks if track.state is TrackState.STATIONARY]
        regions = world.motion(t).regions
        moves = any(not any(each.box.inside(box) > 0.5 for box in parked) for each in regions)
        if allowance < 1.0 or not (moves or any(track.detection_priority > 0 for track in tracks)):
            return NO_INFERENCES
        allowance -= 1.0
        world.inferences += 1
        return everything(world, t, tracks)

    return policy


@dataclass
class Run:
    """All results of the tracker."""

    things: list[Thing]
    times: list[float] = field(default_factory=list)
    tracks: list[Tracks] = field(default_factory=list)
    inferences: int = 0

    @property
    def confirmed_ids(self) -> set[str]:
        return {t.id for step in self.tracks for t in step.confirmed}

    @property
    def ended(self) -> list[Track]:
        return [t for step in self.tracks for t in step.ended]

    @property
    def last(self) -> Tracks:
        return self.tracks[-1]

    def at(self, t: float) -> Tracks:
        return self.tracks[int(np.argmin(np.abs(np.array(self.times) - t)))]

    def ids_on(self, thing: Thing) -> list[str]:
        """Ids of the confirmed tracks that were on this object rather than on another, oldest first."""
        ids: dict[str, None] = {}
        for t, step in zip(self.times, self.tracks, strict=True):
            for track in step.confirmed:
                overlaps = [(box.clipped().iou(track.box), o) for o in self.things if (box := o.box(t))]
                best = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
                if track.seen_now and best[1] is thing and best[0] >= 0.3:
                    ids[track.id] = None
        return list(ids)


class World:
    def __init__(self, *things: Thing, fps: float = 5.0) -> None:
        self.things = list(things)
        self.fps = fps
        self.inferences = 0
        self._ground = texture(1000, HEIGHT, WIDTH, 90, 150)
        self._skins = [
            texture(abs(thing.seed) or 1 + n, HEIGHT, WIDTH, 10 + 20 * (n % 4), 255 - 15 * (n % 4))
            for n, thing in enumerate(self.things)
        ]

    def play(
        self,
        seconds: float,
        policy: LookPolicy = everything,
        tracker: Tracker | None = None,
        start: float = 0.0,
    ) -> Run:
        run, tracker = Run(self.things), tracker or Tracker("cam-1", "b00t")
        self.inferences = 0
        for number in range(1, int(seconds * self.fps) + 1):
            t = start + (number - 1) / self.fps
            inferences = policy(self, t, tracker.tracks)
            run.times.append(t)
            run.tracks.append(tracker.update(self.frame(t, number), self.motion(t), inferences))
        run.inferences = self.inferences
        return run

    def frame(self, t: float, number: int = 1) -> Frame:
        moment = START + timedelta(seconds=t)
        return Frame("cam-1", number, 100.0 + t, moment, drawn(self.draw(t)))

    def draw(self, t: float) -> Gray:
        luma = self._ground.copy()
        for thing, skin in zip(self.things, self._skins, strict=True):
            box = thing.box(t)
            if box is None or not thing.seed >= 0:
                continue
            self._paint(luma, skin, box)
        return luma

    def _paint(self, luma: Gray, skin: Gray, box: Box) -> None:
        x1, x2 = round(box.x1 * WIDTH), round(box.x2 * WIDTH)
        y1, y2 = round(box.y1 * HEIGHT), round(box.y2 * HEIGHT)
        left, top = max(0, x1), max(0, y1)
        right, bottom = min(WIDTH, x2), min(HEIGHT, y2)
        if right > left and bottom > top:
            luma[top:bottom, left:right] = skin[top - y1 : bottom - y1, left - x1 : right - x1]

    def motion(self, t: float) -> Motion:
        mask = np.zeros((HEIGHT // 2, WIDTH // 2), np.uint8)
        for thing in self.things:
            box = thing.box(t)
            if box is None:
                continue
            x1, y1, x2, y2 = box.clipped().to_pixels(mask.shape[1], mask.shape[0])
            mask[y1:y2, x1:x2] = 255 if thing.moves and not thing.hides else 0
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        regions = tuple(
            MotionRegion(
                Box.from_pixels(*corners(x, y, w, h), mask.shape[1], mask.shape[0]), float(a) / mask.size
            )
            for x, y, w, h, a in stats[1:]
            if a >= 12
        )
        return Motion(regions, Scene.STEADY, float((mask > 0).mean()), mask)

    def infer(self, t: float, crops: Sequence[Box]) -> Inferences:
        """What a model detects of the objects inside ``crops``, unless later objects mostly hide them."""
        found: list[Detection] = []
        for index, thing in enumerate(self.things):
            box = thing.box(t)
            if box is None or thing.hides or self._hidden(index, box, t) > 0.6:
                continue
            visible = box.clipped()
            if any(visible.inside(crop) > 0.8 for crop in crops):
                found += thing.naming(thing, visible, thing.inferences)
                thing.inferences += 1
        return Inferences(tuple(crops), tuple(found))

    def _hidden(self, index: int, box: Box, t: float) -> float:
        later = [b for other in self.things[index + 1 :] if (b := other.box(t)) is not None]
        return sum(box.intersection(b) for b in later) / box.area
