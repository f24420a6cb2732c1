"""Who is in a zone, and for how long: ``zone-intrusion`` and ``loitering``.

They differ in their defaults only: how long a stay has to be, and how long an absence is none. What counts is
the foot of the box, where the object stands.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from edge_agent.config.settings import ZoneRule
from edge_agent.geometry import contains
from edge_agent.hits import Phase, RuleHit, RuleRef, Stay
from edge_agent.model import Frame, Track, Tracks, TrackState
from edge_agent.rules.schedule import Arming

UPDATE_EVERY_S = 60.0


@dataclass(slots=True)
class _Visit:
    """One object's stay in the zone, told or not."""

    number: int
    track: Track  # as it was last inside
    since_mono: float  # inside, and the rule armed
    last_inside_mono: float
    told_label: str | None = None  # of the last event; None: nothing has been told
    told_mono: float = 0.0


class ZoneWatch:
    """One rule on one camera. One thread."""

    needs_every_frame = False

    def __init__(self, rule: ZoneRule, arming: Arming) -> None:
        self._rule = rule
        self._ref = RuleRef(rule.id, rule.kind.value, rule.severity)
        self._arming = arming
        self._numbers = itertools.count(1)
        self._stays: dict[str, _Visit] = {}  # by track
        self._last_start_mono: float | None = None

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[RuleHit]:
        now = frame.captured_mono
        if not self._arming.armed(frame.captured_at):
            yield from self._end_all("disarmed", ())
            return
        for track in tracks.active:
            self._follow(track, now)
        for track_id, stay in list(self._stays.items()):
            yield from self._tell(stay, now)
            reason = self._why_over(track_id, stay, tracks, now)
            if reason is not None:
                yield from self._end(stay, reason)
                del self._stays[track_id]

    def finish(self, reason: str, kept: Collection[str] = ()) -> Iterator[RuleHit]:
        yield from self._end_all(reason, kept)

    def _follow(self, track: Track, now: float) -> None:
        """A lost track is where it was, until it is found again or given up."""
        if track.state is TrackState.LOST or not contains(self._rule.zone.polygon, track.box.foot):
            return
        stay = self._stays.get(track.id)
        if stay is None:
            self._stays[track.id] = _Visit(next(self._numbers), track, now, now)
        else:
            stay.track, stay.last_inside_mono = track, now

    def _tell(self, stay: _Visit, now: float) -> Iterator[RuleHit]:
        """Start once it has lasted, then an update for another label and once a minute. What is known of the
        stay is changed after the yield: only then the hit has been taken."""
        track = stay.track
        if stay.last_inside_mono < now or not track.confirmed or track.label not in self._rule.labels:
            return
        if stay.told_label is None:
            if now - stay.since_mono < self._rule.min_duration_s or self._is_cooling(now):
                return
            yield self._hit(Phase.START, stay)
            self._last_start_mono = now
        elif track.label != stay.told_label or now - stay.told_mono >= UPDATE_EVERY_S:
            yield self._hit(Phase.UPDATE, stay)
        else:
            return
        stay.told_label, stay.told_mono = track.label, now

    def _is_cooling(self, now: float) -> bool:
        last = self._last_start_mono
        return last is not None and now - last < self._rule.cooldown_s

    def _why_over(self, track_id: str, stay: _Visit, tracks: Tracks, now: float) -> str | None:
        live = next((track for track in tracks.active if track.id == track_id), None)
        if live is None:
            return "lost"
        if live.state is TrackState.LOST or now - stay.last_inside_mono <= self._rule.grace_s:
            return None
        return "left"

    def _end(self, stay: _Visit, reason: str) -> Iterator[RuleHit]:
        if stay.told_label is not None:
            yield self._hit(Phase.END, stay, reason)

    def _end_all(self, reason: str, kept: Collection[str]) -> Iterator[RuleHit]:
        for track_id in [known for known in self._stays if known not in kept]:
            yield from self._end(self._stays[track_id], reason)
            del self._stays[track_id]

    def _hit(self, phase: Phase, stay: _Visit, end_reason: str | None = None) -> RuleHit:
        track, zone = stay.track, self._rule.zone.id
        inside_s = stay.last_inside_mono - stay.since_mono
        return RuleHit(
            phase,
            f"{self._rule.id}-{track.id}-{stay.number}",
            self._ref,
            Stay(zone, round(inside_s, 1)),
            f"{track.label or 'something'} in {zone} for {inside_s:.0f} s",
            stay.since_mono,
            stay.last_inside_mono,
            track,
            track.box,
            end_reason,
        )
