"""The code of an earlier release, extracted from git's history."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "21c0e96"
"""What runs on boxes today; the next release moves it on."""


def in_history() -> bool:
    """Whether this checkout has the commit: an archive of the source or a shallow clone does not."""
    return _git("cat-file", "-e", f"{COMMIT}^{{commit}}").returncode == 0


def unpack(folder: Path) -> Path:
    """A folder for PYTHONPATH: with it ``python -m edge_agent`` is the released version."""
    packages = ("edge_agent", "edge_central", "firmware_profiles")
    there = [name for name in packages if _git("cat-file", "-e", f"{COMMIT}:{name}").returncode == 0]
    done = _git("archive", COMMIT, *there)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="tar")
    return folder


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False)
