"""The reference matches the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edge_agent.config.reference import markdown
from edge_agent.config.schema import ROOT
from tests.config.annotations import keys_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_the_reference_is_current() -> None:
    hint = "run: python -m edge_agent.config.reference > docs/reference/configuration.md"
    assert PAGE.read_text(encoding="utf-8") == markdown(), hint


def test_the_command_prints_it() -> None:
    command = [sys.executable, "-m", "edge_agent.config.reference"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout == markdown()


def test_every_key_is_in_it() -> None:
    page = markdown()
    assert [key for key in keys_of(ROOT) if f"| `{key}` |" not in page] == []
