"""Whether something is large enough in the picture for what the agent shall say of it."""

from __future__ import annotations

from enum import StrEnum

from edge_agent.core.model import TWO_WHEELER, VEHICLE

FOLLOWED = 10
"""Pixels of a picture 640 wide: the model, which is shown it 512 wide, sees nothing smaller."""
NAMED = 20
"""High: what a model can name (docs/design/rules.md, zone-intrusion)."""
SURE = 30
"""High: two-wheelers and vehicles that rules are about (docs/design/rules.md, stopped-vehicle)."""
WIDTH = 640


class ObjectSize(StrEnum):
    TINY = "tiny"  # not followed at all
    SMALL = "small"  # followed, hardly ever named
    ENOUGH = "enough"  # persons are named; two-wheelers and vehicles not reliably
    GOOD = "good"


def judge(group: str | None, width: float, height: float, picture_width: int) -> ObjectSize:
    """``width``, ``height``: of its box, in the stream's pixels. ``group``: None when nobody has named it.

    A stream wider than 640 is judged as if it were scaled to that: the figures were found there.
    """
    scale = min(1.0, WIDTH / picture_width)
    if max(width, height) * scale < FOLLOWED:
        return ObjectSize.TINY
    if height * scale < NAMED:
        return ObjectSize.SMALL
    if height * scale < SURE and group in (TWO_WHEELER, VEHICLE, None):
        return ObjectSize.ENOUGH
    return ObjectSize.GOOD
