"""The detail of a row: the fields that have no column, as MessagePack of about 150 bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import ceil
from typing import TypeVar

import msgspec

from edge_agent.core.geometry import Point
from edge_agent.passages.passage import (
    COLOURS,
    PARTS,
    ColourShare,
    GroundMotion,
    Light,
    PartColours,
    Passage,
    PathPoint,
    RuleReport,
    Side,
    StandingTime,
)

_POINT = struct.Struct("<HHH")
_TENTHS, _CENTI, _SHARE = 10.0, 100.0, 60_000.0
_Value = TypeVar("_Value")


class _Detail(msgspec.Struct, array_like=True, omit_defaults=True):
    """The part of a row that no SQL condition reads, as MessagePack. New fields are only appended."""

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
    confirmed: int = 0  # tenths of a second
    aspect: int = 0  # hundredths


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
            confirmed=_tenths(passage.confirmed_after_s),
            aspect=round(100 * (passage.aspect or 0.0)),
        )
    )


def encode_path(path: Sequence[PathPoint], duration_s: float) -> bytes:
    """Encode a path in six bytes a point; times are shares of the duration, so that hours fit as well."""
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


class PassageDetail:
    """The detail of a row. Each field is decoded when it is read: for most rows, a search reads one field.

    Raises ``msgspec.MsgspecError`` for damaged data; reading a field of it raises ``struct.error``,
    ``LookupError``, ``ValueError`` or ``TypeError``."""

    __slots__ = ("_duration_s", "_row")

    def __init__(self, data: bytes, duration_s: float) -> None:
        self._row = _decode(data)
        self._duration_s = duration_s

    def check(self) -> None:
        """Read each field once. Raises the errors that reading a damaged field raises."""
        for name in _FIELDS:
            getattr(self, name)

    @property
    def label(self) -> str | None:
        """The label of the object; None: the model recognised only its group."""
        return self._row.label or None

    @property
    def score(self) -> float:
        return self._row.score / 100

    @property
    def votes(self) -> int:
        return self._row.votes

    @property
    def path(self) -> tuple[PathPoint, ...]:
        return decode_path(self._row.path, self._duration_s)

    def feet(self) -> list[Point]:
        """Return x, y of the path's points, without their times; cheaper than ``path``."""
        return [(x / _SHARE, y / _SHARE) for _, x, y in _POINT.iter_unpack(self._row.path)]

    @property
    def entry(self) -> Side:
        return _SIDES[self._row.sides // 8]

    @property
    def exit(self) -> Side:
        return _SIDES[self._row.sides % 8]

    @property
    def width(self) -> float:
        return self._row.width / 1000

    @property
    def height(self) -> float:
        return self._row.height / 1000

    @property
    def light(self) -> Light:
        return _LIGHTS[self._row.light]

    @property
    def colours(self) -> tuple[PartColours, ...]:
        return tuple(_decode_part(part) for part in self._row.colours)

    def share_of(self, colour: str, part: str | None) -> float:
        """Return the largest share of a colour on a part, or on any part (None); 0 without that colour.

        Reads the stored numbers, because ``colours`` would make objects of them for each row of a search.
        """
        wanted, wanted_part = COLOURS.index(colour), None if part is None else PARTS.index(part)
        most = 0
        for row in self._row.colours:
            if wanted_part is None or row[0] == wanted_part:
                for n in range(2, len(row) - 1, 2):
                    if row[n] == wanted and row[n + 1] > most:
                        most = row[n + 1]
        return most / 100

    @property
    def standing(self) -> tuple[StandingTime, ...]:
        pairs = _pairs(self._row.standing)
        return tuple(StandingTime(at / _TENTHS, for_s / _TENTHS) for at, for_s in pairs)

    @property
    def standing_s(self) -> float:
        """The longest time of standing still."""
        return max(self._row.standing[1::2], default=0) / _TENTHS

    @property
    def reports(self) -> tuple[RuleReport, ...]:
        return tuple(RuleReport(str(rule), int(at) / _TENTHS) for rule, at in _pairs(self._row.reports))

    @property
    def crop_sha256(self) -> str | None:
        return self._row.sha256.hex() or None

    @property
    def ground(self) -> GroundMotion | None:
        return _decode_ground(self._row.ground)

    @property
    def confirmed_after_s(self) -> float:
        return self._row.confirmed / _TENTHS

    @property
    def aspect(self) -> float | None:
        """Width of the picture over its height; None: the row is older than this field."""
        return self._row.aspect / 100 or None


_FIELDS = [name for name, each in vars(PassageDetail).items() if isinstance(each, property)]


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
