"""The rule ``stopped-vehicle``: a vehicle that drove and then stands in a zone.

A vehicle stands while the centre of its box stays within a part of its own size. It counts only if it was
seen to move before: a vehicle that stood there when the agent or the camera started may be parked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from math import exp, hypot

from edge_agent.config.model.settings import StoppedRule
from edge_agent.core.facts import Phase, RuleObservation, Standstill
from edge_agent.core.model import Box, Frame, Track, Tracks, TrackState
from edge_agent.core.problems import problem_text
from edge_agent.rules.movement import MotionFilter, centre_distance, centre_offset
from edge_agent.rules.schedule import Arming, EventThrottle, OpenRuleEvent
from edge_agent.rules.track_filter import TrackFilter

# Distances between centres of boxes, in sizes of the vehicle.
MOVED = 1.0  # more: a vehicle that stops at once is missed; less: pushing a parked bike counts
STANDS = 0.35  # more: a slow queue counts as standing; less: a half hidden vehicle counts as moved
SAME_PLACE = 0.5
SAME_SIZE = 2.0  # ratio of areas

MOVED_IN_S = 20.0  # slower movement is the drift of a jittering box
STOOD_S = 3.0
MOVED_ON_S = 1.0  # a box that is elsewhere for a shorter time has only jumped
FOUND_AGAIN_S = 60.0  # a still scene is analysed about once a minute


@dataclass(slots=True)
class _Vehicle:
    """A vehicle's track, and the place where it stands."""

    track: Track  # as last seen
    seen_mono: float
    first: Box
    place: Box  # where it stands; it has left when it is elsewhere for ``MOVED_ON_S``
    since_mono: float
    stood_mono: float  # when it was last at its place
    motion_filter: MotionFilter = field(default_factory=MotionFilter)
    labelled_box: Box | None = None  # when it first had one of the rule's labels
    displacement: tuple[float, float] = (0.0, 0.0)  # since labelled_box, in object sizes; old movement fades
    moved: bool = False
    off_mono: float | None = None
    open_event: OpenRuleEvent | None = None

    def follow(self, track: Track, has_label: bool, now: float) -> None:
        """Update from the track as seen now. ``has_label``: it has one of the rule's labels."""
        if not self.moved and now > self.seen_mono:
            self._move(track.box, has_label, now - self.seen_mono)
        self.track, self.seen_mono = track, now
        if centre_distance(self.place, track.box) <= STANDS:
            self.stood_mono, self.off_mono = now, None
        elif self.off_mono is None:
            self.off_mono = now

    def _move(self, box: Box, has_label: bool, dt: float) -> None:
        dx, dy = self.motion_filter.step(*centre_offset(self.track.box, box), dt)
        if has_label:
            fade = exp(-dt / MOVED_IN_S)
            self.displacement = fade * self.displacement[0] + dx, fade * self.displacement[1] + dy
            self.labelled_box = self.labelled_box or box
            away = centre_distance(self.labelled_box, box)
            self.moved = hypot(*self.displacement) >= MOVED and away >= MOVED

    @property
    def has_moved_on(self) -> bool:
        """Whether the vehicle was seen elsewhere for ``MOVED_ON_S``."""
        return self.off_mono is not None and self.seen_mono - self.off_mono >= MOVED_ON_S

    @property
    def stood(self) -> bool:
        return self.moved and self.off_mono is None and self.stood_mono - self.since_mono >= STOOD_S

    def stop_here(self) -> None:
        """Make the present position the place where the vehicle may stand."""
        self.place, self.off_mono, self.open_event = self.track.box, None, None
        self.since_mono = self.stood_mono = self.seen_mono

    def is_at(self, place: Box) -> bool:
        """Whether the vehicle was first seen at ``place``, with about the size of that box."""
        sizes = sorted((self.first.area, place.area))
        return centre_distance(place, self.first) <= SAME_PLACE and sizes[1] <= SAME_SIZE * sizes[0]


class StoppedWatch:
    """Applies one rule for stopped vehicles on one camera. For one thread."""

    def __init__(self, rule: StoppedRule, arming: Arming) -> None:
        self._rule = rule
        self._filter = TrackFilter(rule)
        self._throttle = EventThrottle(rule)
        self._arming = arming
        self._armed_mono: float | None = None
        self._vehicles: dict[str, _Vehicle] = {}  # by live track
        self._missing: list[_Vehicle] = []  # standing vehicles whose track has ended

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[RuleObservation]:
        now = frame.captured_mono
        self._follow(tracks, now)
        if not self._arming.armed(frame.captured_at):
            self._armed_mono = None
            yield from self._end_open("disarmed", ())
        elif self._armed_mono is None:
            self._armed_mono = now
        for vehicle in self._vehicles.values():
            yield from self._report(vehicle, now)
        for vehicle in list(self._missing):
            if now - vehicle.seen_mono > FOUND_AGAIN_S:
                yield from self._end(vehicle, "lost")
                self._missing.remove(vehicle)

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[RuleObservation]:
        yield from self._end_open(reason, continuing)
        self._vehicles = {id_: vehicle for id_, vehicle in self._vehicles.items() if id_ in continuing}
        self._missing = []

    # ---- what is seen

    def _follow(self, tracks: Tracks, now: float) -> None:
        """Update all vehicles. A track that is lost or covered keeps its place."""
        live = {track.id: track for track in tracks.active}
        for id_ in [id_ for id_ in self._vehicles if id_ not in live]:
            vehicle = self._vehicles.pop(id_)
            if vehicle.stood or vehicle.open_event is not None:
                self._missing.append(vehicle)
        for track in tracks.active:
            if track.state is not TrackState.LOST and track.seen_now:
                self._see(track, now)
        self._find_missing()

    def _see(self, track: Track, now: float) -> None:
        vehicle = self._vehicles.get(track.id)
        if vehicle is None:
            self._vehicles[track.id] = _Vehicle(track, now, track.box, track.box, now, now)
        else:
            vehicle.follow(track, self._filter.has_label(track), now)

    def _find_missing(self) -> None:
        """Find the tracks of missing vehicles. A track that begins where a vehicle stood is that vehicle:
        its time and its event continue."""
        for gone in list(self._missing):
            for vehicle in self._vehicles.values():
                has_label = self._filter.has_label(vehicle.track)
                is_later = vehicle.track.first_seen_mono > gone.seen_mono
                if has_label and is_later and vehicle.open_event is None and vehicle.is_at(gone.place):
                    vehicle.moved, vehicle.open_event, vehicle.place = True, gone.open_event, gone.place
                    vehicle.since_mono, vehicle.stood_mono = gone.since_mono, gone.stood_mono
                    self._missing.remove(gone)
                    break

    # ---- what is reported; state changes after the yield, when the sink has stored the observation

    def _report(self, vehicle: _Vehicle, now: float) -> Iterator[RuleObservation]:
        if vehicle.has_moved_on:
            yield from self._end(vehicle, "moved")
            vehicle.stop_here()
        elif self._may_report(vehicle, now):
            yield from self._start_or_update(vehicle, now)

    def _may_report(self, vehicle: _Vehicle, now: float) -> bool:
        """Whether the vehicle is seen at its place now, and the rule accepts its track."""
        if self._armed_mono is None or vehicle.stood_mono < now or not vehicle.moved:
            return False
        return self._filter.accepts(vehicle.track)

    def _start_or_update(self, vehicle: _Vehicle, now: float) -> Iterator[RuleObservation]:
        track, open_event = vehicle.track, vehicle.open_event
        if open_event is not None:
            if open_event.is_update_due(track.label, now):
                yield self._observation(Phase.UPDATE, vehicle, open_event.event_id)
                open_event.updated(track.label, now)
            return
        lasted = now - self._since(vehicle) >= self._rule.still_s
        in_zone = self._rule.zone.contains(track.box.foot)
        if lasted and in_zone and self._throttle.may_start(now):
            vehicle.since_mono = self._since(vehicle)
            event_id = self._throttle.event_id(track.id, vehicle.since_mono)
            yield self._observation(Phase.START, vehicle, event_id)
            vehicle.open_event = self._throttle.started(event_id, track.label, now)

    def _since(self, vehicle: _Vehicle) -> float:
        """Return the time since which the vehicle stands, but not before the rule was armed."""
        if self._armed_mono is None or vehicle.open_event is not None:
            return vehicle.since_mono
        return max(vehicle.since_mono, self._armed_mono)

    def _end(self, vehicle: _Vehicle, reason: str) -> Iterator[RuleObservation]:
        if vehicle.open_event is not None:
            yield self._observation(Phase.END, vehicle, vehicle.open_event.event_id, reason)

    def _end_open(self, reason: str, continuing: Collection[str]) -> Iterator[RuleObservation]:
        open_ = [vehicle for id_, vehicle in self._vehicles.items() if id_ not in continuing]
        for vehicle in [*open_, *self._missing]:
            yield from self._end(vehicle, reason)
            vehicle.open_event = None

    def _observation(
        self, phase: Phase, vehicle: _Vehicle, event_id: str, end_reason: str | None = None
    ) -> RuleObservation:
        track, zone, since = vehicle.track, self._rule.zone, self._since(vehicle)
        still_s, label = vehicle.stood_mono - since, track.label or "something"
        return RuleObservation(
            phase,
            event_id,
            self._throttle.ref,
            Standstill(zone.id, round(still_s, 1)),
            problem_text("stopped-in-zone", label=label, zone=zone.shown, seconds=round(still_s)),
            since,
            vehicle.stood_mono,
            track,
            vehicle.place if phase is Phase.END else track.box,
            end_reason,
        )
