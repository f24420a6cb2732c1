"""The column ``problem``: code and figures of the problem whose text is in another column of the row."""

from __future__ import annotations

from typing import Any

import msgspec

from edge_agent.core.problems import problem_of


def problem_column(text: str | None) -> Any:
    """Return the value of the column for a text that may carry a code. None: the text carries none."""
    problem = problem_of(text)
    return None if problem is None else msgspec.to_builtins(problem)
