"""Whole pictures of matches: opened for themselves, asked for, bounded, and deleted with their search."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from edge_agent.core.delivery import SEALED_MAGIC
from edge_central.retention.deletion_plans import DeletionTarget
from edge_central.retention.operator_records import delete_old
from edge_central.searches import match_pictures
from edge_central.searches.answers import is_answer, record_answers
from edge_central.searches.model import (
    WHOLE_PICTURE,
    PictureStatus,
    SearchAuthor,
    SearchPicture,
    TooManySearches,
)
from edge_central.searches.report import searches_between
from edge_central.searches.withdrawal import withdraw_search
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.parts import JPEG
from tests.edge_central.searches.parts import (
    ADMIN,
    HOUR_MS,
    NOW_MS,
    OF_ALL,
    answer,
    ask,
    command_of,
    passage,
    picture_reply,
)

PLACE = {"box": [0.1, 0.2, 0.3, 0.4], "after_s": 4.0}
AT = ("dt-001", 412)


def found(connection: Connection) -> str:
    """A search with one match."""
    search = ask(connection, gateways=["dt-001"])
    reply = answer("dt-001", command_of(connection, search, "dt-001"), passage(412, picture_sha256="ab" * 32))
    record_answers(connection, [reply], NOW_MS)
    return search


def opened(connection: Connection, search: str) -> str:
    """Open the whole picture; return the id of its command."""
    match_pictures.open_picture(connection, ADMIN, OF_ALL, search, *AT, NOW_MS, WHOLE_PICTURE)
    return str(connection.scalar(select(tables.search_scene.c.command)))


def read(connection: Connection, search: str) -> SearchPicture | None:
    return match_pictures.read_picture(connection, ADMIN, OF_ALL, search, *AT, WHOLE_PICTURE)


def test_each_of_the_two_pictures_is_opened_for_itself_and_on_record(connection: Connection) -> None:
    search = found(connection)
    match_pictures.open_picture(connection, ADMIN, OF_ALL, search, *AT, NOW_MS)
    assert read(connection, search) is None, "who opened the small one has not opened the whole one"
    command = opened(connection, search)
    reply = picture_reply("dt-001", command, 412, places={"412": PLACE}, paths={"412": [[0.2, 0.4, 0.0]]})
    assert is_answer(reply)
    record_answers(connection, [reply], NOW_MS)
    whole = read(connection, search)
    assert whole is not None
    assert (whole.status, whole.jpeg, whole.box) == (PictureStatus.RECEIVED, JPEG, (0.1, 0.2, 0.3, 0.4))
    assert (whole.after_s, whole.path) == (4.0, ((0.2, 0.4, 0.0),))
    (listed,) = match_pictures.opened_pictures(connection, ADMIN, OF_ALL, search, WHOLE_PICTURE)
    assert (listed.box, listed.jpeg) == (whole.box, None)
    log = tables.access.c
    rows = connection.execute(select(log.what, log.purpose, log.case_number, log.media_id)).all()
    reason = ("theft of a motorcycle", "7/2026", "412")
    assert [tuple(row) for row in rows[1:]] == [("passage", *reason), ("passage-scene", *reason)]
    (use,) = searches_between(connection, NOW_MS - 1, NOW_MS + 1)
    assert use.pictures_opened == 2


def test_who_has_opened_the_small_picture_does_not_see_the_whole_one(connection: Connection) -> None:
    search, khanh = found(connection), SearchAuthor("khanh", "::1", EVERYWHERE)
    reply = picture_reply("dt-001", opened(connection, search), 412, places={"412": PLACE})
    record_answers(connection, [reply], NOW_MS)
    match_pictures.open_picture(connection, khanh, OF_ALL, search, *AT, NOW_MS)
    assert match_pictures.read_picture(connection, khanh, OF_ALL, search, *AT, WHOLE_PICTURE) is None
    assert match_pictures.opened_pictures(connection, khanh, OF_ALL, search, WHOLE_PICTURE) == []
    match_pictures.open_picture(connection, khanh, OF_ALL, search, *AT, NOW_MS, WHOLE_PICTURE)
    assert match_pictures.read_picture(connection, khanh, OF_ALL, search, *AT, WHOLE_PICTURE) is not None


@pytest.mark.parametrize(
    ("payload", "places", "expected"),
    [
        (JPEG, {"412": PLACE}, PictureStatus.RECEIVED),
        (SEALED_MAGIC + b" sealed", {"412": PLACE}, PictureStatus.RECEIVED),
        (b"", {}, PictureStatus.MISSING),
        (JPEG, {}, PictureStatus.FAILED),
        (JPEG, {"412": PLACE | {"box": [0.1, 0.2, 7, 0.4]}}, PictureStatus.FAILED),
        (JPEG, {"412": PLACE | {"after_s": -1}}, PictureStatus.FAILED),
        (b"<html><script>alert(1)</script>", {"412": PLACE}, PictureStatus.FAILED),
        (JPEG + bytes(48_001), {"412": PLACE}, PictureStatus.FAILED),
    ],
    ids=["plain", "sealed", "missing", "no place", "no box", "before the start", "html", "too large"],
)
def test_only_a_picture_with_the_place_of_the_object_is_stored(
    connection: Connection, payload: bytes, places: dict[str, Any], expected: PictureStatus
) -> None:
    search = found(connection)
    reply = picture_reply("dt-001", opened(connection, search), 412, payload, places=places)
    record_answers(connection, [reply], NOW_MS)
    whole = read(connection, search)
    assert whole is not None
    assert whole.status is expected


def test_both_pictures_count_for_the_limit_of_an_hour(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_pictures, "MAX_PICTURES_PER_HOUR", 1)
    search = found(connection)
    opened(connection, search)
    with pytest.raises(TooManySearches):
        match_pictures.open_picture(connection, ADMIN, OF_ALL, search, *AT, NOW_MS)


def test_a_whole_picture_is_withdrawn_and_deleted_with_its_search(connection: Connection) -> None:
    search = ask(connection)
    reply = answer("dt-001", command_of(connection, search, "dt-001"), passage(412))
    record_answers(connection, [reply], NOW_MS)
    command = opened(connection, search)
    withdraw_search(connection, ADMIN, OF_ALL, search, NOW_MS)
    record_answers(connection, [picture_reply("dt-001", command, 412, places={"412": PLACE})], NOW_MS)
    whole = read(connection, search)
    assert whole is not None
    assert (whole.status, whole.jpeg) == (PictureStatus.WITHDRAWN, None)
    delete_old(connection, DeletionTarget.SEARCH, NOW_MS + HOUR_MS, None, 200)
    assert connection.scalar(select(func.count()).select_from(tables.search_scene)) == 0
