"""``rehearse``: run a drafted rule over the stored passages, in a process of its own.

A rehearsal computes for minutes. A thread of the agent would hold Python's interpreter lock while cameras
wait for it; a process has the lowest priority, and is killed when it takes too long.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
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
from edge_agent.commands.handlers.search import HOT_STEP, GatewayLimits
from edge_agent.config.draft import read_draft
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import ConfigSource
from edge_agent.core.clock import Clock
from edge_agent.core.errors import ConfigError, EdgeAgentError
from edge_agent.core.problems import problem_text
from edge_agent.passages.access import record_access
from edge_agent.wire import RehearsalResult, RehearseArguments

WITHIN_S = 4 * 3600.0  # for 30 days of a busy camera on a slow board (docs/design/rehearsal.md)
POLL_S = 1.0
MAX_ERROR = 500  # characters of the process's message in a reply
PROGRAM = (sys.executable, "-m", "edge_agent", "rehearse")


@dataclass(frozen=True)
class RehearseCommand:
    """The command. Its thread waits for the process; nothing of the agent is changed."""

    settings: Callable[[], Settings]
    config_path: Path | None
    clock: Clock
    limits: Callable[[], GatewayLimits]

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
        if self.limits().heat_step < HOT_STEP:
            return None
        return problem_text("rehearsal-later", why=problem_text("search-waits-heat"))

    def run(self, context: CommandContext[RehearseArguments]) -> CommandSucceeded:
        args = context.args
        select_cameras([args.camera], [camera.id for camera in self.settings().cameras])
        if self.config_path is None:
            raise CommandRefused(problem_text("rehearsal-no-file"))
        draft = _draft(args)
        self._check(self.config_path, args.camera, draft)
        if args.examples:
            self._record(context)
        result = _decoded(self._run(context, self.config_path, draft))
        return CommandSucceeded(_summary(result), msgspec.to_builtins(result))

    def _check(self, path: Path, camera: str, draft: bytes) -> None:
        """Raise CommandRefused with the first mistake of the draft."""
        source = ConfigSource(path, no_secrets=True)
        try:
            # The file may have changed since the agent read it.
            select_cameras([camera], [each.id for each in source.load().cameras])
            read_draft(source, camera, draft, "draft")
        except ConfigError as error:
            first = error.problems[0].message if error.problems else str(error)
            raise CommandRefused(first, "bad-arguments") from error

    def _record(self, context: CommandContext[RehearseArguments]) -> None:
        """The examples name passages of people: they are on record before they are sent."""
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
                purpose=args.purpose,
                case=args.case,
                what=what,
            )
        except EdgeAgentError as error:
            raise CommandRefused(str(error)) from error

    def _run(self, context: CommandContext[RehearseArguments], path: Path, draft: bytes) -> bytes:
        """Return what the process prints. Raises CommandFailed."""
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
            out, err = _communicate(child, draft, context.stopping)
        if child.returncode == -signal.SIGTERM:  # systemd stops all processes of the agent at once
            raise CommandFailed(problem_text("command-interrupted"), "interrupted")
        if child.returncode != 0:
            lines = err.decode(errors="replace").strip().splitlines() or [f"exit code {child.returncode}"]
            raise CommandFailed(problem_text("rehearsal-failed", why=lines[-1][:MAX_ERROR]))
        return out


def _communicate(
    child: subprocess.Popen[bytes], data: bytes, stopping: Callable[[], bool]
) -> tuple[bytes, bytes]:
    """Wait for the process. Kills it, and raises CommandFailed, after ``WITHIN_S`` or if the agent stops."""
    until_mono = time.monotonic() + WITHIN_S
    given: bytes | None = data
    while True:
        try:
            return child.communicate(given, timeout=POLL_S)
        except subprocess.TimeoutExpired:
            given = None  # it has been passed on
        if stopping() or time.monotonic() > until_mono:
            child.kill()
            child.communicate()
            why = problem_text("command-interrupted") if stopping() else problem_text("rehearsal-long")
            raise CommandFailed(why, "interrupted" if stopping() else "timed-out")


def _draft(args: RehearseArguments) -> bytes:
    """The draft as a part of a camera's section; JSON is YAML."""
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
