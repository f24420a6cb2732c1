"""A drawn road: a camera of known height and angle, and bodies that drive past it at known speeds.

Bodies are cuboids. Their corners are projected into the picture, so a box shows what a real one does: its
lower edge belongs to another part of a car when it comes nearer, and it is cut off at the sides of the
picture. Boxes then get the noise of a detector. Metres: X to the right of the camera, Y ahead of it, Z up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import atan, copysign, cos, degrees, hypot, pi, radians, sin, tan

import numpy as np

from edge_agent.config.model.settings import Ground
from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE, Box
from edge_agent.passages.ground_speed import GroundSpeed
from edge_agent.passages.passage import GroundMotion
from edge_agent.passages.path import PathRecorder

Cuboid = tuple[float, float, float]
"""Length, width and height."""
BODIES: dict[str, tuple[Cuboid, ...]] = {
    PERSON: ((0.3, 0.5, 1.62),),
    TWO_WHEELER: ((1.9, 0.6, 1.05), (0.6, 0.5, 1.6)),  # the machine, and its rider
    VEHICLE: ((4.3, 1.75, 0.9), (2.4, 1.5, 1.5)),  # the body, and the cabin
}
SMALLEST = 0.03
"""Height of the smallest box, of the picture: 11 pixels of 360, about the smallest that is tracked."""
FPS = 5.0
ASPECT = 9 / 16
START_MONO = 1000.0


@dataclass(frozen=True, slots=True)
class RoadCamera:
    """A pinhole camera above the point X = 0, Y = 0 of a flat road."""

    height_m: float
    tilt_deg: float  # downwards
    view_deg: float = 80.0  # horizontal angle of view
    roll_deg: float = 0.0
    bend: float = 0.0  # radial distortion k1; negative for a barrel, as wide lenses have

    @property
    def nearest_m(self) -> float:
        """Distance of the first place that is well inside the picture."""
        return self.height_m / tan(radians(self.tilt_deg + 0.7 * self._half_view_deg))

    @property
    def _half_view_deg(self) -> float:
        """Half of the vertical angle of view."""
        return degrees(atan(tan(radians(self.view_deg) / 2) * ASPECT))

    def point(self, x_m: float, y_m: float, z_m: float = 0.0) -> tuple[float, float] | None:
        """Where in the picture a place is, in 0..1, maybe outside; None: behind the camera, or far
        aside of a bent picture."""
        down, tilt, roll = self.height_m - z_m, radians(self.tilt_deg), radians(self.roll_deg)
        ahead = y_m * cos(tilt) + down * sin(tilt)
        if ahead < 0.1:
            return None
        u, v = x_m / ahead, (down * cos(tilt) - y_m * sin(tilt)) / ahead
        u, v = u * cos(roll) - v * sin(roll), u * sin(roll) + v * cos(roll)
        bent = 1 + self.bend * (u * u + v * v)
        if bent + 2 * self.bend * (u * u + v * v) <= 0:
            return None  # so far aside that the model of the lens folds back
        widths = 0.5 / tan(radians(self.view_deg) / 2)  # focal length in widths of the picture
        return 0.5 + widths * u * bent, 0.5 + widths * v * bent / ASPECT

    def box(self, body: tuple[Cuboid, ...], x_m: float, y_m: float, way: float) -> Box | None:
        """The box of a body whose middle is at the place and which drives towards ``way`` (radians from X),
        cut off at the sides of the picture; None: not in it."""
        points = [
            self.point(
                x_m + length * along * cos(way) - width * across * sin(way),
                y_m + length * along * sin(way) + width * across * cos(way),
                height * up,
            )
            for length, width, height in body
            for along in (-0.5, 0.5)
            for across in (-0.5, 0.5)
            for up in (0, 1)
        ]
        if any(point is None for point in points):
            return None
        xs, ys = zip(*(point for point in points if point is not None), strict=True)
        box = Box(min(xs), min(ys), max(xs), max(ys)).clipped()
        return box if box.width > 0 and box.height >= SMALLEST else None


@dataclass(frozen=True, slots=True)
class Drive:
    """One body on its way: straight, or an arc with the radius ``turn_m``."""

    group: str
    speed_m_s: float
    from_m: tuple[float, float]
    way: float = pi / 2  # radians from X at the beginning
    turn_m: float = 0.0  # radius; positive: to the left; 0: straight
    turn_deg: float = 90.0  # after the turn it goes straight on

    def at(self, second: float) -> tuple[float, float, float]:
        """Place and direction."""
        (x, y), gone = self.from_m, self.speed_m_s * second
        if self.turn_m == 0:
            return x + gone * cos(self.way), y + gone * sin(self.way), self.way
        turned = min(gone / abs(self.turn_m), radians(self.turn_deg))
        way, rest = self.way + copysign(turned, self.turn_m), gone - turned * abs(self.turn_m)
        return (
            x + self.turn_m * (sin(way) - sin(self.way)) + rest * cos(way),
            y - self.turn_m * (cos(way) - cos(self.way)) + rest * sin(way),
            way,
        )


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard errors of what a person and a detector do."""

    box: float = 0.03  # of each edge of a box, share of its height
    pixel: float = 0.0016  # of each edge, of the picture's width
    mark: float = 0.003  # of a mark, of the picture
    tape: float = 0.01  # of a length on the road
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))


NO_NOISE = Noise(0.0, 0.0, 0.0, 0.0)


def measured_ground(
    camera: RoadCamera, noise: Noise, near_m: float, far_m: float, wide_m: float = 4.0, left_m: float = -2.0
) -> Ground:
    """The marks of a rectangle on the road, as a technician would measure them."""
    places = ((left_m, near_m), (left_m + wide_m, near_m), (left_m + wide_m, far_m), (left_m, far_m))
    shown = [camera.point(*place) for place in places]
    rng = noise.rng
    points = tuple(
        (point[0] + noise.mark * rng.normal(), point[1] + noise.mark * rng.normal())
        for point in shown
        if point is not None
    )
    wide, deep = (side * (1 + noise.tape * rng.normal()) for side in (wide_m, far_m - near_m))
    return Ground(points=points, metres=((0, 0), (wide, 0), (wide, deep), (0, deep)), bearing_deg=0.0)


def boxes(
    camera: RoadCamera, drive: Drive, noise: Noise, seconds: float = 30.0
) -> Iterator[tuple[float, Box]]:
    """The boxes of the body while it is in the picture, ``FPS`` a second."""
    rng = noise.rng
    for n in range(int(seconds * FPS)):
        second = n / FPS
        box = camera.box(BODIES[drive.group], *drive.at(second))
        if box is None:
            continue
        edge = hypot(noise.pixel, noise.box * box.height * ASPECT)
        x1, y1, x2, y2 = rng.normal(0.0, 1.0, 4) * (edge, edge / ASPECT, edge, edge / ASPECT)
        yield second, Box(box.x1 + x1, box.y1 + y1, box.x2 + x2, box.y2 + y2).clipped()


def speed_of(camera: RoadCamera, drive: Drive, ground: Ground, noise: Noise) -> GroundMotion | None:
    """What a passage of this drive says."""
    path: PathRecorder | None = None
    for second, box in boxes(camera, drive, noise):
        if path is None:
            path = PathRecorder(box, START_MONO + second, ASPECT)
        else:
            path.add(box, START_MONO + second)
    if path is None:
        return None
    return GroundSpeed(ground).motion(path.places, (), drive.group, ASPECT)


def random_drives(rng: np.random.Generator, count: int) -> Iterator[Drive]:
    """Walkers across the road, and two-wheelers and cars along it, both ways; some turn off."""
    for _ in range(count):
        lane_m, far_m = rng.uniform(-5, 5), rng.uniform(30, 60)
        match rng.integers(5):
            case 0:
                yield Drive(
                    PERSON, rng.uniform(0.8, 1.8), (-12.0, rng.uniform(8, 20)), rng.uniform(-0.3, 0.3)
                )
            case 1:
                yield Drive(TWO_WHEELER, rng.uniform(4, 14), (lane_m, rng.uniform(2, 5)))
            case 2:
                yield Drive(TWO_WHEELER, rng.uniform(4, 14), (lane_m, far_m), -pi / 2)
            case 3:
                yield Drive(VEHICLE, rng.uniform(4, 16), (lane_m, far_m), -pi / 2)
            case _:
                yield Drive(
                    TWO_WHEELER, rng.uniform(3, 7), (lane_m, 20.0), -pi / 2, turn_m=rng.choice((-6.0, 6.0))
                )
