"""The rule ``crowding``: many objects in a zone at once.

Traffic at a red light is a crowd too; zone and schedule exclude it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce

from edge_agent.config.model.settings import CrowdingRule
from edge_agent.core.facts import Crowd, Phase, RuleObservation
from edge_agent.core.model import Box, Frame, Track, Tracks, TrackState
from edge_agent.core.problems import problem_text
from edge_agent.rules.schedule import UPDATE_EVERY_S, Arming, EventThrottle, OpenRuleEvent
from edge_agent.rules.track_filter import TrackFilter

LAPSE_S = 3.0  # a shorter lapse is ignored: a detector may miss two of twelve objects for a moment
MIN_TIME_SHARE = 2 / 3  # of the time for which a condition has to hold
GROWTH = 1.2  # an update is due when the count reaches this many times the reported maximum


class SustainedCondition:
    """Tracks since when a condition holds. Lapses under ``LAPSE_S`` are ignored unless there are too many."""

    def __init__(self) -> None:
        self.since_mono: float | None = None
        self._held_s = 0.0
        self._lapsed_mono: float | None = None
        self._last: tuple[float, bool] | None = None

    def update(self, holds: bool, now: float) -> None:
        if self._last is not None and self._last[1]:
            self._held_s += now - self._last[0]
        self._last = now, holds
        if holds:
            self._lapsed_mono = None
            if self.since_mono is None or self._is_seldom(now - self.since_mono):
                self.since_mono, self._held_s = now, 0.0
        elif self._lapsed_mono is None:
            self._lapsed_mono = now
        elif now - self._lapsed_mono >= LAPSE_S:
            self.since_mono = None

    def has_lasted(self, seconds: float, now: float) -> bool:
        """Whether the condition has held for ``seconds``, and holds now."""
        return self.since_mono is not None and self._lapsed_mono is None and now - self.since_mono >= seconds

    def _is_seldom(self, passed: float) -> bool:
        return passed >= LAPSE_S and self._held_s < MIN_TIME_SHARE * passed


class CrowdWatch:
    """Applies one crowding rule on one camera. For one thread."""

    def __init__(self, rule: CrowdingRule, arming: Arming) -> None:
        self._rule = rule
        self._filter = TrackFilter(rule)
        self._throttle = EventThrottle(rule)
        self._arming = arming
        self._open_event: OpenRuleEvent | None = None
        self._forget()

    def _forget(self) -> None:
        self._inside: dict[str, Track] = {}  # tracks as last seen in the zone
        self._full, self._released = SustainedCondition(), SustainedCondition()
        self._most = self._reported_most = 0
        self._crowd: tuple[Track, ...] = ()  # tracks inside when they last were more than ``release_count``
        self._crowd_mono = self._started_mono = 0.0

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[RuleObservation]:
        now = frame.captured_mono
        if not self._arming.armed(frame.captured_at):
            yield from self.finish("disarmed")
            return
        self._count(tracks, now)
        if self._open_event is None:
            yield from self._begin(now)
        elif self._released.has_lasted(self._rule.min_duration_s, now):
            yield from self.finish("over")
        elif self._has_grown(now):
            yield self._observation(Phase.UPDATE, self._open_event.event_id)
            self._open_event.updated(None, now)
            self._reported_most = self._most

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[RuleObservation]:
        """End the open event. A crowd is not a track, so it ends whatever is ``continuing``."""
        if self._open_event is not None:
            yield self._observation(Phase.END, self._open_event.event_id, reason)
            self._open_event = None
        self._forget()

    def _count(self, tracks: Tracks, now: float) -> None:
        self._inside = {track.id: here for track in tracks.active if (here := self._here(track))}
        count = len(self._inside)
        self._full.update(count >= self._rule.count, now)
        self._released.update(count <= self._rule.release_count, now)
        if self._open_event is None and self._full.since_mono is None:
            self._most = 0
        self._most = max(self._most, count)
        if count > self._rule.release_count:
            self._crowd, self._crowd_mono = tuple(self._inside.values()), now

    def _here(self, track: Track) -> Track | None:
        """Return the track if it is in the zone, else None. A lost track counts where it was last seen."""
        if track.state is TrackState.LOST:
            return self._inside.get(track.id)
        counts = self._filter.accepts(track) and self._rule.zone.contains(track.box.foot)
        return track if counts else None

    def _begin(self, now: float) -> Iterator[RuleObservation]:
        if self._full.since_mono is None or not self._crowd or not self._throttle.may_start(now):
            return
        if not self._full.has_lasted(self._rule.min_duration_s, now):
            return
        self._started_mono = self._full.since_mono
        event_id = self._throttle.event_id(self._crowd[0].id, self._started_mono)
        yield self._observation(Phase.START, event_id)
        self._open_event, self._reported_most = self._throttle.started(event_id, None, now), self._most
        self._released = SustainedCondition()

    def _has_grown(self, now: float) -> bool:
        assert self._open_event is not None
        return self._most >= GROWTH * self._reported_most and now - self._open_event.mono >= UPDATE_EVERY_S

    def _observation(self, phase: Phase, event_id: str, end_reason: str | None = None) -> RuleObservation:
        zone, count = self._rule.zone, len(self._inside)
        lasted_s = self._crowd_mono - self._started_mono
        return RuleObservation(
            phase,
            event_id,
            self._throttle.ref,
            Crowd(zone.id, count, self._most),
            problem_text("crowd", objects=count, zone=zone.shown, most=self._most, seconds=round(lasted_s)),
            self._started_mono,
            self._crowd_mono,
            None,
            reduce(Box.union, (track.box for track in self._crowd)),
            end_reason,
        )
