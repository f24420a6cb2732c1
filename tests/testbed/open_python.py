"""Gives processes without root rights access to the Python interpreter of this machine.

On a gateway every user may read the interpreter; on a developer's machine it may be in root's home.
"""

from __future__ import annotations

import sys
from pathlib import Path

# In this mount namespace only, the closed folder is open and contains nothing but the interpreter.
_OPEN = """mkdir -p "$1" && mount --bind "$3" "$1" && mount -t tmpfs -o mode=755 tmpfs "$2" &&
mkdir -p "$3" && mount --bind "$1" "$3" && shift 3 && exec "$@" """


def open_python(folder: Path) -> list[str]:
    """The first part of a command; Python's arguments follow. Needs root; ``folder``: a folder of the
    test."""
    python, base = sys.executable, Path(sys.base_prefix)
    closed = next((path for path in reversed(base.parents) if not path.stat().st_mode & 0o001), None)
    if closed is None:
        return [python]
    place = [str(folder / "python"), str(closed), str(base)]
    return ["unshare", "--mount", "sh", "-c", _OPEN, "sh", *place, python]
