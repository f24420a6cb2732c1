"""``storm-mode``: sends a picture of chosen cameras every few minutes while streets flood."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from edge_agent.commands.action import Action, CommandContext, CommandSucceeded, select_cameras
from edge_agent.core.clock import Clock, resumed_until_mono, rfc3339
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import read_record, write_record
from edge_agent.wire import StormArguments, StormHealth
from edge_agent.wire.base import Time

log = logging.getLogger(__name__)

FILE = "storm.json"


class _Storm(msgspec.Struct, frozen=True):
    """The content of the state file: the present storm mode, which continues after a restart."""

    command: str
    cameras: list[str]
    every_s: float
    until: Time
    left_s: float  # remaining time at the last write: a clock that jumps cannot prolong it


class StormMode:
    """The command ``storm-mode``. Command thread: ``run``; main thread: ``tick``; any thread: ``health``.

    ``take(camera, event_id, command_id)`` requests a picture that is sent later, and returns at once.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        cameras: Callable[[], Sequence[str]],
        take: Callable[[str, str, str], None],
    ) -> None:
        self._path = path
        self._clock = clock
        self._cameras = cameras
        self._send_snapshot = take
        self._lock = threading.Lock()  # protects the fields below
        self._storm = read_record(path, _Storm)
        self._until_mono = self._next_mono = clock.monotonic()
        self._number = 0
        if self._storm is not None:
            until = datetime.fromisoformat(self._storm.until)
            self._until_mono = resumed_until_mono(clock, until, self._storm.left_s)

    def action(self) -> Action:
        return Action("storm-mode", self.run, self.resume)

    def run(self, context: CommandContext[StormArguments]) -> CommandSucceeded:
        args = context.args
        wanted = select_cameras(args.cameras, self._cameras())
        if args.for_s == 0:
            self._end()
            return CommandSucceeded(problem_text("storm-ended"))
        until = self._clock.now() + timedelta(seconds=args.for_s)
        storm = _Storm(context.id, wanted, args.every_s, rfc3339(until), args.for_s)
        with self._lock:
            self._storm, self._number = storm, 0
            self._next_mono = self._clock.monotonic()
            self._until_mono = self._next_mono + args.for_s
        write_record(self._path, storm)
        text = problem_text("storm-began", cameras=wanted, seconds=args.every_s, until=storm.until)
        return CommandSucceeded(text, {"cameras": wanted, "until": storm.until})

    def resume(self, context: CommandContext[StormArguments]) -> CommandSucceeded:
        if self._storm is not None and self._storm.command == context.id:
            return CommandSucceeded(problem_text("storm-until", until=self._storm.until))
        return self.run(context)

    def tick(self) -> None:
        with self._lock:
            storm, now = self._storm, self._clock.monotonic()
            if storm is None or now < min(self._next_mono, self._until_mono):
                return
            over = now >= self._until_mono
            self._next_mono = now + storm.every_s
            self._number += 1
            number = self._number
        if over:
            self._end()
            return
        for camera in storm.cameras:
            self._send_snapshot(camera, f"storm-{storm.command}-{number}", storm.command)

    def health(self) -> StormHealth | None:
        """Return the state for the heartbeat; None: storm mode is off."""
        if (storm := self._storm) is None:
            return None
        return StormHealth(cameras=storm.cameras, every_s=storm.every_s, until=storm.until)

    def _end(self) -> None:
        with self._lock:
            self._storm = None
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:  # harmless, because the time in the file is over
            log.warning("%s cannot be removed: %s", self._path, error.strerror)
