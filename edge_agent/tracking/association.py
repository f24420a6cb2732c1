"""Which sighting belongs to which track: cost and assignment.

The assignment is the Hungarian method in its shortest-augmenting-path form (Jonker and Volgenant 1987),
in plain Python: a look brings a handful of sightings, and scipy would be 100 MB on disk for this one
function (docs/decisions/0007).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, inf

from edge_agent.model import PERSON, TWO_WHEELER, Box

FORBIDDEN = inf
"""Cost of a pair that must not be made."""


def assign(costs: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Pairs (row, column) that leave the fewest allowed pairs out and among those cost least.

    ``costs`` is rows x columns, finite numbers or ``FORBIDDEN``; a row or column may stay alone. Ties go
    to the lower indices, so callers that sort their rows get the same answer for every order of input.
    """
    rows, columns = len(costs), len(costs[0]) if costs else 0
    if not rows or not columns:
        return []
    # A private dummy column per row, dearer than any real pair, lets every row stay alone.
    alone = 1.0 + 2.0 * sum(max((c for c in row if c != FORBIDDEN), default=0.0) for row in costs)
    padded = [
        [c if c != FORBIDDEN else 4 * alone * rows for c in row]
        + [alone if other == index else 4 * alone * rows for other in range(rows)]
        for index, row in enumerate(costs)
    ]
    chosen = _shortest_augmenting_paths(padded)
    return [(row, col) for row, col in enumerate(chosen) if col < columns and costs[row][col] != FORBIDDEN]


def _shortest_augmenting_paths(costs: Sequence[Sequence[float]]) -> list[int]:
    """Column of each row at least total cost; needs rows <= columns and finite costs. O(rows^2 * columns)."""
    rows, columns = len(costs), len(costs[0])
    row_price, column_price = [0.0] * (rows + 1), [0.0] * (columns + 1)
    owner = [0] * (columns + 1)  # row (from 1) that holds each column; column 0 is the row being placed
    for row in range(1, rows + 1):
        owner[0] = row
        came_from, last = _path(costs, owner, row_price, column_price)
        while last:
            owner[last] = owner[came_from[last]]
            last = came_from[last]
    answer = [-1] * rows
    for column in range(1, columns + 1):
        if owner[column]:
            answer[owner[column] - 1] = column - 1
    return answer


def _path(
    costs: Sequence[Sequence[float]], owner: list[int], row_price: list[float], column_price: list[float]
) -> tuple[list[int], int]:
    """Cheapest alternating path from the row in ``owner[0]`` to a free column; updates the prices."""
    columns = len(column_price) - 1
    came_from, slack, done = [0] * (columns + 1), [inf] * (columns + 1), [False] * (columns + 1)
    column = 0
    while owner[column]:
        done[column] = True
        row, step, following = owner[column], inf, 0
        for j in range(1, columns + 1):
            if done[j]:
                continue
            reduced = costs[row - 1][j - 1] - row_price[row] - column_price[j]
            if reduced < slack[j]:
                slack[j], came_from[j] = reduced, column
            if slack[j] < step:
                step, following = slack[j], j
        for j in range(columns + 1):
            if done[j]:
                row_price[owner[j]] += step
                column_price[j] -= step
            else:
                slack[j] -= step
        column = following
    return came_from, column


def distance(a: Box, b: Box) -> float:
    """Distance of the centres in mean widths and heights of the two boxes; 1 is about one object apart."""
    (ax, ay), (bx, by) = a.centre, b.centre
    width, height = (a.width + b.width) / 2, (a.height + b.height) / 2
    if width <= 0 or height <= 0:
        return inf
    return hypot((ax - bx) / width, (ay - by) / height)


def size_ratio(a: Box, b: Box) -> float:
    """Larger area over the smaller, at least 1."""
    small, large = sorted((a.area, b.area))
    return large / small if small > 0 else inf


def is_rider_on(person: Box, machine: Box) -> bool:
    """Whether ``person`` sits on ``machine`` as pictures show it: above, in line, overlapping.

    A walker beside a machine stands as low as its wheels and to the side of it.
    """
    if abs(person.centre[0] - machine.centre[0]) > 0.4 * max(person.width, machine.width):
        return False
    if not 0.35 <= person.height / max(machine.height, 1e-9) <= 3.0:
        return False
    above = person.centre[1] < machine.centre[1] + 0.1 * machine.height
    seated = machine.y1 < person.y2 < machine.y2 + 0.25 * machine.height
    return above and seated and person.y1 < machine.y1 + 0.35 * machine.height


def affinity(group: str | None, other: str | None) -> float:
    """How readily two groups are the same object, 0..1: small models confuse them in known ways."""
    if group is None or other is None or group == other:
        return 1.0
    if {group, other} == {PERSON, TWO_WHEELER}:
        return 0.9
    return 0.6


def pair_cost(track: Box, sighting: Box, like: float, loose: bool = False) -> float:
    """Cost of taking ``sighting`` for the object last predicted at ``track``, or ``FORBIDDEN``.

    ``like`` is their groups' affinity. ``loose`` is for a motion blob, which is known not to be the
    object's outline: containment then counts and size does not.
    """
    apart, shared = distance(track, sighting), track.intersection(sighting)
    if shared <= 0 and apart > (0.6 if loose else 0.45):
        return FORBIDDEN  # nearly all pairs end here
    one, other = track.area, sighting.area
    iou, within = (shared / (one + other - shared), shared / min(one, other)) if shared > 0 else (0.0, 0.0)
    if loose:
        if within < 0.4 and apart > 0.6:
            return FORBIDDEN
        closeness = max(iou, 0.7 * within)
    else:
        if (iou < 0.15 and within < 0.7 and apart > 0.45) or size_ratio(track, sighting) > 6.0:
            return FORBIDDEN
        closeness = max(iou, 0.4 * within)
    return 1.0 - like * (0.7 * closeness + 0.3 * max(0.0, 1.0 - apart))
