"""More releases of the real agent: this source with another version number, and one that crashes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deploy.control import ROOT

GOOD, CRASHES = "0.91.0", "0.92.0"
_CRASH = """

def _crash(self: Agent) -> int:
    raise RuntimeError("this release does not work")


Agent.run = _crash
"""


def wheelhouse(folder: Path, libraries: Path) -> Path:
    """Wheels of both releases and of all that they need; ``libraries`` is a wheelhouse of this source."""
    folder.mkdir()
    for wheel in libraries.glob("*.whl"):
        if not wheel.name.startswith("edge_agent-"):
            os.link(wheel, folder / wheel.name)
    for version in (GOOD, CRASHES):
        _build(folder, version)
    return folder


def _build(folder: Path, version: str) -> None:
    """Build a release whose `check` and `--version` succeed, also if it crashes."""
    source = folder.parent / f"source-{version}"
    for package in ("edge_agent", "edge_central"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    init = source / "edge_agent/__init__.py"
    init.write_text(re.sub(r'__version__ = "[^"]+"', f'__version__ = "{version}"', init.read_text()))
    if version == CRASHES:
        with (source / "edge_agent/agent.py").open("a") as agent:
            agent.write(_CRASH)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*pip, str(source)], check=True, timeout=300)
