"""Problems of any gateway: what does not look like one, or is beyond the bounds, is none."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.core.problems import CodedProblem, problem_of
from edge_agent.wire.received.bounds import received_problem, with_problems


def nested(depth: int) -> Any:
    return {"code": "outbox", "params": {"why": nested(depth - 1)}} if depth else "x"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "disk-full",
        [],
        {},
        {"code": 7},
        {"code": "x" * 64},
        {"code": "x", "params": []},
        {"code": "x", "params": {str(i): i for i in range(17)}},
        {"code": "x", "params": {"a": None}},
        {"code": "x", "params": {"a": True}},
        {"code": "x", "params": {"a": 1e300}},
        {"code": "x", "params": {"a": 10**400}},
        {"code": "x", "params": {"a": ["b", 7]}},
        {"code": "x", "params": {"a": ["b"] * 65}},
        {"code": "x", "params": {"a": {"code": 7}}},
        nested(9),
    ],
)
def test_what_is_no_problem(value: Any) -> None:
    assert received_problem(value) is None


def test_a_problem_within_the_bounds() -> None:
    params = {"a": 1, "b": 0.5, "c": ["d"], "e": {"code": "f"}}
    found = received_problem({"code": "x", "params": params, "g": 1})
    assert found == CodedProblem("x", {"a": 1, "b": 0.5, "c": ["d"], "e": CodedProblem("f")})
    listed = received_problem({"code": "x", "params": {"a": ["b", {"code": "c"}]}})
    assert listed == CodedProblem("x", {"a": ["b", CodedProblem("c")]})
    assert received_problem(nested(8)) is not None


def test_a_long_text_is_cut() -> None:
    found = received_problem({"code": "x", "params": {"a": "b" * 10_000}})
    assert found is not None
    assert len(str(found.params["a"])) == 500


def test_lines_keep_their_places_whatever_comes_beside_them() -> None:
    received: list[Any] = [None, [], {}, "x", [{"code": "a"}], [{"code": "a"}, None, None, None]]
    for beside in received:
        lines = with_problems(["one", "two"], beside)
        assert lines == ["one", "two"]
        assert problem_of(lines[1]) is None
    assert problem_of(with_problems(["one"], [{"code": "a"}])[0]) == CodedProblem("a")
