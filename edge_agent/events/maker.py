"""From facts to events: CloudEvents as ``wire.py`` types them, stored with what hangs on them.

Times: ``time`` and ``bootms`` say when it happened, ``recordedtime`` when it was stored. Wall times
only label; ``bootid`` and ``bootms`` order events of one boot even when the clock was wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from edge_agent import wire
from edge_agent.clock import Clock, rfc3339, wall_time_of
from edge_agent.config.settings import Gateway
from edge_agent.model import (
    CameraState,
    Cause,
    CountsHit,
    Frame,
    ObjectHit,
    Phase,
    Severity,
    Track,
    ZoneHit,
)
from edge_agent.outbox_model import Draft, Loss, Media, OpenEvent, Stamp

GATEWAY = "gateway"  # subject of events about the box; no camera may be called so
_ENCODER = msgspec.json.Encoder()
_ZONE_KINDS: dict[str, type[wire.ZoneData]] = {
    "zone-intrusion": wire.ZoneIntrusionData,
    "loitering": wire.LoiteringData,
}


@dataclass(frozen=True, slots=True)
class _Moment:
    """When something happened, on both clocks."""

    at: datetime
    mono: float


class _Open(msgspec.Struct, frozen=True):
    """What the outbox keeps of something that has not ended. Version 0.1.0 knew objects only."""

    data: msgspec.Raw
    seen_at: str  # rfc3339
    kind: str = "object"
    severity: str | None = None


class EventMaker:
    """Makes the drafts of one gateway. Any thread.

    ``clock_synced`` says whether wall time can be trusted now; ``model`` names what labels objects.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        clock: Clock,
        boot_id: str,
        clock_synced: Callable[[], bool],
        model: wire.ModelRef,
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._boot_id = boot_id
        self._clock_synced = clock_synced
        self._model = model

    def object_event(self, camera_id: str, hit: ObjectHit, frame: Frame, media: Media | None) -> Draft:
        """``object``: start, update or end of one object, with the picture that goes with it."""
        moment = self._moment(_happened_mono(hit, frame))
        data = self._object_data(hit, frame, media)
        opens, closes = _left_behind(camera_id, "object", Severity.INFO, data, moment)
        encode = self._encoder(camera_id, Severity.INFO, moment, data)
        return Draft(camera_id, "object", Severity.INFO, encode, media, opens, closes)

    def zone_event(self, camera_id: str, hit: ZoneHit, frame: Frame, media: Media | None) -> Draft:
        """What a rule on a zone has to tell: start, update or end."""
        moment = self._moment(_happened_mono(hit, frame))
        data = self._zone_data(hit, frame, media)
        severity = hit.rule.severity
        opens, closes = _left_behind(camera_id, hit.rule.kind, severity, data, moment)
        encode = self._encoder(camera_id, severity, moment, data)
        return Draft(camera_id, hit.rule.kind, severity, encode, media, opens, closes)

    def left_open(self, event: OpenEvent) -> Draft:
        """The ``end`` of what was going on when the agent died. Raises ``msgspec.DecodeError``."""
        state = msgspec.json.decode(event.state, type=_Open)
        kind = wire.DATA_OF_KIND.get(state.kind)
        if kind is None:
            raise msgspec.DecodeError(f"an open event of the unknown kind {state.kind!r}")
        data = msgspec.structs.replace(
            msgspec.json.decode(state.data, type=kind),
            phase="end",
            ended_at=state.seen_at,
            end_reason="restart",
        )
        severity = Severity.INFO if state.severity is None else Severity(state.severity)
        encode = self._encoder(event.camera, severity, self._now(), data)
        return Draft(event.camera, state.kind, severity, encode, closes=event.event_id)

    def counts(self, camera_id: str, hit: CountsHit, frame: Frame) -> Draft:
        """``counts``: new objects of an interval."""
        to = self._moment(hit.to_mono)
        data = wire.CountsData(
            from_at=rfc3339(self._moment(hit.from_mono).at),
            to_at=rfc3339(to.at),
            interval_s=round(hit.to_mono - hit.from_mono, 3),
            new=hit.new,
        )
        return self._draft(camera_id, Severity.INFO, to, data)

    def camera_state(
        self,
        camera_id: str,
        state: CameraState,
        cause: Cause | None,
        detail: str,
        *,
        since_mono: float,
        down_s: float | None = None,
        kept_back: int = 0,
    ) -> Draft:
        """``camera-state``: ``since_mono`` is when the state began; STARTING is no event."""
        moment = self._moment(since_mono)
        data = wire.CameraStateData(
            state=_told_state(state),
            cause=None if cause is None else cause.value,
            detail=detail,
            since_at=rfc3339(moment.at),
            down_s=down_s,
            kept_back=kept_back,
        )
        severity = Severity.INFO if state is CameraState.ONLINE else Severity.WARNING
        return self._draft(camera_id, severity, moment, data)

    def clock_correction(
        self, offset_ms: int, source: str, corrected_at: datetime, corrected_mono: float
    ) -> Draft:
        """``clock-correction``: the first synchronisation of this boot."""
        data = wire.ClockCorrectionData(
            offset_ms=offset_ms, source=source, corrected_at=rfc3339(corrected_at)
        )
        return self._draft(GATEWAY, Severity.INFO, _Moment(corrected_at, corrected_mono), data)

    def loss(self, stamp: Stamp, loss: Loss) -> bytes:
        """``loss``: the payload, for the outbox, which alone knows when it gives something up."""
        data = wire.LossData(
            epoch=loss.epoch, ranges=list(loss.ranges), count=loss.count, reason=_loss_reason(loss)
        )
        return self._encoder(GATEWAY, Severity.WARNING, self._now(), data)(stamp)

    def _object_data(self, hit: ObjectHit, frame: Frame, media: Media | None) -> wire.ObjectData:
        track = hit.track
        ended = hit.phase is Phase.END
        return wire.ObjectData(
            phase=hit.phase.value,
            event_id=object_event_id(track),
            label=track.label or "unknown",
            group=track.group,  # type: ignore[arg-type]  # model.GROUP_OF_LABEL has the wire's words
            score=round(min(max(track.score, 0.0), 1.0), 3),
            box=track.box.rounded(),
            frame=wire.FrameSize(width=frame.picture.width, height=frame.picture.height),
            track_id=track.id,
            started_at=rfc3339(self._moment(hit.started_mono).at),
            ended_at=rfc3339(self._moment(track.last_seen_mono).at) if ended else None,
            end_reason=hit.end_reason if ended else None,  # type: ignore[arg-type]
            model=self._model,
            snapshot=_reference(media),
        )

    def _zone_data(self, hit: ZoneHit, frame: Frame, media: Media | None) -> wire.ZoneData:
        track, ended = hit.track, hit.phase is Phase.END
        return _ZONE_KINDS[hit.rule.kind](
            phase=hit.phase.value,
            event_id=hit.event_id,
            rule_id=hit.rule.id,
            zone=hit.rule.zone,
            label=track.label or "unknown",
            group=track.group,  # type: ignore[arg-type]  # model.GROUP_OF_LABEL has the wire's words
            score=round(min(max(track.score, 0.0), 1.0), 3),
            box=track.box.rounded(),
            frame=wire.FrameSize(width=frame.picture.width, height=frame.picture.height),
            track_id=track.id,
            inside_s=round(hit.inside_s, 1),
            why=f"{track.label or 'something'} in {hit.rule.zone} for {hit.inside_s:.0f} s",
            started_at=rfc3339(self._moment(hit.started_mono).at),
            ended_at=rfc3339(self._moment(hit.last_inside_mono).at) if ended else None,
            end_reason=hit.end_reason if ended else None,  # type: ignore[arg-type]
            model=self._model,
            snapshot=_reference(media),
        )

    def _draft(self, subject: str, severity: Severity, moment: _Moment, data: wire.Message) -> Draft:
        kind = wire.KIND_OF_DATA[type(data)]
        return Draft(subject, kind, severity, self._encoder(subject, severity, moment, data))

    def _encoder(
        self, subject: str, severity: Severity, moment: _Moment, data: wire.Message
    ) -> Callable[[Stamp], bytes]:
        """The payload as a function of its stamp; everything else is fixed now."""
        kind = wire.KIND_OF_DATA[type(data)]
        synced: Literal["synced", "unsynced"] = "synced" if self._clock_synced() else "unsynced"
        recorded = rfc3339(self._clock.now())

        def encode(stamp: Stamp) -> bytes:
            sequence = f"{stamp.sequence:016d}"
            event = wire.CloudEvent(
                id=f"{self._gateway.id}/{stamp.epoch}/{sequence}",
                source=f"/tb/{self._gateway.id}",
                subject=subject,
                type=f"{wire.TYPE_PREFIX}{kind}.v1",
                time=rfc3339(moment.at),
                dataschema=f"{wire.SCHEMA_BASE}{kind}.json",
                sequence=sequence,
                epoch=stamp.epoch,
                recordedtime=recorded,
                bootid=self._boot_id,
                bootms=str(max(0, round(moment.mono * 1000))),
                severitynumber=severity.number,  # type: ignore[arg-type]
                severitytext=severity.value,
                clock=synced,
                ward=self._gateway.ward,
                data=data,
            )
            return _ENCODER.encode(event)

        return encode

    def _now(self) -> _Moment:
        return _Moment(self._clock.now(), self._clock.monotonic())

    def _moment(self, mono: float) -> _Moment:
        """Dated by the clock as it is now, which is what the event's ``clock`` flag speaks of: after a jump
        the time of the frame would be an old label under a new flag."""
        return _Moment(wall_time_of(self._clock, mono), mono)


def object_event_id(track: Track) -> str:
    """The same for all events of one object; track ids are unique over restarts."""
    return f"object-{track.id}"


def _left_behind(
    camera_id: str, kind: str, severity: Severity, data: wire.ObjectData | wire.ZoneData, moment: _Moment
) -> tuple[OpenEvent | None, str | None]:
    """What the outbox remembers so that it can be ended after a crash, or the id of what ends now."""
    if data.phase == "end":
        return None, data.event_id
    kept = msgspec.structs.replace(data, snapshot=None)  # the end goes without a picture
    state = _Open(msgspec.Raw(_ENCODER.encode(kept)), rfc3339(moment.at), kind, severity.value)
    return OpenEvent(data.event_id, camera_id, _ENCODER.encode(state)), None


def _happened_mono(hit: ObjectHit | ZoneHit, frame: Frame) -> float:
    """It starts when it was first seen, ends when it was last seen, changes now."""
    match hit.phase:
        case Phase.START:
            return hit.started_mono
        case Phase.UPDATE:
            return frame.captured_mono
        case Phase.END:
            return hit.last_inside_mono if isinstance(hit, ZoneHit) else hit.track.last_seen_mono


def _reference(media: Media | None) -> wire.SnapshotRef | None:
    if media is None:
        return None
    return wire.SnapshotRef(
        media_id=media.media_id, sha256=media.sha256, bytes=len(media.payload), box=media.box.rounded()
    )


def _told_state(state: CameraState) -> Literal["online", "degraded", "offline"]:
    match state:
        case CameraState.ONLINE:
            return "online"
        case CameraState.DEGRADED:
            return "degraded"
        case CameraState.OFFLINE:
            return "offline"
        case CameraState.STARTING:
            raise ValueError("a camera that is starting is no event")


def _loss_reason(loss: Loss) -> Literal["outbox-full", "memory-full"]:
    return "memory-full" if loss.reason == "memory-full" else "outbox-full"
