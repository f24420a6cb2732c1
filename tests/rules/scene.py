"""Tracks that move as a test defines, passed to a rule frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from edge_agent.config.model.settings import (
    AnyRule,
    CrowdingRule,
    RuleKind,
    StoppedRule,
    WrongWayRule,
    Zone,
    ZoneRule,
)
from edge_agent.core.facts import RuleObservation
from edge_agent.core.model import GROUP_OF_LABEL, Box, Frame, Severity, Track, Tracks
from edge_agent.rules.schedule import Arming
from tests.events.parts import frame, track

ALWAYS = Arming(None, UTC, frozenset())
EPOCH = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
EVERYWHERE = Zone("road", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))

EVERY: Mapping[str, Any] = {
    "id": "rule",
    "labels": ("car",),
    "severity": Severity.INFO,
    "cooldown_s": 0.0,
    "schedule": None,
}
IN_ZONE: Mapping[str, Any] = {**EVERY, "zone": EVERYWHERE}
OF_ZONES: dict[RuleKind, AnyRule] = {
    rule.kind: rule
    for rule in (
        ZoneRule(**IN_ZONE, kind=RuleKind.ZONE_INTRUSION, min_duration_s=1.0, grace_s=1.0),
        ZoneRule(**IN_ZONE, kind=RuleKind.LOITERING, min_duration_s=1.0, grace_s=1.0),
        StoppedRule(**IN_ZONE, kind=RuleKind.STOPPED_VEHICLE, still_s=2.0),
        WrongWayRule(**IN_ZONE, kind=RuleKind.WRONG_WAY, arrow=((0.2, 0.5), (0.8, 0.5)), min_distance=0.1),
        CrowdingRule(**IN_ZONE, kind=RuleKind.CROWDING, count=2, min_duration_s=1.0, release_count=1),
    )
}

Actor = Callable[[float], Track | None]
"""The track at a time in seconds, or None while it is absent."""


class Watch(Protocol):
    def update(self, frame: Frame, tracks: Tracks) -> Iterable[RuleObservation]: ...


def foot_at(x: float, y: float, width: float = 0.1, height: float = 0.15) -> Box:
    return Box(x - width / 2, y - height, x + width / 2, y)


def going(
    *points: tuple[float, float, float],
    name: str = "t1",
    label: str = "car",
    size: tuple[float, float] = (0.1, 0.15),
    jitter: float = 0.0,
) -> Actor:
    """A track that moves straight between (time, x, y) of its foot, and is absent before and after.
    ``jitter``: standard deviation of the box's edges, in own sizes."""
    times, xs, ys = zip(*points, strict=True)
    noise = np.random.default_rng(7)

    def at(t: float) -> Track | None:
        if not times[0] <= t <= times[-1]:
            return None
        box = foot_at(float(np.interp(t, times, xs)), float(np.interp(t, times, ys)), *size)
        dx1, dy1, dx2, dy2 = (float(v) for v in noise.normal(0, jitter, 4) * (*size, *size))
        shaken = Box(box.x1 + dx1, box.y1 + dy1, box.x2 + dx2, box.y2 + dy2)
        return track(name, label=label, group=GROUP_OF_LABEL.get(label), box=shaken, last=t)

    return at


def played(
    watch: Watch, seconds: float, *actors: Actor, begin_s: float = 0.0, fps: float = 5.0, at: datetime = EPOCH
) -> list[RuleObservation]:
    """``at`` is the wall clock at second 0."""
    observations: list[RuleObservation] = []
    for number in range(round(seconds * fps)):
        t = begin_s + number / fps
        moment = replace(frame(t), captured_at=at + timedelta(seconds=t))
        observations += watch.update(moment, Tracks(tuple(seen for actor in actors if (seen := actor(t)))))
    return observations


def reported(observations: Iterable[RuleObservation]) -> list[tuple[str, str | None]]:
    return [(observation.phase.value, observation.end_reason) for observation in observations]
