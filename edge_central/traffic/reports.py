"""Parses the events ``counts`` and ``line-counts``. Pure.

A report with a value that makes no sense is not counted; the event itself is stored like any other.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import msgspec

from edge_agent.core.model import LABELS, accepted_labels
from edge_agent.wire.received.messages import MalformedMessage, milliseconds

KINDS = ("counts", "line-counts")
QUARTER_MS = 900_000
"""All time zones differ from UTC by whole quarters of an hour, so days begin with a quarter."""
A_TO_B, B_TO_A, APPEARED = "a-to-b", "b-to-a", ""
"""Directions of a count; a camera's new objects have none."""
OTHER = "other"
"""The label for every label that this version does not know, so that a gateway cannot invent columns."""
MAX_VEHICLES, MAX_SPEED = 1_000, 1_000
"""Highest accepted mean number of vehicles in a picture, and highest accepted speed in any unit."""
MAX_COUNT = 10_000_000
"""Highest accepted count of one label in one report."""

Counts = Counter[tuple[str, ...]]
"""Counts by direction and label; counts of turning movements by ``TurnKey``."""
TurnKey = tuple[str, str, str, str]
"""First line, direction across it, direction across the last line, and label. The directions are empty if
``ONLY`` or ``FURTHER`` stands for the first line."""
ONLY, FURTHER = "", "*"
"""Stand for the first line. ``ONLY``: the object crossed the last line only. ``FURTHER``: a turn beyond those
that the gateway distinguishes."""
MAX_TURNS = 64
"""Maximum number of turns in one report; an agent distinguishes no more."""

_LABELS = accepted_labels(LABELS)
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class _ObjectCountsData(msgspec.Struct):
    from_at: str
    to_at: str
    new: dict[str, int]
    flow: msgspec.Raw = msgspec.Raw()


class _ObjectCountsEvent(msgspec.Struct):
    data: _ObjectCountsData
    clock: str = ""


class _LineCountsData(msgspec.Struct):
    rule_id: str
    line: str
    day: str
    from_at: str
    to_at: str
    a_to_b: dict[str, int]
    b_to_a: dict[str, int]
    turns: msgspec.Raw = msgspec.Raw()
    """Parsed separately, so that a mistake in it does not cost the counts."""


_Direction = Literal["a-to-b", "b-to-a"]


class _TurnData(msgspec.Struct):
    line: str
    direction: _Direction
    to_direction: _Direction
    objects: dict[str, int]


class _TurnsData(msgspec.Struct):
    only: dict[str, int]
    turns: list[_TurnData]
    others: dict[str, int]


class _LineCountsEvent(msgspec.Struct):
    data: _LineCountsData
    clock: str = ""


_Mean = Annotated[float, msgspec.Meta(ge=0, le=MAX_VEHICLES)]
_Speed = Annotated[float, msgspec.Meta(ge=0, le=MAX_SPEED)]


class FlowReport(msgspec.Struct, frozen=True):
    """The traffic of an interval, as ``FlowData`` in edge_agent/wire/cameras.py."""

    watched_s: Annotated[float, msgspec.Meta(ge=0, le=QUARTER_MS // 1000)]
    moving: _Mean
    standing: _Mean
    standing_long: _Mean
    speed: _Speed | None
    speed_m_s: _Speed | None


@dataclass(frozen=True, slots=True)
class ObjectCountsReport:
    """New objects of one camera in an interval. Times are milliseconds since 1970, by the gateway's clock."""

    from_ms: int
    to_ms: int
    synced: bool  # whether the gateway's clock was synchronised
    counts: Counts
    flow: FlowReport | None = None
    """None: not reported, because there was no traffic or the agent is older."""


@dataclass(frozen=True, slots=True)
class LineCountsReport:
    """Crossings of a line since midnight of the site; the interval is the time since the report before."""

    rule: str
    line: str
    day: date
    from_ms: int
    to_ms: int
    synced: bool
    counts: Counts
    turns: Counts | None = None
    """By ``TurnKey``; None: not reported."""


def parse_object_counts(payload: bytes) -> ObjectCountsReport | None:
    """Return the counts; None: a value of the event makes no sense."""
    try:
        event = _OBJECT_COUNTS.decode(payload)
        data = event.data
        from_ms, to_ms = _interval(data.from_at, data.to_at)
        counts = _counts(APPEARED, data.new)
    except (msgspec.DecodeError, RecursionError, MalformedMessage):
        return None
    return ObjectCountsReport(from_ms, to_ms, event.clock == "synced", counts, _flow(bytes(data.flow)))


def _flow(document: bytes) -> FlowReport | None:
    """Return the flow; None: there is none, or a value makes no sense."""
    try:
        return _FLOW.decode(document) if document else None
    except (msgspec.DecodeError, RecursionError):
        return None


def parse_line_counts(payload: bytes) -> LineCountsReport | None:
    """Return the counts. None: a value of the event makes no sense."""
    try:
        event = _LINE_COUNTS.decode(payload)
        data = event.data
        if not (_ID.fullmatch(data.rule_id) and _ID.fullmatch(data.line)):
            return None
        from_ms, to_ms = _interval(data.from_at, data.to_at)
        day = _day(data.day)
        counts = _counts(A_TO_B, data.a_to_b) + _counts(B_TO_A, data.b_to_a)
    except (msgspec.DecodeError, RecursionError, MalformedMessage):
        return None
    return LineCountsReport(
        *(data.rule_id, data.line, day, from_ms, to_ms, event.clock == "synced", counts),
        _turns(bytes(data.turns)),
    )


def _turns(document: bytes) -> Counts | None:
    """Return the turns; None: there are none, or a value makes no sense."""
    if not document:
        return None
    try:
        turns = _TURNS.decode(document)
        found = _turned((ONLY, "", ""), turns.only) + _turned((FURTHER, "", ""), turns.others)
        for turn in turns.turns[:MAX_TURNS]:
            if not _ID.fullmatch(turn.line):
                return None
            found += _turned((turn.line, turn.direction, turn.to_direction), turn.objects)
    except (msgspec.DecodeError, RecursionError, MalformedMessage):
        return None
    return found


def _turned(movement: tuple[str, str, str], by_label: dict[str, int]) -> Counts:
    """Return the counts of one movement by ``TurnKey``. Raises MalformedMessage."""
    counts = _counts(APPEARED, by_label)
    return Counts({(*movement, label): count for (_, label), count in counts.items()})


def _interval(from_at: str, to_at: str) -> tuple[int, int]:
    """Return begin and end in milliseconds since 1970. Raises MalformedMessage."""
    from_ms, to_ms = milliseconds(from_at), milliseconds(to_at)
    if from_ms > to_ms:
        raise MalformedMessage("an interval ends before it begins")
    return from_ms, to_ms


def _day(text: str) -> date:
    """Raises MalformedMessage."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise MalformedMessage("day is not a date") from None
    if day.isoformat() != text:
        raise MalformedMessage("day is not YYYY-MM-DD")
    return day


def _counts(direction: str, by_label: dict[str, int]) -> Counts:
    """Raises MalformedMessage."""
    found = Counts()
    for label, count in by_label.items():
        if not 0 <= count <= MAX_COUNT:
            raise MalformedMessage("a count is out of bounds")
        found[direction, label if label in _LABELS else OTHER] += count
    return found


_OBJECT_COUNTS = msgspec.json.Decoder(_ObjectCountsEvent)
_LINE_COUNTS = msgspec.json.Decoder(_LineCountsEvent)
_FLOW = msgspec.json.Decoder(FlowReport)
_TURNS = msgspec.json.Decoder(_TurnsData)
