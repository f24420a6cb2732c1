"""The order to stop, without a process."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from edge_agent.agent import Agent


@pytest.mark.parametrize(("fatal", "clean"), [(None, True), ("a thread hangs", False)])
def test_only_a_clean_stop_is_recorded_as_one(fatal: str | None, clean: bool) -> None:
    agent = MagicMock()
    Agent._shut_down(agent, fatal)
    assert agent._base.boot.mark_stopped.called is clean
    assert agent._models.stop.called is clean
