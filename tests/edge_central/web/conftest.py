"""One console for tests that change nothing in it, and empty consoles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_central.web.auth import accounts as passwords
from tests.edge_central.web.house import House


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real login takes a fifth of a second (test_passwords.py)."""
    monkeypatch.setattr(passwords, "LOG_N", 8)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An empty centre whose console runs."""
    with House(tmp_path) as built:
        yield built.start()
