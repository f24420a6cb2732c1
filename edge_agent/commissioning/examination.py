"""Runs ``edge-agent doctor`` in a process of its own, and keeps its document."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.config.last_good import read_or_find
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang
from edge_agent.host.local_api.status import StatusResult, ask_status
from edge_agent.wire import Doctor, VerdictCounts

LIMIT_S = 120.0
START_S = 30.0
"""So long an examination waits for the agent, which a claim has just started."""
POLL_S = 1.0
DOCTOR = (sys.executable, "-m", "edge_agent", "doctor")
Examine = Callable[[Lang], Doctor]


@dataclass(frozen=True, slots=True)
class DoctorRun:
    """``credentials``: the folder above ``credentials/``, where the passwords are. ``page``: where the report
    is written; its findings are stored by doctor."""

    config: Path
    credentials: Path
    page: Path
    command: Sequence[str] = DOCTOR
    start_s: float = START_S

    def __call__(self, lang: Lang) -> Doctor:
        """Examine the site; takes up to a minute. Raises CommissioningError."""
        wait_for_agent(self.config, self.start_s)
        environ = {**os.environ, "CREDENTIALS_DIRECTORY": str(self.credentials)}
        command = [*self.command, str(self.config), "--json", "--lang", lang, "--report", str(self.page)]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
                env=environ,
                stdin=subprocess.DEVNULL,
            )
            return msgspec.json.decode(done.stdout, type=Doctor)
        except subprocess.TimeoutExpired:
            raise CommissioningError("examination-failed", reason=f"> {LIMIT_S:.0f} s") from None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            lines = done.stderr.decode(errors="replace").strip().splitlines() if "done" in locals() else []
            reason = lines[-1] if lines else str(error)
            raise CommissioningError("examination-failed", reason=reason[:300]) from error


def wait_for_agent(config: Path, limit_s: float) -> None:
    """Wait until an agent runs, at most ``limit_s``: doctor would report one that still starts as stopped."""
    try:
        settings = read_or_find(config)
    except EdgeAgentError:
        return  # doctor says what is wrong with it
    deadline = time.monotonic() + limit_s
    while ask_status(settings) == StatusResult() and time.monotonic() < deadline:
        time.sleep(POLL_S)


def counts(document: Doctor) -> VerdictCounts:
    """Count the lines of each level; accepted defects count as yellow."""
    levels = ["yellow" if line.accepted is not None else line.level for line in document.lines]
    return VerdictCounts(green=levels.count("green"), yellow=levels.count("yellow"), red=levels.count("red"))
