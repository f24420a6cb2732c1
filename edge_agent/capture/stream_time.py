"""When was this frame taken? The camera's own spacing on the box's monotonic clock.

Arrival times jitter with the network, the camera's timestamps do not; but its clock drifts, restarts and
jumps. So a frame is stamped with the stamp before plus the difference of the camera's timestamps, and the
arrival, taken after the read and never before it, keeps that honest.
"""

from __future__ import annotations

MAX_LAG_S = 1.0
"""A stamp further behind the arrival than this is a jump, or a burst after a jam: start anew."""
SLEW_PER_S = 0.001
"""How fast stamps are pulled towards arrival: ten times the drift of a bad crystal (100 ppm)."""


class StreamTime:
    """Stamps the frames of one connection, in order. Stamps rise strictly and are never later than the
    arrival (except by the microsecond that keeps them rising)."""

    def __init__(self, timed: bool = True) -> None:
        """``timed``: False for streams without timestamps of their own (MJPEG over HTTP): arrival it is."""
        self._timed = timed
        self._last_pts_s: float | None = None
        self._last_s: float | None = None

    def stamp(self, pts_s: float | None, arrived_mono: float) -> float:
        """``pts_s``: the frame's presentation time in seconds, or None; ``arrived_mono``: box time right
        after its packet was read. Returns seconds of box time."""
        stamp = arrived_mono
        if self._timed and pts_s is not None and self._last_pts_s is not None and self._last_s is not None:
            step_s = pts_s - self._last_pts_s
            expected = self._last_s + step_s
            lag_s = arrived_mono - expected
            if step_s > 0 and 0 <= lag_s <= MAX_LAG_S:
                stamp = expected + min(lag_s, SLEW_PER_S * step_s)
        if self._last_s is not None:
            stamp = max(stamp, self._last_s + 1e-6)
        self._last_pts_s, self._last_s = pts_s, stamp
        return stamp
