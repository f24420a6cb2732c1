"""How many vehicles are in the picture of a camera on average, and how fast they move: for the centre's
congestion level.

Vehicles and two-wheelers are sampled once a second. A vehicle that stood when it was first seen is parked,
and counts only after it has moved.
"""

from __future__ import annotations

from math import hypot, log2

from edge_agent.config.model.settings import Ground
from edge_agent.core.facts import FlowNumbers
from edge_agent.core.ground import GroundPlane
from edge_agent.core.model import TWO_WHEELER, VEHICLE, Frame, Track, Tracks, TrackState
from edge_agent.rules.movement import is_at_edge

SAMPLE_S = 1.0
MAX_SAMPLE_S = 10.0
"""Longest time for which one sample counts. The next sample may come late: a still scene is analysed at
keyframes only, a lost camera not at all."""
LONG_S = 300.0
"""A vehicle that has stood for this long does not wait for a traffic light: it is parked or in a jam. The
centre compares the number of such vehicles with the usual one of the camera."""
SETTLED_S = 1.0  # age of a track from which on its speed is measured, not assumed
_STEP_S = 0.2  # a speed on the road is measured over the way of this time
_LOWEST, _PER_DOUBLING, _BUCKETS = 0.05, 4, 48
"""Speeds from 0.05 to 200 in steps of 19 %: the median of a minute is exact to half of that."""


class SpeedHistogram:
    """The distribution of speeds, weighted by the time for which they were driven; of fixed size."""

    def __init__(self) -> None:
        self._seconds = [0.0] * _BUCKETS

    def add(self, speed: float, seconds: float) -> None:
        bucket = int(_PER_DOUBLING * log2(speed / _LOWEST)) if speed > _LOWEST else 0
        self._seconds[min(bucket, _BUCKETS - 1)] += seconds

    @property
    def median(self) -> float | None:
        half, passed = sum(self._seconds) / 2, 0.0
        for bucket, seconds in enumerate(self._seconds):
            if seconds and passed + seconds >= half:
                return float(_LOWEST * 2 ** ((bucket + (half - passed) / seconds) / _PER_DOUBLING))
            passed += seconds
        return None


class FlowSampler:
    """Samples the traffic in front of one camera since the last ``reset``. For one thread."""

    def __init__(self, ground: Ground | None = None) -> None:
        """``ground``: with it, speeds are measured in metres a second too."""
        self._plane = None if ground is None else GroundPlane(ground.points, ground.metres)
        self._sampled_mono: float | None = None
        self._stood: dict[str, float] = {}  # track id -> time since which the vehicle stands
        self.reset()

    def reset(self) -> None:
        """Begin a new interval."""
        self._watched_s = self._moving_s = self._standing_s = self._long_s = 0.0
        self._lengths, self._metres = SpeedHistogram(), SpeedHistogram()

    def update(self, frame: Frame, tracks: Tracks) -> None:
        now = frame.captured_mono
        if self._sampled_mono is None:
            self._sampled_mono = now
        elapsed_s = now - self._sampled_mono
        if elapsed_s < SAMPLE_S:
            return
        self._sampled_mono = now
        seconds = min(elapsed_s, MAX_SAMPLE_S)
        self._watched_s += seconds
        aspect = frame.picture.width / frame.picture.height
        stood, self._stood = self._stood, {}
        for track in tracks.active:
            if not track.confirmed or track.parked_before or track.group not in (VEHICLE, TWO_WHEELER):
                continue
            if track.state is TrackState.STATIONARY:
                since = self._stood[track.id] = stood.get(track.id, now)
                if now - since < LONG_S:
                    self._standing_s += seconds
                else:
                    self._long_s += seconds
            elif track.state is TrackState.LOST and track.id in stood:  # covered by another, perhaps
                self._stood[track.id] = stood[track.id]
            elif track.state is TrackState.MOVING:
                self._moving_s += seconds
                self._rate(track, aspect, now, seconds)

    def numbers(self) -> FlowNumbers | None:
        """Return the means of the interval; None: there was no traffic."""
        watched_s = self._watched_s
        if self._moving_s + self._standing_s + self._long_s <= 0:
            return None
        return FlowNumbers(
            watched_s=round(watched_s, 1),
            moving=round(self._moving_s / watched_s, 3),
            standing=round(self._standing_s / watched_s, 3),
            standing_long=round(self._long_s / watched_s, 3),
            speed=_rounded(self._lengths.median),
            speed_m_s=_rounded(self._metres.median),
        )

    def _rate(self, track: Track, aspect: float, now: float, seconds: float) -> None:
        """Add the speed of the track, if all of it is in the picture and it is old enough to be measured."""
        if not track.seen_now or now - track.first_seen_mono < SETTLED_S or is_at_edge(track.box):
            return
        (vx, vy), box = track.velocity, track.box
        length = max(box.width * aspect, box.height)
        if length > 0:
            self._lengths.add(hypot(vx * aspect, vy) / length, seconds)
        if self._plane is not None:
            (x, y) = box.foot
            here = self._plane.metres(x, y)
            there = self._plane.metres(x + vx * _STEP_S, y + vy * _STEP_S)
            if here is not None and there is not None:
                self._metres.add(hypot(there[0] - here[0], there[1] - here[1]) / _STEP_S, seconds)


def _rounded(speed: float | None) -> float | None:
    return None if speed is None else round(speed, 2)
