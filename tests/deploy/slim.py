"""Releases of the real agent that take seconds to install, because they share one copy of the libraries."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.update.agents import write_wheel

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("edge_agent", "edge_central")
LIBRARIES = "opt/libraries"

# A container has the clock of this machine, which may not be synchronised.
SYNCED = """

def read_kernel_sync() -> KernelSync | None:
    return KernelSync(True, 0.0)
"""


def libraries(wheelhouse: Path, root: Path) -> None:
    """Unpack the libraries of the agent into the box with the file system ``root``."""
    for wheel in wheelhouse.glob("*.whl"):
        if not wheel.name.startswith("edge_agent-"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(root / LIBRARIES)


def release(folder: Path, version: str, changes: Mapping[str, tuple[str, str]] | None = None) -> None:
    """Write a wheel of this checkout as ``version``. ``changes``: file -> (old text, new text)."""
    files = {name: _content(ROOT / name, name, version, changes or {}) for name in _files()}
    files["libraries.pth"] = f"/{LIBRARIES}\n".encode()
    write_wheel(folder, version, files, runs="edge_agent.cli.main:main", compression=zipfile.ZIP_DEFLATED)


def _files() -> Iterator[str]:
    # The folder of profiles is a symbolic link.
    for package in PACKAGES:
        for folder, _, names in os.walk(ROOT / package, followlinks=True):
            for name in names:
                if not name.endswith(".pyc"):
                    yield str(Path(folder, name).relative_to(ROOT))


def _content(path: Path, name: str, version: str, changes: Mapping[str, tuple[str, str]]) -> bytes:
    if path.suffix != ".py":
        return path.read_bytes()
    text = path.read_text(encoding="utf-8")
    if name == "edge_agent/__init__.py":
        return f'"""The agent."""\n\n__version__ = "{version}"\n'.encode()
    if name == "edge_agent/host/health/clock_sync.py":
        return (text + SYNCED).encode()
    if name in changes:
        old, new = changes[name]
        assert old in text, f"{name} does not say {old!r} any more"
        text = text.replace(old, new)
    return text.encode()
