"""Where reports are written: to a file, and a copy on the box that somebody fetches later."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
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
    path = folder / f"{told.gateway}-{stamp}Z.html"
    try:
        with _as_owner_of(state_dir):
            folder.mkdir(mode=0o750, exist_ok=True)
            path.write_bytes(page)
            path.with_suffix(".json").write_bytes(msgspec.json.encode(told))
            _forget_old(folder)
    except OSError as error:
        print(f"no copy is kept in {folder}: {(error.strerror or str(error)).lower()}", file=sys.stderr)


def _forget_old(folder: Path) -> None:
    for old in sorted(folder.glob("*.html"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
            old.with_suffix(".json").unlink()


@contextlib.contextmanager
def _as_owner_of(folder: Path) -> Iterator[None]:
    """Root writes there with the owner's rights and no more: the agent's user may have put a link to what is
    root's in the way, and has to be able to remove what is written. Raises OSError."""
    if os.geteuid() != 0:
        yield
        return
    owner, groups, group = folder.stat(), os.getgroups(), os.getegid()
    os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
