"""For processes that give up root: what they need of this machine is let be seen.

On a box everybody may read the interpreter; on a developer's machine it may lie in root's own home.
"""

from __future__ import annotations

import sys
from pathlib import Path

# In this mount namespace only, the closed folder holds the interpreter and nothing else, and is open.
_OPEN = """mkdir -p "$1" && mount --bind "$3" "$1" && mount -t tmpfs -o mode=755 tmpfs "$2" &&
mkdir -p "$3" && mount --bind "$1" "$3" && shift 3 && exec "$@" """


def open_python(folder: Path) -> list[str]:
    """The beginning of a command, Python's arguments follow. Needs root; ``folder``: of the test's own."""
    python, base = sys.executable, Path(sys.base_prefix)
    closed = next((path for path in reversed(base.parents) if not path.stat().st_mode & 0o001), None)
    if closed is None:
        return [python]
    place = [str(folder / "python"), str(closed), str(base)]
    return ["unshare", "--mount", "sh", "-c", _OPEN, "sh", *place, python]


def let_pass(folder: Path) -> None:
    """Whoever knows a name below ``folder`` gets there; pytest's folders are its own user's alone."""
    for each in (folder, *folder.parents):
        mode = each.stat().st_mode
        if not mode & 0o001:
            each.chmod(mode & 0o777 | 0o011)
