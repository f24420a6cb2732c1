from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints although pytest captures: a seed must be known before the test ends."""

    def print_now(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    return print_now
