"""One event when an object appears, few while it is there, one when it is gone.

How many new objects of each class a camera saw: the report of an ordinary street.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from edge_agent.core.facts import CountsObservation, ObjectObservation, Phase
from edge_agent.core.model import Frame, Track, Tracks, TrackState
from edge_agent.rules.event_throttle import UPDATE_EVERY_S
from edge_agent.rules.track_handover import is_at_edge


@dataclass(slots=True)
class _OpenObjectEvent:
    """What the last event about an object said."""

    track: Track
    started_mono: float
    reported_mono: float


class ObjectReporter:
    """``object`` hits of one camera: start, update, end. One thread.

    An object starts when its track is confirmed *and* has a label: "something moved" is no object. A vehicle
    or two-wheeler that was parked before it was seen starts when it moves: nothing happens until then.
    Its label changes at once, otherwise an update comes at most once a minute and only while it
    moves: what is parked is told again only when it leaves.
    """

    needs_every_frame = False

    def __init__(self) -> None:
        self._open_events: dict[str, _OpenObjectEvent] = {}

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[ObjectObservation]:
        now = frame.captured_mono
        for track in tracks.active:
            yield from self._update_track(track, now)
        ended = {track.id: track for track in tracks.ended}
        live = {track.id for track in tracks.active}
        for track_id in [known for known in self._open_events if known not in live]:
            told = self._open_events[track_id]
            # Not among the ended: an end that was not taken at its time is told late, not never.
            track = ended.get(track_id, told.track)
            seen = _labelled(_in_view(track, told), told)
            yield ObjectObservation(Phase.END, seen, told.started_mono, _why(track))
            del self._open_events[track_id]

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[ObjectObservation]:
        """End what is open, oldest first."""
        for track_id in [known for known in self._open_events if known not in continuing]:
            told = self._open_events[track_id]
            yield ObjectObservation(Phase.END, told.track, told.started_mono, reason)
            del self._open_events[track_id]

    def _update_track(self, track: Track, now: float) -> Iterator[ObjectObservation]:
        """What is known of the track is changed after the yield: only then the hit has been taken."""
        if not track.confirmed or track.label is None or track.parked_before:
            return
        told = self._open_events.get(track.id)
        if told is None:
            yield ObjectObservation(Phase.START, track, track.first_seen_mono)
            self._open_events[track.id] = _OpenObjectEvent(track, track.first_seen_mono, now)
            return
        due = now - told.reported_mono >= UPDATE_EVERY_S and track.state is TrackState.MOVING
        if track.label == told.track.label and not due:
            # Its end, should the camera be lost, is told from the last sight of it.
            told.track = _in_view(track, told)
            return
        yield ObjectObservation(Phase.UPDATE, track, told.started_mono)
        self._open_events[track.id] = _OpenObjectEvent(track, told.started_mono, now)


def _in_view(track: Track, told: _OpenObjectEvent) -> Track:
    """The track where it was seen last: a predicted box may have left the picture, and has no area then."""
    return track if track.box.clipped().area > 0 else replace(track, box=told.track.box)


def _labelled(track: Track, told: _OpenObjectEvent) -> Track:
    return track if track.label is not None else told.track


def _why(track: Track) -> str:
    """``left`` when it was last seen at the picture's edge, ``lost`` when it vanished inside."""
    return "left" if is_at_edge(track.box) else "lost"


REMEMBERED = 4096
"""Track ids already counted: more than any camera has live tracks, so each is counted once."""


class ObjectCounter:
    """``counts`` hits of one camera, every ``every_s`` seconds of frame time. One thread.

    An object counts once, in the interval in which it is confirmed and labelled, under the label it
    then has; what was parked before it was seen counts when it moves. An interval without new objects is not
    told, and begins anew.
    """

    needs_every_frame = False

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
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
        for track in (*tracks.active, *tracks.ended):
            if track.confirmed and track.label is not None and not track.parked_before:
                self._count(track.id, track.label)

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[CountsObservation]:
        """Tell what was counted so far, and begin anew with the next frame."""
        yield from self._report(self._last_mono)
        self._from_mono = None

    def _count(self, track_id: str, label: str) -> None:
        known = track_id in self._counted
        self._counted[track_id] = None
        self._counted.move_to_end(track_id)  # live tracks stay; the longest unseen are forgotten
        if not known:
            self._new[label] += 1
            if len(self._counted) > REMEMBERED:
                self._counted.popitem(last=False)

    def _report(self, now: float) -> Iterator[CountsObservation]:
        if self._new and self._from_mono is not None:
            yield CountsObservation(self._from_mono, now, dict(self._new))
        self._new = Counter()
        self._from_mono = now
