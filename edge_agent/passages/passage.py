"""What a passage is.

A passage is one confirmed track after its end: where it went, how large and fast it was, its colours, and the
rules that reported it. Rows are small because a busy camera writes thousands a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE, Box

FOLDER = "passages"
"""Name of the folder below ``state_dir``."""

GROUPS = (PERSON, TWO_WHEELER, VEHICLE)
"""A row stores the index: append only."""

COLOURS = ("black", "white", "grey", "red", "green", "blue", "yellow", "orange", "brown", "pink", "purple")
"""The eleven basic colour terms (Berlin and Kay 1969). A row stores the index: append only."""


PARTS = ("upper", "lower", "body")
"""Upper and lower body of a person or rider, body of a vehicle. A row stores the index: append only."""


class Light(StrEnum):
    """The light in which an object was seen."""

    DAY = "day"
    DUSK = "dusk"  # a picture with colours, but dark: colours are less certain
    INFRARED = "infrared"  # a grey picture: no colour is known


class TimeQuality(IntEnum):
    """How much the times of a row can be trusted."""

    UNSYNCED = 0
    SYNCED = 1
    CORRECTED = 2  # written before the clock was synchronised, corrected afterwards


class Side(StrEnum):
    """The side of the picture at which a path begins or ends."""

    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"
    INSIDE = "inside"  # away from all sides


class PathPoint(NamedTuple):
    """Where the object stood at a time."""

    after_s: float  # since the start of the passage
    x: float  # of the foot point, 0..1 of the picture
    y: float


class ColourShare(NamedTuple):
    colour: str  # one of ``COLOURS``
    share: float  # of the part's area, 0..1


class PartColours(NamedTuple):
    """The colours of one part of an object, the largest first."""

    part: str  # upper, lower: of a person or rider; body: of a vehicle
    colours: tuple[ColourShare, ...]
    confidence: float  # 0..1


class StandingTime(NamedTuple):
    """A time for which the object stood still."""

    after_s: float
    for_s: float


class GroundMotion(NamedTuple):
    """How an object moved on the ground plane of the camera."""

    speed_m_s: float  # mean while it moved
    error_m_s: float  # two standard errors: 19 of 20 speeds are within it
    heading_deg: float | None  # clockwise from north; None: the camera has no bearing


class RuleReport(NamedTuple):
    """A rule that reported the object."""

    rule: str
    after_s: float


@dataclass(frozen=True, slots=True, eq=False)
class ScenePicture:
    """A whole picture of a camera, for all passages in it."""

    serial: int  # random; by it the store recognises a picture that is already stored
    taken_mono: float
    payload: bytes  # JPEG, or sealed


class PassageScene(NamedTuple):
    """An object in a whole picture."""

    picture: ScenePicture
    box: Box  # of the object, in 0..1 of the picture
    quality: float  # of this view of the object


@dataclass(frozen=True, slots=True)
class Passage:
    """One object that a camera has seen. Times are seconds of the monotonic clock."""

    camera: str
    track: str  # the track id that events of the object carry too
    group: str | None
    label: str | None
    score: float  # mean score of the votes, 0..1
    votes: int  # inferences that voted for the label
    started_mono: float
    ended_mono: float
    path: tuple[PathPoint, ...]
    entry: Side
    exit: Side
    direction_deg: float | None  # clockwise from the top of the picture; None: it did not leave its place
    width: float  # mean of the box, share of the picture's width
    height: float  # share of the picture's height
    speed: float  # lengths of the object a second while it moved; 0: it did not
    light: Light
    colours: tuple[PartColours, ...] = ()
    standing: tuple[StandingTime, ...] = ()
    reports: tuple[RuleReport, ...] = ()
    crop: bytes | None = None  # JPEG, or sealed
    crop_sha256: bytes | None = None  # of the plain JPEG
    scene: PassageScene | None = None
    ground: GroundMotion | None = None  # None: no ground plane, or the error is too large
    ended: bool = True  # False: the object is still there, and a later row with the same track replaces this
    confirmed_after_s: float = 0.0  # when the tracker confirmed it; rules report nothing before
    aspect: float | None = None  # width of the picture over its height
