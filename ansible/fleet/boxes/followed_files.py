"""Notices that files were changed, for a program that goes on for days."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class FollowedFiles:
    """Files whose content was read at the start."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._stamps = self._read()

    def have_changed(self) -> bool:
        """Whether a file has another time or size than at the last call."""
        before, self._stamps = self._stamps, self._read()
        return self._stamps != before

    def _read(self) -> list[tuple[int, int] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
