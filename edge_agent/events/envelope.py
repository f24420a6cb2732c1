"""What is around every event: who says it, when it happened, when it was stored.

Times: ``time`` and ``bootms`` say when it happened, ``recordedtime`` when it was stored. Wall times
only label; ``bootid`` and ``bootms`` order events of one boot even when the clock was wrong.

Until when the agent lived, for what it did not live to end.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent import wire
from edge_agent.config.model.settings import Gateway
from edge_agent.core.clock import Clock, rfc3339, wall_time_of
from edge_agent.core.delivery import Draft, Media, OpenEvent, Stamp
from edge_agent.core.model import Severity
from edge_agent.core.state_file import read_record, write_record

ALIVE_EVERY_S = 30.0
"""One small write, while something is open only: events themselves cost the card more."""


class LastAlive(msgspec.Struct, frozen=True):
    """Wall time is not in it: it may have been set since."""

    run: str
    boot_id: str
    mono: float  # when it was last known to live


class LastAliveFile:
    """The file of one run. One thread."""

    def __init__(self, path: Path, clock: Clock, boot_id: str) -> None:
        self._path = path
        self._clock = clock
        self._boot_id = boot_id
        self._run = secrets.token_hex(6)
        self._before: LastAlive | None = None
        self._next_mono = 0.0

    def record(self) -> None:
        """The agent lives; written when it is time. Blocks for an fsync then."""
        now_mono = self._clock.monotonic()
        if now_mono < self._next_mono:
            return
        self._next_mono = now_mono + ALIVE_EVERY_S
        self.previous()  # a disk that came late has it still
        write_record(self._path, LastAlive(self._run, self._boot_id, now_mono))

    def previous(self) -> LastAlive | None:
        """The last one of an earlier run."""
        found = read_record(self._path, LastAlive)
        if found is not None and found.run != self._run:
            self._before = found
        return self._before


ENCODER = msgspec.json.Encoder()
SOURCE_PREFIX = "/tb/"
LOST_CLIP = "the agent ended before the clip was complete"
AWAITED_CLIP = "clip"
"""In ``LeftOpen.kind``; no kind of event, so that an older version forgets it instead of ending it."""

OpenData = (
    wire.ObjectData
    | wire.ZoneData
    | wire.StoppedVehicleData
    | wire.WrongWayData
    | wire.CrowdingData
    | wire.CameraViewData
    | wire.ThermalData
    | wire.RuleOverrideData
)
"""What may be going on when the agent dies."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happened, on both clocks."""

    at: datetime
    mono: float


class UnfinishedEvent(msgspec.Struct, frozen=True):
    """What the outbox keeps of something that has not ended. Version 0.1.0 knew objects only."""

    data: msgspec.Raw
    seen_at: str  # rfc3339
    kind: str = "object"
    severity: str | None = None
    seen_mono: float | None = None  # ``seen_at``, of the boot ``boot_id``
    boot_id: str | None = None

    def last_at(self, life: LastAlive | None) -> str:
        """When it was last known to go on, RFC 3339: told, or seen by an agent that lived on."""
        if life is None or self.seen_mono is None or life.boot_id != self.boot_id:
            return self.seen_at
        lived = timedelta(seconds=max(0.0, life.mono - self.seen_mono))
        return rfc3339(datetime.fromisoformat(self.seen_at) + lived)


def awaited_clip(camera_id: str, event_id: str, severity: Severity, now: Moment) -> OpenEvent:
    """What is kept of an event that is over, until its clip is told: ``LeftOpen`` with the clip's absence."""
    data = wire.EvidenceData(event_id=event_id, clip=None, missing=LOST_CLIP)
    state = UnfinishedEvent(msgspec.Raw(ENCODER.encode(data)), rfc3339(now.at), AWAITED_CLIP, severity.value)
    return OpenEvent(clip_key(event_id), camera_id, ENCODER.encode(state))


def clip_key(event_id: str) -> str:
    """Under which a clip is awaited. No event has a slash in its id."""
    return f"clip/{event_id}"


def event_of_clip(event: OpenEvent) -> str | None:
    """The event whose clip ``event`` awaits; None: it is an event itself."""
    prefix = clip_key("")
    return event.event_id.removeprefix(prefix) if event.event_id.startswith(prefix) else None


class _Source(msgspec.Struct):
    source: str


def restamped(payload: bytes, stamp: Stamp) -> bytes:
    """The event under another stamp, all else as it was."""
    event: dict[str, object] = {**msgspec.json.decode(payload, type=dict[str, msgspec.Raw])}
    gateway = msgspec.json.decode(payload, type=_Source).source.removeprefix(SOURCE_PREFIX)
    sequence = f"{stamp.sequence:016d}"
    event |= {"id": f"{gateway}/{stamp.epoch}/{sequence}", "sequence": sequence}
    return ENCODER.encode(event | {"epoch": stamp.epoch, "prevhash": stamp.previous})


class Envelope:
    """Puts data into the CloudEvents of one gateway. Any thread."""

    def __init__(
        self, gateway: Gateway, *, clock: Clock, boot_id: str, clock_synced: Callable[[], bool]
    ) -> None:
        """``clock_synced`` says whether wall time can be trusted now."""
        self._gateway = gateway
        self._clock = clock
        self._boot_id = boot_id
        self._clock_synced = clock_synced

    def now(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic())

    def moment(self, mono: float) -> Moment:
        """Dated by the clock as it is now, which is what the event's ``clock`` flag speaks of: after a jump
        the time of the frame would be an old label under a new flag."""
        return Moment(wall_time_of(self._clock, mono), mono)

    def at(self, mono: float) -> str:
        return rfc3339(self.moment(mono).at)

    def draft(
        self,
        subject: str,
        severity: Severity,
        moment: Moment,
        data: wire.Message,
        *,
        media: Media | None = None,
        closes: str | None = None,
    ) -> Draft:
        """For what has no phases."""
        kind = wire.KIND_OF_DATA[type(data)]
        encode = self.encoder(subject, severity, moment, data)
        return Draft(subject, kind, severity, encode, media, closes=closes)

    def phased(
        self, subject: str, severity: Severity, moment: Moment, data: wire.Message, media: Media | None
    ) -> Draft:
        """For what may begin now and end later: the outbox remembers it, to be ended after a crash."""
        kind = wire.KIND_OF_DATA[type(data)]
        encode = self.encoder(subject, severity, moment, data)
        opens, closes = None, None
        if isinstance(data, OpenData):
            if data.phase == "end":
                closes = data.event_id
            elif data.phase != "moment":
                opens = _left_behind(subject, kind, severity, data, moment, self._boot_id)
        return Draft(subject, kind, severity, encode, media, opens, closes)

    def encoder(
        self, subject: str, severity: Severity, moment: Moment, data: wire.Message
    ) -> Callable[[Stamp], bytes]:
        """The payload as a function of its stamp; everything else is fixed now."""
        kind = wire.KIND_OF_DATA[type(data)]
        synced: Literal["synced", "unsynced"] = "synced" if self._clock_synced() else "unsynced"
        recorded = rfc3339(self._clock.now())

        def encode(stamp: Stamp) -> bytes:
            sequence = f"{stamp.sequence:016d}"
            event = wire.CloudEvent(
                id=f"{self._gateway.id}/{stamp.epoch}/{sequence}",
                source=f"{SOURCE_PREFIX}{self._gateway.id}",
                subject=subject,
                type=f"{wire.TYPE_PREFIX}{kind}.v1",
                time=rfc3339(moment.at),
                dataschema=f"{wire.SCHEMA_BASE}{kind}.json",
                sequence=sequence,
                epoch=stamp.epoch,
                prevhash=stamp.previous,
                recordedtime=recorded,
                bootid=self._boot_id,
                bootms=str(max(0, round(moment.mono * 1000))),
                severitynumber=severity.number,  # type: ignore[arg-type]
                severitytext=severity.value,
                clock=synced,
                ward=self._gateway.ward,
                data=data,
            )
            return ENCODER.encode(event)

        return encode


def _left_behind(
    subject: str, kind: str, severity: Severity, data: OpenData, moment: Moment, boot_id: str
) -> OpenEvent:
    kept: OpenData
    if isinstance(data, wire.ThermalData):  # an agent that starts holds nothing back
        begins = {"from_step": data.to_step, "to_step": 0, "limits": wire.LoadLimits()}
        kept = msgspec.structs.replace(data, **begins, why="the agent was restarted")
    elif isinstance(data, wire.RuleOverrideData):
        kept = data
    else:
        kept = msgspec.structs.replace(data, snapshot=None)  # the end goes without a picture
    raw = msgspec.Raw(ENCODER.encode(kept))
    state = UnfinishedEvent(raw, rfc3339(moment.at), kind, severity.value, moment.mono, boot_id)
    return OpenEvent(data.event_id, subject, ENCODER.encode(state))
