"""The requests of other threads to the outbox's writer thread: appends, and calls that it makes for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from edge_agent.core.delivery import Draft, Stamp
from edge_agent.core.errors import OutboxError

log = logging.getLogger(__name__)


class StoreTarget(Enum):
    """Which store an event goes to: the writer's database, or memory."""

    WRITER = auto()
    MEMORY = auto()


_CLAIMS = threading.Lock()
"""Protects ``_target`` and ``done`` of all requests. One lock is enough, because it is held only briefly."""


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class AppendRequest:
    """One append in a group commit.

    The thread that stores the event sets the fields; the appending thread reads them once ``done`` is set.
    """

    draft: Draft
    created_mono: float
    media_saved: bool = False  # the file of ``draft.media`` is on disk
    stamp: Stamp | None = None
    row: int = 0
    payload: bytes = b""  # as encoded for ``stamp``
    error: Exception | None = None  # of ``draft.encode``
    done: bool = False
    _target: StoreTarget | None = None
    _waiting: threading.Lock = field(default_factory=_locked)  # locked until ``done`` is set

    def encode(self, stamp: Stamp) -> bytes | None:
        """Return the payload, or None when the draft's encoder failed; then ``append`` raises its error."""
        self.error = self.stamp = None
        try:
            self.payload = self.draft.encode(stamp)
        except Exception as error:  # noqa: BLE001 - foreign code; other events of the batch must not fail
            self.error = error
            return None
        self.stamp = stamp
        return self.payload

    def claim(self, target: StoreTarget) -> bool:
        """Return whether ``target`` stores the event. The first call decides, so no event is stored twice."""
        with _CLAIMS:
            if self._target is None:
                self._target = target
            return self._target is target

    def finish(self) -> None:
        """Let the appending thread continue."""
        with _CLAIMS:
            if not self.done:
                self.done = True
                self._waiting.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the request is done; False on a timeout. Only the appending thread may call it."""
        return self.done or self._waiting.acquire(timeout=timeout_s)


class WriterJob:
    """A call that the writer thread makes for another thread, which waits for it for a limited time."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._done = threading.Event()
        self.error: OutboxError | None = None

    def run(self) -> None:
        try:
            self._work()
        except OutboxError as error:
            self.error = error
        except Exception:
            log.exception("outbox: unexpected error in the writer thread, which goes on")
        finally:
            self._done.set()

    def wait(self, timeout_s: float | None) -> bool:
        return self._done.wait(timeout_s)
