"""Measures free space and speed of the disk with the state directory, with a few MB."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge_agent.config.model.boards import Profile
from edge_agent.config.model.settings import Settings
from edge_agent.host.board.platform import disk_of
from edge_agent.host.health.degraded import DISK_FULL_PERCENT
from edge_agent.tools.doctor.check import CheckResult, Figure

COMMITS = 16
COMMIT_BYTES = 4096
"""The outbox writes about twice as much for one event."""
BULK_BYTES = 4_000_000
"""With the commits 4.1 MB in all, one part in 8,000 of a 32 GB card."""
MIN_FREE_BYTES = 5 * BULK_BYTES
"""With less, the test itself could fill the disk that the agent needs."""
TRY_S = 3.0
"""A card that takes longer for this is slow in any case."""
SLOW_SYNC_MS = 200.0
"""An assumption: in the worst case five events a second wait for the disk one after another."""
SLOW_MB_S = 2.0
"""An assumption: eight cameras, each with a clip of 2 Mbit/s."""


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    sync_ms: float  # median of a synced write of 4 kB
    write_mb_s: float  # of one larger write with its sync


def check_disk(settings: Settings, sysroot: Path, agent: str | None = None) -> Sequence[CheckResult]:
    """Check the disk. ``agent``: the agent's user, whose rights this process has; a folder closed to it is a
    fault."""
    folder = _nearest(settings.state_dir)
    figures: dict[str, Figure] = {"folder": str(folder)}
    try:
        usage = shutil.disk_usage(folder)
        figures |= {"free_gb": usage.free / 1e9, "percent": 100 * usage.used / (usage.used + usage.free)}
        if usage.free < MIN_FREE_BYTES:
            return [CheckResult("disk", "disk-no-room", figures)]
        speed = measure(folder)
    except PermissionError:
        if agent is not None:
            return [CheckResult("disk", "disk-closed", {**figures, "user": agent})]
        return [CheckResult("disk", "disk-not-ours", figures)]
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = (error.strerror or type(error).__name__).lower()
        return [
            CheckResult("disk", "disk-no-room" if full else "disk-unwritable", {**figures, "reason": reason})
        ]
    figures |= {"sync_ms": speed.sync_ms, "write_mb_s": speed.write_mb_s}
    results = []
    if usage.used / (usage.used + usage.free) * 100 >= DISK_FULL_PERCENT:
        results.append(CheckResult("disk", "disk-full", figures))
    if speed.sync_ms > SLOW_SYNC_MS or speed.write_mb_s < SLOW_MB_S:
        results.append(CheckResult("disk", "disk-slow", figures))
    return [
        *(results or [CheckResult("disk", "disk-good", figures)]),
        *_kind(settings.profile, folder, sysroot),
    ]


def _kind(profile: Profile, folder: Path, sysroot: Path) -> Iterator[CheckResult]:
    disk, wanted = disk_of(folder, sysroot), profile.platform.storage if profile.platform else None
    if disk is None or disk.kind is None or wanted is None:
        return
    figures: dict[str, Figure] = {"name": disk.name, "kind": disk.kind, "advice": wanted.advice}
    if disk.kind in wanted.poor:
        yield CheckResult("disk/kind", "disk-poor", figures)
    elif disk.kind in wanted.good:
        yield CheckResult("disk/kind", "disk-lasting", figures)


def measure(folder: Path) -> DiskSpeed:
    """Write ``COMMITS`` small pieces and one larger one to a file without a name. Takes ``TRY_S`` at most,
    plus the write in progress. Raises OSError."""
    block, bulk = os.urandom(COMMIT_BYTES), os.urandom(BULK_BYTES)
    deadline = time.monotonic() + TRY_S
    with _nameless(folder) as file:
        waits: list[float] = []
        while len(waits) < COMMITS and (not waits or time.monotonic() < deadline):
            waits.append(_written_s(file, block))
        bulk_s = _written_s(file, bulk)
    return DiskSpeed(1000 * median(waits), BULK_BYTES / 1e6 / max(bulk_s, 1e-6))


@contextlib.contextmanager
def _nameless(folder: Path) -> Iterator[int]:
    with tempfile.TemporaryFile(dir=folder, prefix=".doctor-", buffering=0) as file:
        yield file.fileno()


def _written_s(file: int, data: bytes) -> float:
    began = time.monotonic()
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)
    return time.monotonic() - began


def _nearest(folder: Path) -> Path:
    """The folder, or, before the agent's first start, the folder in which it will be created."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
