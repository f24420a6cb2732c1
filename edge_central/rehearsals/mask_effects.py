"""The effects of a change of a camera's masks: which areas change, how much of the picture they cover, and
which rules would see less of their zone or line. Pure.

Areas are sampled on a grid, so a share is right to some percent. The gateway checks exactly whether a mask
covers a whole zone or line, and names such rules in its reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edge_agent.core.geometry import Point, Polygon, contains
from edge_central.rehearsals.rules import CameraRuleSet, ConfiguredRule, MaskSet, RulePlace

COLUMNS, ROWS = 64, 36
"""Columns and rows of the grid over the picture: 2,304 samples."""
STEPS = 50
"""Number of samples along a line."""
LEAST_SHARE = 0.05
"""The smallest masked share of a zone or line that a page mentions."""
ALL = 0.999


@dataclass(frozen=True, slots=True)
class MaskedRule:
    """A rule with a zone or line that masks hide in part. Shares are in 0..1."""

    rule: ConfiguredRule
    before: float
    after: float

    @property
    def hidden(self) -> bool:
        return self.after >= ALL

    @property
    def percent(self) -> int:
        return round(100 * self.after)


@dataclass(frozen=True, slots=True)
class MaskEffects:
    """The change from one set of masks to another."""

    before: MaskSet
    after: MaskSet
    share_before: float  # of the picture that is not analysed, 0..1
    share_after: float
    rules: tuple[MaskedRule, ...]  # rules with another masked share of their zone or line than before

    @property
    def added(self) -> int:
        return len(_texts(self.after) - _texts(self.before))

    @property
    def removed(self) -> int:
        """Return how many masks are removed or have another shape now."""
        return len(_texts(self.before) - _texts(self.after))

    @property
    def hides(self) -> bool:
        """Whether the change blacks out another part of the picture."""
        return bool(set(_rounded(self.after.private)) - set(_rounded(self.before.private)))

    @property
    def reveals(self) -> bool:
        """Whether the change shows a part of the picture that was blacked out."""
        return bool(set(_rounded(self.before.private)) - set(_rounded(self.after.private)))

    @property
    def changes_clips(self) -> bool:
        """Whether the camera gets its first blacked-out area or loses its last one: this decides about its
        clips."""
        return bool(self.before.private) != bool(self.after.private)


def mask_effects(known: CameraRuleSet, after: MaskSet) -> MaskEffects:
    before = known.masks
    cells_before, cells_after = _masked_cells(before.ignored), _masked_cells(after.ignored)
    rules = []
    for rule in known.rules:
        if rule.place is None or not rule.enabled:
            continue
        samples = list(_samples(rule.place))
        shares = (_share(samples, cells_before), _share(samples, cells_after))
        if shares[1] >= LEAST_SHARE and shares[0] != shares[1]:
            rules.append(MaskedRule(rule, *shares))
    every = COLUMNS * ROWS
    return MaskEffects(before, after, len(cells_before) / every, len(cells_after) / every, tuple(rules))


_Cell = tuple[int, int]


def _middle(cell: _Cell) -> Point:
    return (cell[0] + 0.5) / COLUMNS, (cell[1] + 0.5) / ROWS


def _cells(polygon: Polygon) -> Iterator[_Cell]:
    """Yield the cells with their middle in the polygon."""
    columns, rows = (_span(polygon, axis, count) for axis, count in ((0, COLUMNS), (1, ROWS)))
    for column in columns:
        for row in rows:
            if contains(polygon, _middle((column, row))):
                yield column, row


def _span(polygon: Polygon, axis: int, count: int) -> range:
    values = [point[axis] for point in polygon]
    return range(int(min(values) * count), min(count, int(max(values) * count) + 1))


def _masked_cells(masks: Iterable[Polygon]) -> set[_Cell]:
    return {cell for mask in masks for cell in _cells(mask)}


def _samples(place: RulePlace) -> Iterator[_Cell]:
    """Yield the cells of a zone or line. A small zone has at least the cell of its middle."""
    if place.key == "lines":
        (ax, ay), (bx, by) = place.points
        along = ((step + 0.5) / STEPS for step in range(STEPS))
        yield from (_cell((ax + share * (bx - ax), ay + share * (by - ay))) for share in along)
        return
    excluded = _masked_cells(place.excluded)
    cells = [cell for cell in _cells(place.points) if cell not in excluded]
    count = len(place.points)
    middle = (sum(x for x, _ in place.points) / count, sum(y for _, y in place.points) / count)
    yield from cells or [_cell(middle)]


def _cell(point: Point) -> _Cell:
    return min(int(point[0] * COLUMNS), COLUMNS - 1), min(int(point[1] * ROWS), ROWS - 1)


def _share(samples: Sequence[_Cell], masked: set[_Cell]) -> float:
    return sum(cell in masked for cell in samples) / len(samples)


_Rounded = tuple[tuple[float, float], ...]


def _rounded(masks: Iterable[Polygon]) -> Iterator[_Rounded]:
    return (tuple((round(x, 5), round(y, 5)) for x, y in mask) for mask in masks)


def _texts(masks: MaskSet) -> set[tuple[bool, _Rounded]]:
    kinds = ((False, masks.ignored), (True, masks.private))
    return {(private, mask) for private, listed in kinds for mask in _rounded(listed)}
