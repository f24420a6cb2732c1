"""An outbox that is open during the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.outbox import EventOutbox
from tests.outbox.parts import HandClock, outbox_in


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: HandClock) -> Iterator[EventOutbox]:
    with outbox_in(tmp_path, clock) as opened:
        yield opened
