"""The end of a camera's pipeline: a hit becomes an event, with its picture, in the outbox."""

from __future__ import annotations

from typing import Protocol

from edge_agent.events.maker import EventMaker, object_event_id
from edge_agent.model import CountsHit, Frame, Phase, RuleHit, Track, Tracks, ZoneHit
from edge_agent.outbox_model import Draft, Media, Stamp


class SnapshotSource(Protocol):
    """Where the picture of an object comes from."""

    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None:
        """For an ``object`` event."""
        ...

    def now(self, event_id: str, track: Track, frame: Frame) -> Media | None:
        """The present view, for the start of anything else."""
        ...


class Appender(Protocol):
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

    def now(self, event_id: str, track: Track, frame: Frame) -> Media | None:
        return None


class EventSink:
    """The end of one camera's pipeline: an event and its picture are durable when ``accept`` returns."""

    def __init__(
        self, camera_id: str, events: EventMaker, outbox: Appender, snapshots: SnapshotSource
    ) -> None:
        self._camera_id = camera_id
        self._events = events
        self._outbox = outbox
        self._snapshots = snapshots

    def accept(self, hit: RuleHit, frame: Frame) -> None:
        if isinstance(hit, CountsHit):
            draft = self._events.counts(self._camera_id, hit, frame)
        elif isinstance(hit, ZoneHit):
            starts = hit.phase is Phase.START
            media = self._snapshots.now(hit.event_id, hit.track, frame) if starts else None
            draft = self._events.zone_event(self._camera_id, hit, frame, media)
        else:
            event_id = object_event_id(hit.track)
            media = self._snapshots.take(event_id, hit.phase, hit.track, frame)
            draft = self._events.object_event(self._camera_id, hit, frame, media)
        self._outbox.append(draft)
