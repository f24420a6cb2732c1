"""The folder of a lab: emptied at the start, and used by one lab at a time."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from demo.options import WrongUsage

MARKER = ".edge-lab"
"""A folder without this file is not emptied: it may hold something else."""


@contextlib.contextmanager
def lab_folder(path: Path) -> Iterator[Path]:
    """An empty folder that only its owner can read. Raises WrongUsage if it is in use, or is no lab's."""
    path = path.absolute()
    marker = path / MARKER
    if path.exists() and not marker.exists() and any(path.iterdir()):
        raise WrongUsage(f"{path}: holds something else than a lab; it was left as it is")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)  # passwords and keys are in it
    with marker.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongUsage(f"{path}: another lab runs in this folder") from None
        for each in path.iterdir():
            if each == marker:
                continue
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()
        yield path
