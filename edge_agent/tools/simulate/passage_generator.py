"""Generates a day of passages for a simulated gateway, and stores them as the agent does.

Groups, colours, speeds and the course of the day are invented, not counted on a street. But every field of
a row is filled as by a real camera, so that searches find as many passages, and answers are as large.
"""

from __future__ import annotations

import hashlib
import math
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.config.model.storage import Passages
from edge_agent.core.clock import Clock
from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE
from edge_agent.passages.passage import (
    FOLDER,
    ColourShare,
    Light,
    PartColours,
    Passage,
    PathPoint,
    RuleReport,
    Side,
    StandingTime,
)
from edge_agent.passages.store import ROWS_FILE, PassageStore
from edge_agent.tools.simulate.event_generator import DAY_S, HOURLY, picture

BATCH = 2_000
"""Passages in one transaction. (The agent writes the passages of a minute in one.)"""
MAX_BYTES = 2 * 10**9
"""Largest size of both files of a gateway together, so large that a simulated day always fits."""
KEEP_FREE = 100_000_000
PICTURE_BYTES = 1_600, 2_400
"""Least and greatest picture size, as at a junction and in a room (docs/design/passages.md)."""

_GROUPS = {TWO_WHEELER: 0.62, VEHICLE: 0.2, PERSON: 0.18}
_LABELS = {TWO_WHEELER: ("motorcycle", "motorcycle", "bicycle"), VEHICLE: ("car", "car", "truck", "bus")}
_SIZES = {TWO_WHEELER: (0.06, 0.16), VEHICLE: (0.18, 0.2), PERSON: (0.04, 0.17)}
_PARTS = {TWO_WHEELER: ("upper", "lower"), VEHICLE: ("body",), PERSON: ("upper", "lower")}
_COLOURS = {
    "black": 28, "white": 20, "grey": 18, "blue": 10, "red": 8, "green": 4,
    "brown": 4, "pink": 3, "yellow": 3, "orange": 1, "purple": 1,
}  # fmt: skip
_SHARE_STANDING, _SHARE_REPORTED, _SHARE_TURNING = 0.05, 0.02, 0.1
_WAYS_A_CAMERA = 24
"""Number of different paths of one camera. Many objects share each path, as on a road."""
_LIGHT_H, _DARK_H, _DUSK_H = 6.0, 18.0, 0.5
"""Hours of begin and end of daylight, and of dusk around both. At night a camera sees no colours."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A path through the picture that takes ``lasts_s``."""

    path: tuple[PathPoint, ...]
    lasts_s: float
    entry: Side
    exit: Side
    direction_deg: float


def fill_store(
    folder: Path,
    cameras: Sequence[str],
    per_camera: int,
    picture_share: float,
    seed: str,
    clock: Clock,
    timezone: ZoneInfo,
) -> None:
    """Store the passages of the 24 hours that end now, unless the folder has some from an earlier run.

    The same seed gives the same objects; their times depend on the time of the call.
    """
    if (folder / FOLDER / ROWS_FILE).exists():
        return
    unfinished = folder / "passages-unfinished"  # renamed at the end: a killed run leaves no part of a day
    shutil.rmtree(unfinished, ignore_errors=True)
    day = PassageDay(cameras, per_camera, picture_share, random.Random(seed), clock, timezone)
    store = PassageStore(unfinished, Passages(max_bytes=MAX_BYTES), KEEP_FREE, clock, seed)
    try:
        batch: list[Passage] = []
        for passage in day.passages():
            batch.append(passage)
            if len(batch) == BATCH:
                store.write(batch, synced=True)
                batch.clear()
        store.write(batch, synced=True)
    finally:
        store.close()
    (unfinished / FOLDER).rename(folder / FOLDER)
    unfinished.rmdir()


class PassageDay:
    """Generates the passages of one gateway in the last 24 hours, in the order of their ends."""

    def __init__(
        self,
        cameras: Sequence[str],
        per_camera: int,
        picture_share: float,
        rng: random.Random,
        clock: Clock,
        timezone: ZoneInfo,
    ) -> None:
        self._cameras = cameras
        self._per_camera = per_camera
        self._picture_share = picture_share
        self._rng = rng
        self._now_mono = clock.monotonic()
        self._midnight_s = _seconds_since_midnight(clock, timezone)
        self._ways = {
            camera: [way for _ in range(_WAYS_A_CAMERA // 2) for way in _make_ways(rng, axis_deg)]
            for camera, axis_deg in ((camera, rng.uniform(0, 180)) for camera in cameras)
        }

    def passages(self) -> Iterator[Passage]:
        cameras = [camera for camera in self._cameras for _ in range(self._per_camera)]
        ends = sorted(((self._seconds_ago(), camera) for camera in cameras), reverse=True)
        for number, (ago_s, camera) in enumerate(ends):
            yield self._passage(number, camera, ago_s)

    def _seconds_ago(self) -> float:
        """Return how many seconds ago a random moment of the last 24 hours was; busy hours are likelier."""
        hour = self._rng.choices(range(24), HOURLY)[0]
        return (self._midnight_s - (hour + self._rng.random()) * 3600.0) % DAY_S

    def _passage(self, number: int, camera: str, ago_s: float) -> Passage:
        rng = self._rng
        group = rng.choices(tuple(_GROUPS), tuple(_GROUPS.values()))[0]
        way = rng.choice(self._ways[camera])
        width, height = _SIZES[group]
        size = rng.uniform(0.7, 1.3)
        stood_s = rng.uniform(5.0, 60.0) if rng.random() < _SHARE_STANDING else 0.0
        light = self._light(ago_s)
        crop = picture(rng.randint(*PICTURE_BYTES), rng) if rng.random() < self._picture_share else None
        ended_mono = self._now_mono - ago_s
        return Passage(
            camera=camera,
            track=f"{camera}-k3-{number}",
            group=group,
            label=None if group == PERSON else rng.choice(_LABELS[group]),
            score=rng.uniform(0.5, 0.95),
            votes=rng.randint(4, 30),
            started_mono=ended_mono - way.lasts_s - stood_s,
            ended_mono=ended_mono,
            path=way.path,
            entry=way.entry,
            exit=way.exit,
            direction_deg=way.direction_deg,
            width=width * size,
            height=height * size,
            speed=rng.uniform(0.5, 4.0),
            light=light,
            colours=() if light is Light.INFRARED else self._colours(group),
            standing=(StandingTime(1.0, stood_s),) if stood_s else (),
            reports=(RuleReport("gate", 1.0),) if rng.random() < _SHARE_REPORTED else (),
            crop=crop,
            # A real row always has a digest, even after its picture was deleted, which is after a week.
            crop_sha256=rng.randbytes(32) if crop is None else hashlib.sha256(crop).digest(),
        )

    def _light(self, ago_s: float) -> Light:
        hour = (self._midnight_s - ago_s) / 3600.0 % 24.0
        if not _LIGHT_H - _DUSK_H < hour < _DARK_H + _DUSK_H:
            return Light.INFRARED
        return Light.DAY if _LIGHT_H < hour < _DARK_H else Light.DUSK

    def _colours(self, group: str) -> tuple[PartColours, ...]:
        """Return one or two different colours for each part of the object."""
        rng, parts = self._rng, []
        for part in _PARTS[group]:
            first, second = rng.choices(tuple(_COLOURS), tuple(_COLOURS.values()), k=2)
            shares = [ColourShare(first, 0.6)] + [ColourShare(second, 0.3)] * (second != first)
            parts.append(PartColours(part, tuple(shares), rng.uniform(0.4, 0.95)))
        return tuple(parts)


def _seconds_since_midnight(clock: Clock, timezone: ZoneInfo) -> float:
    now = clock.now().astimezone(timezone)
    return timedelta(hours=now.hour, minutes=now.minute, seconds=now.second).total_seconds()


def _make_ways(rng: random.Random, axis_deg: float) -> tuple[_Way, _Way]:
    """Make the paths of both driving directions of a road; ``axis_deg`` is the direction of the first one."""
    beside = rng.uniform(-0.2, 0.2)
    return _make_way(rng, axis_deg, beside), _make_way(rng, axis_deg + 180.0, beside)


def _make_way(rng: random.Random, direction_deg: float, beside: float) -> _Way:
    direction_deg = (direction_deg + rng.uniform(-10.0, 10.0)) % 360.0
    angle = math.radians(direction_deg)
    across, up = math.sin(angle), math.cos(angle)
    reach = 0.5 / max(abs(across), abs(up)) + abs(beside)  # from the middle to the side of the picture
    on = reach if rng.random() > _SHARE_TURNING else rng.uniform(0.1, 0.3)  # turning ones end inside
    lasts_s = rng.uniform(2.0, 12.0)
    points = rng.randint(8, 16)
    path = []
    for number in range(points):
        along = -reach + (reach + on) * number / (points - 1)
        x = min(1.0, max(0.0, 0.5 + along * across + beside * up))
        y = min(1.0, max(0.0, 0.5 - along * up + beside * across))
        path.append(PathPoint(lasts_s * number / (points - 1), x, y))
    return _Way(tuple(path), lasts_s, _side(path[0]), _side(path[-1]), direction_deg)


def _side(point: PathPoint) -> Side:
    """Return the side of the picture that is at most 0.06 away, as the agent does; else ``Side.INSIDE``."""
    distances = {Side.LEFT: point.x, Side.RIGHT: 1 - point.x, Side.TOP: point.y, Side.BOTTOM: 1 - point.y}
    side = min(distances, key=distances.__getitem__)
    return side if distances[side] <= 0.06 else Side.INSIDE
