"""A rehearsal is a search with one gateway: limits, scope and record are those of searches; so is what is
sent again, and who may read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from edge_central.rehearsals.answers import record_replies
from edge_central.rehearsals.model import RehearsalView
from edge_central.rehearsals.records import is_rehearsal, list_rehearsals, read_rehearsal
from edge_central.rehearsals.sender import RehearsalSender
from edge_central.retention.deletion_plans import DeletionTarget
from edge_central.retention.operator_records import delete_old
from edge_central.searches import match_pictures, new_search
from edge_central.searches.model import (
    AnswerStatus,
    PictureStatus,
    SearchAuthor,
    SearchesUnavailable,
    SearchReader,
    TooManySearches,
)
from edge_central.searches.question import InvalidQuestion
from edge_central.searches.records import list_searches
from edge_central.searches.sender import SearchSender
from edge_central.store import tables
from edge_central.store.database import write_record
from tests.edge_central.rehearsals.parts import NIGHT, example, rehearse, result
from tests.edge_central.searches.parts import (
    ADMIN,
    LAN,
    NOW_MS,
    OF_ALL,
    OF_LAN,
    TOPICS,
    WARDS,
    picture_reply,
    reply,
)
from tests.edge_central.searches.test_sender import KEY, WallClock, opened
from tests.testbed.schemas import check_message


def senders(clock: WallClock | None = None) -> tuple[SearchSender, RehearsalSender]:
    clock = clock or WallClock()
    searches = SearchSender(TOPICS, WARDS, clock, "central", KEY)
    return searches, RehearsalSender(searches, clock)


def view(connection: Connection, id_: str) -> RehearsalView:
    found = read_rehearsal(connection, OF_ALL, id_)
    assert found is not None
    return found


def answered(connection: Connection, id_: str, document: dict[str, Any]) -> RehearsalView:
    record_replies(connection, [reply("dt-001", f"rehearse-{id_}", result=document)], NOW_MS + 5)
    return view(connection, id_)


def test_the_command_is_signed_by_the_search_key_and_names_person_ward_and_purpose(
    connection: Connection, tmp_path: Path
) -> None:
    id_ = rehearse(connection, LAN)
    searches, rehearsals = senders()
    assert searches.has_waiting(connection)
    assert searches.send(connection) == [], "a rehearsal is not sent as a search"
    (message,) = rehearsals.send(connection)
    assert message.topic == "tb/v1/de-tham/dt-001/down/cmd/rehearse"
    sent = opened(tmp_path, message)
    check_message(sent, "command-rehearse")
    assert (sent["id"], sent["gateway"]) == (f"rehearse-{id_}", "dt-001")
    assert sent["args"] == {
        "camera": "cam-1",
        "rule": NIGHT | {"min_duration_s": 60},
        "zones": {},
        "lines": {},
        "days": 14,
        "examples": 12,
        "purpose": "false alarms of the market",
        "case": "8/2026",
        "wards": ["de-tham"],
        "asked_by": "lan",
    }
    assert rehearsals.send(connection) == []
    assert not searches.has_waiting(connection)
    assert view(connection, id_).answer.status is AnswerStatus.SENT


def test_it_is_on_record_before_it_is_sent(connection: Connection) -> None:
    id_ = rehearse(connection, LAN)
    columns = tables.access.c
    row = connection.execute(select(tables.access).where(columns.search == id_)).one()
    assert (row.what, row.account, row.gateway, row.camera) == ("rehearsal", "lan", "dt-001", "cam-1")
    assert (row.purpose, row.case_number, row.ward) == ("false alarms of the market", "8/2026", "de-tham")


def test_while_it_runs_it_is_asked_for_once_an_hour(connection: Connection) -> None:
    clock = WallClock()
    searches, rehearsals = senders(clock)
    id_ = rehearse(connection)
    rehearsals.send(connection)
    record_replies(connection, [reply("dt-001", f"rehearse-{id_}", "running")], clock.ms)
    assert view(connection, id_).answer.status is AnswerStatus.LATER
    clock.ms += 3_599_000
    assert rehearsals.send(connection) == []
    clock.ms += 1_000
    assert len(rehearsals.send(connection)) == 1
    assert view(connection, id_).answer.status is AnswerStatus.LATER
    assert not searches.has_waiting(connection)


def test_the_result_is_kept_with_its_examples(connection: Connection) -> None:
    id_ = rehearse(connection)
    found = answered(connection, id_, result())
    assert found.answer.status is AnswerStatus.ANSWERED
    assert found.result is not None
    assert found.result.in_force is not None
    assert (found.result.draft.reports, found.result.in_force.reports, found.result.live) == (14, 41, 39)
    assert [(each.passage, each.by) for each in found.examples] == [(1, "both"), (2, "in-force")]
    (line,) = list_rehearsals(connection, OF_ALL, "dt-001", "cam-1")
    assert (line.id, line.rule, line.reports, line.status) == (id_, "night", 14, "answered")


def test_the_picture_of_an_example_is_opened_and_recorded_as_that_of_a_search(connection: Connection) -> None:
    id_ = rehearse(connection, LAN)
    answered(connection, id_, result(examples=[example(7), example(8, picture=False)]))
    asked = (connection, LAN, OF_LAN, id_, "dt-001")
    assert match_pictures.open_picture(*asked, 8, NOW_MS) is None, "the gateway has no picture of it"
    assert match_pictures.read_picture(*asked, 7) is None, "not opened yet"
    assert match_pictures.open_picture(*asked, 7, NOW_MS) is PictureStatus.ASKED
    columns = tables.search_picture.c
    command = connection.scalar(select(columns.command).where(columns.search == id_))
    record_replies(connection, [picture_reply("dt-001", str(command), 7)], NOW_MS)
    picture = match_pictures.read_picture(*asked, 7)
    assert picture is not None
    assert picture.status is PictureStatus.RECEIVED
    log = tables.access.c
    row = connection.execute(select(tables.access).where(log.search == id_, log.what == "passage")).one()
    assert (row.purpose, row.case_number, row.media_id) == ("false alarms of the market", "8/2026", "7")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"draft": 5},
        result(draft={"reports": -1, "by_hour": [0] * 24}),
        result(draft={"reports": 1, "by_hour": [0] * 23}),
        result(draft={"reports": 1, "by_hour": [0] * 24, "by_day": {"<script>": 1}}),
        result(draft={"reports": 10**30, "by_hour": [0] * 24}),
        result(accuracy="<b>"),
        result(from_at="x" * 60_000),
    ],
    ids=["empty", "draft", "negative", "hours", "day", "huge", "word", "long"],
)
def test_a_result_that_cannot_be_read_is_a_failure(connection: Connection, document: dict[str, Any]) -> None:
    found = answered(connection, rehearse(connection), document)
    assert (found.answer.status, found.result, found.examples) == (AnswerStatus.FAILED, None, ())


def test_examples_that_cannot_be_true_are_dropped_and_counted(connection: Connection) -> None:
    wrong = [
        example(-1),
        example(3, time="never"),
        example(4, by="<b>"),
        "x",
        *[example(n) for n in range(40)],
    ]
    found = answered(connection, rehearse(connection), result(examples=wrong))
    assert [each.passage for each in found.examples] == list(range(8)), "of the first twelve"
    assert found.dropped == 36
    found = answered(connection, rehearse(connection, with_examples=False), result())
    assert found.examples == (), "none was asked for"


def test_examples_of_another_time_are_dropped_and_counted(connection: Connection) -> None:
    before, after = example(1, time="2026-11-01T00:00:00.000Z"), example(2, time="2026-11-28T00:00:00.000Z")
    found = answered(connection, rehearse(connection), result(examples=[before, after, example(3)]))
    assert ([each.passage for each in found.examples], found.dropped) == ([3], 2)
    columns = tables.search_match.c
    assert connection.scalars(select(columns.passage)).all() == [3]


def test_another_gateway_and_a_second_reply_change_nothing(connection: Connection) -> None:
    id_ = rehearse(connection)
    record_replies(connection, [reply("bx-001", f"rehearse-{id_}", result=result())], NOW_MS)
    assert view(connection, id_).result is None
    answered(connection, id_, result())
    found = answered(connection, id_, result(live=1))
    assert found.result is not None
    assert found.result.live == 39


@pytest.mark.parametrize(
    ("code", "problem", "says"),
    [
        ("unknown-key", {"code": "command-search-key", "params": {"key": "ab"}}, "too old"),
        ("unknown-key", {"code": "command-unknown-key", "params": {"key": "ab"}}, "commands.search_keys"),
        ("unknown-type", None, "too old"),
        ("bad-arguments", None, "this camera has no zone"),
    ],
)
def test_a_refusal_says_what_to_do(connection: Connection, code: str, problem: object, says: str) -> None:
    id_ = rehearse(connection)
    words: dict[str, Any] = {"text": "this camera has no zone 'yrad'"} | (
        {"problem": problem} if problem else {}
    )
    record_replies(connection, [reply("dt-001", f"rehearse-{id_}", "rejected", code=code, **words)], NOW_MS)
    found = view(connection, id_).answer
    assert found.status is AnswerStatus.REFUSED
    assert says in found.words


def test_scope_limits_and_a_centre_without_a_key(connection: Connection) -> None:
    with pytest.raises(InvalidQuestion):
        rehearse(connection, LAN, gateway="bx-001")
    with pytest.raises(InvalidQuestion):
        rehearse(connection, purpose=" ")
    for _ in range(new_search.MAX_OPEN):
        rehearse(connection)
    with pytest.raises(TooManySearches):
        rehearse(connection)
    write_record(connection, "search-key central", None)
    with pytest.raises(SearchesUnavailable):
        rehearse(connection, LAN)


def test_only_its_author_and_administrators_read_it(connection: Connection) -> None:
    id_ = rehearse(connection, LAN)
    hoa = SearchReader(LAN.scope, "hoa")
    assert read_rehearsal(connection, OF_LAN, id_) is not None
    assert read_rehearsal(connection, hoa, id_) is None
    assert list_rehearsals(connection, hoa, "dt-001", "cam-1") == []
    elsewhere = SearchAuthor("lan", "::1", ADMIN.scope.narrowed("bo-xuyen"))
    assert read_rehearsal(connection, SearchReader(elsewhere.scope, "lan"), id_) is None


def test_it_is_in_no_list_of_searches_and_deleted_with_them(connection: Connection) -> None:
    id_ = rehearse(connection)
    assert list_searches(connection, OF_ALL) == []
    assert is_rehearsal(connection, id_)
    delete_old(connection, DeletionTarget.SEARCH, NOW_MS + 1, None, 100)
    assert connection.execute(select(tables.rehearsal)).all() == []


def test_a_draft_that_the_console_cannot_have_written_is_not_sent(connection: Connection) -> None:
    id_ = rehearse(connection)
    connection.execute(update(tables.rehearsal).values(draft=json.dumps([1])))
    searches, rehearsals = senders()
    assert rehearsals.send(connection) == []
    assert not searches.has_waiting(connection)
    columns = tables.search_answer.c
    status = connection.scalar(select(columns.status).where(columns.search == id_))
    assert status == AnswerStatus.FAILED
