"""Matches: the passages that gateways have found. Their types as received, stored and read; and the pairs of
a question with two places.

A document of a gateway is bounded here before it is stored, so that none of its content breaks a page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, select

from edge_agent.wire.base import Id, Sha256
from edge_central.searches.model import SearchReader
from edge_central.searches.question import SearchQuestion
from edge_central.store import tables

FIRST, SECOND = 1, 2
"""The first place is where the question is asked, the second one is that of a question for pairs."""
MAX_READ = 1_000

Word = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,40}$(?!\n)")]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=1e7)]


class ReceivedPassage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The type ``FoundPassage`` of the wire, with bounds on its values. Words that only later versions know
    are accepted."""

    id: Annotated[int, Meta(ge=0, le=2**53)]
    camera: Id
    track: Annotated[str, Meta(max_length=100)] = ""
    group: Word | None = None
    label: Annotated[str, Meta(max_length=60)] | None = None
    start: str
    for_s: Seconds
    clock: Word = "synced"
    direction_deg: Annotated[int, Meta(ge=0, le=360)] | None = None
    speed: Annotated[float, Meta(ge=0, le=1e6)] = 0.0
    speed_m_s: Annotated[float, Meta(ge=0, le=1e4)] | None = None
    speed_error_m_s: Annotated[float, Meta(ge=0, le=1e4)] | None = None
    heading_deg: Annotated[int, Meta(ge=0, le=360)] | None = None
    size: tuple[Share, Share] | None = None
    entry: Word = "inside"
    exit: Word = "inside"
    light: Word = "day"
    colours: Annotated[dict[Word, Annotated[list[Word], Meta(max_length=4)]], Meta(max_length=8)] = (
        msgspec.field(default_factory=dict)
    )
    still_s: Seconds = 0.0
    rules: Annotated[list[Annotated[str, Meta(max_length=63)]], Meta(max_length=16)] = msgspec.field(
        default_factory=list
    )
    picture_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True)
class PassageMatch:
    """A passage that a gateway has found. ``then`` is set in a pair: the passage at the second place."""

    cursor: int
    gateway: str
    ward: str
    camera: str
    passage: int  # its id at the gateway
    start_ms: int
    for_s: float
    clock: str  # unsynced, synced, corrected
    group: str | None
    label: str | None
    direction_deg: int | None  # clockwise from the top of the picture
    speed: float  # lengths of the object a second
    speed_m_s: float | None
    size: tuple[float, float] | None  # width, height of the box in 0..1 of the picture
    entry: str
    exit: str
    light: str  # day, dusk, infrared
    colours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by part; the largest area first
    still_s: float = 0.0
    rules: tuple[str, ...] = ()
    picture_sha256: str | None = None  # None: the passage never had a picture
    speed_error_m_s: float | None = None  # 19 of 20 speeds are wrong by less than this
    heading_deg: int | None = None  # clockwise from north
    track: str = ""  # id of its track, also in events of the object; empty: an old agent does not name it
    then: PassageMatch | None = None


_DECODE = msgspec.json.Decoder(ReceivedPassage).decode


class PassagePair(NamedTuple):
    """Two passages that may be of one object. ``cursor``: the cursor of the later row times PAIRS_OF_ROW,
    plus the number of the pair among the pairs of that row. It stays the same when more answers come."""

    cursor: int
    first: PassageMatch
    then: PassageMatch

    def match(self) -> PassageMatch:
        return replace(self.first, cursor=self.cursor, then=self.then)


PAIRS_OF_ROW = 2**20
"""More than the pairs of one row: a row is in a pair with at most 50 rows of each gateway of the other
place."""


def read_matches(
    connection: Connection,
    reader: SearchReader,
    question: SearchQuestion,
    search: str,
    after: int,
    limit: int,
) -> list[PassageMatch]:
    """Return up to ``limit`` matches of a search with cursors after ``after``, in the order of the cursors.
    For a question with a second place these are pairs."""
    limit = max(1, min(limit, MAX_READ))
    if question.second is not None:
        pairs = read_pairs(connection, reader, question, search, after)
        return [each.match() for each in islice(pairs, limit)]
    columns = tables.search_match.c
    query = select(tables.search_match).where(columns.search == search, reader.of(columns))
    query = query.where(columns.cursor > after).order_by(columns.cursor).limit(limit)
    return [match_of(row) for row in connection.execute(query)]


def read_pairs(
    connection: Connection, reader: SearchReader, question: SearchQuestion, search: str, after: int = 0
) -> Iterator[PassagePair]:
    """Yield the pairs of a search with a second place, from a cursor on, in the order of the cursors. A city
    may have a million pairs, so they are made one by one while the caller reads them."""
    if question.second is None:
        return iter(())
    columns = tables.search_match.c
    query = select(tables.search_match).where(columns.search == search, reader.of(columns))
    rows = connection.execute(query.order_by(columns.cursor))
    return pairs_of(((row.place, match_of(row)) for row in rows), question.second.within_min, after)


def pairs_of(
    rows: Iterable[tuple[int, PassageMatch]], within_min: float, after: int = 0
) -> Iterator[PassagePair]:
    """Yield pairs of passages of the same group that have a common colour where both have colours. The second
    passage begins after the first one, and within the time of the question. ``rows``: place and passage, by
    cursor."""
    before: dict[int, defaultdict[str | None, list[PassageMatch]]]
    before = {FIRST: defaultdict(list), SECOND: defaultdict(list)}
    for place, match in rows:
        others = before[SECOND if place == FIRST else FIRST][match.group]
        before[place][match.group].append(match)
        if (match.cursor + 1) * PAIRS_OF_ROW <= after:
            continue
        pairs = ((match, other) if place == FIRST else (other, match) for other in others)
        agreeing = (pair for pair in pairs if _may_be_one(*pair, within_min))
        for cursor, pair in enumerate(agreeing, match.cursor * PAIRS_OF_ROW):
            if cursor > after:
                yield PassagePair(cursor, *pair)


def _may_be_one(first: PassageMatch, then: PassageMatch, within_min: float) -> bool:
    return 0 < then.start_ms - first.start_ms <= within_min * 60_000 and _colours_agree(first, then)


def _colours_agree(one: PassageMatch, other: PassageMatch) -> bool:
    """Whether the two passages share a colour in each part, such as the upper body, for which both have a
    colour. Other parts decide nothing."""
    return all(
        set(one.colours[part]) & set(other.colours[part]) for part in one.colours.keys() & other.colours
    )


def match_of(row: Any) -> PassageMatch:
    """Make a match from a row of ``search_match``."""
    found = _DECODE(row.document)
    return PassageMatch(
        cursor=row.cursor,
        gateway=row.gateway,
        ward=row.ward,
        camera=row.camera,
        passage=row.passage,
        start_ms=row.start_ms,
        for_s=found.for_s,
        clock=found.clock,
        group=found.group,
        label=found.label,
        direction_deg=found.direction_deg,
        speed=found.speed,
        speed_m_s=found.speed_m_s,
        size=found.size,
        entry=found.entry,
        exit=found.exit,
        light=found.light,
        colours={part: tuple(terms) for part, terms in found.colours.items()},
        still_s=found.still_s,
        rules=tuple(found.rules),
        picture_sha256=found.picture_sha256,
        speed_error_m_s=found.speed_error_m_s,
        heading_deg=found.heading_deg,
        track=found.track,
    )
