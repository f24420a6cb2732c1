"""Parked objects: known by their picture, free of inferences, and the same track when they drive off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import hypot
from typing import TYPE_CHECKING

from edge_agent.model import Box
from edge_agent.tracking.appearance import Patch
from edge_agent.tracking.association import distance
from edge_agent.tracking.trail import Trail

if TYPE_CHECKING:
    from edge_agent.model import Gray

HERE = 0.7  # correlation at the old place; a passer-by leaves less than 0.4, dusk and noise more than 0.8
THERE = 0.75  # ... at a new place: a search finds something everywhere, so it must be better
AWAY = 0.12  # own sizes; nearer is the wind
COVERING = 0.1  # of the parked box, by somebody else's box
REFRESH_S = 10.0  # the light changes slower than this


def park(trail: Trail, luma: Gray, now: float) -> None:
    """Remember the picture of what stands still, unless it is too flat to be recognised."""
    patch = Patch(luma, trail.box)
    if patch.tells:
        trail.patch, trail.patch_mono = patch, now
        trail.absent_since, trail.covered_up = None, False
        trail.velocity = (0.0, 0.0)


def drive_off(trail: Trail, velocity: tuple[float, float]) -> None:
    """It moves again."""
    trail.patch = None
    trail.absent_since, trail.covered_up = None, False
    trail.velocity = velocity
    trail.doubtful = True
    trail.forget_places()


def correct(trail: Trail, seen: Box) -> None:
    """A look saw something parked: at its place it may look different now, off its place it has moved."""
    if trail.patch is None or trail.absent_since is None or trail.covered_up:
        return
    if distance(trail.box, seen) >= AWAY:
        drive_off(trail, (0.0, 0.0))
    else:
        trail.patch, trail.absent_since = None, None  # remembered anew when the frame is judged


def check(trail: Trail, others: Sequence[Trail], luma: Gray, now: float, dt: float) -> None:
    """Look for a parked track's picture: at its place, moved away, covered up, or gone."""
    assert trail.patch is not None
    match = trail.patch.find(luma)
    if match.here >= HERE:
        trail.absent_since, trail.covered_up = None, False
        trail.support(now)
        if now - trail.patch_mono >= REFRESH_S and match.here > 0.85:
            park(trail, luma, now)
        return
    if match.score >= THERE and hypot(match.dx, match.dy) >= AWAY:
        dx, dy = match.dx * trail.patch.box.width, match.dy * trail.patch.box.height
        trail.box = trail.box.shifted(dx, dy)
        trail.travelled = (trail.travelled[0] + match.dx, trail.travelled[1] + match.dy)
        drive_off(trail, (dx / dt, dy / dt))
        trail.support(now)
        return
    trail.covered_up = _is_covered(trail, others)
    if trail.absent_since is None:
        trail.absent_since = now


def _is_covered(trail: Trail, others: Iterable[Trail]) -> bool:
    box = trail.box.clipped()
    return any(
        box.intersection(other.box) > COVERING * box.area
        for other in others
        if other is not trail and other.patch is None and other.born_in != trail.number
    )
