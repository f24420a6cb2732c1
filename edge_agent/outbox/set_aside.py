"""Putting a file that cannot be used out of the way, for somebody to look at later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

KEEP = 2  # files set aside; they are not counted in max_bytes


def quarantine(path: Path, now: datetime) -> Path:
    """Rename the database and its log to ``<name>.corrupt-<time>``; raises ``OSError``.

    The oldest are removed, so that a disk that breaks every file does not fill itself.
    """
    stem = f"{path.name}.corrupt-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    target, number = path.with_name(stem), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{stem}-{number}")
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    _remove_oldest(path)
    return target


def _remove_oldest(path: Path) -> None:
    kept = [p for p in path.parent.glob(f"{path.name}.corrupt-*") if not p.name.endswith(("-wal", "-shm"))]
    # Inode change time, not the name: the clock may have been wrong when the name was made.
    kept.sort(key=lambda p: p.stat().st_ctime_ns)
    for old in kept[:-KEEP]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)
