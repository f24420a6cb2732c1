"""What a part of the bench hands back, and the arithmetic on it."""

from __future__ import annotations

from statistics import median

import msgspec


class Skip(Exception):
    """A part that cannot be measured here; the text says why and what would help."""


class Result(msgspec.Struct, frozen=True):
    """One program, or one way to do a thing, in one scene.

    ``figures``: name with its unit -> value. ``windows``: the values behind a figure, in order of time; all
    subjects of a scene were measured over the same windows.
    """

    scene: str
    subject: str
    figures: dict[str, float]
    windows: dict[str, list[float]] = {}


def find(results: list[Result], scene: str, subject: str) -> Result | None:
    """The result of ``subject`` in ``scene``, or None when it was not measured."""
    return next((r for r in results if r.scene == scene and r.subject == subject), None)


def ratio(result: Result, peer: Result, figure: str) -> float | None:
    """``result``'s figure over ``peer``'s; None when one of them is missing or the peer's is 0.

    With windows it is the median of each window's own ratio: what else ran on the machine in a window slowed
    both, and does not count.
    """
    ours, theirs = result.windows.get(figure, []), peer.windows.get(figure, [])
    if ours and len(ours) == len(theirs) and all(theirs):
        return median(a / b for a, b in zip(ours, theirs, strict=True))
    if figure not in result.figures or not peer.figures.get(figure):
        return None
    return result.figures[figure] / peer.figures[figure]


def percentile(values: list[float], percent: float) -> float:
    """Between the two nearest values, linearly. Raises ValueError without any."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = percent / 100 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
