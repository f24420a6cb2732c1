"""Makes events from observations and changes: one method for each kind of event of ``wire/``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec

from edge_agent import wire
from edge_agent.config.model.settings import Gateway
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import Draft, Loss, Media, OpenEvent, Stamp
from edge_agent.core.facts import (
    TAMPER,
    CountsObservation,
    LineCountsObservation,
    ObjectObservation,
    OverrideChange,
    Phase,
    RuleChange,
    RuleObservation,
    StepReport,
    ViewObservation,
)
from edge_agent.core.model import CameraChange, CameraState, ClockCorrection, Frame, Severity
from edge_agent.core.problems import optional_problem
from edge_agent.events.envelope import (
    AWAITED_CLIP,
    Envelope,
    LastAlive,
    Moment,
    UnfinishedEvent,
    awaited_clip,
    clip_key,
)
from edge_agent.events.event_fields import (
    frame_size,
    happened_mono,
    line_turns,
    object_event_id,
    snapshot_ref,
    track_fields,
    why_fields,
    wire_state,
)
from edge_agent.events.explanations import override_line, rule_change_line

GATEWAY = "gateway"  # subject of events about the gateway; no camera may have this id


class EventFactory:
    """Makes the drafts of one gateway. Any thread.

    ``clock_synced`` returns whether wall time can be trusted now. ``model`` is the detector model in use; the
    agent replaces it when it loads another one.
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

    # --- events in front of a camera ---

    def object_event(
        self, camera_id: str, observation: ObjectObservation, frame: Frame, media: Media | None
    ) -> Draft:
        """Return an ``object`` event: start, update or end of one object, with its picture."""
        track, times, ended = observation.track, self._envelope.times(), observation.phase is Phase.END
        data = wire.ObjectData(
            phase=observation.phase.value,  # type: ignore[arg-type]  # objects have no moments
            event_id=object_event_id(track),
            box=track.box.rounded(),
            frame=frame_size(frame),
            started_at=times.at(observation.started_mono),
            ended_at=times.at(track.last_seen_mono) if ended else None,
            end_reason=observation.end_reason if ended else None,  # type: ignore[arg-type]
            model=self.model,
            snapshot=snapshot_ref(media),
            **track_fields(track),
        )
        moment = times.moment(happened_mono(observation, observation.track.last_seen_mono, frame))
        return self._envelope.phased(camera_id, Severity.INFO, moment, data, media)

    def rule_event(
        self, camera_id: str, observation: RuleObservation, frame: Frame, media: Media | None
    ) -> Draft:
        """Return an event of a rule; the fields of ``observation.facts`` are named as on the wire."""
        times, ended = self._envelope.times(), observation.phase is Phase.END
        facts = {
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in dataclasses.asdict(observation.facts).items()
        }
        data = wire.DATA_OF_KIND[observation.rule.kind](
            phase=observation.phase.value,
            event_id=observation.event_id,
            rule_id=observation.rule.id,
            **why_fields(observation.why),
            box=observation.box.rounded(),
            frame=frame_size(frame),
            started_at=times.at(observation.started_mono),
            ended_at=times.at(observation.last_mono) if ended or observation.phase is Phase.MOMENT else None,
            end_reason=observation.end_reason if ended else None,
            model=self.model,
            snapshot=snapshot_ref(media),
            masked=observation.rule.masked,
            **facts,
            **({} if observation.track is None else track_fields(observation.track)),
        )
        moment = times.moment(happened_mono(observation, observation.last_mono, frame))
        return self._envelope.phased(camera_id, observation.rule.severity, moment, data, media)

    def counts(self, camera_id: str, observation: CountsObservation, frame: Frame) -> Draft:
        """Return a ``counts`` event: new objects and traffic of an interval."""
        times, flow = self._envelope.times(), observation.flow
        to = times.moment(observation.to_mono)
        data = wire.CountsData(
            from_at=times.at(observation.from_mono),
            to_at=rfc3339(to.at),
            interval_s=round(observation.to_mono - observation.from_mono, 3),
            new=observation.new,
            flow=msgspec.UNSET if flow is None else wire.FlowData(**dataclasses.asdict(flow)),
        )
        return self._envelope.draft(camera_id, Severity.INFO, to, data)

    def line_counts(self, camera_id: str, observation: LineCountsObservation) -> Draft:
        """Return a ``line-counts`` event: crossings of a line since midnight, in each direction."""
        times = self._envelope.times()
        to = times.moment(observation.to_mono)
        data = wire.LineCountsData(
            rule_id=observation.rule.id,
            line=observation.line,
            day=observation.day,
            from_at=times.at(observation.from_mono),
            to_at=rfc3339(to.at),
            a_to_b=observation.a_to_b,
            b_to_a=observation.b_to_a,
            turns=msgspec.UNSET if observation.turns is None else line_turns(observation.turns),
        )
        return self._envelope.draft(camera_id, Severity.INFO, to, data)

    # --- events about a camera ---

    def view_event(
        self, camera_id: str, observation: ViewObservation, frame: Frame, media: Media | None
    ) -> Draft:
        """Return a ``camera-view`` event: a change of the camera's view, such as a covered lens."""
        times, ended = self._envelope.times(), observation.phase is Phase.END
        data = wire.CameraViewData(
            phase=observation.phase.value,
            event_id=observation.event_id,
            state=observation.state.value,
            tamper=observation.state in TAMPER,
            **why_fields(observation.why),
            features=observation.features,
            started_at=times.at(observation.started_mono),
            ended_at=times.at(observation.last_mono) if ended or observation.phase is Phase.MOMENT else None,
            end_reason=observation.end_reason if ended else None,  # type: ignore[arg-type]
            snapshot=snapshot_ref(media),
        )
        moment = times.moment(happened_mono(observation, observation.last_mono, frame))
        return self._envelope.phased(camera_id, observation.severity, moment, data, media)

    def camera_state(self, change: CameraChange) -> Draft:
        """Return a ``camera-state`` event: a camera was lost, came back or got worse."""
        moment = self._envelope.moment(change.since_mono)
        data = wire.CameraStateData(
            state=wire_state(change.state),
            cause=None if change.cause is None else change.cause.value,
            detail=str(change.detail),
            problem=optional_problem(change.detail),
            since_at=rfc3339(moment.at),
            down_s=change.down_s,
            kept_back=change.kept_back,
        )
        severity = Severity.INFO if change.state is CameraState.ONLINE else Severity.WARNING
        return self._envelope.draft(change.camera_id, severity, moment, data)

    def rule_override(self, change: OverrideChange) -> Draft:
        """Return a ``rule-override`` event: a rule is muted, armed or disarmed, or a view is learned again.

        An override and its event survive a restart. Learning a view does not: the outbox ends its event.
        """
        now, ended = self._envelope.now(), change.phase is Phase.END
        data = wire.RuleOverrideData(
            phase="end" if ended else "start",
            event_id=change.event_id,
            what=change.what,
            rule_id=change.rule,
            for_s=change.for_s,
            origin="box" if change.by.command_id is None else "command",
            command_id=change.by.command_id,
            signed_by=change.by.signed_by,
            **why_fields(override_line(change)),
            started_at=change.started_at,
            ended_at=rfc3339(now.at) if ended else None,
            end_reason=change.end_reason,
        )
        severity = Severity.INFO if ended or change.what == "arm" else Severity.WARNING
        if change.rule is None:
            return self._envelope.phased(change.camera, severity, now, data, None)
        return self._envelope.draft(change.camera, severity, now, data)

    def rule_change(self, change: RuleChange) -> Draft:
        """Return a ``rule-change``: an operator changed a rule or masks for good, or the gateway undid it."""
        masks = None
        if (found := change.masks) is not None:
            ignored, private = (list(map(list, each)) for each in (found.ignored, found.private))
            masks = wire.CameraMasks(masks=ignored, privacy_masks=private)
        data = wire.RuleChangeData(
            rule_id=change.rule,
            what=change.what,
            enabled=change.enabled,
            masks=masks,
            command_id=change.by.command_id,
            signed_by=change.by.signed_by,
            **why_fields(rule_change_line(change)),
        )
        return self._envelope.draft(change.camera, Severity.WARNING, self._envelope.now(), data)

    # --- events about events and the gateway ---

    def evidence(self, camera_id: str, data: wire.EvidenceData, severity: Severity) -> Draft:
        """Return ``evidence``: a clip's hash, or why none exists. ``severity``: that of the clip's event."""
        now, key = self._envelope.now(), clip_key(data.event_id)
        return self._envelope.draft(camera_id, severity, now, data, closes=key)

    def file(self, media: Media, command_id: str | None) -> Draft:
        """Return an ``evidence`` event for a file that no other event names, with the file itself.

        ``command_id`` is the command that requested it; None if it was not requested by a command.
        """
        ref = wire.FileRef(
            media_id=media.media_id,
            sha256=media.sha256,
            bytes=len(media.payload),
            content_type=media.content_type,
            command_id=command_id,
        )
        data = wire.EvidenceData(event_id=media.event_id, clip=None, file=ref)
        return self._envelope.draft(media.camera, Severity.INFO, self._envelope.now(), data, media=media)

    def still(self, media: Media, still: wire.StillRef, severity: Severity) -> Draft:
        """Return ``evidence``: one picture of a still. ``severity``: that of the still's event."""
        data = wire.EvidenceData(event_id=media.event_id, clip=None, still=still)
        return self._envelope.draft(media.camera, severity, self._envelope.now(), data, media=media)

    def with_awaited_clip(self, camera_id: str, draft: Draft, event_id: str) -> Draft:
        """Return ``draft``, the last of its event, with an open event: the outbox then awaits the clip."""
        awaited = awaited_clip(camera_id, event_id, draft.severity, self._envelope.now())
        return dataclasses.replace(draft, opens=awaited)

    def of_gateway(self, data: wire.Message, severity: Severity) -> Draft:
        """Return an event about the gateway that happens now, such as ``certificate`` or ``healing``.

        The outbox does not end it after a restart, because what it reports survives a restart.
        """
        return self._envelope.draft(GATEWAY, severity, self._envelope.now(), data)

    def clock_correction(self, correction: ClockCorrection) -> Draft:
        """Return a ``clock-correction`` event: the first synchronisation of this boot."""
        moment = Moment(correction.corrected_at, correction.corrected_mono)
        data = wire.ClockCorrectionData(
            offset_ms=correction.offset_ms, source=correction.source, corrected_at=rfc3339(moment.at)
        )
        return self._envelope.draft(GATEWAY, Severity.INFO, moment, data)

    def step(
        self, kind: type[wire.ThermalData | wire.UplinkData], report: StepReport, facts: dict[str, Any]
    ) -> Draft:
        """Return a ``thermal`` or ``uplink`` event: the agent limits its work or its sending in steps.
        ``facts``: the fields of this kind. A stricter limit is a warning."""
        change, ended = report.change, report.phase is Phase.END
        times = self._envelope.times()
        moment = times.moment(report.at_mono)
        data = kind(
            phase=report.phase.value,  # type: ignore[arg-type]  # steps have no moments
            event_id=report.event_id,
            from_step=change.from_step,
            to_step=change.to_step,
            **why_fields(change.why),
            started_at=times.at(report.started_mono),
            ended_at=rfc3339(moment.at) if ended else None,
            end_reason=report.end_reason if ended else None,  # type: ignore[arg-type]
            **facts,
        )
        severity = Severity.WARNING if change.to_step > change.from_step else Severity.INFO
        return self._envelope.phased(GATEWAY, severity, moment, data, None)

    def update(self, data: wire.UpdateData) -> Draft:
        """Return an ``update`` event: the result of installing a release, as the root service reports it."""
        severity = Severity.INFO if data.outcome == "in-force" else Severity.WARNING
        return self.of_gateway(data, severity)

    def collection(self, data: wire.CollectionData) -> Draft:
        """Return a ``collection`` event: start or end of collecting training frames.

        A collection survives a restart, so the outbox does not end its event. The start is a warning, so that
        neither a backlog nor a short data budget delays it.
        """
        severity = Severity.WARNING if data.phase == "start" else Severity.INFO
        return self.of_gateway(data, severity)

    def model_change(self, data: wire.ModelData) -> Draft:
        """Return a ``model`` event: another model is in use, passed its probation, or was reverted."""
        severity = Severity.WARNING if data.outcome == "reverted" else Severity.INFO
        return self.of_gateway(data, severity)

    def self_test(self, asked_by: str) -> Draft:
        """Return a tracked ``self-test`` event, a warning so that no backlog or data budget delays it."""
        data = wire.SelfTestData(asked_by=asked_by)
        return self.of_gateway(data, Severity.WARNING)

    def loss(self, stamp: Stamp, loss: Loss) -> bytes:
        """Return the payload of a ``loss`` event. The outbox calls this when it discards events."""
        data = wire.LossData(
            epoch=loss.epoch,
            ranges=list(loss.ranges),
            count=loss.count,
            # An older centre does not know ``damaged``. It accepts these two reasons as an explained gap.
            reason="memory-full" if loss.reason == "memory-full" else "outbox-full",
            damaged=loss.reason == "outbox-damaged",
        )
        return self._envelope.encoder(GATEWAY, Severity.WARNING, self._envelope.now(), data)(stamp)

    def left_open(self, event: OpenEvent, last_alive: LastAlive | None = None) -> Draft:
        """Return the ``end`` of an event that was open when the agent died.

        For an awaited clip, return an ``evidence`` event that says that the clip is lost. ``last_alive``:
        when the agent that died was last alive. Raises ``msgspec.DecodeError``.
        """
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
            ended_at=state.last_at(last_alive),
            end_reason="restart",
        )
        return self._envelope.draft(event.camera, severity, self._envelope.now(), data, closes=event.event_id)
