"""Finds the part of the picture in which there were many false alarms and hardly any real one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.core.geometry import Point

CELLS = 20
"""Number of cells on each side of the picture: corners are multiples of 0.05, which a person can read and
draw."""
CELL_COST = 1 / CELLS**3
"""Cost of covering one cell, less than 1 for the whole picture: of two rectangles with the same alarms, the
smaller one is better."""
_INSIDE = 1 - 1e-9  # a foot on the lower or right border of the picture is in the last cell


@dataclass(frozen=True, slots=True)
class MaskedRectangle:
    """A rectangle in 0..1 of the picture, origin top left; x1 < x2, y1 < y2."""

    x1: float
    y1: float
    x2: float
    y2: float

    def covers(self, point: Point) -> bool:
        x, y = (min(max(value, 0.0), _INSIDE) for value in point)
        return self.x1 <= x < self.x2 and self.y1 <= y < self.y2

    @property
    def corners(self) -> list[list[float]]:
        return [[self.x1, self.y1], [self.x2, self.y1], [self.x2, self.y2], [self.x1, self.y2]]


def best_rectangle(worth: Iterable[tuple[Point, float]]) -> MaskedRectangle | None:
    """Return the rectangle of whole cells with the largest sum of worths. None: no sum is above 0.

    ``worth``: places in the picture, each with the gain (above 0) or loss (below 0) of covering it, at least
    1 in amount. The algorithm is Kadane's, for each pair of rows (J. Bentley, Programming Pearls, 1984):
    4,200 steps for any number of places.
    """
    cells = [[-CELL_COST] * CELLS for _ in range(CELLS)]  # by row, then by column
    for (x, y), value in worth:
        cells[_cell(y)][_cell(x)] += value
    most, best = 0.0, None
    for top in range(CELLS):
        columns = [0.0] * CELLS
        for bottom in range(top, CELLS):
            columns = [above + here for above, here in zip(columns, cells[bottom], strict=True)]
            total, left, right = _best_run(columns)
            if total > most:
                most, best = total, (left, top, right + 1, bottom + 1)
    return None if best is None else MaskedRectangle(*(edge / CELLS for edge in best))


def _best_run(values: Sequence[float]) -> tuple[float, int, int]:
    """Return the largest sum of neighbouring values, with the first and the last position of these values."""
    best = (values[0], 0, 0)
    total, first = 0.0, 0
    for n, value in enumerate(values):
        if total <= 0:
            total, first = 0.0, n
        total += value
        if total > best[0]:
            best = (total, first, n)
    return best


def _cell(value: float) -> int:
    return int(min(max(value, 0.0), _INSIDE) * CELLS)
