"""The rules ``zone-intrusion`` and ``loitering``: an object is in a zone for some time.

They differ only in their defaults: how long a stay has to last, and how long an absence is ignored. The foot
of the box counts, where the object stands. A stay survives its track when another track appears in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from edge_agent.config.model.settings import ZoneRule
from edge_agent.core.facts import Phase, RuleObservation, Stay
from edge_agent.core.model import Box, Frame, Track, Tracks, TrackState
from edge_agent.core.problems import problem_text
from edge_agent.rules.movement import LostTrack, NewTrack, handover_distance, is_at_edge
from edge_agent.rules.schedule import Arming, EventThrottle, OpenRuleEvent
from edge_agent.rules.track_filter import TrackFilter

NAMING_S = 3.0
"""After ``grace_s``, a stay waits this much longer for a track that appeared in its place to get a label."""


@dataclass(slots=True)
class _ZoneStay:
    """One object's stay in the zone, reported or not."""

    track: Track  # as last seen inside
    entry_box: Box
    since_mono: float  # when it was inside and the rule armed for the first time
    last_inside_mono: float
    is_outside: bool = False  # seen outside since ``last_inside_mono``
    open_event: OpenRuleEvent | None = None

    @property
    def as_lost_track(self) -> LostTrack:
        """The track as it was last seen, for a handover."""
        seen_mono = min(self.last_inside_mono, self.track.last_seen_mono)
        return LostTrack(self.track.box, self.track.group, seen_mono)

    def hand_over_to(self, successor: _ZoneStay) -> None:
        """Continue this stay with the track of ``successor``, which is the same object."""
        self.track, self.last_inside_mono = successor.track, successor.last_inside_mono
        self.is_outside = successor.is_outside


class ZoneWatch:
    """Applies one zone rule on one camera. For one thread."""

    def __init__(self, rule: ZoneRule, arming: Arming) -> None:
        self._rule = rule
        self._filter = TrackFilter(rule)
        self._throttle = EventThrottle(rule)
        self._arming = arming
        self._stays: dict[str, _ZoneStay] = {}  # by track
        self._live: dict[str, Track] = {}
        self._aspect = 1.0  # width over height of the picture

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[RuleObservation]:
        now = frame.captured_mono
        if not self._arming.armed(frame.captured_at):
            yield from self._end_all("disarmed", ())
            return
        self._live = {track.id: track for track in tracks.active}
        self._aspect = frame.picture.width / frame.picture.height
        for track in tracks.active:
            self._follow(track, now)
        self._hand_over()
        for track_id, stay in list(self._stays.items()):
            yield from self._report(stay, now)
            reason = self._why_over(track_id, stay, now)
            if reason is not None:
                yield from self._end(stay, reason)
                del self._stays[track_id]

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[RuleObservation]:
        yield from self._end_all(reason, continuing)

    def _follow(self, track: Track, now: float) -> None:
        """Update the track's stay. An unseen track stays where it was, until it is seen again or ends. What
        was parked before it was first seen did not enter."""
        if _is_unseen(track) or track.parked_before:
            return
        stay = self._stays.get(track.id)
        if not self._rule.zone.contains(track.box.foot):
            if stay is not None and track.seen_now:
                stay.is_outside = True
        elif stay is None:
            self._stays[track.id] = _ZoneStay(track, track.box, now, now)
        else:
            stay.track, stay.last_inside_mono, stay.is_outside = track, now, False

    def _hand_over(self) -> None:
        """Hand the stays of ended tracks over to tracks that appeared in their place, the nearest first."""
        pairs = [
            (apart, id_, new_id)
            for id_ in self._stays
            if id_ not in self._live
            for new_id, apart in self._successors(id_)
            if self._live[new_id].group == self._stays[id_].track.group
        ]
        taken: set[str] = set()
        for _, id_, new_id in sorted(pairs):
            if not taken & {id_, new_id}:
                taken |= {id_, new_id}
                stay = self._stays.pop(id_)
                stay.hand_over_to(self._stays[new_id])
                self._stays[new_id] = stay

    def _successors(self, id_: str) -> Iterator[tuple[str, float]]:
        """Yield live tracks that may be the same object as the lost one, with their distance from it."""
        gone = self._stays[id_]
        if gone.is_outside or not self._filter.accepts(gone.track):
            return
        for new_id, stay in self._stays.items():
            track = self._live.get(new_id)
            if track is not None and new_id != id_ and stay.open_event is None:
                arrived = NewTrack(stay.entry_box, track.group, track.first_seen_mono, stay.since_mono)
                apart = handover_distance(gone.as_lost_track, arrived, self._aspect, self._rule.grace_s)
                if apart is not None:
                    yield new_id, apart

    def _report(self, stay: _ZoneStay, now: float) -> Iterator[RuleObservation]:
        """Report the start after ``min_duration_s``, then updates for another label and once a minute. The
        stay changes after the yield: only then the sink has stored the observation."""
        track = stay.track
        if stay.last_inside_mono < now or not self._filter.accepts(track):
            return
        if stay.open_event is not None:
            if stay.open_event.is_update_due(track.label, now):
                yield self._observation(Phase.UPDATE, stay, stay.open_event.event_id)
                stay.open_event.updated(track.label, now)
            return
        lasted = now - stay.since_mono >= self._rule.min_duration_s
        if lasted and self._throttle.may_start(now) and not self._may_be_reported(track.id):
            event_id = self._throttle.event_id(track.id, stay.since_mono)
            yield self._observation(Phase.START, stay, event_id)
            stay.open_event = self._throttle.started(event_id, track.label, now)

    def _may_be_reported(self, new_id: str) -> bool:
        """Whether the track may be a lost object whose stay is already reported. Then its start waits: within
        ``grace_s`` and ``NAMING_S`` the two tracks are found to be one or not."""
        return any(
            new_id == successor
            for id_, stay in self._stays.items()
            if stay.open_event is not None
            if id_ not in self._live or _is_unseen(self._live[id_])
            for successor, _ in self._successors(id_)
        )

    def _why_over(self, track_id: str, stay: _ZoneStay, now: float) -> str | None:
        live = self._live.get(track_id)
        if live is None:
            if stay.is_outside:
                return "left"
            return None if self._may_go_on(track_id, stay, now) else "lost"
        if _is_unseen(live) or now - stay.last_inside_mono <= self._rule.grace_s:
            return None
        return "left"

    def _may_go_on(self, track_id: str, stay: _ZoneStay, now: float) -> bool:
        """Whether another track may still turn out to be the same object."""
        if not self._filter.accepts(stay.track) or is_at_edge(stay.track.box):
            return False
        absence_s = now - stay.as_lost_track.seen_mono
        if absence_s <= self._rule.grace_s:
            return True
        return absence_s <= self._rule.grace_s + NAMING_S and any(self._successors(track_id))

    def _end(self, stay: _ZoneStay, reason: str) -> Iterator[RuleObservation]:
        if stay.open_event is not None:
            yield self._observation(Phase.END, stay, stay.open_event.event_id, reason)

    def _end_all(self, reason: str, continuing: Collection[str]) -> Iterator[RuleObservation]:
        for track_id in [id_ for id_ in self._stays if id_ not in continuing]:
            yield from self._end(self._stays[track_id], reason)
            del self._stays[track_id]

    def _observation(
        self, phase: Phase, stay: _ZoneStay, event_id: str, end_reason: str | None = None
    ) -> RuleObservation:
        track, zone = stay.track, self._rule.zone
        inside_s = stay.last_inside_mono - stay.since_mono
        return RuleObservation(
            phase,
            event_id,
            self._throttle.ref,
            Stay(zone.id, round(inside_s, 1)),
            problem_text(
                "in-zone", label=track.label or "something", zone=zone.shown, seconds=round(inside_s)
            ),
            stay.since_mono,
            stay.last_inside_mono,
            track,
            track.box,
            end_reason,
        )


def _is_unseen(track: Track) -> bool:
    """Return whether it is not known where the object is: the track is lost, or the object was parked and
    nothing has shown it since, as after an outage of the camera."""
    parked = track.state is TrackState.STATIONARY
    return track.state is TrackState.LOST or (parked and not track.seen_now)
