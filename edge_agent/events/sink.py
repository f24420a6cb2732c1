"""The end of a camera's pipeline: an observation becomes an event, with its picture, in the outbox."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from edge_agent.core.delivery import Draft, EventBatchAppender, Media, ReportedEvent
from edge_agent.core.facts import (
    CountsObservation,
    LineCountsObservation,
    ObjectObservation,
    Observation,
    Phase,
    RuleObservation,
    ViewObservation,
)
from edge_agent.core.model import FULL_PICTURE, Box, Frame, ReleasedPicture, Severity, Track, Tracks
from edge_agent.events.event_fields import object_event_id
from edge_agent.events.factory import EventFactory

WITH_PICTURE = (Phase.START, Phase.MOMENT)


class SnapshotSource(Protocol):
    """Makes the pictures of events."""

    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None:
        """Return the picture of an ``object`` event, or None."""

    def now(self, event_id: str, box: Box, frame: Frame) -> Media | None:
        """Return the current picture of ``box`` and its surroundings, for the start of any other event."""


class ClipSource(Protocol):
    """Makes the clips of events, in the background: an ``evidence`` event reports each one later."""

    def awaits_clip(self, event: ReportedEvent) -> bool:
        """Return whether a clip of this event, which ends now, will be reported later.

        Call it before ``event_reported``.
        """

    def event_reported(self, event: ReportedEvent) -> None:
        """Start a clip at the start of an event, and its post-roll at the end; a MOMENT is both."""


class StillSource(Protocol):
    """Makes the stills of events, in the background: ``evidence`` events report them later."""

    def rule_reported(self, observation: RuleObservation, frame: Frame) -> None:
        """Note that an event of a rule is stored; make its stills later if it gets any. Returns at once."""


class NoStills:
    """Makes no stills: ``stills: request`` or ``off``, and replays."""

    def rule_reported(self, observation: RuleObservation, frame: Frame) -> None:
        """Do nothing."""


class NoSnapshots:
    """Makes no pictures: ``snapshots: none``."""

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        """Do nothing: no view is needed."""

    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None:
        return None

    def now(self, event_id: str, box: Box, frame: Frame) -> Media | None:
        return None


class NoClips:
    """Makes no clips: ``clips: none``, and replays."""

    def awaits_clip(self, event: ReportedEvent) -> bool:
        return False

    def event_reported(self, event: ReportedEvent) -> None:
        """Do nothing."""


class EventSink:
    """The end of one camera's pipeline.

    An event of a rule or of the view is durable, with its picture, when ``accept`` returns. Events of objects
    and counts, of which a busy street has several in one frame, share a commit: they are durable when
    ``flush`` returns. Those that the outbox could not store then are stored by the next call.
    """

    def __init__(
        self,
        camera_id: str,
        events: EventFactory,
        outbox: EventBatchAppender,
        snapshots: SnapshotSource,
        clips: ClipSource,
        is_muted: Callable[[str], bool] = lambda rule_id: False,
        stills: StillSource | None = None,
    ) -> None:
        """``is_muted`` returns whether the rule with this id is muted now."""
        self._camera_id = camera_id
        self._events = events
        self._outbox = outbox
        self._snapshots = snapshots
        self._clips = clips
        self._is_muted = is_muted
        self._stills = stills or NoStills()
        self._drafts: list[Draft] = []  # drafts that are not stored yet

    def accept(self, observation: Observation, frame: Frame) -> None:
        match observation:
            case ObjectObservation():
                event_id = object_event_id(observation.track)
                media = self._snapshots.take(event_id, observation.phase, observation.track, frame)
                self._drafts.append(self._events.object_event(self._camera_id, observation, frame, media))
            case RuleObservation():
                observation = self._with_current_severity(observation)
                media = self._picture(observation.event_id, observation.phase, observation.box, frame)
                self._report(observation, self._events.rule_event(self._camera_id, observation, frame, media))
                self._stills.rule_reported(observation, frame)
            case ViewObservation():
                media = self._picture(observation.event_id, observation.phase, FULL_PICTURE, frame)
                self._report(observation, self._events.view_event(self._camera_id, observation, frame, media))
            case CountsObservation():
                self._drafts.append(self._events.counts(self._camera_id, observation, frame))
            case LineCountsObservation():
                self._drafts.append(self._events.line_counts(self._camera_id, observation))

    def flush(self) -> None:
        """Store the events that are not stored yet, in the order of their observations."""
        if not self._drafts:
            return
        drafts, self._drafts = self._drafts, []
        stamps = self._outbox.append_all(drafts)
        self._drafts = [draft for draft, stamp in zip(drafts, stamps, strict=True) if stamp is None]

    def _with_current_severity(self, observation: RuleObservation) -> RuleObservation:
        """Return the observation with severity info if its rule is muted."""
        if not self._is_muted(observation.rule.id):
            return observation
        rule = dataclasses.replace(observation.rule, severity=Severity.INFO, masked=True)
        return dataclasses.replace(observation, rule=rule)

    def _picture(self, event_id: str, phase: Phase, box: Box, frame: Frame) -> Media | None:
        if phase not in WITH_PICTURE or isinstance(frame.picture, ReleasedPicture):
            return None
        return self._snapshots.now(event_id, box, frame)

    def _report(self, observation: RuleObservation | ViewObservation, draft: Draft) -> None:
        """Store the event, then make its clip: only stored events get one."""
        event = ReportedEvent(
            observation.event_id,
            observation.phase,
            draft.severity,
            observation.started_mono,
            observation.last_mono,
            draft.media,
        )
        if event.is_last and self._clips.awaits_clip(event):
            draft = self._events.with_awaited_clip(self._camera_id, draft, observation.event_id)
        self.flush()
        self._outbox.append(draft)
        self._clips.event_reported(event)
