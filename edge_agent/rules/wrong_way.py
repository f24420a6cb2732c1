"""Who goes against the arrow of a zone: ``wrong-way``.

What decides is where the foot of the box went over the last ``min_distance`` of its way, in the picture's
true proportions. It is measured twice, and both have to agree: by where the box is, which jumps when ids
change places, and by its steps without jumps (``motion_filter.py``), which drift when a box jitters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from math import acos, degrees, hypot

from edge_agent.config.model.settings import WrongWayRule
from edge_agent.core.facts import AgainstArrow, Phase, RuleObservation
from edge_agent.core.geometry import contains
from edge_agent.core.model import Frame, Track, Tracks, TrackState, accepted_labels
from edge_agent.rules.event_throttle import EventThrottle, OpenRuleEvent
from edge_agent.rules.motion_filter import MotionFilter
from edge_agent.rules.schedule import Arming

OWN_SIZES = 1.0  # at least so far; who reverses into a gap goes about one length
GRACE_S = 1.0  # so long an absence from the zone is none
STANDS_S = 60.0  # without getting on for so long, it no longer goes against the arrow
GETS_ON_S = 2.0
REMEMBERED_S = 30.0  # slower is the drift of a jittering box
PIECES = 10  # of the distance that counts; what is shorter is not remembered one by one
MAX_POINTS = 100

Vector = tuple[float, float]
"""In widths of the picture, to the right and down."""


@dataclass(frozen=True, slots=True)
class _Point:
    mono: float
    foot: Vector  # where the box was
    at: Vector  # without jumps, from anywhere


@dataclass(slots=True)
class _ZonePath:
    """One track's way inside the zone."""

    track: Track  # as it was last inside
    foot: Vector
    seen_mono: float
    inside_mono: float
    at: Vector = (0.0, 0.0)  # without jumps, from anywhere
    motion_filter: MotionFilter = field(default_factory=MotionFilter)
    path: deque[_Point] = field(default_factory=lambda: deque(maxlen=MAX_POINTS))
    open_event: OpenRuleEvent | None = None
    begin: _Point | None = None  # of what has been told
    against: _Point | None = None  # where it last got on against the arrow
    spent: bool = False  # told and stopped: told again only after it has turned or left

    def follow(self, track: Track, foot: Vector, inside: bool, piece: float, now: float) -> None:
        """Take what was seen now; ``piece``: a shorter step is not remembered."""
        if now > self.seen_mono:
            dx, dy = self.motion_filter.step(
                foot[0] - self.foot[0], foot[1] - self.foot[1], now - self.seen_mono
            )
            self.at = self.at[0] + dx, self.at[1] + dy
        self.foot, self.seen_mono = foot, now
        if not inside:
            return
        self.track, self.inside_mono = track, now
        if not self.path or hypot(*_from(self.path[-1].at, self.at)) >= piece:
            self.path.append(_Point(now, foot, self.at))

    def recent_movement(
        self, least: float, own: Vector, now: float
    ) -> tuple[_Point, tuple[Vector, Vector]] | None:
        """From where, and which way, it went over the last ``least`` widths and ``OWN_SIZES``."""
        for point in reversed(self.path):
            if now - point.mono > REMEMBERED_S:
                return None
            ways = _from(point.at, self.at), _from(point.foot, self.foot)
            if all(hypot(x, y) >= least and hypot(x / own[0], y / own[1]) >= OWN_SIZES for x, y in ways):
                return point, ways
        return None

    def latest_step(self, now: float) -> Vector | None:
        """Which way it got on just now."""
        if len(self.path) < 2 or now - self.path[-1].mono > GETS_ON_S:
            return None
        return _from(self.path[-2].at, self.path[-1].at)

    def forget(self) -> None:
        """What it did counts no more."""
        self.path.clear()
        self.open_event, self.spent = None, False


class WrongWayWatch:
    """One rule on one camera. One thread."""

    needs_every_frame = False

    def __init__(self, rule: WrongWayRule, arming: Arming) -> None:
        self._rule = rule
        self._names = accepted_labels(rule.labels)
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
        for id_, walk in list(self._paths.items()):
            if id_ not in live:
                yield from self._end(walk, "lost")
                del self._paths[id_]
            elif now == walk.seen_mono:
                yield from self._judge(walk, now)

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[RuleObservation]:
        for id_ in [known for known in self._paths if known not in continuing]:
            yield from self._end(self._paths[id_], reason)
            del self._paths[id_]

    def _see(self, track: Track, now: float) -> None:
        x, y = track.box.foot
        foot, inside = (x, y * self._aspect), contains(self._rule.zone.polygon, (x, y))
        walk = self._paths.get(track.id)
        if walk is None:
            walk = self._paths[track.id] = _ZonePath(track, foot, now, now)
        far = max(self._rule.min_distance, OWN_SIZES * min(self._own_size(track)))
        walk.follow(track, foot, inside, far / PIECES, now)

    def _judge(self, walk: _ZonePath, now: float) -> Iterator[RuleObservation]:
        """Memory changes after the yield: only then the hit has been taken."""
        if now - walk.inside_mono > GRACE_S:
            yield from self._end(walk, "left")
            walk.forget()
            return
        last = walk.recent_movement(self._rule.min_distance, self._own_size(walk.track), now)
        if last is not None and not any(self._is_against(way) for way in last[1]):
            yield from self._end(walk, "over")
            walk.open_event, walk.spent = None, False
        elif (
            last is not None
            and all(self._is_against(way) for way in last[1])
            and self._is_progressing(walk, now)
        ):
            yield from self._report(walk, last[0], now)
        elif walk.open_event is not None and walk.against and now - walk.against.mono > STANDS_S:
            yield from self._end(walk, "over")
            walk.open_event, walk.spent = None, True

    def _report(self, walk: _ZonePath, begin: _Point, now: float) -> Iterator[RuleObservation]:
        """It goes against the arrow now, and has for ``min_distance``."""
        walk.against, track = walk.path[-1], walk.track
        if not track.confirmed or track.label not in self._names:
            return
        if walk.open_event is not None:
            if walk.open_event.is_update_due(track.label, now):
                yield self._observation(Phase.UPDATE, walk, walk.open_event.event_id)
                walk.open_event.updated(track.label, now)
        elif not walk.spent and self._throttle.may_start(now):
            walk.begin = begin
            event_id = self._throttle.event_id(track.id, begin.mono)
            yield self._observation(Phase.START, walk, event_id)
            walk.open_event = self._throttle.started(event_id, track.label, now)

    def _end(self, walk: _ZonePath, reason: str) -> Iterator[RuleObservation]:
        if walk.open_event is not None:
            yield self._observation(Phase.END, walk, walk.open_event.event_id, reason)

    def _is_progressing(self, walk: _ZonePath, now: float) -> bool:
        piece = walk.latest_step(now)
        return piece is not None and self._is_against(piece) and walk.inside_mono == now

    def _is_against(self, way: Vector) -> bool:
        return 180.0 - self._angle(way) <= self._rule.angle_deg

    def _own_size(self, track: Track) -> Vector:
        return max(track.box.width, 1e-6), max(track.box.height * self._aspect, 1e-6)

    def _angle(self, way: Vector) -> float:
        """Between a way and the arrow, in degrees."""
        (x1, y1), (x2, y2) = self._rule.arrow
        arrow = x2 - x1, (y2 - y1) * self._aspect
        along = (way[0] * arrow[0] + way[1] * arrow[1]) / max(hypot(*way) * hypot(*arrow), 1e-12)
        return degrees(acos(min(max(along, -1.0), 1.0)))

    def _observation(
        self, phase: Phase, walk: _ZonePath, event_id: str, end_reason: str | None = None
    ) -> RuleObservation:
        assert walk.begin is not None
        assert walk.against is not None
        track, zone, way = walk.track, self._rule.zone.id, _from(walk.begin.at, walk.against.at)
        angle, distance = self._angle(way), hypot(*way)
        return RuleObservation(
            phase,
            event_id,
            self._throttle.ref,
            AgainstArrow(zone, round(angle, 1), round(distance, 3)),
            f"{track.label or 'something'} goes against the arrow of {zone}: at {angle:.0f} degrees to it, "
            f"over {distance:.2f} of the picture's width",
            walk.begin.mono,
            walk.against.mono,
            track,
            track.box,
            end_reason,
        )


def _from(a: Vector, b: Vector) -> Vector:
    return b[0] - a[0], b[1] - a[1]
