"""The rule ``wrong-way``: an object that moves against the arrow of a zone.

The direction is that of the box's foot over the last ``min_distance`` of its path, in the picture's true
proportions. It is measured twice, and both must agree: by the positions of the box, which jump when tracks
swap ids, and by its steps without jumps (``movement.py``), which drift when a box jitters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from math import acos, degrees, hypot

from edge_agent.config.model.settings import WrongWayRule
from edge_agent.core.facts import AgainstArrow, Phase, RuleObservation
from edge_agent.core.model import Frame, Track, Tracks, TrackState
from edge_agent.core.problems import problem_text
from edge_agent.rules.movement import MotionFilter
from edge_agent.rules.schedule import Arming, EventThrottle, OpenRuleEvent
from edge_agent.rules.track_filter import TrackFilter

MIN_OWN_SIZES = 1.0  # minimum distance; a vehicle that reverses into a gap moves about one length
GRACE_S = 1.0  # a shorter absence from the zone is ignored
STANDSTILL_S = 60.0  # after this long without progress against the arrow, the event ends
PROGRESS_WITHIN_S = 2.0
REMEMBERED_S = 30.0  # slower movement is the drift of a jittering box
STEPS_PER_DISTANCE = 10  # points stored per ``min_distance``; shorter steps are not stored
MAX_POINTS = 100

Vector = tuple[float, float]  # (x, y) in widths of the picture, to the right and down


@dataclass(frozen=True, slots=True)
class _Point:
    mono: float
    foot: Vector  # position of the box
    at: Vector  # position without jumps, from an arbitrary origin


@dataclass(slots=True)
class _ZonePath:
    """The path of one track inside the zone."""

    track: Track  # as last seen inside
    foot: Vector
    seen_mono: float
    inside_mono: float
    at: Vector = (0.0, 0.0)  # position without jumps, from an arbitrary origin
    motion_filter: MotionFilter = field(default_factory=MotionFilter)
    path: deque[_Point] = field(default_factory=lambda: deque(maxlen=MAX_POINTS))
    open_event: OpenRuleEvent | None = None
    begin: _Point | None = None  # of the reported movement
    against: _Point | None = None  # the last progress against the arrow
    reported_once: bool = False  # reported and stopped: reported again only after it has turned or left

    def follow(self, track: Track, foot: Vector, inside: bool, step: float, now: float) -> None:
        """Update from the track as seen now. ``step``: shorter steps are not stored."""
        if now > self.seen_mono:
            dx, dy = self.motion_filter.step(*_from(self.foot, foot), now - self.seen_mono)
            self.at = self.at[0] + dx, self.at[1] + dy
        self.foot, self.seen_mono = foot, now
        if not inside:
            return
        self.track, self.inside_mono = track, now
        if not self.path or hypot(*_from(self.path[-1].at, self.at)) >= step:
            self.path.append(_Point(now, foot, self.at))

    def recent_movement(
        self, least: float, own: Vector, now: float
    ) -> tuple[_Point, tuple[Vector, Vector]] | None:
        """Return the begin and both measures of the latest movement over ``least`` widths of the picture and
        ``MIN_OWN_SIZES``; None if the track has not moved that far in ``REMEMBERED_S``."""
        for point in reversed(self.path):
            if now - point.mono > REMEMBERED_S:
                return None
            movements = _from(point.at, self.at), _from(point.foot, self.foot)
            if all(
                hypot(x, y) >= least and hypot(x / own[0], y / own[1]) >= MIN_OWN_SIZES for x, y in movements
            ):
                return point, movements
        return None

    def latest_step(self, now: float) -> Vector | None:
        """Return the last step, if it was within ``PROGRESS_WITHIN_S``; else None."""
        if len(self.path) < 2 or now - self.path[-1].mono > PROGRESS_WITHIN_S:
            return None
        return _from(self.path[-2].at, self.path[-1].at)

    def forget(self) -> None:
        """Forget the track's movement and event."""
        self.path.clear()
        self.open_event, self.reported_once = None, False


class WrongWayWatch:
    """Applies one wrong-way rule on one camera. For one thread."""

    def __init__(self, rule: WrongWayRule, arming: Arming) -> None:
        self._rule = rule
        self._filter = TrackFilter(rule)
        self._throttle = EventThrottle(rule)
        self._arming = arming
        self._paths: dict[str, _ZonePath] = {}  # by track
        self._aspect = 1.0  # height over width of the picture

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[RuleObservation]:
        now = frame.captured_mono
        if not self._arming.armed(frame.captured_at):
            yield from self.finish("disarmed")
            return
        self._aspect = frame.picture.height / frame.picture.width
        live = {track.id for track in tracks.active}
        for track in tracks.active:
            if track.state is not TrackState.LOST and track.seen_now:
                self._see(track, now)
        for id_, zone_path in list(self._paths.items()):
            if id_ not in live:
                yield from self._end(zone_path, "lost")
                del self._paths[id_]
            elif now == zone_path.seen_mono:
                yield from self._judge(zone_path, now)

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[RuleObservation]:
        for id_ in [id_ for id_ in self._paths if id_ not in continuing]:
            yield from self._end(self._paths[id_], reason)
            del self._paths[id_]

    def _see(self, track: Track, now: float) -> None:
        x, y = track.box.foot
        foot, inside = (x, y * self._aspect), self._rule.zone.contains((x, y))
        zone_path = self._paths.get(track.id)
        if zone_path is None:
            zone_path = self._paths[track.id] = _ZonePath(track, foot, now, now)
        far = max(self._rule.min_distance, MIN_OWN_SIZES * min(self._own_size(track)))
        zone_path.follow(track, foot, inside, far / STEPS_PER_DISTANCE, now)

    def _judge(self, zone_path: _ZonePath, now: float) -> Iterator[RuleObservation]:
        """Yield a due start, update or end; change the state after the yield, when the sink has stored it."""
        if now - zone_path.inside_mono > GRACE_S:
            yield from self._end(zone_path, "left")
            zone_path.forget()
            return
        last = zone_path.recent_movement(self._rule.min_distance, self._own_size(zone_path.track), now)
        if last is not None and not any(self._is_against(movement) for movement in last[1]):
            yield from self._end(zone_path, "over")
            zone_path.open_event, zone_path.reported_once = None, False
        elif (
            last is not None
            and all(self._is_against(movement) for movement in last[1])
            and self._is_progressing(zone_path, now)
        ):
            yield from self._report(zone_path, last[0], now)
        elif zone_path.open_event and zone_path.against and now - zone_path.against.mono > STANDSTILL_S:
            yield from self._end(zone_path, "over")
            zone_path.open_event, zone_path.reported_once = None, True

    def _report(self, zone_path: _ZonePath, begin: _Point, now: float) -> Iterator[RuleObservation]:
        """Report a movement against the arrow over ``min_distance``."""
        zone_path.against, track = zone_path.path[-1], zone_path.track
        if not self._filter.accepts(track):
            return
        if zone_path.open_event is not None:
            if zone_path.open_event.is_update_due(track.label, now):
                yield self._observation(Phase.UPDATE, zone_path, zone_path.open_event.event_id)
                zone_path.open_event.updated(track.label, now)
        elif not zone_path.reported_once and self._throttle.may_start(now):
            zone_path.begin = begin
            event_id = self._throttle.event_id(track.id, begin.mono)
            yield self._observation(Phase.START, zone_path, event_id)
            zone_path.open_event = self._throttle.started(event_id, track.label, now)

    def _end(self, zone_path: _ZonePath, reason: str) -> Iterator[RuleObservation]:
        if zone_path.open_event is not None:
            yield self._observation(Phase.END, zone_path, zone_path.open_event.event_id, reason)

    def _is_progressing(self, zone_path: _ZonePath, now: float) -> bool:
        step = zone_path.latest_step(now)
        return step is not None and self._is_against(step) and zone_path.inside_mono == now

    def _is_against(self, movement: Vector) -> bool:
        return 180.0 - self._angle(movement) <= self._rule.angle_deg

    def _own_size(self, track: Track) -> Vector:
        return max(track.box.width, 1e-6), max(track.box.height * self._aspect, 1e-6)

    def _angle(self, movement: Vector) -> float:
        """Return the angle between a movement and the arrow, in degrees."""
        (x1, y1), (x2, y2) = self._rule.arrow
        arrow = x2 - x1, (y2 - y1) * self._aspect
        lengths = hypot(*movement) * hypot(*arrow)
        along = (movement[0] * arrow[0] + movement[1] * arrow[1]) / max(lengths, 1e-12)
        return degrees(acos(min(max(along, -1.0), 1.0)))

    def _observation(
        self, phase: Phase, zone_path: _ZonePath, event_id: str, end_reason: str | None = None
    ) -> RuleObservation:
        assert zone_path.begin is not None
        assert zone_path.against is not None
        track, zone = zone_path.track, self._rule.zone
        movement = _from(zone_path.begin.at, zone_path.against.at)
        angle, distance = self._angle(movement), hypot(*movement)
        return RuleObservation(
            phase,
            event_id,
            self._throttle.ref,
            AgainstArrow(zone.id, round(angle, 1), round(distance, 3)),
            problem_text(
                "against-arrow",
                label=track.label or "something",
                zone=zone.shown,
                degrees=round(angle),
                distance=round(distance, 2),
            ),
            zone_path.begin.mono,
            zone_path.against.mono,
            track,
            track.box,
            end_reason,
        )


def _from(a: Vector, b: Vector) -> Vector:
    return b[0] - a[0], b[1] - a[1]
