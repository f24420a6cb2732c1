"""Reports of ``report.objects`` (an event when an object appears, changes and leaves) and ``report.counts_s``
(the number of new objects by label, and the traffic).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from edge_agent.core.facts import CountsObservation, ObjectObservation, Phase
from edge_agent.core.model import Frame, Track, Tracks, TrackState
from edge_agent.rules.flow import FlowSampler
from edge_agent.rules.movement import is_at_edge
from edge_agent.rules.schedule import UPDATE_EVERY_S


@dataclass(slots=True)
class _OpenObjectEvent:
    """The last reported event about an object whose end is not reported yet."""

    track: Track
    started_mono: float
    reported_mono: float


class ObjectReporter:
    """Makes the ``object`` observations of one camera: start, update, end. For one thread.

    An object starts when its track is confirmed *and* has a label: "something moved" is no object. A vehicle
    or two-wheeler that was parked before it was first seen starts when it moves. A change of label is
    reported at once; other updates come at most once a minute and only while the object moves, so a parked
    object is reported again only when it leaves.
    """

    def __init__(self) -> None:
        self._open_events: dict[str, _OpenObjectEvent] = {}

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[ObjectObservation]:
        now = frame.captured_mono
        for track in tracks.active:
            yield from self._update_track(track, now)
        ended = {track.id: track for track in tracks.ended}
        live = {track.id for track in tracks.active}
        for track_id in [id_ for id_ in self._open_events if id_ not in live]:
            open_event = self._open_events[track_id]
            # A track missing in ``ended``: the sink failed when it ended, so its end is reported now.
            track = ended.get(track_id, open_event.track)
            seen = _labelled(_in_view(track, open_event), open_event)
            yield ObjectObservation(Phase.END, seen, open_event.started_mono, _why(track))
            del self._open_events[track_id]

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[ObjectObservation]:
        """End the open events, oldest first."""
        for track_id in [id_ for id_ in self._open_events if id_ not in continuing]:
            open_event = self._open_events[track_id]
            yield ObjectObservation(Phase.END, open_event.track, open_event.started_mono, reason)
            del self._open_events[track_id]

    def _update_track(self, track: Track, now: float) -> Iterator[ObjectObservation]:
        """Yield a due start or update; change the state after the yield: only then the sink has stored it."""
        if not track.confirmed or track.label is None or track.parked_before:
            return
        open_event = self._open_events.get(track.id)
        if open_event is None:
            yield ObjectObservation(Phase.START, track, track.first_seen_mono)
            self._open_events[track.id] = _OpenObjectEvent(track, track.first_seen_mono, now)
            return
        due = now - open_event.reported_mono >= UPDATE_EVERY_S and track.state is TrackState.MOVING
        if track.label == open_event.track.label and not due:
            # If the camera is lost, the end is reported with the last position.
            open_event.track = _in_view(track, open_event)
            return
        yield ObjectObservation(Phase.UPDATE, track, open_event.started_mono)
        self._open_events[track.id] = _OpenObjectEvent(track, open_event.started_mono, now)


def _in_view(track: Track, open_event: _OpenObjectEvent) -> Track:
    """Return the track with its last visible box, because a predicted box may be outside the picture."""
    return track if track.box.clipped().area > 0 else replace(track, box=open_event.track.box)


def _labelled(track: Track, open_event: _OpenObjectEvent) -> Track:
    return track if track.label is not None else open_event.track


def _why(track: Track) -> str:
    """Return ``left`` if the track was last seen at the picture's edge, ``lost`` if it vanished inside."""
    return "left" if is_at_edge(track.box) else "lost"


MAX_COUNTED_IDS = 4096
"""Track ids that are stored as counted: more than a camera can have live tracks, so each counts once."""


class ObjectCounter:
    """Makes the ``counts`` observations of one camera, every ``every_s`` of frame time. For one thread.

    An object counts once, in the interval in which it is confirmed and labelled, under the label it has then.
    An object that was parked before it was first seen counts when it moves. An interval without new objects
    and without traffic is not reported, and starts again.
    """

    def __init__(self, every_s: float, flow: FlowSampler) -> None:
        self._every_s = every_s
        self._flow = flow
        self._from_mono: float | None = None
        self._last_mono = 0.0
        self._new: Counter[str] = Counter()
        self._counted: OrderedDict[str, None] = OrderedDict()

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[CountsObservation]:
        now = self._last_mono = frame.captured_mono
        if self._from_mono is None:
            self._from_mono = now
        elif now - self._from_mono >= self._every_s:
            yield from self._report(now)
        self._flow.update(frame, tracks)
        for track in (*tracks.active, *tracks.ended):
            if track.confirmed and track.label is not None and not track.parked_before:
                self._count(track.id, track.label)

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[CountsObservation]:
        """Report what was counted so far; a new interval starts with the next frame."""
        yield from self._report(self._last_mono)
        self._from_mono = None

    def _count(self, track_id: str, label: str) -> None:
        was_counted = track_id in self._counted
        self._counted[track_id] = None
        self._counted.move_to_end(track_id)  # the ids that were unseen for longest are dropped first
        if not was_counted:
            self._new[label] += 1
            if len(self._counted) > MAX_COUNTED_IDS:
                self._counted.popitem(last=False)

    def _report(self, now: float) -> Iterator[CountsObservation]:
        flow = self._flow.numbers()
        if (self._new or flow is not None) and self._from_mono is not None:
            yield CountsObservation(self._from_mono, now, dict(self._new), flow)
        self._flow.reset()
        self._new = Counter()
        self._from_mono = now
