"""Writes reports: to the caller's file, and a copy on the gateway, to be fetched later."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge_agent.control.commissioning import FOLDER
from edge_agent.core.errors import EdgeAgentError
from edge_agent.wire import Doctor

KEPT = 10


class ResultFile:
    """A file of the caller: opened with root's rights, written with the agent's."""

    def __init__(self, path: Path) -> None:
        """Open the file and leave its content until ``write``. Raises EdgeAgentError."""
        self._path = path
        self._left_over = not path.exists()
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise EdgeAgentError(f"{path} cannot be written: {error.strerror}") from error

    def write(self, content: bytes) -> None:
        """Replace the content. Raises EdgeAgentError."""
        self._left_over = False
        try:
            if self._file.seekable():  # false for a pipe
                self._file.truncate(0)
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise EdgeAgentError(f"{self._path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file; a new and empty file is removed, if that is allowed."""
        with contextlib.suppress(OSError):
            self._file.close()
            if self._left_over:
                self._path.unlink()


@contextlib.contextmanager
def result_file(path: Path | None) -> Iterator[ResultFile | None]:
    """Open the file at ``path``; None for None. Raises EdgeAgentError."""
    if path is None:
        yield None
        return
    with contextlib.closing(ResultFile(path)) as opened:
        yield opened


def store_report(state_dir: Path, document: Doctor, page: bytes) -> None:
    """Store a copy in ``state_dir/reports`` with the document beside it, and delete the oldest beyond
    ``KEPT``. A disk error is printed and is no failure: the report itself was written."""
    folder = state_dir / FOLDER
    stamp = document.time[:19].replace("-", "").replace(":", "")
    path = folder / f"{document.gateway}-{stamp}Z.html"
    try:
        folder.mkdir(mode=0o750, exist_ok=True)
        path.write_bytes(page)
        path.with_suffix(".json").write_bytes(msgspec.json.encode(document))
        _forget_old(folder)
    except OSError as error:
        print(f"no copy is kept in {folder}: {(error.strerror or str(error)).lower()}", file=sys.stderr)


def _forget_old(folder: Path) -> None:
    for old in sorted(folder.glob("*.html"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
            old.with_suffix(".json").unlink()
