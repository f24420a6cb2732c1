"""Named threads whose progress is supervised, and their supervisor.

Almost every thread of the agent is a ``SupervisedThread``: the watchdog is fed only while each of them has
shown progress, and a thread that dies logs why. A thread that ended by an error is started again, a few
times. When a thread fails too often or hangs, ``Supervisor.check()`` returns a fatal reason, and the agent
ends so that systemd restarts it. A Python thread that hangs cannot be killed, so no second one is started
beside it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

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
        """Wait for the thread. Returns False when it is still running."""
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
        """Sleep up to ``seconds``. Returns True when the thread should stop. Beats before and after."""
        self.beat()
        stopped = self._stop.wait(seconds)
        self.beat()
        return stopped

    def beat(self) -> None:
        """Record that the thread makes progress."""
        self._last_beat = time.monotonic()

    def since_beat_s(self) -> float:
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


@dataclass(slots=True)
class _Watched:
    loop: SupervisedThread
    restarts_mono: deque[float] = field(default_factory=deque)
    silence_logged: bool = False


class Supervisor:
    """Watches threads; the main thread calls ``check()`` about once a second. Not thread-safe.

    A thread is restarted at most ``restarts`` times within ``within_s``; the next failure is fatal. So is a
    thread without progress for ``stuck_after_s`` longer than its ``max_silence_s``.
    """

    def __init__(
        self,
        loops: Iterable[SupervisedThread] = (),
        restarts: int = 3,
        within_s: float = 300.0,
        stuck_after_s: float = 90.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._restarts = restarts
        self._within_s = within_s
        self._stuck_after_s = stuck_after_s
        self._monotonic = monotonic
        self._watched: dict[int, _Watched] = {}
        for loop in loops:
            self.watch(loop)

    def watch(self, loop: SupervisedThread) -> None:
        self._watched[id(loop)] = _Watched(loop)

    def forget(self, loop: SupervisedThread) -> None:
        self._watched.pop(id(loop), None)

    def all_progressing(self) -> bool:
        """Return whether every thread runs and has made progress in time, so that the watchdog may be fed."""
        return all(w.loop.healthy or w.loop.stopping for w in self._watched.values())

    def check(self) -> str | None:
        """Restart threads that ended. Returns why the agent has to end; None if it need not."""
        reasons = [self._check(watched) for watched in self._watched.values()]
        return next((reason for reason in reasons if reason is not None), None)

    def _check(self, watched: _Watched) -> str | None:
        if watched.loop.stopping:
            return None
        if watched.loop.running:
            return self._check_silence(watched)
        return self._restart(watched)

    def _check_silence(self, watched: _Watched) -> str | None:
        loop = watched.loop
        silent_s = loop.since_beat_s()
        if silent_s <= loop.max_silence_s:
            if watched.silence_logged:
                log.warning("%s: makes progress again", loop.name)
            watched.silence_logged = False
            return None
        if silent_s > loop.max_silence_s + self._stuck_after_s:
            log.critical("%s: no progress for %.0f s, exiting for a restart", loop.name, silent_s)
            return f"{loop.name} hangs"
        if not watched.silence_logged:
            log.error("%s: no progress for %.0f s, the watchdog is not fed", loop.name, silent_s)
            watched.silence_logged = True
        return None

    def _restart(self, watched: _Watched) -> str | None:
        loop, history = watched.loop, watched.restarts_mono
        why = f"died of {type(loop.failure).__name__}" if loop.failure else "ended without being asked"
        now = self._monotonic()
        while history and now - history[0] > self._within_s:
            history.popleft()
        if len(history) >= self._restarts:
            log.critical(
                "%s: %s, %d restarts in %.0f s were not enough: exiting for a restart",
                loop.name, why, len(history), self._within_s,
            )  # fmt: skip
            return f"{loop.name} {why} too often"
        history.append(now)
        log.error("%s: %s, starting it again (%d of %d)", loop.name, why, len(history), self._restarts)
        loop.start()
        return None
