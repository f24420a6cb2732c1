"""Queries of events: rows of messages, their pictures, and one event with its phases, evidence and media."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
)

from edge_agent.core.delivery import SEALED_TYPE
from edge_agent.wire.received.bounds import EARLIEST_MS, LATEST_MS, bounded_time
from edge_central.console import documents
from edge_central.store import tables
from edge_central.store.papers import GATEWAY, PAPERS, is_listed, is_paper, paper_of
from edge_central.store.ringing import ALARM, RULES, WARNING
from edge_central.store.scope import Scope

MAX_PHASES = 500
MAX_LAST_PHASES = 20
NEWEST = 8
NEWEST_FOR_WHOLE = 40  # how many of a camera's newest media are searched for a whole picture
NEWEST_REQUESTED = 4
"""How many of a camera's newest requested pictures are searched if the newest media have no whole one."""
INFO = 9
CAMERA = ("camera-view", "camera-state", "rule-override", "rule-change")
BOX = (
    "collection",
    "model",
    "thermal",
    "uplink",
    "certificate",
    "healing",
    "update",
    "clock-correction",
    "loss",
)
QUIET = ("object", "counts", "line-counts", "chain-head", "evidence", "self-test")
"""Kinds that only programs need: lists leave them out unless the filter names them."""
KINDS = (*RULES, *CAMERA, *BOX, *QUIET)


@dataclass(frozen=True, slots=True)
class EventRow:
    cursor: int
    gateway: str
    ward: str
    camera: str
    kind: str
    severity: int
    time_ms: int
    received_ms: int
    event_id: str | None
    phase: str | None
    synced: bool  # whether the gateway's clock was synchronised
    data: documents.EventDataFields
    media_id: str | None = None  # id of its snapshot, if that has arrived
    goes_on: bool = False  # in a list: its end has not arrived
    ended_ms: int | None = None  # in a list: the time of its end, by the gateway's clock
    end_reason: str | None = None

    @property
    def lasted_ms(self) -> int | None:
        """How long the event lasted. None: it goes on, or the list lacks its begin or its end."""
        begun = self.phase == "start" and self.ended_ms is not None
        return max(0, (self.ended_ms or 0) - self.time_ms) if begun else None

    @property
    def paper(self) -> str:
        """The kind of commissioning document that the event announces; empty: none."""
        return paper_of(self.event_id, self.camera) if self.kind == "evidence" else ""

    @property
    def late_s(self) -> float:
        """Seconds from the event to its arrival. Correct only if the gateway's clock is right."""
        return (self.received_ms - self.time_ms) / 1000


@dataclass(frozen=True, slots=True)
class StoredMedia:
    gateway: str
    media_id: str
    ward: str
    event_id: str
    camera: str
    sha256: str
    bytes: int
    sealed: bool
    received_ms: int


STILL_VIEWS = ("object", "lower-half", "scene")


@dataclass(frozen=True, slots=True)
class EventStory:
    """An event with all its phases, evidence and media."""

    requested: EventRow
    phases: tuple[EventRow, ...]  # in the order of their numbers, without evidence events
    evidence: tuple[EventRow, ...]  # events about clips, or about the reason why there is no clip
    media: tuple[StoredMedia, ...]

    @property
    def first(self) -> EventRow:
        return self.phases[0] if self.phases else self.requested

    @property
    def goes_on(self) -> bool:
        return self.phases[-1].phase in ("start", "update") if self.phases else False

    @property
    def paper(self) -> str:
        """The kind of commissioning document that the event is about; empty: none."""
        return self.first.paper

    @property
    def clips(self) -> tuple[StoredMedia, ...]:
        """Requested clips that have arrived and can be played."""
        return tuple(each for each in self._files("video/mp4") if not each.sealed)

    @property
    def sealed_files(self) -> tuple[StoredMedia, ...]:
        """Requested clips that have arrived and that only the centre's key can open."""
        return tuple(each for each in self._files(SEALED_TYPE) if each.sealed)

    def _files(self, content_type: str) -> Iterator[StoredMedia]:
        named = (row.data.file for row in self.evidence if row.data.file is not None)
        of_type = {each.media_id for each in named if each.content_type == content_type}
        return (each for each in self.media if each.media_id in of_type)

    def clip_start(self, sha256: str) -> tuple[int, bool] | None:
        """Return when the first picture of the clip with this SHA-256 was taken, in ms by the gateway's
        clock, and whether this clock was synchronised. None: no event reports it."""
        for row in self.evidence:
            clip = row.data.clip
            began_ms = None if clip is None else documents.milliseconds(clip.began_at)
            if clip is not None and clip.sha256 == sha256 and began_ms is not None:
                return began_ms, row.synced
        return None

    @property
    def stills(self) -> tuple[tuple[str, StoredMedia], ...]:
        """The pictures of stills that have arrived, each with its view: object, lower-half or scene."""
        here = {each.media_id: each for each in self.media if not each.sealed}
        named = (row.data.still for row in self.evidence if row.data.still is not None)
        return tuple(
            (still.view, here[still.media_id])
            for still in named
            if still.media_id in here and still.view in STILL_VIEWS
        )

    @property
    def severity(self) -> int:
        return max((row.severity for row in self.phases), default=self.requested.severity)


_E = tables.event.c
OF_NOTE = _E.severity >= literal_column(str(WARNING))
"""A literal, so that SQLite uses the partial index event_of_note."""
SUBJECT = func.coalesce(
    literal("event ") + _E.gateway + " " + _E.event_id, literal("cursor ") + cast(_E.cursor, Text)
)
"""The event's subject in the incident log: one for all phases, or one for a message without event_id."""
NOT_HIDDEN = SUBJECT.not_in(select(tables.hidden_event.c.subject))
EVENT_COLUMNS = (
    *(_E.cursor, _E.gateway, _E.ward, _E.camera, _E.kind, _E.severity, _E.time_ms, _E.received_ms),
    *(_E.event_id, _E.phase, _E.payload),
)


def rows_of(connection: Connection, scope: Scope, cursors: Collection[int]) -> tuple[EventRow, ...]:
    """Return the events with these cursors, newest first."""
    query = select(*EVENT_COLUMNS).where(_E.cursor.in_(sorted(cursors)))
    return event_rows(connection, scope, query.order_by(_E.cursor.desc()))


def event_rows(connection: Connection, scope: Scope, query: Select[Any]) -> tuple[EventRow, ...]:
    """Return the rows of a query of ``EVENT_COLUMNS`` that are in the scope, with their pictures."""
    found = connection.execute(query.where(scope.of(_E.ward)))
    return _with_pictures(connection, tuple(_row(row) for row in found))


def read_story(connection: Connection, scope: Scope, cursor: int) -> EventStory | None:
    """Return an event with its phases, evidence and media; None: this scope has no such event."""
    query = select(*EVENT_COLUMNS).where(_E.cursor == cursor, scope.of(_E.ward))
    row = connection.execute(query).first()
    if row is None:
        return None
    requested = _row(row)
    if requested.event_id is None:
        return EventStory(requested, (requested,), (), ())
    all_of_it = select(*EVENT_COLUMNS).where(
        _E.event_id == requested.event_id, _E.gateway == requested.gateway
    )
    of_evidence = all_of_it.where(_E.kind == "evidence").order_by(_E.stream, _E.sequence)
    evidence = event_rows(connection, scope, of_evidence.limit(MAX_PHASES))
    phases = _phases(connection, scope, all_of_it.where(_E.kind != "evidence"))
    media = _media(connection, scope, tables.media.c.event_id == requested.event_id, requested.gateway)
    return EventStory(requested, phases, evidence, media)


def _phases(connection: Connection, scope: Scope, all_of_it: Select[Any]) -> tuple[EventRow, ...]:
    """Return the phases in their order. Of an event with more than ``MAX_PHASES``, which reports its progress
    once a minute, the first and the last ones: the end says when and why it ended."""
    first = event_rows(connection, scope, all_of_it.order_by(_E.stream, _E.sequence).limit(MAX_PHASES))
    if len(first) < MAX_PHASES:
        return first
    newest = all_of_it.order_by(_E.stream.desc(), _E.sequence.desc()).limit(MAX_LAST_PHASES)
    known = {each.cursor for each in first}
    last = [each for each in event_rows(connection, scope, newest) if each.cursor not in known]
    return (*first, *reversed(last))


def ward_of_event(connection: Connection, scope: Scope, gateway: str, event_id: str) -> str | None:
    """Return the ward of the first phase of an event. None: there is no such event in this scope."""
    query = select(_E.ward).where(
        _E.event_id == event_id, _E.gateway == gateway, _E.kind != "evidence", scope.of(_E.ward)
    )
    return connection.scalar(query.order_by(_E.stream, _E.sequence).limit(1))


def media(connection: Connection, scope: Scope, gateway: str, media_id: str) -> StoredMedia | None:
    found = _media(connection, scope, tables.media.c.media_id == media_id, gateway)
    return found[0] if found else None


def papers_of(connection: Connection, scope: Scope, gateway: str) -> dict[str, tuple[StoredMedia, ...]]:
    """Return the documents of each kind of ``PAPERS`` that a gateway has sent, newest first: those that are
    stored as papers, and the newest document even if it is not stored as a paper."""
    found = {}
    for kind in PAPERS:
        newest = _media(connection, scope, is_paper(kind), gateway, newest=1)
        listed = _media(connection, scope, is_paper(kind) & is_listed(), gateway)
        if newest:
            found[kind] = (*newest, *(each for each in listed if each not in newest))
    return found


def latest_pictures(
    connection: Connection,
    scope: Scope,
    gateway: str,
    cameras: Iterable[str],
    is_picture: Callable[[StoredMedia], bool] = lambda media: True,
) -> dict[str, StoredMedia]:
    """Return each camera's newest picture; ``is_picture`` tells pictures from clips, which are media too."""
    latest: dict[str, StoredMedia] = {}
    for camera in cameras:
        found = _media(connection, scope, tables.media.c.camera == camera, gateway, newest=NEWEST)
        picture = next((each for each in found if is_picture(each)), None)
        if picture is not None:
            latest[camera] = picture
    return latest


def whole_picture(
    connection: Connection, scope: Scope, gateway: str, camera: str, is_whole: Callable[[StoredMedia], bool]
) -> StoredMedia | None:
    """Return the newest picture that shows all that the camera sees: one that a command requested, the scene
    of a still, or one for which ``is_whole`` is true. Other pictures of events show only a part."""
    found = _media(connection, scope, tables.media.c.camera == camera, gateway, newest=NEWEST_FOR_WHOLE)
    whole = _whole_media(connection, scope, gateway, {each.event_id for each in found})
    plain = (each for each in found if not each.sealed)
    newest = next((each for each in plain if each.media_id in whole or is_whole(each)), None)
    return newest or _requested_picture(connection, scope, gateway, camera)


def _whole_media(connection: Connection, scope: Scope, gateway: str, event_ids: set[str]) -> set[str]:
    """Return the ids of these events' media that evidence events declare whole pictures of a camera."""
    query = select(_E.payload).where(
        # Else SQLite would use an index of one of the columns instead of the index of event ids.
        _E.event_id.in_(event_ids), func.coalesce(_E.gateway, "") == gateway,
        func.coalesce(_E.kind, "") == "evidence", scope.of(func.coalesce(_E.ward, "")),
    )  # fmt: skip
    whole = set()
    for row in connection.execute(query):
        data = documents.parse_event(row.payload).data
        if data.still is not None and data.still.view == "scene":
            whole.add(data.still.media_id)
        # Commands send only pictures of the whole camera; the other files that they send are no JPEGs.
        if data.file is not None and data.file.content_type == "image/jpeg":
            whole.add(data.file.media_id)
    return whole


def _requested_picture(connection: Connection, scope: Scope, gateway: str, camera: str) -> StoredMedia | None:
    """Return the newest picture of a camera that the console requested, even if many media came after it."""
    columns = tables.request.c
    newest = select(columns.id).where(
        columns.gateway == gateway, columns.type == "snapshot", columns.camera == camera
    )
    ids = connection.scalars(newest.order_by(columns.asked_ms.desc()).limit(NEWEST_REQUESTED)).all()
    of_requests = tables.media.c.event_id.in_([f"snapshot-{id_}" for id_ in ids])
    found = _media(connection, scope, of_requests & (tables.media.c.camera == camera), gateway)
    return next((each for each in found if not each.sealed), None)


def _media(
    connection: Connection, scope: Scope, which: ColumnElement[bool], gateway: str, newest: int = 100
) -> tuple[StoredMedia, ...]:
    """Return a gateway's media, newest first. They stay in the ward of their event if the gateway moves to
    another one. Files about the gateway itself, such as commissioning reports, move with it."""
    columns, gateway_columns = tables.media.c, tables.gateway.c
    ward = func.coalesce(_ward_of_event(), gateway_columns.ward)
    query = (
        select(tables.media, ward.label("ward"))
        .join_from(tables.media, tables.gateway, gateway_columns.id == columns.gateway)
        .where(columns.gateway == gateway, which, scope.of(ward))
        .order_by(columns.received_ms.desc(), columns.media_id)
        .limit(newest)
    )
    return tuple(StoredMedia(**row._mapping) for row in connection.execute(query))


def _ward_of_event() -> ScalarSelect[Any]:
    """Return the ward of the event of a row of ``media``. NULL: the event has not arrived, or the file is
    about the gateway itself."""
    media = tables.media.c
    # Without coalesce SQLite might use an index of gateways instead of the one of event ids.
    of_media = (_E.event_id == media.event_id, func.coalesce(_E.gateway, "") == media.gateway)
    first = select(_E.ward).where(*of_media, media.camera != GATEWAY).order_by(_E.cursor).limit(1)
    return first.correlate(tables.media).scalar_subquery()


def _row(row: Any) -> EventRow:
    document = documents.parse_event(row.payload)
    # A time exactly at a bound was out of bounds on arrival; older versions stored such times unchanged.
    synced = document.clock == "synced" and EARLIEST_MS < row.time_ms < LATEST_MS
    # Pages show three severities; the wire has 1 to 24 in steps of four.
    severity = ALARM if row.severity >= ALARM else WARNING if row.severity >= WARNING else INFO
    return EventRow(
        *(row.cursor, row.gateway, row.ward, row.camera, row.kind, severity),
        *(bounded_time(row.time_ms), row.received_ms, row.event_id, row.phase, synced, document.data),
    )


def _with_pictures(connection: Connection, rows: Sequence[EventRow]) -> tuple[EventRow, ...]:
    """Return the rows with ``media_id`` of the snapshots that have arrived; one query for all rows."""
    named = {row.data.snapshot.media_id for row in rows if row.data.snapshot is not None}
    if not named:
        return tuple(rows)
    columns = tables.media.c
    query: Select[Any] = select(columns.gateway, columns.media_id).where(
        columns.gateway.in_({row.gateway for row in rows}),
        columns.media_id.in_(named),
        columns.sealed.is_(False),
    )
    here = {(gateway, media_id) for gateway, media_id in connection.execute(query)}
    return tuple(
        replace(row, media_id=snapshot.media_id)
        if (snapshot := row.data.snapshot) is not None and (row.gateway, snapshot.media_id) in here
        else row
        for row in rows
    )
