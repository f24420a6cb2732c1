"""Opens and reads pictures of matches. The access log gets a row before a gateway is asked for a picture."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from edge_agent.wire.received.bounds import with_problem
from edge_central.searches.model import (
    HOUR_MS,
    OPEN_PICTURES,
    PICTURE_KINDS,
    SMALL_PICTURE,
    WHOLE_PICTURE,
    PictureKind,
    PictureStatus,
    SearchAuthor,
    SearchPicture,
    SearchReader,
    TooManySearches,
)
from edge_central.searches.records import find_row
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.accesses import record_access

MAX_PICTURES_PER_HOUR = 300

PICTURE_LIFE_MS = 24 * HOUR_MS
"""How long a gateway that is away may take to send the picture."""


def open_picture(
    connection: Connection,
    author: SearchAuthor,
    reader: SearchReader,
    search: str,
    gateway: str,
    passage: int,
    now_ms: int,
    kind: PictureKind = SMALL_PICTURE,
) -> PictureStatus | None:
    """Record that the author opens a picture of a match, with purpose and case of the search. Ask the gateway
    for the picture if the centre does not have it. None: the reader may see no such match. Raises
    TooManySearches."""
    found = tables.search_match.c
    wanted = (found.search == search, found.gateway == gateway, found.passage == passage)
    query = select(found.ward, found.camera).where(*wanted, reader.of(found))
    match, row = connection.execute(query).first(), find_row(connection, search)
    if match is None or row is None:
        return None
    _check_picture_limit(connection, author.account, now_ms)
    file = {"ward": match.ward, "gateway": gateway, "camera": match.camera, "media_id": str(passage)}
    more = {"search": search, "purpose": row.purpose, "case_number": row.case_number}
    record_access(connection, kind.access, author.account, author.address, now_ms, **file, **more)
    return _ask_picture(connection, author, search, gateway, passage, match, now_ms, kind)


def _ask_picture(
    connection: Connection,
    author: SearchAuthor,
    search: str,
    gateway: str,
    passage: int,
    match: Any,
    now_ms: int,
    kind: PictureKind,
) -> PictureStatus:
    columns = kind.table.c
    which = (columns.search == search, columns.gateway == gateway, columns.passage == passage)
    status = connection.scalar(select(columns.status).where(*which))
    if status is not None and PictureStatus(status) in (*OPEN_PICTURES, PictureStatus.RECEIVED):
        return PictureStatus(status)
    asked = {
        "command": f"{kind.command}{secrets.token_hex(8)}",
        "ward": match.ward,
        "asked_ms": now_ms,
        "asked_by": author.account,
        "expires_ms": now_ms + PICTURE_LIFE_MS,
        "status": PictureStatus.ASKED.value,
        "sends": 0,
        "next_ms": now_ms,
        "sealed": False,
        "words": "",
        "problem": None,
    }
    if status is None:
        key = {"search": search, "gateway": gateway, "passage": passage}
        connection.execute(insert(kind.table), key | asked)
    else:  # an earlier request was refused, found no picture or expired: ask again
        connection.execute(update(kind.table).where(*which).values(**asked))
    return PictureStatus.ASKED


def _check_picture_limit(connection: Connection, account: str, now_ms: int) -> None:
    reached = picture_limit(connection, account, now_ms)
    if reached is not None:
        raise TooManySearches(reached, 600)


def picture_limit(connection: Connection, account: str, now_ms: int) -> str | None:
    """Return why the account may open no more pictures for now. None: it may open more."""
    columns = tables.access.c
    opened = (
        select(func.count())
        .select_from(tables.access)
        .where(
            columns.account == account,
            columns.what.in_([kind.access.value for kind in PICTURE_KINDS]),
            columns.time_ms > now_ms - HOUR_MS,
        )
    )
    pictures = connection.scalar(opened) or 0
    if pictures < MAX_PICTURES_PER_HOUR:
        return None
    return problem_text("search-too-many-pictures", pictures=pictures)


def read_picture(
    connection: Connection,
    author: SearchAuthor,
    reader: SearchReader,
    search: str,
    gateway: str,
    passage: int,
    kind: PictureKind = SMALL_PICTURE,
) -> SearchPicture | None:
    """Return a picture of a match, but only if the author has opened it: opening it added a row to the access
    log. None: the author has not opened it, or the reader may not see it."""
    log = tables.access.c
    opened = (
        log.search == search,
        log.account == author.account,
        log.what == kind.access.value,
        log.gateway == gateway,
        log.media_id == str(passage),
    )
    if connection.execute(select(log.id).where(*opened).limit(1)).first() is None:
        return None
    columns, found = kind.table.c, tables.search_match.c
    same = (found.search == columns.search) & (found.gateway == columns.gateway)
    query = (
        select(kind.table, found.camera)
        .join_from(kind.table, tables.search_match, same & (found.passage == columns.passage))
        .where(columns.search == search, columns.gateway == gateway, columns.passage == passage)
        .where(reader.of(columns))
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _picture(row, row.camera, row.jpeg)


def opened_pictures(
    connection: Connection,
    author: SearchAuthor,
    reader: SearchReader,
    search: str,
    kind: PictureKind = SMALL_PICTURE,
) -> list[SearchPicture]:
    """The pictures that the author has opened in a search, without the pictures themselves."""
    columns, log = kind.table.c, tables.access.c
    opened = select(log.gateway, log.camera, log.media_id).where(
        log.search == search, log.account == author.account, log.what == kind.access.value
    )
    cameras = {(row.gateway, row.media_id): row.camera for row in connection.execute(opened)}
    names = ["gateway", "ward", "passage", "status", "sealed", "path", "words", "problem"]
    if kind is WHOLE_PICTURE:
        names.append("place")
    wanted = select(*(columns[name] for name in names))
    query = wanted.where(columns.search == search, reader.of(columns))
    return [
        _picture(row, cameras[key], None)
        for row in connection.execute(query.order_by(columns.gateway, columns.passage))
        if (key := (row.gateway, str(row.passage))) in cameras
    ]


def _picture(row: Any, camera: str, jpeg: bytes | None) -> SearchPicture:
    points: Sequence[Any] = [] if row.path is None else json.loads(row.path)
    place: str | None = getattr(row, "place", None)
    corners = None if place is None else json.loads(place)
    return SearchPicture(
        gateway=row.gateway,
        ward=row.ward,
        camera=camera,
        passage=row.passage,
        status=PictureStatus(row.status),
        jpeg=jpeg,
        sealed=row.sealed,
        path=tuple((x, y, seconds) for x, y, seconds in points),
        words=with_problem(row.words, row.problem),
        box=None if corners is None else tuple(corners[:4]),
        after_s=0.0 if corners is None else corners[4],
    )
