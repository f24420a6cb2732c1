"""From facts to events: one method for each thing that can be told, as ``wire/`` types it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec

from edge_agent import wire
from edge_agent.config.model.settings import Gateway
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import Draft, Loss, Media, OpenEvent, Stamp
from edge_agent.core.facts import (
    TAMPER,
    CertificateChange,
    CountsObservation,
    LineCountsObservation,
    ObjectObservation,
    OverrideChange,
    Phase,
    RuleObservation,
    ThermalChange,
    UplinkChange,
    ViewObservation,
)
from edge_agent.core.model import CameraState, Cause, Frame, Severity, Track
from edge_agent.events.envelope import (
    AWAITED_CLIP,
    Envelope,
    LastAlive,
    Moment,
    UnfinishedEvent,
    awaited_clip,
    clip_key,
)
from edge_agent.events.explanations import certificate_line, override_line

GATEWAY = "gateway"  # subject of events about the box; no camera may be called so


class EventFactory:
    """Makes the drafts of one gateway. Any thread.

    ``clock_synced`` says whether wall time can be trusted now; ``model`` names what labels objects, and is
    replaced when another model does.
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
        self._envelope = Envelope(gateway, clock=clock, boot_id=boot_id, clock_synced=clock_synced)
        self.model = model

    # --- what happens in front of a camera ---

    def object_event(
        self, camera_id: str, hit: ObjectObservation, frame: Frame, media: Media | None
    ) -> Draft:
        """``object``: start, update or end of one object, with the picture that goes with it."""
        track, at = hit.track, self._envelope.at
        ended = hit.phase is Phase.END
        data = wire.ObjectData(
            phase=hit.phase.value,  # type: ignore[arg-type]  # objects have no moments
            event_id=object_event_id(track),
            box=track.box.rounded(),
            frame=_size(frame),
            started_at=at(hit.started_mono),
            ended_at=at(track.last_seen_mono) if ended else None,
            end_reason=hit.end_reason if ended else None,  # type: ignore[arg-type]
            model=self.model,
            snapshot=_reference(media),
            **_named(track),
        )
        moment = self._envelope.moment(_happened_mono(hit, hit.track.last_seen_mono, frame))
        return self._envelope.phased(camera_id, Severity.INFO, moment, data, media)

    def rule_event(self, camera_id: str, hit: RuleObservation, frame: Frame, media: Media | None) -> Draft:
        """What a configured rule has to tell. The fields of its facts are those of the wire."""
        at, ended = self._envelope.at, hit.phase is Phase.END
        facts = {key: _rounded(value) for key, value in dataclasses.asdict(hit.facts).items()}
        data = wire.DATA_OF_KIND[hit.rule.kind](
            phase=hit.phase.value,
            event_id=hit.event_id,
            rule_id=hit.rule.id,
            why=hit.why,
            box=hit.box.rounded(),
            frame=_size(frame),
            started_at=at(hit.started_mono),
            ended_at=at(hit.last_mono) if ended or hit.phase is Phase.MOMENT else None,
            end_reason=hit.end_reason if ended else None,
            model=self.model,
            snapshot=_reference(media),
            masked=hit.rule.masked,
            **facts,
            **({} if hit.track is None else _named(hit.track)),
        )
        moment = self._envelope.moment(_happened_mono(hit, hit.last_mono, frame))
        return self._envelope.phased(camera_id, hit.rule.severity, moment, data, media)

    def counts(self, camera_id: str, hit: CountsObservation, frame: Frame) -> Draft:
        """``counts``: new objects of an interval."""
        to = self._envelope.moment(hit.to_mono)
        data = wire.CountsData(
            from_at=self._envelope.at(hit.from_mono),
            to_at=rfc3339(to.at),
            interval_s=round(hit.to_mono - hit.from_mono, 3),
            new=hit.new,
        )
        return self._envelope.draft(camera_id, Severity.INFO, to, data)

    def line_counts(self, camera_id: str, hit: LineCountsObservation) -> Draft:
        """``line-counts``: who crossed a line since midnight."""
        to = self._envelope.moment(hit.to_mono)
        data = wire.LineCountsData(
            rule_id=hit.rule.id,
            line=hit.line,
            day=hit.day,
            from_at=self._envelope.at(hit.from_mono),
            to_at=rfc3339(to.at),
            a_to_b=hit.a_to_b,
            b_to_a=hit.b_to_a,
        )
        return self._envelope.draft(camera_id, Severity.INFO, to, data)

    # --- what happens to a camera ---

    def view_event(self, camera_id: str, hit: ViewObservation, frame: Frame, media: Media | None) -> Draft:
        """``camera-view``: what has happened to what the camera sees."""
        at, ended = self._envelope.at, hit.phase is Phase.END
        data = wire.CameraViewData(
            phase=hit.phase.value,
            event_id=hit.event_id,
            state=hit.state.value,
            tamper=hit.state in TAMPER,
            why=hit.why,
            features=hit.features,
            started_at=at(hit.started_mono),
            ended_at=at(hit.last_mono) if ended or hit.phase is Phase.MOMENT else None,
            end_reason=hit.end_reason if ended else None,  # type: ignore[arg-type]
            snapshot=_reference(media),
        )
        moment = self._envelope.moment(_happened_mono(hit, hit.last_mono, frame))
        return self._envelope.phased(camera_id, hit.severity, moment, data, media)

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
        moment = self._envelope.moment(since_mono)
        data = wire.CameraStateData(
            state=_wire_state(state),
            cause=None if cause is None else cause.value,
            detail=detail,
            since_at=rfc3339(moment.at),
            down_s=down_s,
            kept_back=kept_back,
        )
        severity = Severity.INFO if state is CameraState.ONLINE else Severity.WARNING
        return self._envelope.draft(camera_id, severity, moment, data)

    def rule_override(self, hit: OverrideChange) -> Draft:
        """``rule-override``. A rule's goes on over restarts, so the outbox does not end it; a view that is
        learned anew is learned from the beginning after one."""
        now, ended = self._envelope.now(), hit.phase is Phase.END
        data = wire.RuleOverrideData(
            phase="end" if ended else "start",
            event_id=hit.event_id,
            what=hit.what,
            rule_id=hit.rule,
            for_s=hit.for_s,
            origin="box" if hit.by.command_id is None else "command",
            command_id=hit.by.command_id,
            signed_by=hit.by.signed_by,
            why=override_line(hit),
            started_at=hit.started_at,
            ended_at=rfc3339(now.at) if ended else None,
            end_reason=hit.end_reason,
        )
        severity = Severity.INFO if ended or hit.what == "arm" else Severity.WARNING
        if hit.rule is None:
            return self._envelope.phased(hit.camera, severity, now, data, None)
        return self._envelope.draft(hit.camera, severity, now, data)

    # --- what happens to events and the box ---

    def evidence(self, camera_id: str, data: wire.EvidenceData, severity: Severity) -> Draft:
        """``evidence``: the hash of a clip, or why there is none. As grave as the event it belongs to."""
        now, key = self._envelope.now(), clip_key(data.event_id)
        return self._envelope.draft(camera_id, severity, now, data, closes=key)

    def file(self, media: Media, command_id: str | None, severity: Severity = Severity.INFO) -> Draft:
        """``evidence``: a file that no other event has, and the file itself. ``command_id`` asked for it."""
        ref = wire.FileRef(
            media_id=media.media_id,
            sha256=media.sha256,
            bytes=len(media.payload),
            content_type=media.content_type,
            command_id=command_id,
        )
        data = wire.EvidenceData(event_id=media.event_id, clip=None, file=ref)
        return self._envelope.draft(media.camera, severity, self._envelope.now(), data, media=media)

    def awaits_clip(self, camera_id: str, draft: Draft, event_id: str) -> Draft:
        """``draft`` is the last one of its event, and a clip follows: until then it is remembered."""
        awaited = awaited_clip(camera_id, event_id, draft.severity, self._envelope.now())
        return dataclasses.replace(draft, opens=awaited)

    def chain_head(self, data: wire.ChainHeadData, severity: Severity) -> Draft:
        """``chain-head``: as grave as the gravest of the events it signs."""
        return self._envelope.draft(GATEWAY, severity, self._envelope.now(), data)

    def clock_correction(
        self, offset_ms: int, source: str, corrected_at: datetime, corrected_mono: float
    ) -> Draft:
        """``clock-correction``: the first synchronisation of this boot."""
        data = wire.ClockCorrectionData(
            offset_ms=offset_ms, source=source, corrected_at=rfc3339(corrected_at)
        )
        return self._envelope.draft(GATEWAY, Severity.INFO, Moment(corrected_at, corrected_mono), data)

    def thermal(self, hit: ThermalChange) -> Draft:
        """``thermal``: the box does less because it is hot. A warning when it is less than before."""
        ended = hit.phase is Phase.END
        moment = self._envelope.moment(hit.at_mono)
        data = wire.ThermalData(
            phase=hit.phase.value,  # type: ignore[arg-type]  # heat has no moments
            event_id=hit.event_id,
            from_step=hit.from_step,
            to_step=hit.to_step,
            why=hit.why,
            temperature_c=hit.temperature_c,
            throttled=hit.throttled,
            limits=wire.LoadLimits(**dataclasses.asdict(hit.limits)),
            started_at=self._envelope.at(hit.started_mono),
            ended_at=rfc3339(moment.at) if ended else None,
            end_reason=hit.end_reason if ended else None,  # type: ignore[arg-type]
        )
        severity = Severity.WARNING if hit.to_step > hit.from_step else Severity.INFO
        return self._envelope.phased(GATEWAY, severity, moment, data, None)

    def uplink(self, hit: UplinkChange) -> Draft:
        """``uplink``: less is sent because the budget runs short. A warning when it is less than before."""
        ended = hit.phase is Phase.END
        moment = self._envelope.moment(hit.at_mono)
        data = wire.UplinkData(
            phase=hit.phase.value,  # type: ignore[arg-type]  # a budget has no moments
            event_id=hit.event_id,
            from_step=hit.from_step,
            to_step=hit.to_step,
            why=hit.why,
            held=list(hit.held),
            heartbeat_s=hit.heartbeat_s,
            monthly_bytes=hit.monthly_bytes,
            used_bytes=hit.used_bytes,
            forecast_bytes=hit.forecast_bytes,
            period_from=hit.period_from.isoformat(),
            resets_on=hit.resets_on.isoformat(),
            started_at=self._envelope.at(hit.started_mono),
            ended_at=rfc3339(moment.at) if ended else None,
            end_reason=hit.end_reason if ended else None,  # type: ignore[arg-type]
        )
        severity = Severity.WARNING if hit.to_step > hit.from_step else Severity.INFO
        return self._envelope.phased(GATEWAY, severity, moment, data, None)

    def certificate(self, hit: CertificateChange) -> Draft:
        """``certificate``: one of the broker connection ends soon. It goes on over restarts, so the outbox
        is not told to end it."""
        now, ended = self._envelope.now(), hit.phase is Phase.END
        data = wire.CertificateData(
            phase=hit.phase.value,  # type: ignore[arg-type]  # certificates have no moments
            event_id=hit.event_id,
            certificate=hit.which,
            days_left=hit.days_left,
            expires_at=rfc3339(hit.expires_at),
            why=certificate_line(hit),
            started_at=hit.started_at,
            ended_at=rfc3339(now.at) if ended else None,
            end_reason="renewed" if ended else None,
        )
        grave = Severity.ALARM if hit.alarm else Severity.WARNING
        return self._envelope.draft(GATEWAY, Severity.INFO if ended else grave, now, data)

    def healing(self, data: wire.HealingData, severity: Severity) -> Draft:
        """``healing``: the broker is back, and what was tried without it."""
        return self._envelope.draft(GATEWAY, severity, self._envelope.now(), data)

    def update(self, data: wire.UpdateData) -> Draft:
        """``update``: what root has decided about a release."""
        severity = Severity.INFO if data.outcome == "in-force" else Severity.WARNING
        return self._envelope.draft(GATEWAY, severity, self._envelope.now(), data)

    def collection(self, data: wire.CollectionData) -> Draft:
        """``collection``. It goes on over restarts, so the outbox does not end it. The start is a warning, so
        that no backlog and no budget holds it back."""
        severity = Severity.WARNING if data.phase == "start" else Severity.INFO
        return self._envelope.draft(GATEWAY, severity, self._envelope.now(), data)

    def model_change(self, data: wire.ModelData) -> Draft:
        """``model``: another one names the objects, or has passed its probation."""
        severity = Severity.WARNING if data.outcome == "reverted" else Severity.INFO
        return self._envelope.draft(GATEWAY, severity, self._envelope.now(), data)

    def self_test(self, asked_by: str) -> Draft:
        """``self-test``: an event to be followed on its way. It is a warning, so that neither a backlog nor a
        budget that runs short holds it back."""
        return self._envelope.draft(
            GATEWAY, Severity.WARNING, self._envelope.now(), wire.SelfTestData(asked_by=asked_by)
        )

    def loss(self, stamp: Stamp, loss: Loss) -> bytes:
        """``loss``: the payload, for the outbox, which alone knows when it gives something up."""
        data = wire.LossData(
            epoch=loss.epoch,
            ranges=list(loss.ranges),
            count=loss.count,
            reason=_loss_reason(loss),
            damaged=loss.reason == "outbox-damaged",
        )
        return self._envelope.encoder(GATEWAY, Severity.WARNING, self._envelope.now(), data)(stamp)

    def left_open(self, event: OpenEvent, life: LastAlive | None = None) -> Draft:
        """The ``end`` of what was going on when the agent died; of what was over, ``evidence`` that
        its clip is lost. ``life``: until when that agent lived. Raises ``msgspec.DecodeError``."""
        state = msgspec.json.decode(event.state, type=UnfinishedEvent)
        severity = Severity.INFO if state.severity is None else Severity(state.severity)
        if state.kind == AWAITED_CLIP:
            lost = msgspec.json.decode(state.data, type=wire.EvidenceData)
            return self.evidence(event.camera, lost, severity)
        kind = wire.DATA_OF_KIND.get(state.kind)
        if kind is None:
            raise msgspec.DecodeError(f"an open event of the unknown kind {state.kind!r}")
        data = msgspec.structs.replace(
            msgspec.json.decode(state.data, type=kind),
            phase="end",
            ended_at=state.last_at(life),
            end_reason="restart",
        )
        return self._envelope.draft(event.camera, severity, self._envelope.now(), data, closes=event.event_id)


def object_event_id(track: Track) -> str:
    """The same for all events of one object; track ids are unique over restarts."""
    return f"object-{track.id}"


def _named(track: Track) -> dict[str, Any]:
    """The fields that say what an object is."""
    return {
        "label": track.label or "unknown",
        "group": track.group,
        "score": round(min(max(track.score, 0.0), 1.0), 3),
        "track_id": track.id,
    }


def _happened_mono(
    hit: ObjectObservation | RuleObservation | ViewObservation, last_mono: float, frame: Frame
) -> float:
    """It starts when it was first so, ends when it was last so, changes now."""
    match hit.phase:
        case Phase.START | Phase.MOMENT:
            return hit.started_mono
        case Phase.UPDATE:
            return frame.captured_mono
        case Phase.END:
            return last_mono


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def _size(frame: Frame) -> wire.FrameSize:
    return wire.FrameSize(width=frame.picture.width, height=frame.picture.height)


def _reference(media: Media | None) -> wire.SnapshotRef | None:
    if media is None:
        return None
    plain = media.plain
    return wire.SnapshotRef(
        media_id=media.media_id,
        sha256=media.sha256 if plain is None else plain.sha256,
        bytes=len(media.payload) if plain is None else plain.size_bytes,
        box=media.box.rounded(),
        sealed_sha256=None if plain is None else media.sha256,
    )


def _wire_state(state: CameraState) -> Literal["online", "degraded", "offline"]:
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
    """A word that centres of before ``damaged`` know: another would leave the gap unexplained there."""
    return "memory-full" if loss.reason == "memory-full" else "outbox-full"
