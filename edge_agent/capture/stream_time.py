"""When was this frame taken? The camera's own spacing on the box's monotonic clock.

Arrival times jitter with the network, the camera's timestamps do not; but its clock drifts, restarts and
jumps. The packet that came earliest, by the camera's clock, tells how that clock lies to ours; one that comes
later than it says has waited somewhere, and its frame was taken when it says.
"""

from __future__ import annotations

JUMP_S = 1.0
"""Packets come a few pictures out of order at most: further back, the camera's clock was set."""
SLEW_PER_S = 0.001
"""How fast stamps are pulled towards arrival: ten times the drift of a bad crystal (100 ppm)."""
WAITED_S = 0.005
"""Who waits so long for a packet has read all that there was."""


class StreamTime:
    """Times of one connection's packets and frames, in order. Stamps rise strictly and are never later than
    the arrival (except by the microsecond that keeps them rising)."""

    def __init__(self, timed: bool = True) -> None:
        """``timed``: False for streams without timestamps of their own (MJPEG over HTTP): arrival it is."""
        self._timed = timed
        self._offset_s: float | None = None  # box time minus camera time
        self._newest_pts_s = 0.0  # of the packets
        self._last_pts_s: float | None = None  # of the frames
        self._last_s: float | None = None
        self._waited_mono: float | None = None

    def arrived(self, pts_s: float | None, mono: float, waited_s: float) -> float:
        """A packet was read at ``mono`` after ``waited_s`` in the read; returns how late it is, in seconds.

        Without the camera's times that is at most the time since a packet had to be waited for.
        """
        if not self._timed:
            if waited_s >= WAITED_S or self._waited_mono is None:
                self._waited_mono = mono
            return mono - self._waited_mono
        if pts_s is None:
            return 0.0
        if self._offset_s is None or pts_s < self._newest_pts_s - JUMP_S:
            self._anchor(pts_s, mono)
        assert self._offset_s is not None
        step_s = max(0.0, pts_s - self._newest_pts_s)
        self._newest_pts_s += step_s
        lag_s = mono - (self._newest_pts_s + self._offset_s)
        self._offset_s += min(lag_s, SLEW_PER_S * step_s)
        return max(0.0, lag_s)

    def forgive(self) -> None:
        """The lag is none: begin anew with the next packet."""
        self._offset_s = None

    def stamp(self, pts_s: float | None, arrived_mono: float) -> float:
        """``pts_s``: the frame's presentation time in seconds, or None; ``arrived_mono``: box time right
        after the packet that completed it was read. Returns seconds of box time."""
        stamp = arrived_mono
        if self._timed and pts_s is not None and self._offset_s is not None:
            if self._last_pts_s is not None and pts_s <= self._last_pts_s:  # frames come in order: it was set
                self._anchor(pts_s, arrived_mono)
            stamp = min(pts_s + self._offset_s, arrived_mono)
        if self._last_s is not None:
            stamp = max(stamp, self._last_s + 1e-6)
        self._last_pts_s, self._last_s = pts_s, stamp
        return stamp

    def _anchor(self, pts_s: float, mono: float) -> None:
        self._offset_s = mono - pts_s
        self._newest_pts_s = pts_s
