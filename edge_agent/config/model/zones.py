"""``zones`` and ``lines`` of a camera: the places in its picture that rules refer to."""

from dataclasses import dataclass
from typing import Annotated

from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.shapes import PolygonType, segment
from edge_agent.core.geometry import Point, Polygon


@dataclass(frozen=True, slots=True)
class Zone:
    """An area of the picture that rules refer to by its id."""

    id: str
    polygon: Annotated[
        Polygon, Key("its corners in order; the last is connected to the first", PolygonType())
    ]


ZONE = section(Zone, "zone", example="{polygon: [[x, y], [x, y], [x, y], …]}", make=lambda polygon: polygon)


@dataclass(frozen=True, slots=True)
class Line:
    """A line from one point to another. Seen along the line, side A is on the left, side B on the right."""

    id: str
    begin: Point
    end: Point


LINE = segment(
    "line",
    "A line in the picture that rules refer to by its id. Seen from its first point towards the second, "
    "side A is on the left and side B on the right.",
    "its first point",
    "its second point",
)
