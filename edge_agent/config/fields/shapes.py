"""The kinds of what is drawn into the picture: points, polygons, and ways from one point to another."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from edge_agent.config.fields import tree
from edge_agent.config.fields.kinds import Number
from edge_agent.config.fields.spec import INVALID, Field, FieldType, ReadContext, Section, SectionValues
from edge_agent.config.texts.messages import message
from edge_agent.core.geometry import Point, fault_of

LEAST_LENGTH = 0.01
"""Of a line or arrow, in 0..1 of the picture: about what a hand with a mouse can hit."""


@dataclass(frozen=True)
class PointType(FieldType):
    """A place in the picture."""

    coordinate: Number = field(default_factory=lambda: Number(0, 1, "of the picture's width or height"))

    def describe(self) -> str:
        return message("point")

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if not isinstance(node, tree.Sequence) or len(node.items) != 2:
            reading.refuse(node.place, message("two-numbers"))
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


def segment(name: str, doc: str, from_doc: str, to_doc: str) -> Section:
    """A section of two points apart: a line, or an arrow."""
    return Section(
        name,
        doc,
        (Field("from", PointType(), from_doc), Field("to", PointType(), to_doc)),
        lambda values: (values["from"], values["to"]),
        _check_segment,
        {"points": "write from: [x, y] and to: [x, y]"},
        "{from: [x, y], to: [x, y]}",
    )


def _check_segment(values: SectionValues) -> None:
    begin, end = values.valid("from"), values.valid("to")
    if begin is not None and end is not None and length_of((begin, end)) < LEAST_LENGTH:
        values.reading.refuse(values.place("to"), message("too-near", least=f"{LEAST_LENGTH:g}"))


def length_of(ends: tuple[Point, Point]) -> float:
    """In 0..1 of the picture, as if it were square."""
    return math.dist(*ends)
