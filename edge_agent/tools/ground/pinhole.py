"""Finds the camera that belongs to a ground plane: its height, tilt and angle of view. A person can compare
them with the pole and the data sheet: a difference shows wrong marks or lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, atan, cos, degrees, dist, radians, sin, sqrt, tan

from edge_agent.core.geometry import Point
from edge_agent.core.ground import GroundPlane, Matrix

SQUARE = 0.15
"""How far a square on the road may be distorted if the marks fit a camera: the largest relative difference
between its two sides, and the largest cosine of its corner."""


@dataclass(frozen=True, slots=True)
class PinholeCamera:
    """A camera above a flat road, without roll, whose optical axis meets the middle of the picture."""

    height_m: float
    tilt_deg: float  # downwards
    view_deg: float  # horizontal angle of view
    aspect: float  # height of the picture over its width

    @property
    def focal(self) -> float:
        """Return the focal length in widths of the picture."""
        return focal_of(self.view_deg)

    def metres(self, x: float, y: float) -> Point | None:
        """Return the place on the road in metres to the right and ahead; None: not below the horizon."""
        u, v, f, tilt = x - 0.5, (y - 0.5) * self.aspect, self.focal, radians(self.tilt_deg)
        down = v * cos(tilt) + f * sin(tilt)
        if down <= 1e-6:
            return None
        return u * self.height_m / down, (f * cos(tilt) - v * sin(tilt)) * self.height_m / down

    def point(self, x_m: float, y_m: float, up_m: float = 0.0) -> Point:
        """Return the point (0..1) of a place in metres to the right, ahead and above the road."""
        tilt, down_m = radians(self.tilt_deg), self.height_m - up_m
        ahead = max(y_m * cos(tilt) + down_m * sin(tilt), 0.01)
        u, v = x_m / ahead, (down_m * cos(tilt) - y_m * sin(tilt)) / ahead
        return 0.5 + self.focal * u, 0.5 + self.focal * v / self.aspect


@dataclass(frozen=True, slots=True)
class MatchedCamera:
    """The pinhole camera that fits a ground plane best."""

    height_m: float
    tilt_deg: float
    view_deg: float
    fits: bool  # False: lengths or marks are wrong, or the lens distorts the picture


def focal_of(view_deg: float) -> float:
    """Return the focal length in widths of the picture."""
    return 0.5 / tan(radians(view_deg) / 2)


def camera_of(plane: GroundPlane, aspect: float) -> MatchedCamera | None:
    """Return the camera of a ground plane; None if it looks straight down, or no focal length fits.

    The X and Y axes of the road are at right angles and have one scale, which determines the focal length.
    Source: Z. Zhang, "A Flexible New Technique for Camera Calibration", 2000, section 2.3; pixels are taken
    as square and the optical axis as the middle of the picture.
    """
    (a1, b1, c1), (a2, b2, c2), third = _columns(plane.inverse, aspect)
    p = a1 * a2 + b1 * b2, a1 * a1 + b1 * b1 - a2 * a2 - b2 * b2
    q = c1 * c2, c1 * c1 - c2 * c2
    inverse_square = -(p[0] * q[0] + p[1] * q[1]) / max(p[0] ** 2 + p[1] ** 2, 1e-18)
    if inverse_square <= 1e-6:  # an angle of view below 0.1 degrees
        return None
    focal = 1 / sqrt(inverse_square)
    first, second = (a1 / focal, b1 / focal, c1), (a2 / focal, b2 / focal, c2)
    long, broad = dist(first, (0, 0, 0)), dist(second, (0, 0, 0))
    corner = sum(s * t for s, t in zip(first, second, strict=True)) / (long * broad)
    scale = (long + broad) / 2
    normal = _cross([each / long for each in first], [each / broad for each in second])
    place = (third[0] / focal / scale, third[1] / focal / scale, third[2] / scale)
    height_m = abs(sum(n * t for n, t in zip(normal, place, strict=True)))
    return MatchedCamera(
        height_m=height_m,
        tilt_deg=degrees(asin(min(1.0, abs(normal[2])))),
        view_deg=degrees(2 * atan(0.5 / focal)),
        fits=abs(corner) <= SQUARE and abs(long / broad - 1) <= SQUARE,
    )


def _columns(road_to_picture: Matrix, aspect: float) -> list[tuple[float, float, float]]:
    """Return the columns of the homography, in widths of the picture from its middle."""
    a, b, c, d, e, f, g, h, i = road_to_picture
    return [(x - 0.5 * w, (y - 0.5 * w) * aspect, w) for x, y, w in ((a, d, g), (b, e, h), (c, f, i))]


def _cross(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    (a, b, c), (d, e, f) = first, second
    return b * f - c * e, c * d - a * f, a * e - b * d
