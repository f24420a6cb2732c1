"""These tests need an earlier release from git's history. Without the history they are skipped, and the run
says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compat import released
from tests.testbed.walker import walking_clip

collect_ignore = [] if released.in_history() else ["test_released.py"]


def pytest_report_header() -> str:
    return f"tests/compat: left out, git's history has no {released.COMMIT}" if collect_ignore else ""


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which ``python -m edge_agent`` is the released version, in any working directory."""
    folder = released.unpack(tmp_path_factory.mktemp("released"))
    environ = {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
    where = [sys.executable, "-c", "import edge_agent; print(edge_agent.__file__)"]
    found = subprocess.check_output(where, env=os.environ | environ, text=True)
    assert Path(found.strip()).is_relative_to(folder)
    return environ


@pytest.fixture(scope="session")
def walker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return walking_clip(tmp_path_factory.mktemp("clip") / "walker.mp4", empty_s=0.5, tail_s=0.5)
