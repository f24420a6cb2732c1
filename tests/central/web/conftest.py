"""One console for tests that change nothing of it, and empty ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.central.web.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An empty one, whose console runs."""
    with House(tmp_path) as built:
        yield built.start()
