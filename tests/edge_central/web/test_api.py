"""The API that programs use."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.web.api import event_history as history
from edge_central.web.auth.access_log import delete_old_accesses
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import JPEG, OURS, THEIRS, WARD
from tests.edge_central.web.house import House
from tests.edge_central.web.test_contract import valid

MP4 = b"\0\0\0\x18ftypisom" + bytes(5_000)


def events(client: httpx.Client, **params: Any) -> dict[str, Any]:
    answer = client.get("/api/events", params=params)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def numbers(document: dict[str, Any]) -> list[int]:
    return [int(each["sequence"]) for each in document["events"]]


def problem(client: httpx.Client, status: int, **params: Any) -> dict[str, Any]:
    answer = client.get("/api/events", params=params)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:edge-agent:problem:{document['code']}"
    return document


def test_a_subscriber_reads_his_ward_page_by_page_and_every_event_once(house: House) -> None:
    house.take(*(box.event(number) for number in range(1, 51) for box in (OURS, THEIRS)))
    client, found, cursor = house.program(house.token("app", WARD)), list[int](), None
    while True:
        page = events(client, limit=7, **({"after": cursor} if cursor else {}))
        assert len(page["events"]) <= 7
        found += numbers(page)
        cursor = page["next"]
        if not page["more"]:
            break
    assert found == list(range(1, 51))
    assert numbers(events(client, after=cursor)) == []
    house.take(OURS.event(51))
    assert numbers(events(client, after=cursor)) == [51]


def test_events_are_the_bytes_that_came(house: House) -> None:
    topic, payload = OURS.event(1)
    spaced = payload.replace(b'":', b'" :  ')
    house.take((topic, spaced), OURS.event(2), OURS.event(3))
    client = house.program(house.token("app", WARD))
    for encoding, packed in (("identity", None), ("gzip", "gzip")):
        answer = client.get("/api/events", headers={"Accept-Encoding": encoding})
        assert answer.headers.get("content-encoding") == packed
        assert answer.content.startswith(b'{"events":[' + spaced + b",")


def test_a_filter_by_ward_and_the_cursor_of_an_empty_answer(house: House) -> None:
    """The other filters: test_event_filters.py."""
    house.take(OURS.event(1), OURS.loss(2, (9, 9)), THEIRS.event(1))
    client = house.program(house.token("app", WARD, "bo-xuyen"))
    assert [each["ward"] for each in events(client, ward="bo-xuyen")["events"]] == ["bo-xuyen"]
    last = events(client, kind="counts", severity="alarm")
    assert (last["events"], last["more"]) == ([], False)
    assert numbers(events(client, after=last["next"])) == [], "what was looked through is behind the cursor"


def test_an_answer_is_bounded_in_bytes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.take(*(OURS.event(number) for number in range(1, 6)))
    monkeypatch.setattr(history, "MOST_BYTES", len(OURS.event(1)[1]) * 2)
    page = events(house.program(house.token("app", WARD)))
    assert (numbers(page), page["more"]) == ([1, 2], True)


def test_waiting_ends_with_the_event_or_with_the_time(house: House) -> None:
    client = house.program(house.token("app", WARD))
    cursor = events(client, after="now")["next"]
    began = time.monotonic()
    assert events(client, after=cursor, wait=0.2)["events"] == []
    assert time.monotonic() - began >= 0.2
    late = threading.Timer(0.3, lambda: house.take(THEIRS.event(1), OURS.event(1)))
    late.start()
    assert numbers(events(client, after=cursor, wait=30)) == [1]
    assert time.monotonic() - began < 25, "not at the end of the time"
    late.join()


def test_a_reader_that_missed_deleted_events_is_notified(house: House) -> None:
    house.take(*(OURS.event(number) for number in range(1, 5)))
    client = house.program(house.token("app", WARD))
    behind, there = events(client, limit=1)["next"], events(client)["next"]
    with house.connections.writing() as connection:
        connection.execute(delete(tables.event).where(tables.event.c.cursor <= 2))
    what = {"what": "event", "kind": "object", "rule": "info_days: 90", "first_cursor": 1, "last_cursor": 2}
    zeros = dict.fromkeys(("begun_ms", "ended_ms", "rows", "first_ms", "held"), 0)
    house.harness.insert(tables.deletion, {**what, **zeros, "last_ms": 1_700_000_000_000})
    gone = [{"kind": "object", "received_until": "2023-11-14T22:13:20.000Z"}]
    for page in (events(client), events(client, after=behind)):
        assert (numbers(page), page["deleted"]) == ([3, 4], gone)
    assert events(client, after=there)["deleted"] == []
    assert events(client, kind="counts")["deleted"] == [], "nothing that was asked for"


def test_a_cursor_of_a_history_that_is_no_more_is_refused(house: House, tmp_path: Path) -> None:
    client = house.program(house.token("app", WARD))
    house.take(OURS.event(1))
    backup = tmp_path / "backup.db"
    with sqlite3.connect(tmp_path / "state" / "central.db") as original, sqlite3.connect(backup) as copy:
        original.backup(copy)
    old = events(client)["next"]
    house.take(OURS.event(2))
    after_backup = events(client)["next"]
    _restore(house, backup)
    assert problem(client, 409, after=after_backup)["code"] == "conflict"
    house.take(OURS.event(3))
    assert problem(client, 409, after=after_backup)["code"] == "conflict", "the number is given again"
    assert numbers(events(client, after=old)) == [3]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"afer": "1"}, 400, "bad-request"),
        ({"after": "yesterday"}, 400, "bad-request"),
        ({"limit": "0"}, 400, "bad-request"),
        ({"limit": "1001"}, 400, "bad-request"),
        ({"severity": "5"}, 400, "bad-request"),
        ({"kind": "Object"}, 400, "bad-request"),
        ({"wait": "31"}, 400, "bad-request"),
        ({"wait": "nan"}, 400, "bad-request"),
        ({"ward": "bo-xuyen"}, 404, "not-found"),
        ({"ward": "nowhere"}, 404, "not-found"),
        ({"after": "7-00000000"}, 409, "conflict"),
    ],
)
def test_mistakes_have_stable_codes(house: House, params: dict[str, str], status: int, code: str) -> None:
    assert problem(house.program(house.token("app", WARD)), status, **params)["code"] == code


def test_a_token_is_asked_for_and_can_be_taken_away(house: House) -> None:
    assert problem(house.anybody(), 401)["code"] == "not-logged-in"
    assert problem(house.program("wrong"), 401)["code"] == "not-logged-in"
    assert house.anybody().get("/api/nothing").json()["code"] == "not-found"
    client = house.program(house.token("app", WARD))
    events(client)
    assert client.get("/access").status_code == 403, "pages are for people"
    with house.connections.writing() as connection:
        connection.execute(delete(tables.account))
    assert problem(client, 401)["code"] == "not-logged-in"


def test_a_picture_is_sent_after_its_access_is_logged(house: House) -> None:
    house.picture(OURS, "m1")
    wards = {"app": WARD, "other": "bo-xuyen"}
    client, stranger = (house.program(house.token(name, ward)) for name, ward in wards.items())
    answer = client.get("/api/media/dt-001/m1")
    assert (answer.content, answer.headers["content-type"]) == (JPEG, "image/jpeg")
    house.picture(OURS, "clip", MP4)
    clip = client.get("/api/media/dt-001/clip", headers={"Range": "bytes=4-7"})
    assert (clip.status_code, clip.content, clip.headers["content-type"]) == (206, b"ftyp", "video/mp4")
    assert client.get("/api/media/dt-001/clip").content == MP4
    for text, status in (("bytes=999999999-", 416), ("x", 400)):
        refused = client.get("/api/media/dt-001/clip", headers={"Range": text})
        assert (refused.status_code, valid(refused, "Problem")["status"]) == (status, status)
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers.get("content-range") == (f"bytes */{len(MP4)}" if status == 416 else None)
    assert stranger.get("/api/media/dt-001/m1").status_code == 404
    assert stranger.get("/api/media/dt-001/m1").json() == stranger.get("/api/media/dt-001/none").json()
    assert house.login("lan", Role.VIEWER, WARD).get("/media/dt-001/m1").content == JPEG
    page = house.login("minh", Role.ADMIN).get("/access").text
    assert (page.count(" m1<"), page.count(" clip<")) == (2, 1), "pieces of a clip are one look"
    seen = [line for line in house.harness.rows(tables.access) if line.what == "snapshot"]
    assert [(line.account, line.address) for line in seen] == [("app", "127.0.0.1"), ("lan", "127.0.0.1")]


def test_old_lines_of_the_access_log_are_deleted_and_that_is_logged(house: House) -> None:
    day_ms = 86_400_000
    with house.connections.writing() as connection:
        for day in (0, 3, 12):
            record_access(connection, AccessKind.LOGIN, "lan", "::1", day * day_ms)
        assert delete_old_accesses(connection, 10, 15 * day_ms) == 2
        assert delete_old_accesses(connection, 10, 15 * day_ms) == 0
    assert [line.time_ms for line in house.harness.rows(tables.access)] == [12 * day_ms]
    (line,) = house.harness.rows(tables.deletion)
    assert (line.what, line.rule, line.rows) == ("access", "access_days: 10", 2)
    assert (line.first_ms, line.last_ms) == (0, 3 * day_ms)


def _restore(house: House, backup: Path) -> None:
    """Replace the content of the database while the console runs."""
    with sqlite3.connect(backup) as copy, sqlite3.connect(house.folder / "state" / "central.db") as original:
        token = original.execute("SELECT * FROM account").fetchall()
        copy.backup(original)
        original.execute("DELETE FROM account")
        original.executemany(f"INSERT INTO account VALUES ({','.join('?' * len(token[0]))})", token)
