"""When was this picture taken? The camera's own spacing on the box's monotonic clock.

Arrival times jitter with the network, the camera's timestamps do not; but its clock drifts, restarts and
jumps. The packet that came earliest, by the camera's clock, tells how that clock lies to ours; one that comes
later than it says has waited somewhere, and its picture was taken when it says.
"""

from __future__ import annotations

JUMP_S = 1.0
"""Packets come a few pictures out of order at most: further back, the camera's clock was set."""
SLEW_PER_S = 0.001
"""How fast stamps are pulled towards arrival: ten times the drift of a bad crystal (100 ppm)."""
LATE_S, LATE_FOR_S = 1.0, 5.0
"""A jam of the network is read in a burst. Who is late for longer is not late: its clock was set."""


class StreamTime:
    """Times of one connection's packets, in the order they came."""

    def __init__(self, timed: bool = True) -> None:
        """``timed``: False for streams without timestamps of their own (MJPEG over HTTP): arrival it is."""
        self._timed = timed
        self._offset_s: float | None = None  # box time minus camera time
        self._newest_pts_s = 0.0
        self._late_since_mono: float | None = None

    def stamp(self, pts_s: float | None, mono: float, *, held: bool = False) -> float:
        """When the picture of a packet that came at ``mono`` was taken, in seconds of box time; never later
        than ``mono``. ``pts_s``: its presentation time in seconds, or None. ``held``: it may have come
        earlier, and says nothing of how late the camera is."""
        if not self._timed or pts_s is None:
            return mono
        if self._offset_s is None or pts_s < self._newest_pts_s - JUMP_S:
            self.start_from(pts_s, mono)
        assert self._offset_s is not None
        step_s = max(0.0, pts_s - self._newest_pts_s)
        self._newest_pts_s += step_s
        late_s = mono - (self._newest_pts_s + self._offset_s)
        if self._is_late_for_good(late_s, mono):
            self.start_from(self._newest_pts_s, mono)
        else:
            self._offset_s += min(late_s, 0.0 if held else SLEW_PER_S * step_s)
        return min(pts_s + self._offset_s, mono)

    def restart(self) -> None:
        """What follows has other times: a file begins again."""
        self._offset_s = self._late_since_mono = None

    def start_from(self, pts_s: float, mono: float) -> None:
        """The camera's time ``pts_s`` is the box's ``mono``."""
        self._offset_s = mono - pts_s
        self._newest_pts_s = pts_s
        self._late_since_mono = None

    def _is_late_for_good(self, late_s: float, mono: float) -> bool:
        if late_s < LATE_S:
            self._late_since_mono = None
        elif self._late_since_mono is None:
            self._late_since_mono = mono
        return self._late_since_mono is not None and mono - self._late_since_mono >= LATE_FOR_S
