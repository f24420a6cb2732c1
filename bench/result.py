"""The results of a part of the bench, and arithmetic on them."""

from __future__ import annotations

from statistics import median

import msgspec


class Skip(Exception):
    """A part cannot be measured here; the text says why, and what to do."""


class Result(msgspec.Struct, frozen=True):
    """The figures of one program or method in one scene.

    ``figures``: name with unit -> value. ``windows``: the values of which a figure is the median, in order of
    time; all subjects of a scene were measured over the same windows.
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

    With windows it is the median of the ratios of each window: other load on the machine slows both, and
    cancels out.
    """
    ours, theirs = result.windows.get(figure, []), peer.windows.get(figure, [])
    if ours and len(ours) == len(theirs) and all(theirs):
        return median(a / b for a, b in zip(ours, theirs, strict=True))
    if figure not in result.figures or not peer.figures.get(figure):
        return None
    return result.figures[figure] / peer.figures[figure]


def percentile(values: list[float], percent: float) -> float:
    """The percentile, interpolated linearly. Raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = percent / 100 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
