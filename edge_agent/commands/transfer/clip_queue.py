"""Holds clip commands that wait because the clip of their event is still being recorded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.commands.action import CommandRefused
from edge_agent.core.problems import problem_text

log = logging.getLogger(__name__)

MAX_WAITING = 4
"""Limit of commands that wait: half of the commands of one type that may be open."""
WAIT_WITHIN_S = 840.0
"""Longest wait: ``clip.max_s`` is 600 s at most; the console counts requests as lost after 900 s."""
POLL_S = 1.0


@dataclass(slots=True)
class _WaitingClip:
    is_recorded: Callable[[], bool]
    deliver: Callable[[], None]
    left_s: float = WAIT_WITHIN_S


class ClipQueue:
    """Delivers each clip once it is complete. The thread ``clip-queue`` runs while a command waits.

    Waiting commands are not stored here: they are in the journal of commands, and the dispatcher resumes them
    after a restart.
    """

    def __init__(self, pause: Callable[[float], bool]) -> None:
        """``pause(seconds)`` waits, and returns True if the agent stops."""
        self._pause = pause
        self._lock = threading.Lock()  # protects the two fields below
        self._waiting: list[_WaitingClip] = []
        self._thread: threading.Thread | None = None

    def add(self, is_recorded: Callable[[], bool], deliver: Callable[[], None]) -> None:
        """Call ``deliver`` once ``is_recorded`` returns False, or after ``WAIT_WITHIN_S``. Raises
        CommandRefused when too many wait."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                raise CommandRefused(problem_text("clips-wait", limit=MAX_WAITING), "busy")
            self._waiting.append(_WaitingClip(is_recorded, deliver))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="clip-queue", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._has_waiting():
            if self._pause(POLL_S):
                return
            for clip in self._complete():
                try:
                    clip.deliver()
                except Exception:  # the top of this thread's loop: the other clips go on
                    log.exception(
                        "commands: a complete clip cannot be delivered to the command that waits for it"
                    )

    def _has_waiting(self) -> bool:
        """Return whether a command waits. If none does, the thread ends."""
        with self._lock:
            if not self._waiting:
                self._thread = None
            return bool(self._waiting)

    def _complete(self) -> list[_WaitingClip]:
        """Remove and return the entries whose clip is complete, or that have waited too long."""
        with self._lock:
            for clip in self._waiting:
                clip.left_s -= POLL_S
            complete = [clip for clip in self._waiting if clip.left_s <= 0 or not clip.is_recorded()]
            self._waiting = [clip for clip in self._waiting if clip not in complete]
        return complete
