"""Signals: SIGTERM and SIGINT stop the process, SIGHUP reloads its configuration."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


def stop_on_signals(reload: threading.Event | None = None, *, second_ends: bool = True) -> threading.Event:
    """Return an event that SIGTERM and SIGINT set.

    A second signal ends the process at once, unless ``second_ends`` is False, for programs that must end
    their children first. SIGHUP sets ``reload``; without ``reload``, or when the controlling terminal was
    closed, it stops the process like the others.

    Call it on the main thread, before anything that takes time. Python runs signal handlers on the main
    thread only: not while that thread waits for a disk that hangs, and possibly while it holds the lock of
    this event. So Python writes each signal's number into a pipe, and the thread ``signals`` reads it.
    """
    stop = threading.Event()
    stop_requested = False  # the agent may have set ``stop`` itself: then the next signal is the first
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    had_terminal = _has_terminal()

    def stops(number: int) -> bool:
        return number != signal.SIGHUP or reload is None or (had_terminal and not _has_terminal())

    def obey(number: int) -> None:
        nonlocal stop_requested
        if not stops(number):
            assert reload is not None
            reload.set()
        elif stop_requested and second_ends:
            os._exit(128 + number)
        else:
            stop_requested = True
            stop.set()

    def listen() -> None:
        while numbers := os.read(read_end, 64):
            for number in numbers:
                obey(number)

    threading.Thread(target=listen, name="signals", daemon=True).start()
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ignore)
    return stop


def limit_stop_time(
    stop: threading.Event, within_s: float, code: Callable[[], int], hasten: Callable[[], None] = lambda: None
) -> threading.Event:
    """End the process ``within_s`` after ``stop``, even while a thread waits for a disk that hangs.

    ``hasten`` is called at ``stop``, on a thread of its own. The caller sets the returned event when the stop
    is complete: then nothing is ended. ``code`` gives the exit code.
    """
    ended = threading.Event()

    def watch() -> None:
        stop.wait()
        hasten()
        if not ended.wait(within_s):
            log.critical("the stop takes longer than %s s: the process ends before it is complete", within_s)
            os._exit(code())

    threading.Thread(target=watch, name="stop-limit", daemon=True).start()
    return ended


def ignore_hangups() -> None:
    """Ignore SIGHUP from now on: the process ends, and nothing is read again. Python restores the default
    action of signals while it ends, and a SIGHUP as late as that would kill a process that stops cleanly."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing: the number is in the pipe. Without a handler the signal would end the process."""


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal, tty(4). Closing it takes it from all its processes."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
