from __future__ import annotations

from pathlib import Path

import pytest

from tests.testbed.walker import walking_clip


@pytest.fixture(scope="session")
def walker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of video: one person walks by."""
    return walking_clip(tmp_path_factory.mktemp("clips") / "walker.mp4")
