"""``edge-agent`` commands in this process: one of their own needs half a second to import its modules."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from edge_agent.cli.main import main


@dataclass(frozen=True)
class CommandResult:
    returncode: int
    stdout: str
    stderr: str


def run_command(*words: str | Path) -> CommandResult:
    """Not for ``run``, ``doctor`` and ``simulate``, which change signal handlers or end the process."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:  # of argparse
            code = int(end.code or 0)
    return CommandResult(code, out.getvalue(), err.getvalue())
