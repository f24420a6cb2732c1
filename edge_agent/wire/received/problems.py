"""Problems as a gateway of any release sends them: bounded, and nothing where one does not look like one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, repeat

from edge_agent.core.problems import CodedProblem, ProblemText
from edge_agent.wire.received.bounds import MAX_INTEGER, MAX_ITEMS, bounded_number, bounded_text

MAX_PARAMS, MAX_CODE, MAX_DEPTH = 16, 63, 4
"""Parameters of a problem, characters of a code, and problems inside problems."""


def with_problem(text: str, received: object) -> str:
    """``text`` with the code that came beside it, if there is a usable one."""
    problem = received_problem(received)
    return text if problem is None else ProblemText(text, problem)


def with_problems(texts: Iterable[str], received: object) -> list[str]:
    """Lines with the problems of the same places."""
    problems = received if isinstance(received, list) else []
    return [
        with_problem(text, each) for text, each in zip(texts, chain(problems, repeat(None)), strict=False)
    ]


def received_problem(value: object, depth: int = 0) -> CodedProblem | None:
    """None for what is no problem, or is beyond the bounds."""
    if not isinstance(value, dict) or depth >= MAX_DEPTH:
        return None
    code, params = value.get("code"), value.get("params", {})
    if not isinstance(code, str) or len(code) > MAX_CODE:
        return None
    if not isinstance(params, dict) or len(params) > MAX_PARAMS:
        return None
    found = {name: _param(each, depth) for name, each in params.items()}
    usable = {name: each for name, each in found.items() if each is not None}
    return CodedProblem(code, usable) if len(usable) == len(found) else None


def _param(value: object, depth: int) -> str | int | float | list[str] | CodedProblem | None:
    match value:
        case bool():
            return None
        case str():
            return bounded_text(value)
        case int():
            return value if abs(value) <= MAX_INTEGER else None
        case float():
            return bounded_number(value)
        case list():
            texts = [bounded_text(each) for each in value[:MAX_ITEMS] if isinstance(each, str)]
            return texts if len(texts) == len(value) else None
        case _:
            return received_problem(value, depth + 1)
