"""The command ``passage-times`` and its result: when objects passed each camera, without pictures, paths and
ids. The centre learns travel times between cameras from it, see docs/design/journeys.md."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, get_args

from msgspec import Meta, Struct

from edge_agent.wire.base import Arguments, CommandTime, Count, Id, Time
from edge_agent.wire.searches import MAX_CAMERAS, AskedBy, Case, ColourTerm, Group, Purpose, Wards

MAX_TIMES = 4_500
"""Most rows in one reply: 48 kB of base64, where a result may have 64 kB."""
PassageSide = Literal["left", "right", "top", "bottom", "inside"]

GROUP_ORDER: tuple[str, ...] = get_args(Group)
COLOUR_ORDER: tuple[str, ...] = get_args(ColourTerm)
SIDE_ORDER: tuple[str, ...] = get_args(PassageSide)
_ROW = struct.Struct("<IHBB")
_MAX_START, _MAX_DURATION = 0xFFFF_FFFF, 0xFFFF
_NO_GROUP, _NO_COLOUR = 3, 15


class PassageTimesArguments(Arguments, frozen=True, kw_only=True):
    """Send when objects passed, the oldest first; a filter that is null accepts all."""

    purpose: Purpose
    case: Case
    from_at: CommandTime
    to_at: CommandTime
    wards: Wards = None
    asked_by: AskedBy = None
    cameras: Annotated[
        Annotated[list[Id], Meta(min_length=1, max_length=MAX_CAMERAS)] | None, Meta(description="null: all")
    ] = None
    group: Group | None = None
    max_rows: Annotated[int, Meta(ge=1, le=MAX_TIMES, description="of all cameras together")] = MAX_TIMES


class CameraPassageTimes(Struct, frozen=True, kw_only=True):
    """The passages of one camera."""

    camera: str
    passages: Annotated[Count, Meta(description="rows that follow")]
    rows: Annotated[
        str,
        Meta(
            description="base64 of 8 bytes a passage, little-endian: start in tenths of a second after "
            "from_at (4 bytes); duration in tenths of a second, at most 65535 (2); group (2 bits: person, "
            "two-wheeler, vehicle, none) and first colour (4 bits: in the order of the colours of search, "
            "15: none); entry and exit (3 bits each: left, right, top, bottom, inside)"
        ),
    ]


class PassageTimes(Struct, frozen=True, kw_only=True):
    """``result`` of ``passage-times``."""

    cameras: list[CameraPassageTimes]
    unsynced: Annotated[
        Count, Meta(description="left out, because the clock was not synchronised when they were seen")
    ] = 0
    continues_at: Annotated[
        Time | None,
        Meta(description="more follow from here on: ask again with this from_at; null: these are all"),
    ] = None


class PassageTimeRow(NamedTuple):
    """One passage as it is sent; its times are in seconds and are sent in tenths."""

    start_s: float  # seconds from ``from_at`` to the start of the passage
    duration_s: float
    group: str | None
    colour: str | None  # the first of the passage's colours
    entry: str
    exit: str


def pack_rows(rows: Sequence[PassageTimeRow]) -> str:
    """Return the rows as base64. A value that does not fit into its field is set to the nearest that does."""
    return base64.b64encode(b"".join(map(_pack, rows))).decode()


def unpack_rows(text: str) -> list[PassageTimeRow]:
    """Decode rows of ``pack_rows``. Raises ValueError for other texts, because the sender may be hostile."""
    try:
        data = base64.b64decode(text, validate=True)
        return [_unpack(*values) for values in _ROW.iter_unpack(data)]
    except (ValueError, struct.error, IndexError) as error:
        raise ValueError(f"the rows cannot be read: {error}") from error


def _pack(row: PassageTimeRow) -> bytes:
    group = _NO_GROUP if row.group is None else GROUP_ORDER.index(row.group)
    colour = _NO_COLOUR if row.colour is None else COLOUR_ORDER.index(row.colour)
    return _ROW.pack(
        min(max(0, round(10 * row.start_s)), _MAX_START),
        min(max(0, round(10 * row.duration_s)), _MAX_DURATION),
        group | colour << 2,
        SIDE_ORDER.index(row.entry) | SIDE_ORDER.index(row.exit) << 3,
    )


def _unpack(start: int, duration: int, what: int, sides: int) -> PassageTimeRow:
    group, colour = what & 3, what >> 2
    return PassageTimeRow(
        start / 10,
        duration / 10,
        None if group == _NO_GROUP else GROUP_ORDER[group],
        None if colour == _NO_COLOUR else COLOUR_ORDER[colour],
        SIDE_ORDER[sides & 7],
        SIDE_ORDER[sides >> 3],
    )
