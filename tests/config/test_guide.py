"""The snippets of the guide are valid, without warnings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.config.places import with_camera
from tests.config.test_rules import warnings_of

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "first-site.md"
SNIPPETS = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_is_what_a_camera_takes(tmp_path: Path, snippet: str) -> None:
    assert warnings_of(tmp_path, with_camera(f"url: rtsp://h/s\n{snippet}")) == []


def test_the_guide_has_five_of_them() -> None:
    assert len(SNIPPETS) == 5
