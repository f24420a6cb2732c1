"""The column ``problem``: the code and the figures of the text in the same row."""

from __future__ import annotations

from typing import Any

import msgspec

from edge_agent.core.problems import problem_of


def problem_column(text: str | None) -> Any:
    """The value for a text that may carry a code; None: it carries none."""
    problem = problem_of(text)
    return None if problem is None else msgspec.to_builtins(problem)
