"""Makes the events of a simulated gateway, in the agent's form, and their rate over the day. Pure."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from edge_agent import wire
from edge_agent.config.model.settings import Gateway
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Draft, Media
from edge_agent.core.model import Severity
from edge_agent.events.envelope import Envelope
from edge_agent.tools.simulate.alarm_rules import SimulatedAlarm
from edge_agent.wire.cameras import FrameSize, SnapshotRef

MODEL = wire.ModelRef(name="simulated", sha256=None)
_FRAME = FrameSize(width=640, height=360)
_LABELS = (("motorcycle", "two-wheeler"), ("person", "person"), ("car", "vehicle"))
_JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62r"
    "Z4C8ybqmx5moq6T/wAALCAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAH/xAAbEAABBAMAAAAAAAAAAAAAAAARAAMEEhMiQf/a"
    "AAgBAQAAPwCx2M9tqgcKSGMFdrE8CR38FtbEdCSH89dag9K//9k="
)
"""A JPEG of 16 by 16 grey pixels. ``picture`` adds random comments, for its size and to make it unique."""
_APP0_ENDS = 20
_LONGEST_COMMENT = 65_000


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of event, and its ``share`` of all events. If it ``lasts``, it has a start and an end event."""

    share: float
    data: type[wire.Message]
    severity: Severity
    lasts: bool
    more: dict[str, Any]


_KINDS = (
    _Kind(0.75, wire.ObjectData, Severity.INFO, True, {}),
    _Kind(
        0.18,
        wire.LineCrossingData,
        Severity.INFO,
        False,
        {"line": "gate", "direction": "a-to-b", "rule_id": "in", "why": "simulated crossing"},
    ),
    _Kind(
        0.06,
        wire.LoiteringData,
        Severity.WARNING,
        True,
        {"zone": "yard", "inside_s": 30.0, "rule_id": "stays", "why": "simulated stay"},
    ),
    _Kind(
        0.01,
        wire.ZoneIntrusionData,
        Severity.ALARM,
        True,
        {"zone": "yard", "inside_s": 2.0, "rule_id": "yard", "why": "simulated intrusion"},
    ),
)
"""The kinds of events. Their shares are an assumption, not counted on a street; all severities occur."""
EVENTS_EACH = sum(kind.share * (2 if kind.lasts else 1) for kind in _KINDS)


@dataclass(frozen=True, slots=True)
class OngoingEvent:
    """An event that has begun and will end."""

    camera: str
    severity: Severity
    data: Any
    lasts_s: float


class EventGenerator:
    """Generates the events of one gateway. One thread uses it."""

    def __init__(
        self,
        gateway: Gateway,
        clock: Clock,
        rng: random.Random,
        boot_id: str,
        picture_share: float,
        picture_bytes: int,
        *,
        with_alarms: bool = True,
    ) -> None:
        """``with_alarms``: whether ``begin`` also begins events with the severity alarm."""
        self._kinds = [kind for kind in _KINDS if with_alarms or kind.severity is not Severity.ALARM]
        self._gateway = gateway
        self._envelope = Envelope(gateway, clock=clock, boot_id=boot_id, clock_synced=lambda: True)
        self._rng = rng
        self._boot_id = boot_id
        self._picture_share = picture_share
        self._picture_bytes = picture_bytes
        self._count = 0

    def begin(self, camera: str) -> tuple[Draft, OngoingEvent | None]:
        """Return the first event at a camera, and what ends it later; None if the event has no end."""
        self._count += 1
        kind = self._rng.choices(self._kinds, [each.share for each in self._kinds])[0]
        event_id = f"{self._gateway.id}-{self._boot_id}-{self._count}"
        media = self._picture(camera, event_id) if self._rng.random() < self._picture_share else None
        now = self._envelope.now()
        at = self._envelope.at(now.mono)
        data = kind.data(
            phase="start" if kind.lasts else "moment",
            event_id=event_id,
            started_at=at,
            ended_at=None if kind.lasts else at,
            model=MODEL,
            snapshot=None if media is None else _reference(media),
            **self._object(),
            **kind.more,
        )
        draft = self._envelope.phased(camera, kind.severity, now, data, media)
        going = (
            OngoingEvent(camera, kind.severity, data, self._rng.uniform(1.0, 20.0)) if kind.lasts else None
        )
        return draft, going

    def begin_alarm(self, camera: str, alarm: SimulatedAlarm, jpeg: bytes) -> tuple[Draft, OngoingEvent]:
        """Return an alarm's first event and what ends it. ``jpeg``: the whole picture."""
        self._count += 1
        event_id = f"{self._gateway.id}-{self._boot_id}-{self._count}"
        media = Media(f"{event_id}-start", event_id, camera, hashlib.sha256(jpeg).hexdigest(), jpeg)
        now = self._envelope.now()
        data = alarm.data(
            phase="start",
            event_id=event_id,
            started_at=self._envelope.at(now.mono),
            rule_id=alarm.rule,
            label=alarm.label,
            group=alarm.group,
            score=0.9,
            box=alarm.box,
            frame=_FRAME,
            track_id=str(self._count),
            model=MODEL,
            snapshot=msgspec.structs.replace(_reference(media), box=alarm.box),
            **alarm.more,
        )
        draft = self._envelope.phased(camera, Severity.ALARM, now, data, media)
        return draft, OngoingEvent(camera, Severity.ALARM, data, alarm.lasts_s)

    def end(self, going: OngoingEvent) -> Draft:
        now = self._envelope.now()
        data = msgspec.structs.replace(
            going.data, phase="end", ended_at=self._envelope.at(now.mono), end_reason="left", snapshot=None
        )
        return self._envelope.phased(going.camera, going.severity, now, data, None)

    def _object(self) -> dict[str, Any]:
        rng = self._rng
        label, group = rng.choice(_LABELS)
        left, top = round(rng.uniform(0.0, 0.8), 4), round(rng.uniform(0.0, 0.8), 4)
        return {
            "label": label,
            "group": group,
            "score": round(rng.uniform(0.4, 0.95), 3),
            "box": (left, top, round(left + 0.15, 4), round(top + 0.15, 4)),
            "frame": _FRAME,
            "track_id": str(self._count),
        }

    def _picture(self, camera: str, event_id: str) -> Media:
        payload = picture(self._picture_bytes, self._rng)
        digest = hashlib.sha256(payload).hexdigest()
        return Media(f"{event_id}-start", event_id, camera, digest, payload)


def picture(size_bytes: int, rng: random.Random) -> bytes:
    """Return a JPEG of about that size; no two are equal."""
    left = max(16, size_bytes - len(_JPEG))
    comments = b""
    while left > 0:
        length = min(left, _LONGEST_COMMENT)
        comments += b"\xff\xfe" + (length + 2).to_bytes(2, "big") + rng.randbytes(length)
        left -= length + 4
    return _JPEG[:_APP0_ENDS] + comments + _JPEG[_APP0_ENDS:]


def _reference(media: Media) -> SnapshotRef:
    return SnapshotRef(
        media_id=media.media_id, sha256=media.sha256, bytes=len(media.payload), box=(0.2, 0.2, 0.8, 0.8)
    )


HOURLY = (
    *(0.2, 0.1, 0.1, 0.1, 0.2, 0.7),
    *(1.5, 2.0, 1.6, 1.3, 1.3, 1.6),
    *(1.5, 1.1, 1.1, 1.3, 1.8, 2.2),
    *(1.8, 1.4, 1.1, 0.8, 0.5, 0.3),
)
"""Relative rates of events in each hour from midnight on: two peaks, a quiet night. An assumption."""
MEAN = sum(HOURLY) / len(HOURLY)
MOST = max(HOURLY) / MEAN
DAY_S = 86_400.0


class SimulatedDay:
    """A day that begins at ``begins_at_h`` and passes ``factor`` times as fast as the clock."""

    def __init__(self, begins_at_h: float, factor: float) -> None:
        self._begins_at_h = begins_at_h
        self._factor = factor

    def hour(self, elapsed_s: float) -> float:
        """Return the hour of the simulated day, 0 to 24, after ``elapsed_s`` seconds of the clock."""
        return (self._begins_at_h + elapsed_s * self._factor / 3600.0) % 24.0

    def weight(self, elapsed_s: float) -> float:
        """Return the weight of the current hour, interpolated between hours; the mean of a day is 1."""
        hour = self.hour(elapsed_s)
        whole = int(hour) % 24
        share = hour - int(hour)
        return (HOURLY[whole] * (1 - share) + HOURLY[(whole + 1) % 24] * share) / MEAN

    def per_s(self, elapsed_s: float, per_day: float) -> float:
        """Return the current events per second of the clock, for ``per_day`` in a simulated day."""
        return per_day / DAY_S * self._factor * self.weight(elapsed_s)

    def times(self, per_day: float, rng: random.Random) -> Iterator[float]:
        """Yield the times of events that happen ``per_day`` times a simulated day, in seconds since the
        beginning; equal ``rng`` give equal times. Algorithm: thinning, Lewis and Shedler, 1979."""
        at_s, most_per_s = 0.0, per_day / DAY_S * self._factor * MOST
        while True:
            at_s += rng.expovariate(most_per_s)
            if rng.random() * MOST < self.weight(at_s):
                yield at_s

    def gap_s(self, elapsed_s: float, per_day: float, rng: random.Random) -> float:
        """Return a random time until the next event, in seconds of the clock (exponential distribution)."""
        rate = self.per_s(elapsed_s, per_day)
        return rng.expovariate(rate) if rate > 0 else DAY_S
