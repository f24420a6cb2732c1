"""Replies become rows; a gateway that lies breaks no page, and no row of another gateway."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from sqlalchemy import Connection, select

from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.core.problems import problem_of
from edge_central.searches import match_pictures, records
from edge_central.searches.answers import record_answers
from edge_central.searches.model import AnswerStatus, GatewayAnswer, PictureStatus
from edge_central.store import tables
from tests.edge_central.parts import JPEG, FakeGateway
from tests.edge_central.searches.parts import (
    ADMIN,
    NOW_MS,
    OF_ALL,
    answer,
    ask,
    command_of,
    passage,
    picture_reply,
    reply,
)


def answer_of(connection: Connection, search: str, gateway: str = "dt-001") -> GatewayAnswer:
    view = records.read_search(connection, OF_ALL, search)
    assert view is not None
    return next(each for each in view.answers if each.gateway == gateway)


def numbers(connection: Connection, search: str) -> list[int]:
    return [each.passage for each in records.read_matches(connection, OF_ALL, search)]


def test_an_answer_becomes_matches(connection: Connection) -> None:
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    before = records.read_changes(connection, search)
    record_answers(connection, [reply("dt-001", command, "accepted"), reply("dt-001", command, "running")], 5)
    assert answer_of(connection, search).status is AnswerStatus.WAITING
    record_answers(connection, [answer("dt-001", command, passage(7, speed_m_s=4.2, size=[0.1, 0.2]))], 6)
    found = answer_of(connection, search)
    assert (found.status, found.total, found.stored, found.dropped) == (AnswerStatus.ANSWERED, 1, 1, 0)
    assert records.read_changes(connection, search) > before
    (match,) = records.read_matches(connection, OF_ALL, search)
    assert (match.gateway, match.ward, match.camera, match.passage) == ("dt-001", "de-tham", "cam-1", 7)
    assert (match.speed_m_s, match.size, match.colours) == (4.2, (0.1, 0.2), {"upper": ("red",)})


def test_later_is_no_answer_yet(connection: Connection) -> None:
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    later = {"code": "search-later", "params": {}}
    record_answers(connection, [reply("dt-001", command, "running", text="too hot", problem=later)], 5)
    found = answer_of(connection, search)
    assert (found.status, found.words) == (AnswerStatus.LATER, "too hot")
    record_answers(connection, [answer("dt-001", command, passage())], 6)
    assert answer_of(connection, search).status is AnswerStatus.ANSWERED


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("rejected", "out-of-scope", AnswerStatus.REFUSED),
        ("rejected", "clock-not-synchronised", AnswerStatus.WAITING),  # it is sent again
        ("rejected", "busy", AnswerStatus.WAITING),
        ("expired", "expired", AnswerStatus.EXPIRED),
        ("failed", "interrupted", AnswerStatus.FAILED),
    ],
)
def test_a_refusal_is_shown_with_its_reason(
    connection: Connection, status: str, code: str, expected: AnswerStatus
) -> None:
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [reply("dt-001", command, status, code=code, text="why")], 5)
    assert (answer_of(connection, search).status, answer_of(connection, search).words) == (expected, "why")


@pytest.mark.parametrize(
    ("code", "problem", "expected"),
    [
        ("unknown-key", {"code": "command-unknown-key", "params": {"key": "ab"}}, "search-gateway-lacks-key"),
        ("not-possible", {"code": "command-no-keys"}, "search-gateway-lacks-key"),
        ("bad-arguments", None, "search-gateway-too-old"),
        ("unknown-type", None, "search-gateway-too-old"),
    ],
)
def test_an_agent_that_knows_no_search_key_is_named_as_that(
    connection: Connection, code: str, problem: object, expected: str
) -> None:
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    refusal = reply("dt-001", command, "rejected", code=code, text="unknown field `wards`", problem=problem)
    record_answers(connection, [refusal], 5)
    found = answer_of(connection, search)
    coded = problem_of(found.words)
    assert found.status is AnswerStatus.REFUSED
    assert coded is not None
    assert coded.code == expected
    assert "operator" not in found.words
    assert ("`wards`" in found.words) == (problem is None), "what the agent says stays readable"


def test_the_first_final_answer_counts(connection: Connection) -> None:
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(1))], 5)
    for late in (answer("dt-001", command, passage(2)), reply("dt-001", command, "failed")):
        record_answers(connection, [late], 6)
    assert answer_of(connection, search).status is AnswerStatus.ANSWERED
    assert numbers(connection, search) == [1]


LIES: dict[str, Any] = {
    "a camera that it does not have": passage(camera="cam-9"),
    "a camera of another gateway": passage(camera="bx-001/cam-1"),
    "a time after the question": passage(start="2026-11-27T12:01:00.000Z"),
    "a time before it": passage(start="2026-11-27T10:59:00.000Z"),
    "a time that ends in it after 2,000 years": passage(start="0001-01-01T00:00:00.000Z", for_s=6.5e10),
    "a time that is none": passage(start="soon"),
    "another group": passage(group="person"),
    "a number as a camera": passage(camera=7),
    "a negative id": passage(-1),
    "an id that no database holds": passage(2**70),
    "an endless stay": passage(for_s=1e300),
    "a text of 30 kB": passage(label="x" * 30_000),
    "a script as a colour": passage(colours={"upper": ["<script>alert(1)</script>"]}),
    "a thousand colours": passage(colours={f"part-{n}": ["red"] for n in range(1000)}),
    "a list": [1, 2, 3],
    "nothing": None,
    "depth": json.loads("[" * 500 + "]" * 500),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_row_that_cannot_be_true_is_dropped_and_counted(
    connection: Connection, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    search = ask(connection, group="two-wheeler")
    command = command_of(connection, search, "dt-001")
    with caplog.at_level(logging.WARNING):
        record_answers(connection, [answer("dt-001", command, LIES[lie], passage(5), total=2)], 5)
    assert numbers(connection, search) == [5]
    found = answer_of(connection, search)
    assert (found.status, found.stored, found.dropped) == (AnswerStatus.ANSWERED, 1, 1)
    assert "dt-001: 1 passages" in caplog.text


@pytest.mark.parametrize(
    "result",
    [
        {},
        [],
        7,
        {"passages": "many"},
        {"passages": {}, "total": 1},
        {"passages": [], "total": "all"},
        {"passages": [], "total": 0.5},
    ],
)
def test_an_answer_that_cannot_be_read_is_a_failure(connection: Connection, result: object) -> None:
    search = ask(connection)
    record_answers(connection, [reply("dt-001", command_of(connection, search, "dt-001"), result=result)], 5)
    assert answer_of(connection, search).status is AnswerStatus.FAILED
    assert numbers(connection, search) == []


@pytest.mark.parametrize("total", [-5, 0, 10**30])
def test_a_count_is_bounded(connection: Connection, total: int) -> None:
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(), total=total)], 5)
    assert 1 <= answer_of(connection, search).total <= 2**53


def test_more_rows_than_were_asked_for_are_dropped(connection: Connection) -> None:
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    rows = [passage(number) for number in range(60)]
    record_answers(connection, [answer("dt-001", command, *rows)], 5)
    found = answer_of(connection, search)
    assert (found.stored, found.dropped) == (50, 10)


def test_the_same_row_twice_is_one_match(connection: Connection) -> None:
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(1), passage(1))], 5)
    assert numbers(connection, search) == [1]


def test_a_gateway_answers_no_search_of_others(connection: Connection) -> None:
    """Neither another gateway's, nor one that does not exist, nor from another ward."""
    mine, theirs = ask(connection, gateways=["dt-001"]), ask(connection, gateways=["bx-001"])
    record_answers(
        connection,
        [
            answer("dt-001", command_of(connection, theirs, "bx-001"), passage(1)),
            answer("dt-001", f"search-{mine}-99", passage(2)),
            answer("dt-001", "search-", passage(3)),
            answer("dt-001", command_of(connection, mine, "dt-001"), passage(4), ward="bo-xuyen"),
            picture_reply("dt-001", command_of(connection, mine, "dt-001"), 5),
        ],
        5,
    )
    assert numbers(connection, mine) == numbers(connection, theirs) == []
    assert answer_of(connection, theirs, "bx-001").status is AnswerStatus.WAITING


def test_cameras_and_places_that_were_not_asked_are_dropped(connection: Connection) -> None:
    search = ask(connection, cameras=["dt-001/cam-2"])
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(1), passage(2, camera="cam-2"))], 5)
    assert numbers(connection, search) == [2]


def test_a_row_outside_of_the_gateways_own_time_is_dropped(connection: Connection) -> None:
    window = {"gateway": "dt-001", "from_at": "2026-11-27T11:40:00Z", "to_at": "2026-11-27T11:50:00Z"}
    search = ask(connection, windows=[window])
    for gateway in ("dt-001", "dt-002"):
        record_answers(connection, [answer(gateway, command_of(connection, search, gateway), passage())], 1)
    assert [each.gateway for each in records.read_matches(connection, OF_ALL, search)] == ["dt-002"]


def test_a_heartbeat_names_cameras_too(connection: Connection) -> None:
    payload = FakeGateway().heartbeat("s", cameras={"cam-7": {"state": "online", "packet_fps": 5.0}})[1]
    which = tables.gateway.c.id == "dt-001"
    connection.execute(tables.gateway.update().where(which).values(heartbeat=payload))
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(1, camera="cam-7"))], 5)
    assert numbers(connection, search) == [1]


# --- pictures


def opened(connection: Connection, sha256: str | None = None) -> tuple[str, str]:
    """A search with one match whose picture is opened; its id, and that of the command."""
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    named = {} if sha256 is None else {"picture_sha256": sha256}
    record_answers(connection, [answer("dt-001", command, passage(412, **named))], 5)
    match_pictures.open_picture(connection, ADMIN, OF_ALL, search, "dt-001", 412, NOW_MS)
    return search, str(connection.scalar(select(tables.search_picture.c.command)))


def status_of(connection: Connection, search: str) -> PictureStatus:
    found = match_pictures.read_picture(connection, ADMIN, OF_ALL, search, "dt-001", 412)
    assert found is not None
    return found.status


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (JPEG, PictureStatus.RECEIVED),
        (SEALED_MAGIC + b" sealed", PictureStatus.RECEIVED),
        (b"", PictureStatus.MISSING),
        (b"<html><script>alert(1)</script>", PictureStatus.FAILED),
        (JPEG + bytes(48_001), PictureStatus.FAILED),
    ],
)
def test_only_a_picture_is_stored(connection: Connection, payload: bytes, expected: PictureStatus) -> None:
    search, command = opened(connection)
    record_answers(connection, [picture_reply("dt-001", command, 412, payload)], 6)
    assert status_of(connection, search) is expected


def test_another_picture_than_the_answer_named_is_a_failure(connection: Connection) -> None:
    search, command = opened(connection, sha256="ab" * 32)
    record_answers(connection, [picture_reply("dt-001", command, 412)], 6)
    assert status_of(connection, search) is PictureStatus.FAILED


@pytest.mark.parametrize(
    "result",
    [
        {"pictures": {"412": "no base64!"}},
        {"pictures": {"412": 7}},
        {"pictures": []},
        {"pictures": {}, "paths": {"412": "round"}},
        {"pictures": {}, "paths": {"412": [[1, 2]]}},
    ],
)
def test_pictures_that_cannot_be_read_are_a_failure(connection: Connection, result: object) -> None:
    search, command = opened(connection)
    record_answers(connection, [reply("dt-001", command, result=result)], 6)
    assert status_of(connection, search) is PictureStatus.FAILED


def test_a_refused_picture_may_be_asked_for_again(connection: Connection) -> None:
    search, command = opened(connection)
    record_answers(connection, [reply("dt-001", command, "rejected", code="not-possible")], 6)
    assert status_of(connection, search) is PictureStatus.REFUSED
    again = match_pictures.open_picture(connection, ADMIN, OF_ALL, search, "dt-001", 412, NOW_MS)
    assert again is PictureStatus.ASKED
    assert connection.scalar(select(tables.search_picture.c.command)) != command
