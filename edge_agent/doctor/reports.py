"""Where reports are written: to a file, and a copy on the box that somebody fetches later."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import msgspec

from edge_agent.errors import EdgeAgentError
from edge_agent.wire import Doctor

FOLDER = "reports"
KEPT = 10


def write(path: Path, content: bytes) -> None:
    """Raises EdgeAgentError."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise EdgeAgentError(f"{path} cannot be written: {error.strerror}") from error


def keep(state_dir: Path, told: Doctor, page: bytes) -> None:
    """A copy in ``state_dir/reports``, with the figures beside it; the oldest beyond ``KEPT`` go. A disk that
    takes none is told, and is no failure: the report itself is written."""
    folder = state_dir / FOLDER
    stamp = told.time[:19].replace("-", "").replace(":", "")
    page_path = folder / f"{told.gateway}-{stamp}Z.html"
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        page_path.write_bytes(page)
        page_path.with_suffix(".json").write_bytes(msgspec.json.encode(told))
        _give_to_owner(state_dir, folder, page_path, page_path.with_suffix(".json"))
    except OSError as error:
        print(f"no copy is kept in {folder}: {error.strerror}", file=sys.stderr)
        return
    for old in sorted(folder.glob("*.html"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
            old.with_suffix(".json").unlink()


def _give_to_owner(state_dir: Path, *paths: Path) -> None:
    """What root has made, the agent has to be able to remove."""
    if os.geteuid() == 0:
        owner = state_dir.stat()
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid)
