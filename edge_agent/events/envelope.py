"""The CloudEvents envelope of every event, and what is stored of an event that has not ended.

``time`` and ``bootms`` are when the event happened, ``recordedtime`` when it was stored. Wall times are only
labels; ``bootid`` and ``bootms`` order the events of one boot even when the clock was wrong.

A file records when the agent was last alive: an event that was open when the agent died ends at that time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_agent import wire
from edge_agent.config.model.settings import Gateway
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import Draft, Media, OpenEvent, Stamp
from edge_agent.core.model import Severity
from edge_agent.core.problems import problem_text
from edge_agent.core.problems.problem import ProblemText, encode_text
from edge_agent.core.state_file import read_record, write_record

ALIVE_EVERY_S = 30.0  # one small write, and only while an event is open


class LastAlive(msgspec.Struct, frozen=True):
    """The content of the file. It has no wall time, because the clock may have been set since."""

    run: str
    boot_id: str
    mono: float  # when the agent was last known to run


class LastAliveFile:
    """The file that records when this run was last alive. One thread."""

    def __init__(self, path: Path, clock: Clock, boot_id: str) -> None:
        self._path = path
        self._clock = clock
        self._boot_id = boot_id
        self._run = secrets.token_hex(6)
        self._before: LastAlive | None = None
        self._next_mono = 0.0

    def record(self) -> None:
        """Write the file if ``ALIVE_EVERY_S`` have passed. Blocks for an fsync then."""
        now_mono = self._clock.monotonic()
        if now_mono < self._next_mono:
            return
        self._next_mono = now_mono + ALIVE_EVERY_S
        self.previous()  # read it before it is overwritten, also on a disk that was mounted late
        write_record(self._path, LastAlive(self._run, self._boot_id, now_mono))

    def previous(self) -> LastAlive | None:
        """Return the last record of an earlier run."""
        found = read_record(self._path, LastAlive)
        if found is not None and found.run != self._run:
            self._before = found
        return self._before


ENCODER = msgspec.json.Encoder(enc_hook=encode_text)
SOURCE_PREFIX = "/tb/"
LOST_CLIP = problem_text("clip-agent-ended")
UNREPORTED_CLIP = problem_text("clip-not-reported")
AWAITED_CLIP = "clip"
"""``UnfinishedEvent.kind`` of an awaited clip. It is not a kind of event, so an older agent drops it."""

OpenData = (
    wire.ObjectData
    | wire.ZoneData
    | wire.StoppedVehicleData
    | wire.WrongWayData
    | wire.CrowdingData
    | wire.CameraViewData
    | wire.ThermalData
    | wire.UplinkData
    | wire.RuleOverrideData
)
"""Data of the events that may be open when the agent dies."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant on both clocks."""

    at: datetime
    mono: float


@dataclass(frozen=True, slots=True)
class Times:
    """Gives wall times by one reading of the clocks, so that one instant has one time in an event."""

    now: Moment

    def moment(self, mono: float) -> Moment:
        """Return the moment of ``mono``, with the wall time by the clock as it is set now.

        The event's ``clock`` flag describes the clock now. After a jump, the wall time taken with the frame
        would not match that flag.
        """
        return Moment(self.now.at - timedelta(seconds=self.now.mono - mono), mono)

    def at(self, mono: float) -> str:
        return rfc3339(self.moment(mono).at)


class UnfinishedEvent(msgspec.Struct, frozen=True):
    """What the outbox stores of an event that has not ended. Version 0.1.0 stored only ``object`` events."""

    data: msgspec.Raw
    seen_at: wire.Time
    kind: str = "object"
    severity: str | None = None
    seen_mono: float | None = None  # the instant of ``seen_at`` in the boot ``boot_id``
    boot_id: str | None = None

    def last_at(self, last_alive: LastAlive | None) -> str:
        """Return the last time at which the event is known to have continued, RFC 3339: its last report, or
        when the agent was last alive in the same boot if that is later."""
        if last_alive is None or self.seen_mono is None or last_alive.boot_id != self.boot_id:
            return self.seen_at
        lived = timedelta(seconds=max(0.0, last_alive.mono - self.seen_mono))
        return rfc3339(datetime.fromisoformat(self.seen_at) + lived)


def awaited_clip(camera_id: str, event_id: str, severity: Severity, now: Moment) -> OpenEvent:
    """Return an open event that reports the clip as missing if the agent dies before the clip is reported."""
    data = lost_clip(event_id)
    state = UnfinishedEvent(msgspec.Raw(ENCODER.encode(data)), rfc3339(now.at), AWAITED_CLIP, severity.value)
    return OpenEvent(clip_key(event_id), camera_id, ENCODER.encode(state))


def lost_clip(event_id: str, why: ProblemText = LOST_CLIP) -> wire.EvidenceData:
    """Make the data for a clip that was not complete when the agent ended, or that is missing for ``why``."""
    return wire.EvidenceData(event_id=event_id, clip=None, missing=str(why), problem=why.problem)


def clip_key(event_id: str) -> str:
    """Return the id of the open event of an awaited clip. No other event has a slash in its id."""
    return f"clip/{event_id}"


def event_of_clip(event: OpenEvent) -> str | None:
    """Return the id of the event whose clip is awaited; None when ``event`` is no awaited clip."""
    prefix = clip_key("")
    return event.event_id.removeprefix(prefix) if event.event_id.startswith(prefix) else None


class _Source(msgspec.Struct):
    source: str


def restamped(payload: bytes, stamp: Stamp) -> bytes:
    """Return the event under another stamp, otherwise unchanged."""
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
        """``clock_synced`` returns whether wall time can be trusted now."""
        self._gateway = gateway
        self._clock = clock
        self._boot_id = boot_id
        self._clock_synced = clock_synced

    def now(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic())

    def times(self) -> Times:
        """Read the clocks, for all times of one event."""
        return Times(self.now())

    def moment(self, mono: float) -> Moment:
        return self.times().moment(mono)

    def at(self, mono: float) -> str:
        return self.times().at(mono)

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
        """Return the draft of an event that has no phases."""
        kind = wire.KIND_OF_DATA[type(data)]
        encode = self.encoder(subject, severity, moment, data)
        return Draft(subject, kind, severity, encode, media, closes=closes)

    def phased(
        self, subject: str, severity: Severity, moment: Moment, data: wire.Message, media: Media | None
    ) -> Draft:
        """Return the draft of an event with phases; the outbox stores open ones to end them after a crash."""
        kind = wire.KIND_OF_DATA[type(data)]
        encode = self.encoder(subject, severity, moment, data)
        opens, closes = None, None
        if isinstance(data, OpenData):
            if data.phase == "end":
                closes = data.event_id
            elif data.phase != "moment":
                opens = _open_event(subject, kind, severity, data, moment, self._boot_id)
        return Draft(subject, kind, severity, encode, media, opens, closes)

    def encoder(
        self, subject: str, severity: Severity, moment: Moment, data: wire.Message
    ) -> Callable[[Stamp], bytes]:
        """Return a function that makes the payload from a stamp. Everything but the stamp is fixed now."""
        kind = wire.KIND_OF_DATA[type(data)]
        synced: Literal["synced", "unsynced"] = "synced" if self._clock_synced() else "unsynced"
        # The clock of a replay stays at the recording's start, but no event is stored before it happens.
        recorded = rfc3339(max(self._clock.now(), moment.at))

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


def _open_event(
    subject: str, kind: str, severity: Severity, data: OpenData, moment: Moment, boot_id: str
) -> OpenEvent:
    at_end: OpenData
    if isinstance(data, wire.ThermalData | wire.UplinkData):  # a step that is in force then is a new event
        begins: dict[str, Any] = {"from_step": data.to_step, "to_step": 0}
        if isinstance(data, wire.ThermalData):
            begins["limits"] = wire.LoadLimits()
        else:
            begins |= {"held": [], "heartbeat_s": None}
        why = problem_text("agent-restarted")
        at_end = msgspec.structs.replace(data, **begins, why=str(why), problem=why.problem)
    elif isinstance(data, wire.RuleOverrideData):
        at_end = data
    else:
        at_end = msgspec.structs.replace(data, snapshot=None)  # the end is reported without a picture
    raw = msgspec.Raw(ENCODER.encode(at_end))
    state = UnfinishedEvent(raw, rfc3339(moment.at), kind, severity.value, moment.mono, boot_id)
    return OpenEvent(data.event_id, subject, ENCODER.encode(state))
