"""Field types of shapes in the picture: points, polygons, lines and arrows. Also tests whether a polygon
covers another, edges included, with exact fractions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from edge_agent.config.fields import tree
from edge_agent.config.fields.field_types import Number
from edge_agent.config.fields.schema_types import (
    INVALID,
    Field,
    FieldType,
    ReadContext,
    Section,
    SectionValues,
)
from edge_agent.config.texts.messages import message
from edge_agent.core.geometry import Exact, Point, Polygon, fault_of, twice_area

MIN_LENGTH = 0.01
"""Shortest line or arrow, in 0..1 of the picture: about the precision of a hand with a mouse."""


@dataclass(frozen=True)
class PointType(FieldType):
    """A point in the picture."""

    coordinate: Number = field(default_factory=lambda: Number(0, 1, "of the picture's width or height"))

    def describe(self) -> str:
        return message("point")

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if not isinstance(node, tree.Sequence) or len(node.items) != 2:
            reading.refuse(node.place, message("must-be", kind=self.describe()))
            return INVALID
        x, y = (self.coordinate.read(item, reading) for item in node.items)
        return INVALID if INVALID in (x, y) else (x, y)


@dataclass(frozen=True)
class PolygonType(FieldType):
    """An area of the picture."""

    most: int = 100
    point: PointType = field(default_factory=PointType)

    def describe(self) -> str:
        return message("polygon")

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if not isinstance(node, tree.Sequence):
            reading.refuse(node.place, message("must-be", kind=self.describe()))
            return INVALID
        if node.items and all(isinstance(item, tree.Scalar) for item in node.items):
            reading.refuse(node.place, message("points-in-brackets"))
            return INVALID
        if not 3 <= len(node.items) <= self.most:
            reading.refuse(node.place, message("few-points", most=self.most, count=len(node.items)))
        points = [self.point.read(item, reading) for item in node.items]
        if INVALID in points or not 3 <= len(points) <= self.most:
            return INVALID
        fault = fault_of(points)
        if fault is not None:
            reading.refuse(node.place, fault)
            return INVALID
        return tuple(points)


def _both_points(values: SectionValues) -> tuple[Point, Point]:
    return values["from"], values["to"]


def segment(
    name: str,
    doc: str,
    from_doc: str,
    to_doc: str,
    more: tuple[Field, ...] = (),
    build: Callable[[SectionValues], Any] = _both_points,
) -> Section:
    """Make a section of two distinct points: a line, or an arrow. ``more``: its other keys."""
    return Section(
        name,
        doc,
        (Field("from", PointType(), from_doc), Field("to", PointType(), to_doc), *more),
        build,
        _check_segment,
        {"points": message("write-from-to")},
        "{from: [x, y], to: [x, y]}",
    )


def _check_segment(values: SectionValues) -> None:
    begin, end = values.valid("from"), values.valid("to")
    if begin is not None and end is not None and length_of((begin, end)) < MIN_LENGTH:
        values.reading.refuse(values.place("to"), message("too-near", least=f"{MIN_LENGTH:g}"))


def length_of(ends: tuple[Point, Point]) -> float:
    """Return the length in 0..1 of the picture, as if the picture were square."""
    return math.dist(*ends)


_Edge = tuple[Exact, Exact]


def polygon_contains(outer: Polygon, inner: Polygon) -> bool:
    """Return whether ``outer`` covers ``inner``. Polygons have no holes, so ``inner``'s edges decide."""
    if not _box_covers(outer, inner):  # cheap, and enough for nearly all pairs that do not cover each other
        return False
    edges = _edges(outer)
    return all(_in(point, edges) for edge in _edges(inner) for point in _middles(edge, edges))


def _box_covers(outer: Polygon, inner: Polygon) -> bool:
    return all(
        min(p[axis] for p in outer) <= min(p[axis] for p in inner)
        and max(p[axis] for p in inner) <= max(p[axis] for p in outer)
        for axis in (0, 1)
    )


def _edges(polygon: Polygon) -> list[_Edge]:
    exact = [_exact(point) for point in polygon]
    return list(zip(exact, exact[1:] + exact[:1], strict=True))


def _exact(point: Point) -> Exact:
    return Fraction(point[0]), Fraction(point[1])


def _middles(edge: _Edge, others: list[_Edge]) -> Iterator[Exact]:
    """Cut the edge at ``others``; yield the middle of each piece, which is inside or outside as a whole."""
    cuts = {Fraction(0), Fraction(1)}.union(*(_cuts(edge, other) for other in others))
    (ax, ay), (bx, by) = edge
    for before, after in pairwise(sorted(cuts)):
        along = (before + after) / 2
        yield ax + along * (bx - ax), ay + along * (by - ay)


def _cuts(edge: _Edge, other: _Edge) -> Iterator[Fraction]:
    """Yield where along the edge (0..1) ``other`` meets it; if both are on one line, ``other``'s ends."""
    a, b = edge
    c, d = other
    turn_c, turn_d = twice_area(a, b, c), twice_area(a, b, d)
    if turn_c == turn_d == 0:
        meets = [_along(edge, c), _along(edge, d)]
    elif turn_c * turn_d > 0 or turn_c == turn_d:
        return
    else:
        turn_a, turn_b = twice_area(c, d, a), twice_area(c, d, b)
        meets = [turn_a / (turn_a - turn_b)]
    yield from (meet for meet in meets if 0 < meet < 1)


def _along(edge: _Edge, point: Exact) -> Fraction:
    a, b = edge
    axis = 0 if a[0] != b[0] else 1
    return (point[axis] - a[axis]) / (b[axis] - a[axis])


def _in(point: Exact, edges: list[_Edge]) -> bool:
    """Return whether the point is inside by the even-odd rule, or on an edge."""
    x, y = point
    inside = False
    for a, b in edges:
        turn = twice_area(a, b, point)
        if turn == 0 and min(a[0], b[0]) <= x <= max(a[0], b[0]) and min(a[1], b[1]) <= y <= max(a[1], b[1]):
            return True
        if (a[1] > y) != (b[1] > y) and (turn > 0) == (b[1] > a[1]):
            inside = not inside
    return inside
