"""Starts the process that makes an altered copy, and kills it when it takes too long."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec

from edge_central.redaction.order import RedactionOrder, RedactionReport

PICTURE_S, CLIP_S = 120.0, 14_400.0
"""A process that takes longer is killed."""
CHECK_EVERY_S = 0.2
MAX_REPORT_BYTES = 4_096
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
_PROGRAM = (sys.executable, "-I", "-m", "edge_central.redaction.child")


class RedactionStopped(Exception):
    """The caller stops, so the process was killed."""


def make_copy(
    source: Path,
    target: IO[bytes],
    order: RedactionOrder,
    goes_on: Callable[[], bool],
    *,
    within_s: float | None = None,
    program: Sequence[str] = _PROGRAM,
) -> RedactionReport:
    """Write the altered copy of ``source`` to ``target``, an empty file. Blocks until the copy is made. Calls
    ``goes_on`` several times a second, and kills the process when it returns False. Raises RedactionStopped,
    OSError."""
    command = [*program, msgspec.json.encode(order).decode()]
    until = time.monotonic() + (within_s or (CLIP_S if order.kind == "clip" else PICTURE_S))
    with source.open("rb") as original, tempfile.TemporaryFile() as report:
        process = subprocess.Popen(
            command, stdin=original, stdout=target, stderr=report, cwd="/", env=_ENVIRONMENT
        )
        try:
            while (code := _ended(process)) is None:
                if not goes_on():
                    raise RedactionStopped
                if time.monotonic() > until:
                    return RedactionReport(failure="took-too-long")
        finally:
            process.kill()
            process.wait()
        return _report(report) if code == 0 else RedactionReport(failure="failed")


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(CHECK_EVERY_S)
    except subprocess.TimeoutExpired:
        return None


def _report(file: IO[bytes]) -> RedactionReport:
    """Read the report from the last line; libraries may have written to the lines before it."""
    file.seek(max(0, file.seek(0, 2) - MAX_REPORT_BYTES))
    try:
        return msgspec.json.decode(file.read().rpartition(b"\n")[2], type=RedactionReport)
    except (msgspec.DecodeError, UnicodeError):
        return RedactionReport(failure="failed")
