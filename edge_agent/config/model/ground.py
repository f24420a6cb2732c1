"""``ground`` of a camera: four marks on the road whose distances were measured."""

from dataclasses import dataclass, field
from typing import Annotated

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, Made, section
from edge_agent.config.fields.field_types import Number
from edge_agent.config.fields.schema_types import Field, SectionValues
from edge_agent.config.fields.shapes import PointType
from edge_agent.config.texts.messages import message
from edge_agent.core.geometry import Point
from edge_agent.core.ground import doubt_of_marks, fault_of_marks, rectangle

MARKS = 4


@dataclass(frozen=True)
class RoadPointType(PointType):
    """A place on the road."""

    coordinate: Number = field(default_factory=lambda: Number(-500, 500, "metres"))

    def describe(self) -> str:
        return message("road-point")


def _metres(values: SectionValues) -> tuple[Point, ...]:
    sides: tuple[float, ...] | None = values["rectangle_m"]
    if sides is None:
        metres: tuple[Point, ...] = values["metres"]
        return metres
    return rectangle(values["points"], *sides)


_MEASURED = (
    Field(
        "rectangle_m",
        ListOf(Number(0.5, 200, "metres"), "lengths", 2, 2),
        "if the marks are the corners of a rectangle: the length from the first mark to the second, and from "
        "the second to the third",
        None,
        "use metres",
    ),
    Field(
        "metres",
        ListOf(RoadPointType(), "points", MARKS, MARKS),
        "if the marks do not form a rectangle: the place of each, in metres to the right of the first mark "
        "and ahead of it",
        None,
        "use rectangle_m",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Four marks on a flat road, whose distances were measured: passages then have a speed in metres a second
    with its error. It is an estimate for searches, no measurement for fines."""

    points: Annotated[
        tuple[Point, ...],
        Key(
            "the four marks in the picture, in order around the quadrangle",
            ListOf(PointType(), "points", MARKS, MARKS),
        ),
    ]
    metres: Annotated[tuple[Point, ...], Made(_metres, _MEASURED)]
    bearing_deg: Annotated[
        float | None,
        Key(
            "direction from the second mark to the third by the compass: 0 north, 90 east; passages then "
            "have a heading",
            Number(0, 360, "degrees"),
            "no heading",
        ),
    ] = None
    length_error: Annotated[
        float,
        Key(
            "uncertainty of the measured lengths as a share of them; the error of each speed includes it",
            Number(0.005, 0.5),
        ),
    ] = 0.02


def _check(values: SectionValues) -> None:
    given = [key for key in ("rectangle_m", "metres") if values.given(key)]
    if len(given) != 1:
        values.reading.refuse(values.place(given[-1] if given else "points"), message("ground-lengths"))
        return
    points: tuple[Point, ...] | None = values.valid("points")
    measured = values.valid(given[0])
    count = MARKS if given[0] == "metres" else 2
    if points is None or measured is None or (len(points), len(measured)) != (MARKS, count):
        return  # reported already
    metres = measured if given[0] == "metres" else rectangle(points, *measured)
    fault = fault_of_marks(points, metres)
    if fault is not None:
        values.reading.refuse(values.place("points"), fault)
        return
    doubt = doubt_of_marks(points, metres)
    if doubt is not None:
        values.reading.warn(values.place("points"), doubt)


GROUND = section(
    Ground,
    "ground",
    check=_check,
    replacements={"north_deg": message("write-bearing")},
)
