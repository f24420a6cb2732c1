"""A named thread whose progress is supervised.

Almost every thread of the agent is a ``SupervisedThread``: the watchdog is fed only while each of them has
shown progress, and a thread that dies logs why.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class SupervisedThread:
    """Runs ``body(thread)`` in a daemon thread called ``name``.

    ``body`` returns when ``stopping`` is set and calls ``beat()`` at least every ``max_silence_s`` seconds;
    it blocks with ``wait()``, never with ``time.sleep``. An exception that leaves ``body`` is logged with its
    traceback and stored in ``failure``: the agent decides what follows.
    """

    def __init__(
        self, name: str, body: Callable[[SupervisedThread], None], max_silence_s: float = 30.0
    ) -> None:
        self.name = name
        self.max_silence_s = max_silence_s
        self.failure: BaseException | None = None
        self._body = body
        self._stop = threading.Event()
        self._last_beat = time.monotonic()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stop.clear()
        self.failure = None
        self.beat()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the body to return; does not wait."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; False when it is still running."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Sleep up to ``seconds``; True when asked to stop. Beats before and after."""
        self.beat()
        stopped = self._stop.wait(seconds)
        self.beat()
        return stopped

    def beat(self) -> None:
        """Record that the thread makes progress."""
        self._last_beat = time.monotonic()

    def since_beat_s(self) -> float:
        """Seconds since the last beat."""
        return time.monotonic() - self._last_beat

    @property
    def healthy(self) -> bool:
        return self.running and self.since_beat_s() <= self.max_silence_s

    def _run(self) -> None:
        try:
            self._body(self)
        except BaseException as error:
            self.failure = error
            log.exception("%s: thread died", self.name)
