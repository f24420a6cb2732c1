"""Runs other programs, with a time limit."""

from __future__ import annotations

import subprocess


def run(command: list[str], timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a program. One that is missing or takes too long counts as failed."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
