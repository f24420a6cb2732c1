"""Converts points to a form's text and back: ``0.1 0.5, 0.4 0.5``; ``; `` separates polygons. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edge_agent.core.geometry import fault_of
from edge_central.rehearsals.rules import MAX_POINTS, Point

PART = "; "
"""Separates the polygons of one field."""
_NUMBER = re.compile(r"[0-9.]{1,20}")


def split_parts(text: str) -> list[str]:
    """Return the texts of the polygons of one field."""
    return [part for part in text.split(PART.strip()) if part.strip()]


def points_of(text: str) -> list[Point] | None:
    """Return the points, in 0..1. None: ``text`` is something else, or has more than MAX_POINTS."""
    words = re.split(r"[\s,;]+", text.strip())
    if len(words) % 2 or len(words) > 2 * MAX_POINTS or not all(map(_NUMBER.fullmatch, words)):
        return None
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    if not all(0 <= number <= 1 for number in numbers):
        return None
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def points_text(points: Iterable[Point]) -> str:
    """Return the points as a text that ``points_of`` reads: six decimals, and never 1e-05."""
    return ", ".join(f"{_number(x)} {_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def listed(points: Iterable[Point]) -> list[list[float]]:
    """Return the points as a configuration writes them."""
    return [list(point) for point in points]


def is_polygon(points: list[Point]) -> bool:
    """Whether the agent would accept the points as a polygon."""
    return len(points) >= 3 and fault_of(points) is None
