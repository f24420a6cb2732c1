"""What a passage is, and how its row is encoded.

A passage is one confirmed track after its end: where it went, how large and fast it was, its colours, and the
rules that reported it. Rows are small because a busy camera writes thousands a day.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import ceil
from typing import NamedTuple, TypeVar

import msgspec

from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE

FOLDER = "passages"
"""Below ``state_dir``."""

GROUPS = (PERSON, TWO_WHEELER, VEHICLE)
"""A row stores the index: append only."""

COLOURS = ("black", "white", "grey", "red", "green", "blue", "yellow", "orange", "brown", "pink", "purple")
"""The eleven basic colour terms (Berlin and Kay 1969). A row stores the index: append only."""


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
    direction_deg: float | None  # clockwise from the top of the picture; None: it came to no other place
    width: float  # mean of the box, share of the picture's width
    height: float  # share of the picture's height
    speed: float  # own lengths a second while it moved; 0: it did not
    light: Light
    colours: tuple[PartColours, ...] = ()
    standing: tuple[StandingTime, ...] = ()
    reports: tuple[RuleReport, ...] = ()
    crop: bytes | None = None  # JPEG, or sealed
    crop_sha256: bytes | None = None  # of the plain JPEG
    ground: GroundMotion | None = None  # None: no ground plane, or the error is too large
    ended: bool = True  # False: the object is still there, and a later row with the same track replaces this


_POINT = struct.Struct("<HHH")
_TENTHS, _CENTI, _SHARE = 10.0, 100.0, 60_000.0
_Value = TypeVar("_Value")


class _Detail(msgspec.Struct, array_like=True, omit_defaults=True):
    """The part of a row that no query filters, as MessagePack. Fields are appended only."""

    label: str
    score: int  # hundredths
    votes: int
    path: bytes
    sides: int  # entry * 8 + exit
    width: int  # thousandths
    height: int
    light: int
    colours: list[list[int]] = []  # part, confidence in hundredths, then pairs of colour and hundredths
    standing: list[int] = []  # pairs of tenths of a second
    reports: list[str | int] = []  # pairs of rule and tenths of a second
    sha256: bytes = b""
    ground: list[int] = []  # cm/s, its error, degrees or -1; empty: no speed


PARTS = ("upper", "lower", "body")
_SIDES = tuple(Side)
_LIGHTS = tuple(Light)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Detail).decode


def encode_detail(passage: Passage) -> bytes:
    return _encode(
        _Detail(
            label="" if passage.label in (None, passage.group) else str(passage.label),
            score=round(100 * passage.score),
            votes=passage.votes,
            path=encode_path(passage.path, passage.ended_mono - passage.started_mono),
            sides=_SIDES.index(passage.entry) * 8 + _SIDES.index(passage.exit),
            width=round(1000 * passage.width),
            height=round(1000 * passage.height),
            light=_LIGHTS.index(passage.light),
            colours=[_encode_part(part) for part in passage.colours],
            standing=[_tenths(value) for each in passage.standing for value in each],
            reports=[value for report in passage.reports for value in (report.rule, _tenths(report.after_s))],
            sha256=passage.crop_sha256 or b"",
            ground=_encode_ground(passage.ground),
        )
    )


def encode_path(path: Sequence[PathPoint], duration_s: float) -> bytes:
    """Six bytes a point. Times are stored as shares of the duration, so that hours fit as well as seconds."""
    whole_s = max(duration_s, 1e-3)
    return b"".join(_POINT.pack(_share(after_s / whole_s), _share(x), _share(y)) for after_s, x, y in path)


def decode_path(data: bytes, duration_s: float) -> tuple[PathPoint, ...]:
    return tuple(
        PathPoint(t / _SHARE * duration_s, x / _SHARE, y / _SHARE) for t, x, y in _POINT.iter_unpack(data)
    )


def colour_bits(parts: Sequence[PartColours]) -> int:
    """Return the colours of all parts as a bit set, for a quick filter."""
    bits = 0
    for part in parts:
        for colour, _ in part.colours:
            bits |= 1 << COLOURS.index(colour)
    return bits


@dataclass(frozen=True, slots=True)
class PassageDetail:
    """The decoded detail of a row."""

    label: str | None  # None: the group is all that the model knew
    score: float
    votes: int
    path: tuple[PathPoint, ...]
    entry: Side
    exit: Side
    width: float
    height: float
    light: Light
    colours: tuple[PartColours, ...]
    standing: tuple[StandingTime, ...]
    reports: tuple[RuleReport, ...]
    crop_sha256: str | None
    ground: GroundMotion | None


def decode_detail(data: bytes, duration_s: float) -> PassageDetail:
    """Raises ``msgspec.MsgspecError``, ``struct.error`` or ``IndexError`` for damaged data."""
    detail = _decode(data)
    return PassageDetail(
        label=detail.label or None,
        score=detail.score / 100,
        votes=detail.votes,
        path=decode_path(detail.path, duration_s),
        entry=_SIDES[detail.sides // 8],
        exit=_SIDES[detail.sides % 8],
        width=detail.width / 1000,
        height=detail.height / 1000,
        light=_LIGHTS[detail.light],
        colours=tuple(_decode_part(part) for part in detail.colours),
        standing=tuple(StandingTime(at / _TENTHS, for_s / _TENTHS) for at, for_s in _pairs(detail.standing)),
        reports=tuple(RuleReport(str(rule), int(at) / _TENTHS) for rule, at in _pairs(detail.reports)),
        crop_sha256=detail.sha256.hex() or None,
        ground=_decode_ground(detail.ground),
    )


def _encode_ground(ground: GroundMotion | None) -> list[int]:
    if ground is None:
        return []
    heading = -1 if ground.heading_deg is None else round(ground.heading_deg) % 360
    return [round(_CENTI * ground.speed_m_s), ceil(_CENTI * ground.error_m_s), heading]


def _decode_ground(row: list[int]) -> GroundMotion | None:
    if not row:
        return None
    speed, error, heading = row
    return GroundMotion(speed / _CENTI, error / _CENTI, None if heading < 0 else float(heading))


def _encode_part(part: PartColours) -> list[int]:
    row = [PARTS.index(part.part), round(100 * part.confidence)]
    for colour, share in part.colours:
        row += (COLOURS.index(colour), round(100 * share))
    return row


def _decode_part(row: list[int]) -> PartColours:
    shares = tuple(ColourShare(COLOURS[colour], share / 100) for colour, share in _pairs(row[2:]))
    return PartColours(PARTS[row[0]], shares, row[1] / 100)


def _pairs(values: Sequence[_Value]) -> zip[tuple[_Value, _Value]]:
    return zip(values[::2], values[1::2], strict=True)


def _tenths(seconds: float) -> int:
    return max(0, round(_TENTHS * seconds))


def _share(value: float) -> int:
    return round(_SHARE * min(max(value, 0.0), 1.0))
