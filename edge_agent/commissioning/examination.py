"""Runs ``edge-agent doctor`` in a process of its own, and keeps its document."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.core.languages import Lang
from edge_agent.wire import Doctor, VerdictCounts

LIMIT_S = 120.0
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

    def __call__(self, lang: Lang) -> Doctor:
        """Examine the site; takes up to a minute. Raises CommissioningError."""
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


def counts(document: Doctor) -> VerdictCounts:
    """Count the lines of each level; accepted defects count as yellow."""
    levels = ["yellow" if line.accepted is not None else line.level for line in document.lines]
    return VerdictCounts(green=levels.count("green"), yellow=levels.count("yellow"), red=levels.count("red"))
