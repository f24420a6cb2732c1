"""A folder that takes seconds to make: one process of a run of the tests makes it, the others copy it."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.testbed.clips import CLIP_FOLDER


def make_or_copy(folder: Path, name: str, make: Callable[[], object]) -> None:
    """Let ``make`` make ``folder``, or copy the one that another process has made under this ``name``."""
    shared = os.environ.get(CLIP_FOLDER)
    if shared is None:
        make()
        return
    made = Path(shared, name)
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make()
            _copy(folder, made.with_suffix(".new"))
            made.with_suffix(".new").rename(made)
            return
    _copy(made, folder)


def _copy(source: Path, to: Path) -> None:
    subprocess.run(["cp", "--archive", source, to], check=True)  # also the owner of the files
