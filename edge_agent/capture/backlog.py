"""When decoding falls behind: which packets are left out, so that pictures do not grow old.

A camera does not wait. What is not read lies in the sockets, minutes of it, and every picture is older than
the one before. So a lag that lasts is got rid of by reading without decoding up to a keyframe.
"""

from __future__ import annotations

MAX_LAG_S = 1.0
"""From here on pictures are too old to be looked at in turn."""
CAUGHT_UP_S = 0.25
WINDOW_S, SHORTER_S = 0.5, 0.25
"""A lag that is not ``SHORTER_S`` shorter after ``WINDOW_S`` does not go away by itself."""


class Backlog:
    """Told of every packet of one connection, in order.

    A jam of the network is read in a burst and needs nothing left out. A lag that does not get shorter
    either while nothing is decoded lies in no buffer of ours: the camera's clock was set back, or the network
    is late for good. It is forgiven, and the times begin anew.
    """

    def __init__(self) -> None:
        self.skipping = False
        self.forgiven = 0  # how often skipping was in vain
        self._caught_up = False
        self._mark: tuple[float, float] | None = None  # (box time, lag) at the beginning of the window

    def skips(self, mono: float, lag_s: float, keyframe: bool) -> bool:
        """Whether the packet read at ``mono``, so late, is to be left out."""
        if not self.skipping:
            if lag_s <= MAX_LAG_S:
                self._mark = None
            elif self._lasts(mono, lag_s):
                self.skipping, self._caught_up = True, False
            return self.skipping
        if not self._caught_up:
            if lag_s <= CAUGHT_UP_S:
                self._caught_up = True
            elif self._lasts(mono, lag_s):
                self._caught_up = True
                self.forgiven += 1
        if self._caught_up and keyframe:
            self.skipping, self._mark = False, None
        return self.skipping

    def _lasts(self, mono: float, lag_s: float) -> bool:
        """True at the end of a window in which the lag did not get shorter."""
        if self._mark is None:
            self._mark = (mono, lag_s)
            return False
        begun_mono, begun_lag_s = self._mark
        if mono - begun_mono < WINDOW_S:
            return False
        self._mark = (mono, lag_s)
        return begun_lag_s - lag_s < SHORTER_S
