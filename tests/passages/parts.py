"""Passages, pictures and tracks for the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from edge_agent.config.model.settings import Passages
from edge_agent.core.clock import Clock
from edge_agent.core.model import FULL_PICTURE, Box, Frame, Track, Tracks, TrackState
from edge_agent.passages.passage import (
    ColourShare,
    Light,
    PartColours,
    Passage,
    PathPoint,
    RuleReport,
    Side,
    StandingTime,
)
from edge_agent.passages.store import PassageStore
from tests.events.parts import PlainPicture, frame, track

BOOT = "boot-1"

BGR = {
    "black": (16, 14, 14),
    "white": (245, 246, 244),
    "grey": (128, 130, 129),
    "red": (32, 28, 190),
    "green": (52, 132, 34),
    "blue": (180, 74, 32),
    "yellow": (40, 205, 235),
    "orange": (22, 120, 235),
    "brown": (38, 62, 100),
    "pink": (190, 160, 240),
    "purple": (140, 44, 110),
}
"""One plain example of each colour term, as a camera sends it."""


class StreetPicture(PlainPicture):
    """A grey street below trees, with things drawn into it."""

    def __init__(
        self, width: int = 640, height: int = 360, *, infrared: bool = False, dark: float = 1.0
    ) -> None:
        super().__init__(width, height)
        rng = np.random.default_rng(3)
        coarse = rng.integers(100, 160, (9, 16, 1)) + rng.integers(-6, 7, (9, 16, 3))
        pixels = cv2.resize(coarse.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
        pixels[: height // 5] = (40, 140, 60)  # trees
        self.pixels[:] = pixels * dark
        self.infrared = infrared

    def draw(self, box: Box, bgr: tuple[int, int, int]) -> None:
        x1, y1, x2, y2 = box.to_pixels(self.width, self.height)
        self.pixels[y1:y2, x1:x2] = bgr

    def bgr(self, region: Box = FULL_PICTURE) -> np.ndarray:
        return self._shown(super().bgr(region))

    def scaled(self, size: tuple[int, int]) -> np.ndarray:
        return self._shown(cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA))

    def _shown(self, pixels: np.ndarray) -> np.ndarray:
        if not self.infrared:
            return pixels
        return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def dressed(picture: StreetPicture, box: Box, upper: str, lower: str) -> StreetPicture:
    """Draw a person with two colours and a grey head."""
    middle, neck = (box.y1 + box.y2) / 2, box.y1 + 0.16 * box.height
    picture.draw(Box(box.x1, box.y1, box.x2, neck), (120, 140, 170))
    picture.draw(Box(box.x1, neck, box.x2, middle), BGR[upper])
    picture.draw(Box(box.x1, middle, box.x2, box.y2), BGR[lower])
    return picture


def seen(
    mono: float, box: Box, picture: PlainPicture | None = None, **fields: object
) -> tuple[Frame, Tracks]:
    """A frame at that time, with one track at ``box``."""
    shown = track(box=box, label="person", group="person", first=1000.0, last=mono)
    return frame(mono, picture or StreetPicture()), Tracks((replace(shown, **fields),))  # type: ignore[arg-type]


def ended(mono: float, last: Track) -> tuple[Frame, Tracks]:
    return frame(mono), Tracks((), (replace(last, state=TrackState.ENDED, seen_now=False),))


def passage(number: int = 1, started_mono: float = 1000.0, **fields: object) -> Passage:
    """A person in a red shirt who walked from the left to the right for 12 s."""
    whole = Passage(
        camera="cam-1",
        track=f"cam-1-k3-{number}",
        group="person",
        label="person",
        score=0.8,
        votes=9,
        started_mono=started_mono,
        ended_mono=started_mono + 12.0,
        path=tuple(PathPoint(float(n), n / 20, 0.5) for n in range(13)),
        entry=Side.LEFT,
        exit=Side.INSIDE,
        direction_deg=90.0,
        width=0.05,
        height=0.2,
        speed=0.7,
        light=Light.DAY,
        colours=(
            PartColours("upper", (ColourShare("red", 0.8),), 0.9),
            PartColours("lower", (ColourShare("black", 0.6), ColourShare("grey", 0.3)), 0.6),
        ),
        standing=(StandingTime(3.0, 4.0),),
        reports=(RuleReport("gate", 2.0),),
        crop=b"\xff\xd8" + bytes(2600),
        crop_sha256=b"\x11" * 32,
        confirmed_after_s=0.6,
        aspect=1.78,
    )
    return replace(whole, **fields)  # type: ignore[arg-type]


def store(
    folder: Path,
    clock: Clock,
    boot_id: str = BOOT,
    steady: Callable[[], bool] = lambda: True,
    **settings: object,
) -> PassageStore:
    limits = Passages(**settings)  # type: ignore[arg-type]
    return PassageStore(folder, limits, 10_000_000, clock, boot_id, steady)
