"""One append on its way through a group commit.

Work of the outbox's writer thread other than appends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from edge_agent.core.delivery import Draft, Stamp
from edge_agent.core.errors import OutboxError


class StoreTarget(Enum):
    """Which store an event goes to: the writer's database, or memory."""

    WRITER = auto()
    MEMORY = auto()


@dataclass(slots=True, eq=False)
class AppendRequest:
    """Written by the thread that stores it, read by the appending thread once ``done`` is set."""

    draft: Draft
    created_mono: float
    media_saved: bool = False  # the file of ``draft.media`` is on disk
    stamp: Stamp | None = None
    row: int = 0
    payload: bytes = b""  # as encoded for ``stamp``
    error: Exception | None = None  # of ``draft.encode``
    done: bool = False
    _target: StoreTarget | None = None
    _claims: threading.Lock = field(default_factory=threading.Lock)  # protects ``_place``
    _waiting: threading.Lock = field(default_factory=threading.Lock)  # held until it is done

    def __post_init__(self) -> None:
        self._waiting.acquire()

    def encode(self, stamp: Stamp) -> bytes | None:
        """The payload, or None when the draft's encoder failed: its appender gets that error."""
        self.error = self.stamp = None
        try:
            self.payload = self.draft.encode(stamp)
        except Exception as error:  # noqa: BLE001 - the code of others; must not fail its neighbours
            self.error = error
            return None
        self.stamp = stamp
        return self.payload

    def claim(self, place: StoreTarget) -> bool:
        """Whether it is stored there: the first to ask decides, so that no event is stored in two places."""
        with self._claims:
            if self._target is None:
                self._target = place
            return self._target is place

    def finish(self) -> None:
        """Let its appender go on."""
        with self._claims:
            if not self.done:
                self.done = True
                self._waiting.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is done or the time is over; returns whether it is done. For its appender only."""
        return self.done or self._waiting.acquire(timeout=timeout_s)


log = logging.getLogger(__name__)


class WriterJob:
    """A call that the writer's thread makes for another thread, which waits for it for a limited time."""

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
