"""Parked objects: known by their picture where a model does not see them, or no inference is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edge_agent.tracking.appearance import AppearancePatch
from edge_agent.tracking.tracked_object import TrackedObject

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

COVERING = 0.1  # of the parked box, by another object's box
REFRESH_S = 10.0  # the light changes slower than this


def store_patch(one: TrackedObject, luma: Gray, now: float) -> None:
    """Keep the picture of what stands still, unless it is too flat to be recognised."""
    if one.patch is None or now - one.patch_mono >= REFRESH_S:
        patch = AppearancePatch(luma, one.box)
        one.patch, one.patch_mono = (patch if patch.is_distinct else None), now


def check_parked(one: TrackedObject, others: Iterable[TrackedObject], luma: Gray, now: float) -> None:
    """Whether a parked object that no inference of this frame has seen is still there."""
    if one.patch is not None and one.patch.matches(luma):
        one.absent_since, one.covered_up = None, False
        one.support(now)
        return
    one.covered_up = _is_covered(one, others)
    if one.absent_since is None:
        one.absent_since = now


def _is_covered(one: TrackedObject, others: Iterable[TrackedObject]) -> bool:
    box = one.box.clipped()
    return any(
        box.intersection(other.box) > COVERING * box.area
        for other in others
        if other is not one and not other.parked
    )
