"""How the process is told to stop, and to read its configuration again."""

from __future__ import annotations

import os
import queue
import signal
import threading
from types import FrameType


def stop_on_signals(reload: threading.Event | None = None, *, second_ends: bool = True) -> threading.Event:
    """Set by SIGTERM and SIGINT. The second one means now, unless ``second_ends`` is False: for who has
    children to end first. SIGHUP sets ``reload``; without one, or when it says that the terminal from which
    the process was started has been closed, it stops like the others.

    Call it from the main thread, before anything that takes time. A handler runs in the middle of whatever
    the main thread does, which is mostly waiting for this very event: setting it from there can wait for ever
    for the lock that the wait holds. So a thread of its own sets it.
    """
    stop = threading.Event()
    told: queue.SimpleQueue[int] = queue.SimpleQueue()  # its put() may interrupt anything, itself included
    asked: list[int] = []
    had_terminal = _has_terminal()

    def stops(number: int) -> bool:
        return number != signal.SIGHUP or reload is None or (had_terminal and not _has_terminal())

    def obey(number: int, _frame: FrameType | None) -> None:
        if stops(number):
            if asked and second_ends:
                os._exit(128 + number)
            asked.append(number)
        told.put(number)

    def pass_on() -> None:
        while not stops(told.get()):
            assert reload is not None
            reload.set()
        stop.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, obey)
    return stop


def ignore_hangups() -> None:
    """Nothing is read again any more. Python gives signals their default back while it ends, and a SIGHUP as
    late as that would make a clean stop a killed process."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal, tty(4). Closing it takes it from all its processes."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
