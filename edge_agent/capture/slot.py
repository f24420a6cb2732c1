"""The hand-off from capture to the pipeline: one frame, the newest."""

from __future__ import annotations

import threading

from edge_agent.capture.rates import Rate
from edge_agent.clock import Clock
from edge_agent.model import Frame


class FrameSlot:
    """Holds at most one frame: a newer one replaces it, and the replaced one is counted as dropped.

    ``offer`` is called by the capture thread, ``take`` by the camera's pipeline thread.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Guards everything below; notified when a frame comes or the slot closes.
        self._filled = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._dropped = 0
        self._taken = Rate()

    @property
    def dropped(self) -> int:
        """Frames that were replaced before anybody took them."""
        with self._filled:
            return self._dropped

    def offer(self, frame: Frame) -> None:
        """Put the newest frame in; never blocks."""
        with self._filled:
            if self._closed:
                return
            if self._frame is not None:
                self._dropped += 1
            self._frame = frame
            self._filled.notify()

    def take(self, timeout_s: float) -> Frame | None:
        """The waiting frame, or the next within ``timeout_s``; None after that, or at once when closed."""
        with self._filled:
            self._filled.wait_for(lambda: self._frame is not None or self._closed, timeout_s)
            frame, self._frame = self._frame, None
            if frame is not None:
                self._taken.add(self._clock.monotonic())
            return frame

    def clear(self) -> None:
        """Forget a waiting frame: after a lost camera it would be an old picture."""
        with self._filled:
            self._frame = None

    def taken_fps(self) -> float:
        with self._filled:
            return self._taken.per_second(self._clock.monotonic())

    def open(self) -> None:
        with self._filled:
            self._closed = False

    def close(self) -> None:
        """Wake the taker; nothing is taken any more."""
        with self._filled:
            self._closed = True
            self._frame = None
            self._filled.notify_all()
