"""How the process is told to stop."""

from __future__ import annotations

import os
import queue
import signal
import threading
from types import FrameType


def stop_on_signals(*, second_ends: bool = True) -> threading.Event:
    """Set by SIGTERM, SIGINT, and SIGHUP, which a closed terminal sends. The second one means now, unless
    ``second_ends`` is False: for who has children to end first.

    Call it from the main thread, before anything that takes time. A handler runs in the middle of whatever
    the main thread does, which is mostly waiting for this very event: setting it from there can wait for ever
    for the lock that the wait holds. So a thread of its own sets it.
    """
    stop = threading.Event()
    told: queue.SimpleQueue[int] = queue.SimpleQueue()  # its put() may interrupt anything, itself included
    asked: list[int] = []

    def obey(number: int, _frame: FrameType | None) -> None:
        if asked and second_ends:
            os._exit(128 + number)
        asked.append(number)
        told.put(number)

    def pass_on() -> None:
        told.get()
        stop.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, obey)
    return stop
