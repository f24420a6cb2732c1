"""Work of the outbox's writer thread other than appends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from edge_agent.core.errors import OutboxError

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
