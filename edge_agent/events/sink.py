"""The end of a camera's pipeline: a hit becomes an event, with its picture, in the outbox."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from edge_agent.core.delivery import Draft, Media, ReportedEvent, Stamp
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
from edge_agent.events.factory import EventFactory, object_event_id

WITH_PICTURE = (Phase.START, Phase.MOMENT)


class SnapshotSource(Protocol):
    """Where the picture of an event comes from."""

    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None:
        """For an ``object`` event."""
        ...

    def now(self, event_id: str, box: Box, frame: Frame) -> Media | None:
        """The present view of ``box`` and what is around it, for the start of anything else."""
        ...


class ClipSource(Protocol):
    """What makes a film of an event. Nothing here waits for it: its hash follows in an ``evidence`` event."""

    def owes(self, told: ReportedEvent) -> bool:
        """Whether a clip of the event, which ends with this, is still to be told. Before ``follow``."""
        ...

    def follow(self, told: ReportedEvent) -> None:
        """Something has been told. With its end the post-roll begins; a MOMENT has begun and ended."""
        ...


class EventAppender(Protocol):
    """The outbox."""

    def append(self, draft: Draft) -> Stamp:
        """Durable when it returns."""
        ...


class NoSnapshots:
    """``snapshots: none``."""

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        """Keeps nothing."""

    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None:
        return None

    def now(self, event_id: str, box: Box, frame: Frame) -> Media | None:
        return None


class NoClips:
    """``clips: none``, and replays."""

    def owes(self, told: ReportedEvent) -> bool:
        return False

    def follow(self, told: ReportedEvent) -> None:
        """Makes none."""


class EventSink:
    """The end of one camera's pipeline: an event and its picture are durable when ``accept`` returns."""

    def __init__(
        self,
        camera_id: str,
        events: EventFactory,
        outbox: EventAppender,
        snapshots: SnapshotSource,
        clips: ClipSource,
        is_masked: Callable[[str], bool] = lambda rule_id: False,
    ) -> None:
        """``is_masked``: this rule shall raise no alarm now."""
        self._camera_id = camera_id
        self._events = events
        self._outbox = outbox
        self._snapshots = snapshots
        self._clips = clips
        self._is_muted = is_masked

    def accept(self, hit: Observation, frame: Frame) -> None:
        match hit:
            case ObjectObservation():
                self._object(hit, frame)
            case RuleObservation():
                hit = self._with_current_severity(hit)
                media = self._picture(hit.event_id, hit.phase, hit.box, frame)
                self._report(hit, self._events.rule_event(self._camera_id, hit, frame, media))
            case ViewObservation():
                media = self._picture(hit.event_id, hit.phase, FULL_PICTURE, frame)
                self._report(hit, self._events.view_event(self._camera_id, hit, frame, media))
            case CountsObservation():
                self._outbox.append(self._events.counts(self._camera_id, hit, frame))
            case LineCountsObservation():
                self._outbox.append(self._events.line_counts(self._camera_id, hit))

    def _with_current_severity(self, hit: RuleObservation) -> RuleObservation:
        """With the severity that its rule has now."""
        if not self._is_muted(hit.rule.id):
            return hit
        rule = dataclasses.replace(hit.rule, severity=Severity.INFO, masked=True)
        return dataclasses.replace(hit, rule=rule)

    def _object(self, hit: ObjectObservation, frame: Frame) -> None:
        media = self._snapshots.take(object_event_id(hit.track), hit.phase, hit.track, frame)
        self._outbox.append(self._events.object_event(self._camera_id, hit, frame, media))

    def _picture(self, event_id: str, phase: Phase, box: Box, frame: Frame) -> Media | None:
        if phase not in WITH_PICTURE or isinstance(frame.picture, ReleasedPicture):
            return None
        return self._snapshots.now(event_id, box, frame)

    def _report(self, hit: RuleObservation | ViewObservation, draft: Draft) -> None:
        """Then film it: what is not told is not filmed."""
        told = ReportedEvent(
            hit.event_id, hit.phase, draft.severity, hit.started_mono, hit.last_mono, draft.media
        )
        if told.is_last and self._clips.owes(told):
            draft = self._events.awaits_clip(self._camera_id, draft, hit.event_id)
        self._outbox.append(draft)
        self._clips.follow(told)
