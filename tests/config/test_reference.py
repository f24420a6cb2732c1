"""The reference matches the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edge_agent.config.reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_the_reference_is_current() -> None:
    hint = "run: python -m edge_agent.config.reference > docs/reference/configuration.md"
    assert PAGE.read_text(encoding="utf-8") == markdown(), hint


def test_the_command_prints_it() -> None:
    command = [sys.executable, "-m", "edge_agent.config.reference"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout == markdown()


def test_every_key_is_in_it() -> None:
    for key in (
        "timezone",
        "spread_s",
        "max_bytes",
        "budget_per_s",
        "privacy_masks",
        "counts_s",
        "width",
        "min_duration_s",
        "days",
        "polygon",
    ):
        assert f"| `{key}` |" in markdown()
