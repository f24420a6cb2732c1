"""The commands of the real agent, and a dispatcher with all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.commands.action import Action
from tests.commands.counter import Counter, all_actions, counter_in


@pytest.fixture(scope="session")
def actions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Action]:
    return all_actions(tmp_path_factory.mktemp("agent") / "box")


@pytest.fixture
def box(tmp_path: Path, actions: dict[str, Action]) -> Counter:
    """Not opened yet."""
    return counter_in(tmp_path, actions)
