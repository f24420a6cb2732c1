"""Where an object is and where it goes: a Kalman filter with constant velocity.

As in SORT (Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016), with noise in own sizes, so that
one covariance serves both axes and objects near and far.
"""

from __future__ import annotations

from math import sqrt

from edge_agent.core.model import Box

MEASURED = 0.08**2
"""Variance of a detection's centre, own sizes squared: models' boxes jitter by about 8 %. Larger: smoother
boxes that lag behind."""
FIRST_SPEED = 2.0**2  # of the unknown speed at first, (own sizes a second) squared
ACCELERATION = 1.0  # own sizes squared a second cubed; larger: turns and stops are followed sooner
SIZE_BLEND = 0.5  # towards a detection's size
LEAST_SIZE = 1e-6


class KalmanBox:
    """The filtered box of one object; it may leave the picture."""

    def __init__(self, box: Box) -> None:
        self.restart(box)

    def restart(self, box: Box) -> None:
        """Forget the velocity and begin at ``box``."""
        self.box = box
        self.velocity = (0.0, 0.0)  # picture widths and heights a second
        self._place, self._both, self._speed = MEASURED, 0.0, FIRST_SPEED  # the covariance

    @property
    def uncertainty(self) -> float:
        """Standard deviation of the place, own sizes."""
        return sqrt(self._place)

    def predict(self, dt: float, moves: bool = True) -> None:
        """Go on by ``dt`` seconds; what stands keeps its place, and only gets less sure."""
        if moves:
            self.box = self.box.shifted(self.velocity[0] * dt, self.velocity[1] * dt)
        self._place += dt * (2 * self._both + dt * self._speed) + ACCELERATION * dt**3 / 3
        self._both += dt * self._speed + ACCELERATION * dt**2 / 2
        self._speed += ACCELERATION * dt

    def correct(self, measured: Box, noise: float = MEASURED, size_blend: float = SIZE_BLEND) -> None:
        """Take a measured box with a centre of variance ``noise``, own sizes squared."""
        place_gain = self._place / (self._place + noise)
        speed_gain = self._both / (self._place + noise)
        (x, y), (mx, my) = self.box.centre, measured.centre
        dx, dy = mx - x, my - y
        self.velocity = self.velocity[0] + speed_gain * dx, self.velocity[1] + speed_gain * dy
        width = max(self.box.width + size_blend * (measured.width - self.box.width), LEAST_SIZE)
        height = max(self.box.height + size_blend * (measured.height - self.box.height), LEAST_SIZE)
        # What goes away at one speed becomes slower in the picture as its area becomes smaller.
        slower = min(max(width * height / max(self.box.area, LEAST_SIZE**2), 0.5), 2.0)
        self.velocity = self.velocity[0] * slower, self.velocity[1] * slower
        x, y = x + place_gain * dx, y + place_gain * dy
        self.box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        self._speed -= speed_gain * self._both
        self._place *= 1 - place_gain
        self._both *= 1 - place_gain

    def grow_to(self, box: Box) -> None:
        """Hold ``box`` as well: a new part of the same object."""
        self.box = self.box.union(box)
