"""Bounds for the values that a gateway sends. Pure.

A value beyond the bounds, such as an uptime of 1e308 s or a time in the year 9999, must not break a page, a
list or an alert of another gateway. The centre stores the received bytes unchanged; only the values that it
reads from them are bounded, including coded problems.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from itertools import chain, repeat
from typing import Any

import msgspec

from edge_agent.core.problems import CodedProblem, ProblemText
from edge_agent.core.problems.problem import Param

HIGHEST_SEQUENCE = 10**16 - 1
"""Highest sequence of an event, which has sixteen digits on the wire."""


MAX_NUMBER = 1e13
"""Largest float. It allows an offset of 1.8e12 ms: that of the clock of a gateway that booted in 1970."""
MAX_INTEGER = 2**53
MAX_TEXT = 500
"""Most characters of a text; longer texts are cut."""
MAX_ITEMS = 64
"""Most items of a list or a mapping, such as the cameras of a gateway; further items are dropped."""
EARLIEST_MS, LATEST_MS = 0, 4_102_444_800_000
"""Bounds of times in milliseconds since 1970: 1970, when a gateway without a clock starts, and 2100."""


def bounded_number(number: float | None) -> float | None:
    """Return the number; None if it is None, not finite or beyond ``MAX_NUMBER``."""
    if number is None or not math.isfinite(number) or abs(number) > MAX_NUMBER:
        return None
    return number


def bounded_time(time_ms: float) -> int:
    """Return the time; if it is beyond the bounds, return the nearer bound."""
    return round(min(max(time_ms, EARLIEST_MS), LATEST_MS))


def bounded_text(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def bound_fields(struct: msgspec.Struct) -> bool:
    """Bound every field in place, also of nested structs; return whether any value was out of bounds.

    A number out of bounds is replaced by the default of its field; texts, lists and mappings are cut.
    """
    found = False
    for name, default in _defaults(type(struct)):
        value = getattr(struct, name)
        within = _within(value, default)
        if within is not value:
            setattr(struct, name, within)
            found = True
        elif isinstance(value, msgspec.Struct):
            found |= bound_fields(value)
        elif value and isinstance(value, list | dict):
            found |= _bound_items(value)
    return found


def _within(value: Any, default: Any) -> Any:
    """Return ``value``, or a bounded one. Of a list or mapping only the length is bounded, not the items."""
    match value:
        case None | bool():
            return value
        case float():
            return value if -MAX_NUMBER <= value <= MAX_NUMBER else default
        case int():
            return value if -MAX_INTEGER <= value <= MAX_INTEGER else default
        case str():
            return value if len(value) <= MAX_TEXT else bounded_text(value)
        case tuple():
            return value if all(_within(each, None) is each for each in value) else default
        case list() if len(value) > MAX_ITEMS:
            return [_whole(each) for each in value[:MAX_ITEMS]]
        case dict() if len(value) > MAX_ITEMS:
            return {key: _whole(value[key]) for key in list(value)[:MAX_ITEMS]}
    return value


def _whole(value: Any) -> Any:
    """Return a bounded item of a list or mapping."""
    if isinstance(value, msgspec.Struct):
        bound_fields(value)
        return value
    return _within(value, None)


def _bound_items(items: list[Any] | dict[Any, Any]) -> bool:
    found = False
    for key, value in list(items.items() if isinstance(items, dict) else enumerate(items)):
        if isinstance(value, msgspec.Struct):
            found |= bound_fields(value)
        elif (within := _within(value, None)) is not value:
            items[key] = within
            found = True
    return found


@cache
def _defaults(of: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Return each field's name with the value that replaces one that is out of bounds."""
    return tuple((field.name, _default(field)) for field in msgspec.structs.fields(of))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return {float: 0.0, int: 0}.get(field.type)


MAX_PARAMS, MAX_CODE, MAX_DEPTH = 16, 63, 8
"""Most parameters of a problem, characters of a code, and levels of problems inside problems."""


def with_problem(text: str, received: object) -> str:
    """Return ``text`` together with its coded problem ``received``; only ``text`` if that is not usable."""
    problem = received_problem(received)
    return text if problem is None else ProblemText(text, problem)


def with_problems(texts: Iterable[str], received: object) -> list[str]:
    """Return each of ``texts`` with the coded problem at the same position in the list ``received``."""
    problems = received if isinstance(received, list) else []
    return [
        with_problem(text, each) for text, each in zip(texts, chain(problems, repeat(None)), strict=False)
    ]


def received_problem(value: object, depth: int = 0) -> CodedProblem | None:
    """Parse a coded problem; return None if ``value`` is not one or is beyond the bounds."""
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


def _param(value: object, depth: int) -> Param | None:
    match value:
        case bool():
            return None
        case int():
            return value if abs(value) <= MAX_INTEGER else None
        case float():
            return bounded_number(value)
        case list():
            items = [item for each in value[:MAX_ITEMS] if (item := _item(each, depth)) is not None]
            return items if len(items) == len(value) else None
        case _:
            return _item(value, depth)


def _item(value: object, depth: int) -> str | CodedProblem | None:
    return bounded_text(value) if isinstance(value, str) else received_problem(value, depth + 1)
