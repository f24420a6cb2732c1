"""``rehearse``: runs a drafted rule over the stored passages, in a separate process.

A rehearsal computes for minutes. A thread of the agent would hold Python's interpreter lock while cameras
wait for it; a process has the lowest priority, and is killed when it takes too long.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    always,
    select_cameras,
)
from edge_agent.commands.handlers.search import HOT_STEP, HOUR_S, GatewayLimits
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.config.draft import read_draft
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import ConfigSource
from edge_agent.core.clock import Clock
from edge_agent.core.errors import ConfigError, EdgeAgentError
from edge_agent.core.problems import problem_text
from edge_agent.passages.access import record_access
from edge_agent.wire import RehearsalResult, RehearseArguments

log = logging.getLogger(__name__)

WITHIN_S = 4 * 3600.0  # for 30 days of a busy camera on a slow board (docs/design/rehearsal.md)
MAX_AN_HOUR = 12
"""Number of rehearsals that may start in any hour; further ones wait. Otherwise anyone who has the centre's
search key could keep the processor of a gateway busy for ever."""
POLL_S = 1.0
MAX_ERROR = 500  # characters of the process's message in a reply
PROGRAM = (sys.executable, "-m", "edge_agent", "rehearse")


@dataclass(frozen=True)
class RehearseCommand:
    """The command ``rehearse``. Its thread waits for the process; the agent itself does not change."""

    settings: Callable[[], Settings]
    config_path: Path | None
    clock: Clock
    keys: OperatorKeyring
    limits: Callable[[], GatewayLimits]
    _started_mono: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_AN_HOUR))

    def action(self) -> Action:
        return Action(
            "rehearse",
            self.run,
            needs_signature=always,
            slow=True,
            within_s=WITHIN_S + 2 * POLL_S,
            must_wait=self._must_wait,
        )

    def _must_wait(self) -> str | None:
        started, why = self._started_mono, None
        if self._is_hot():
            why = problem_text("search-waits-heat")
        elif len(started) == started.maxlen and self.clock.monotonic() - started[0] < HOUR_S:
            why = problem_text("rehearsal-waits-hour", limit=len(started))
        return None if why is None else problem_text("rehearsal-later", why=why)

    def _is_hot(self) -> bool:
        return self.limits().heat_step >= HOT_STEP

    def run(self, context: CommandContext[RehearseArguments]) -> CommandSucceeded:
        args = context.args
        is_search_key = self._check_key(context)
        select_cameras([args.camera], [camera.id for camera in self.settings().cameras])
        if self.config_path is None:
            raise CommandRefused(problem_text("rehearsal-no-file"))
        draft = _draft(args)
        self._check(self.config_path, args.camera, draft)
        if args.examples or is_search_key:
            self._record(context)
        self._started_mono.append(self.clock.monotonic())
        result = _decoded(self._run(context, self.config_path, draft))
        return CommandSucceeded(_summary(result), msgspec.to_builtins(result))

    def _check_key(self, context: CommandContext[RehearseArguments]) -> bool:
        """Return whether a search key has signed. Raises CommandRefused for a wrong key or ward."""
        args, key, ward = context.args, context.signed_by, self.settings().gateway.ward
        if not self.keys.may_sign(key, "rehearse"):  # the key was removed while the command waited
            raise CommandRefused(problem_text("command-unknown-key", key=str(key)[:16]), "unknown-key")
        is_search_key = self.keys.is_search_key(key)
        if is_search_key and (args.wards is None or args.asked_by is None):
            raise CommandRefused(problem_text("search-unscoped"), "bad-arguments")
        if args.wards is not None and ward not in args.wards:
            raise CommandRefused(problem_text("search-out-of-scope", ward=ward), "out-of-scope")
        return is_search_key

    def _check(self, path: Path, camera: str, draft: bytes) -> None:
        """Raise CommandRefused with the first mistake of the draft."""
        source = ConfigSource(path, no_secrets=True)
        try:
            # The configuration file may have changed since the agent read it.
            select_cameras([camera], [each.id for each in source.load().cameras])
            read_draft(source, camera, draft, "draft")
        except ConfigError as error:
            first = error.problems[0].message if error.problems else str(error)
            raise CommandRefused(first, "bad-arguments") from error

    def _record(self, context: CommandContext[RehearseArguments]) -> None:
        """Write the rehearsal to the record of access before it runs. Called for examples (which name
        passages of people) and for a search key (whose user must be known). Raises CommandRefused."""
        args = context.args
        if args.purpose is None or args.case is None:
            raise CommandRefused(problem_text("rehearsal-no-purpose"), "bad-arguments")
        what = f"rehearse {args.rule.get('id')} on {args.camera}, {args.examples} examples"
        by = f"key {context.signed_by}, command {context.id}"
        try:
            record_access(
                self.settings().state_dir,
                self.clock,
                by=by,
                asked_by=args.asked_by or "",
                purpose=args.purpose,
                case=args.case,
                what=what,
            )
        except EdgeAgentError as error:
            raise CommandRefused(str(error)) from error

    def _run(self, context: CommandContext[RehearseArguments], path: Path, draft: bytes) -> bytes:
        """Run the process and return what it prints. Raises CommandFailed."""
        args = context.args
        options = ("--days", str(args.days), "--examples", str(args.examples), "--json")
        words = (*PROGRAM, args.camera, "--rule", "-", *options, "--config", str(path.absolute()))
        try:
            child = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            )
        except OSError as error:
            raise CommandFailed(problem_text("rehearsal-failed", why=str(error.strerror))) from error
        with child:
            out, err = _communicate(child, draft, context.stopping, self._is_hot)
        if child.returncode == -signal.SIGTERM:  # systemd stops all processes of the agent at once
            raise CommandFailed(problem_text("command-interrupted"), "interrupted")
        if child.returncode != 0:
            lines = err.decode(errors="replace").strip().splitlines() or [f"exit code {child.returncode}"]
            raise CommandFailed(problem_text("rehearsal-failed", why=lines[-1][:MAX_ERROR]))
        return out


def _communicate(
    child: subprocess.Popen[bytes],
    data: bytes,
    stopping: Callable[[], bool],
    is_hot: Callable[[], bool],
) -> tuple[bytes, bytes]:
    """Wait for the process and return its output and errors. The process is paused while the gateway is hot.
    It is killed, and CommandFailed is raised, if the agent stops or after ``WITHIN_S``, pauses included."""
    until_mono = time.monotonic() + WITHIN_S
    given: bytes | None = data
    paused = False
    while True:
        try:
            return child.communicate(given, timeout=POLL_S)
        except subprocess.TimeoutExpired:
            given = None  # the process has received it
        if stopping() or time.monotonic() > until_mono:
            child.kill()
            child.communicate()
            why = problem_text("command-interrupted") if stopping() else problem_text("rehearsal-long")
            raise CommandFailed(why, "interrupted" if stopping() else "timed-out")
        if is_hot() != paused:
            paused = not paused
            child.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)
            log.info("rehearsal: the process is %s", "paused, the gateway is hot" if paused else "resumed")


def _draft(args: RehearseArguments) -> bytes:
    """Return the draft as a part of a camera's section; JSON is YAML."""
    return msgspec.json.encode({"zones": args.zones, "lines": args.lines, "rules": [args.rule]})


def _decoded(out: bytes) -> RehearsalResult:
    try:
        return msgspec.json.decode(out, type=RehearsalResult)
    except msgspec.MsgspecError as error:
        raise CommandFailed(problem_text("rehearsal-failed", why=str(error))) from error


def _summary(result: RehearsalResult) -> str:
    if result.in_force is None:
        return problem_text("rehearsal-done", rule=result.rule, draft=result.draft.reports)
    return problem_text(
        "rehearsal-compared",
        rule=result.rule,
        draft=result.draft.reports,
        present=result.in_force.reports,
    )
