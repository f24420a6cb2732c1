"""The reasons in a running agent's heartbeat, with the codes that tell what they mean."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.core.problems import CodedProblem, ProblemText, problem_of
from edge_agent.wire import Heartbeat


def reported_reason(heartbeat: Heartbeat, line: str, text: str) -> str:
    """Return ``text`` with its code, from the line of the heartbeat's ``problems`` with the code ``line``;
    without a code if the heartbeat has none."""
    found = next((each for each in heartbeat.problems if each and each.code == line), None)
    why = None if found is None else found.params.get("why")
    return ProblemText(text, why) if isinstance(why, CodedProblem) else text


def codes_of(text: str) -> Iterator[str]:
    """Yield the code of a text and those of the problems inside it; nothing if it has none."""
    waiting = [problem_of(text)]
    while waiting:
        if (problem := waiting.pop()) is not None:
            yield problem.code
            waiting += [each for each in problem.params.values() if isinstance(each, CodedProblem)]
