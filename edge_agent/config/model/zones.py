"""``zones`` and ``lines`` of a camera: the places in its picture that rules refer to."""

from dataclasses import dataclass
from typing import Annotated

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import Text
from edge_agent.config.fields.schema_types import Field
from edge_agent.config.fields.shapes import PolygonType, segment
from edge_agent.core.geometry import Point, Polygon, contains

MAX_EXCLUDED = 16
NAME = Key("its name for people, such as Cổng trường; rules refer to the id", Text(), "the id")


@dataclass(frozen=True, slots=True)
class Zone:
    """An area of the picture that rules refer to by its id."""

    id: str
    polygon: Annotated[
        Polygon, Key("its corners in order; the last is connected to the first", PolygonType())
    ]
    name: Annotated[str, NAME] = ""
    exclude: Annotated[
        tuple[Polygon, ...],
        Key(
            "parts of the zone that do not belong to it, such as a statue that is taken for a person",
            ListOf(PolygonType(), "polygons", most=MAX_EXCLUDED),
        ),
    ] = ()

    @property
    def shown(self) -> str:
        """The name that pages and texts show; the id if none is configured."""
        return self.name or self.id

    @property
    def points(self) -> tuple[Point, ...]:
        return self.polygon

    def contains(self, point: Point) -> bool:
        """Return whether a point of the picture is in the zone, and in no part that the zone excludes."""
        return contains(self.polygon, point) and not any(contains(each, point) for each in self.exclude)


ZONE = section(
    Zone,
    "zone",
    example="{polygon: [[x, y], [x, y], [x, y], …]}",
    make=lambda **values: Zone("", **values),  # its id is its key in ``zones``
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line from one point to another. Seen along the line, side A is on the left, side B on the right."""

    id: str
    begin: Point
    end: Point
    name: str = ""

    @property
    def shown(self) -> str:
        """The name that pages and texts show; the id if none is configured."""
        return self.name or self.id

    @property
    def points(self) -> tuple[Point, ...]:
        return self.begin, self.end


LINE = segment(
    "line",
    "A line in the picture that rules refer to by its id. Seen from its first point towards the second, "
    "side A is on the left and side B on the right.",
    "its first point",
    "its second point",
    (Field("name", NAME.kind, NAME.doc, "", NAME.default_text),),
    lambda values: Line("", values["from"], values["to"], values["name"]),  # its id is its key in ``lines``
)
