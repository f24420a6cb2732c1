"""The ground plane of a camera: maps points of its picture to metres on the road.

Four marks on a flat road determine it. Distortion of the lens is not corrected, and on a road that rises or
falls distances are wrong by its slope; docs/design/ground-plane.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations
from math import atan2, degrees

from edge_agent.core.geometry import Point, fault_of, twice_area
from edge_agent.core.languages import Sentences, both

Matrix = tuple[float, float, float, float, float, float, float, float, float]
"""A homography, row by row."""

MIN_AREA = 0.002
"""Smallest triangle of three marks, as a share of the picture's area: 0.06 x 0.06. A hand with a mouse is off
by 0.005, which would distort a smaller triangle too much."""
FLAT = 0.02
"""Any three marks must span at least this share of the area of all four on the road."""
TINY_W = 1e-9
WIDE = 9 / 16
"""Height by width of nearly all cameras' pictures; the configuration does not contain the real ratio."""
TILTED = 0.27
"""Largest fall of the horizon, in picture widths: 15 degrees. Cameras are level within a few degrees."""
FAR_HORIZON = 3.0
"""A horizon further away than this, in heights of the picture, is not checked for tilt: the camera looks
steeply down, and small errors of the marks turn its horizon."""


class SpeedClass(StrEnum):
    """How fast an object was, for searches. The limits are round figures, not those of a law."""

    WALKING = "walking"  # below 7 km/h
    SLOW = "slow"  # below 25 km/h
    MODERATE = "moderate"  # below 50 km/h
    FAST = "fast"


_CLASS_LIMITS_KMH = (7.0, 25.0, 50.0)
KMH = 3.6
"""Kilometres an hour in one metre a second."""


def speed_classes(speed_m_s: float, error_m_s: float) -> tuple[SpeedClass, ...]:
    """Return all classes that the speed, plus or minus its error, may belong to, the slowest first."""
    low, high = (speed_m_s - error_m_s) * KMH, (speed_m_s + error_m_s) * KMH
    edges = (float("-inf"), *_CLASS_LIMITS_KMH, float("inf"))
    return tuple(
        each
        for each, begin, end in zip(SpeedClass, edges, edges[1:], strict=False)
        if high >= begin and low < end
    )


COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


def compass_point(heading_deg: float) -> str:
    """Return the nearest of the eight main directions."""
    return COMPASS[round(heading_deg / 45) % 8]


class GroundPlane:
    """The homography from the picture (x, y in 0..1) to the road (metres).

    Seen from above, Y is 90 degrees anticlockwise of X, as on a map with X to the east and Y to the north.
    """

    def __init__(
        self, points: Sequence[Point], metres: Sequence[Point], bearing_deg: float | None = None
    ) -> None:
        """``points``: four marks in the picture, in order around the quadrangle; ``metres``: where they are
        on the road. ``bearing_deg``: direction from the second to the third mark, clockwise from north. The
        marks must pass ``fault_of_marks``; others may raise ``ZeroDivisionError``.
        """
        matrix = _product(_of_unit_square(metres), _adjugate(_of_unit_square(points)))
        x, y = points[0]
        if matrix[6] * x + matrix[7] * y + matrix[8] < 0:
            matrix = tuple(-each for each in matrix)  # type: ignore[assignment]
        self.matrix: Matrix = matrix
        self.inverse = _adjugate(matrix)
        self._bearing_deg = bearing_deg
        (x2, y2), (x3, y3) = metres[1], metres[2]
        self._bearing_way = atan2(y3 - y2, x3 - x2)

    def metres(self, x: float, y: float) -> Point | None:
        """Return the place on the road that a point of the picture shows; None if the point is on or above
        the horizon."""
        a, b, c, d, e, f, g, h, i = self.matrix
        w = g * x + h * y + i
        if w <= TINY_W:
            return None
        return (a * x + b * y + c) / w, (d * x + e * y + f) / w

    def point(self, x_m: float, y_m: float) -> Point | None:
        """Return the point of the picture (may be outside 0..1) for a place on the road; None: the place is
        behind the camera."""
        a, b, c, d, e, f, g, h, i = self.inverse
        w = g * x_m + h * y_m + i
        x, y = (a * x_m + b * y_m + c) / w if w else 0.0, (d * x_m + e * y_m + f) / w if w else 0.0
        return (x, y) if w and self.metres(x, y) is not None else None

    def horizon(self, x: float) -> float | None:
        """Return the y of the horizon at ``x``; None if a camera that looks straight down has no horizon."""
        g, h, i = self.matrix[6:]
        return None if abs(h) < TINY_W else -(g * x + i) / h

    def heading(self, dx_m: float, dy_m: float) -> float | None:
        """Return the direction of a movement on the road, in degrees clockwise from north; None: the
        bearing is not configured."""
        if self._bearing_deg is None:
            return None
        return (self._bearing_deg - degrees(atan2(dy_m, dx_m) - self._bearing_way)) % 360


def fault_of_marks(points: Sequence[Point], metres: Sequence[Point]) -> str | None:
    """Return what is wrong with four marks (counted from 1) and their places on the road, or None."""
    for quad, least, on_line in (
        (points, MIN_AREA, "points-flat"),
        (metres, FLAT * _area(metres), "metres-flat"),
    ):
        corners = _flattest(quad)
        if _triangle(quad, corners) < least:
            return both(_FAULTS, on_line, marks=", ".join(str(each + 1) for each in corners))
        if fault_of(quad) is not None or not _is_convex(quad):
            return both(_FAULTS, "points-crossed" if quad is points else "metres-crossed")
    if (twice_area(*points[:3]) > 0) == (twice_area(*metres[:3]) > 0):  # only in the picture y points down
        return both(_FAULTS, "mirrored")
    plane = GroundPlane(points, metres)
    if any(plane.metres(x, 1.0) is None for x in (0.0, 0.5, 1.0)):
        return both(_FAULTS, "horizon-below")
    return None


def doubt_of_marks(points: Sequence[Point], metres: Sequence[Point]) -> str | None:
    """Return what is doubtful about faultless marks (the camera would be tilted, or look up), or None."""
    plane = GroundPlane(points, metres)
    left, middle, right = (plane.horizon(x) for x in (0.0, 0.5, 1.0))
    if left is None or middle is None or right is None:
        return None
    if abs(middle) < FAR_HORIZON and abs(right - left) * WIDE > TILTED:
        tilt_deg = degrees(atan2(abs(right - left) * WIDE, 1.0))
        return both(_FAULTS, "tilted", left=left, right=right, tilt_deg=tilt_deg)
    return both(_FAULTS, "looks-up", middle=middle) if 0.5 < middle < 1.0 else None


def rectangle(points: Sequence[Point], first_m: float, second_m: float) -> tuple[Point, ...]:
    """Return the places of four marks that form a rectangle on the road and turn like ``points``.
    ``first_m``: from the first mark to the second; ``second_m``: from there to the third."""
    up_m = -second_m if twice_area(*points[:3]) > 0 else second_m
    return (0.0, 0.0), (first_m, 0.0), (first_m, up_m), (0.0, up_m)


def _of_unit_square(quad: Sequence[Point]) -> Matrix:
    """Return the homography of the unit square's corners (0, 0), (1, 0), (1, 1), (0, 1) to ``quad``.

    Source: P. Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = quad
    ax, ay, bx, by = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    area = ax * by - bx * ay
    g, h = (sx * by - bx * sy) / area, (ax * sy - sx * ay) / area
    return x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1.0


def _adjugate(m: Matrix) -> Matrix:
    """Return the adjugate: the inverse of a homography, up to a factor that makes no difference."""
    a, b, c, d, e, f, g, h, i = m
    return (
        e * i - f * h, c * h - b * i, b * f - c * e,
        f * g - d * i, a * i - c * g, c * d - a * f,
        d * h - e * g, b * g - a * h, a * e - b * d,
    )  # fmt: skip


def _product(m: Matrix, n: Matrix) -> Matrix:
    rows, columns = (m[0:3], m[3:6], m[6:9]), (n[0::3], n[1::3], n[2::3])
    a, b, c, d, e, f, g, h, i = (
        sum(p * q for p, q in zip(row, column, strict=True)) for row in rows for column in columns
    )
    return a, b, c, d, e, f, g, h, i


def _triangle(quad: Sequence[Point], corners: tuple[int, ...]) -> float:
    a, b, c = (quad[each] for each in corners)
    return abs(twice_area(a, b, c)) / 2


def _flattest(quad: Sequence[Point]) -> tuple[int, ...]:
    return min(combinations(range(4), 3), key=lambda corners: _triangle(quad, corners))


def _area(quad: Sequence[Point]) -> float:
    return _triangle(quad, (0, 1, 2)) + _triangle(quad, (0, 2, 3))


def _is_convex(quad: Sequence[Point]) -> bool:
    turns = [twice_area(quad[n], quad[(n + 1) % 4], quad[(n + 2) % 4]) > 0 for n in range(4)]
    return all(turns) or not any(turns)


_FAULTS: Sentences = {
    "points-flat": (
        "the marks {marks} lie nearly on one line of the picture, or close together; choose marks that span "
        "a larger area",
        "các mốc {marks} gần như nằm trên một đường thẳng trong hình, hoặc quá gần nhau; hãy chọn các mốc "
        "cách xa nhau hơn",
    ),
    "metres-flat": (
        "the marks {marks} lie nearly on one line of the road; measure again, or choose other marks",
        "các mốc {marks} gần như nằm trên một đường thẳng trên mặt đường; hãy đo lại hoặc chọn mốc khác",
    ),
    "points-crossed": (
        "the marks are not in order: go around the quadrangle from each to the next, without crossing it",
        "thứ tự các mốc không đúng: hãy đi vòng quanh tứ giác, từ mốc này đến mốc kế bên, không cắt chéo",
    ),
    "metres-crossed": (
        "the measured places are not in the order of the marks around a quadrangle; measure again",
        "vị trí đo không theo thứ tự các mốc vòng quanh tứ giác; hãy đo lại",
    ),
    "mirrored": (
        "the measured places turn the other way round than the marks in the picture; X goes to the right and "
        "Y ahead, seen by a person who looks along Y",
        "vị trí đo bị ngược chiều so với các mốc trong hình; khi đứng nhìn theo hướng Y thì X hướng "
        "sang phải, Y hướng về phía trước",
    ),
    "horizon-below": (
        "by these marks the road would end inside the picture, above its lower edge; check the order of the "
        "marks, and which length belongs to which side",
        "theo các mốc này thì mặt đường kết thúc ngay trong hình, phía trên mép dưới; hãy kiểm tra thứ tự "
        "các mốc và độ dài của từng cạnh",
    ),
    "tilted": (
        "by these marks the horizon falls from {left:.2f} at the left side of the picture to {right:.2f} at "
        "the right one, as if the camera were tilted by {tilt_deg:.0f} degrees; check the marks and lengths",
        "theo các mốc này, đường chân trời nằm ở {left:.2f} chiều cao hình tại mép trái và ở {right:.2f} tại "
        "mép phải, như thể camera bị nghiêng {tilt_deg:.0f} độ; hãy kiểm tra các mốc và độ dài",
    ),
    "looks-up": (
        "by these marks the horizon is at {middle:.2f} of the picture's height, as if the camera looked up; "
        "check the marks and lengths",
        "theo các mốc này, đường chân trời nằm ở {middle:.2f} chiều cao hình, như thể camera hướng lên trên; "
        "hãy kiểm tra các mốc và độ dài",
    ),
}
