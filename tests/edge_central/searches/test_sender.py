"""What the ingest signs and sends, when it sends again, and when it gives up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, select, update

from edge_agent.commands.signature import OperatorKeyring
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.searches import FIRST_LASTING_ID
from edge_central.retention.deletion_plans import DeletionTarget, make_plans
from edge_central.retention.operator_records import MAX_SEARCHES, delete_old
from edge_central.searches import match_pictures, new_search, records
from edge_central.searches.answers import record_answers
from edge_central.searches.model import WHOLE_PICTURE, AnswerStatus, PictureStatus
from edge_central.searches.sender import BIRTH_WAIT_MS, FIRST_AGAIN_S, MAX_AT_ONCE, SearchSender
from edge_central.settings import Retention
from edge_central.store import tables
from tests.commands.centre import write_public
from tests.edge_central.searches.parts import (
    ADMIN,
    HOUR_MS,
    NOW_MS,
    OF_ALL,
    TOPICS,
    WARDS,
    answer,
    ask,
    command_of,
    document,
    passage,
    reply,
)


class WallClock:
    """A clock that stands at ``ms``."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.ms / 1000, UTC)

    def monotonic(self) -> float:
        return self.ms / 1000


KEY = Ed25519PrivateKey.generate()
NO_TIME = json.dumps(
    document(from_at="2026-11-27T11:00:00Z", to_at="never", second={"gateway": "bx-001", "within_min": 10})
)


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def sender(clock: WallClock) -> SearchSender:
    return SearchSender(TOPICS, WARDS, clock, "central", KEY)


def opened(folder: Path, message: MqttMessage) -> dict[str, Any]:
    """The document, if the search key has signed it."""
    write_public(folder / "search.pem", KEY)
    document, _ = OperatorKeyring([folder / "search.pem"]).open(message.payload)
    found: dict[str, Any] = json.loads(document)
    return found


def topics(messages: Sequence[MqttMessage]) -> list[str]:
    return [each.topic for each in messages]


def statuses(connection: Connection, search: str) -> dict[str, AnswerStatus]:
    view = records.read_search(connection, OF_ALL, search)
    assert view is not None
    return {each.gateway: each.status for each in view.answers}


def test_each_gateway_gets_one_signed_command(
    connection: Connection, sender: SearchSender, tmp_path: Path
) -> None:
    search = ask(connection, wards=["de-tham"], hours=2)
    assert sender.has_waiting(connection)
    messages = sender.send(connection)
    base = "tb/v1/de-tham/{}/down/cmd/search"
    assert topics(messages) == [base.format("dt-001"), base.format("dt-002")]
    assert [each.expiry_s for each in messages] == [7200, 7200]
    sent = opened(tmp_path, messages[0])
    assert (sent["id"], sent["type"], sent["gateway"]) == (
        command_of(connection, search, "dt-001"),
        "search",
        "dt-001",
    )
    assert sent["expires"] == "2026-11-27T14:00:00.000Z"
    assert sent["args"] == {
        "purpose": "theft of a motorcycle",
        "case": "7/2026",
        "from_at": "2026-11-27T11:00:00.000Z",
        "to_at": "2026-11-27T12:00:00.000Z",
        "wards": ["de-tham"],
        "asked_by": "minh",
        "max_bytes": 7500,
    }
    assert not sender.has_waiting(connection)
    assert sender.send(connection) == []
    assert set(statuses(connection, search).values()) == {AnswerStatus.SENT}


def test_it_is_sent_again_with_the_same_id_while_there_is_no_reply(
    connection: Connection, sender: SearchSender, clock: WallClock, tmp_path: Path
) -> None:
    ask(connection, gateways=["dt-001"])
    (first,) = sender.send(connection)
    clock.ms += FIRST_AGAIN_S * 1000 - 1
    assert sender.send(connection) == []
    clock.ms += 1
    (again,) = sender.send(connection)
    assert opened(tmp_path, again)["id"] == opened(tmp_path, first)["id"]
    assert opened(tmp_path, again)["args"] == opened(tmp_path, first)["args"]
    clock.ms += FIRST_AGAIN_S * 1000
    assert sender.send(connection) == [], "the delay doubles"
    clock.ms += FIRST_AGAIN_S * 1000
    assert len(sender.send(connection)) == 1


def test_a_gateway_that_is_away_is_asked_when_it_is_back(
    connection: Connection, sender: SearchSender, clock: WallClock
) -> None:
    gateway = tables.gateway.c
    away = update(tables.gateway).where(gateway.id == "dt-001")
    connection.execute(away.values(state="offline"))
    search = ask(connection, gateways=["dt-001", "dt-002"])
    assert topics(sender.send(connection)) == ["tb/v1/de-tham/dt-002/down/cmd/search"]
    view = records.read_search(connection, OF_ALL, search)
    assert view is not None
    assert [each.gateway for each in view.offline] == ["dt-001"]
    record_answers(connection, [answer("dt-002", command_of(connection, search, "dt-002"))], clock.ms)
    clock.ms += HOUR_MS
    assert sender.send(connection) == [], "not to a gateway that is away"
    connection.execute(away.values(state="online"))
    sender.on_births(connection, ["dt-001", "dt-002"])
    assert topics(sender.send(connection)) == ["tb/v1/de-tham/dt-001/down/cmd/search"]
    connection.execute(away.values(state="offline"))
    clock.ms += HOUR_MS
    connection.execute(away.values(state="online"))
    sender.on_births(connection, ["dt-001"])
    assert sender.send(connection) == [], "the broker delivers what it has queued"
    clock.ms += BIRTH_WAIT_MS
    assert topics(sender.send(connection)) == ["tb/v1/de-tham/dt-001/down/cmd/search"]
    sender.on_births(connection, ["dt-001"])
    assert sender.send(connection) == [], "it is on its way"


def test_a_gateway_that_has_no_state_is_asked_once(
    connection: Connection, sender: SearchSender, clock: WallClock
) -> None:
    stateless = update(tables.gateway).where(tables.gateway.c.id == "dt-001")
    connection.execute(stateless.values(state=None))
    ask(connection, gateways=["dt-001"])
    assert len(sender.send(connection)) == 1
    clock.ms += HOUR_MS
    assert sender.send(connection) == []


def test_a_gateway_that_answers_later_is_asked_when_it_boots_and_each_hour(
    connection: Connection, sender: SearchSender, clock: WallClock
) -> None:
    search = ask(connection, gateways=["dt-001"])
    sender.send(connection)
    later = reply(
        "dt-001", command_of(connection, search, "dt-001"), "running", problem={"code": "search-later"}
    )
    record_answers(connection, [later], clock.ms)
    clock.ms += HOUR_MS - 1
    assert sender.send(connection) == []
    clock.ms += 1
    assert len(sender.send(connection)) == 1, "its answer may have been lost with a kill of the centre"
    clock.ms += HOUR_MS - BIRTH_WAIT_MS - 1
    assert sender.send(connection) == []
    sender.on_births(connection, ["dt-001"])
    clock.ms += BIRTH_WAIT_MS
    assert len(sender.send(connection)) == 1
    assert statuses(connection, search) == {"dt-001": AnswerStatus.LATER}


def test_a_gateway_that_refuses_for_now_is_asked_less_and_less_often(
    connection: Connection, sender: SearchSender, clock: WallClock
) -> None:
    search = ask(connection, gateways=["dt-001"])
    command, sent, began_ms = command_of(connection, search, "dt-001"), 0, clock.ms
    while clock.ms < began_ms + 23 * HOUR_MS:
        if sender.send(connection):
            sent += 1
            refusal = reply("dt-001", command, "rejected", code="clock-not-synchronised")
            record_answers(connection, [refusal], clock.ms)
        clock.ms += 300_000
    assert 20 <= sent <= 30, "a command and a reply each minute would cost its SIM card megabytes a day"


def test_a_search_ends(connection: Connection, sender: SearchSender, clock: WallClock) -> None:
    search = ask(connection)
    sender.send(connection)
    record_answers(connection, [answer("dt-001", command_of(connection, search, "dt-001"))], clock.ms)
    clock.ms += 24 * HOUR_MS
    sender.expire(connection)
    assert statuses(connection, search)["dt-002"] is AnswerStatus.SENT, "an answer may be on its way"
    clock.ms += 61_000
    sender.expire(connection)
    assert statuses(connection, search) == {
        "bx-001": AnswerStatus.EXPIRED,
        "dt-001": AnswerStatus.ANSWERED,
        "dt-002": AnswerStatus.EXPIRED,
    }
    sender.on_births(connection, ["dt-002"])
    assert sender.send(connection) == []


def test_a_city_is_asked_in_parts(connection: Connection, sender: SearchSender) -> None:
    rows = [
        {"id": f"dt-1{n:03}", "ward": "de-tham", "first_ms": 1, "last_ms": 1, "state": "online"}
        for n in range(MAX_AT_ONCE + 10)
    ]
    connection.execute(tables.gateway.insert(), rows)
    ask(connection, wards=["de-tham"])
    assert [len(sender.send(connection)) for _ in range(3)] == [MAX_AT_ONCE, 12, 0]


def test_another_centre_asks_its_own_wards(connection: Connection, clock: WallClock) -> None:
    ask(connection)
    north = SearchSender(TOPICS, ["bo-xuyen"], clock, "north", KEY)
    assert topics(north.send(connection)) == ["tb/v1/bo-xuyen/bx-001/down/cmd/search"]


def test_without_a_key_nothing_is_sent(connection: Connection, clock: WallClock) -> None:
    ask(connection)
    keyless = SearchSender(TOPICS, WARDS, clock, "central", None)
    assert not keyless.has_waiting(connection)
    assert keyless.send(connection) == []
    keyless.publish_key(connection)
    assert new_search.searchable_wards(connection) == frozenset()
    SearchSender(TOPICS, WARDS, clock, "central", KEY).publish_key(connection)
    assert new_search.searchable_wards(connection) == frozenset(WARDS)


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("search", {"question": "{}"}),
        ("search", {"question": "no JSON"}),
        ("search", {"question": NO_TIME}),
        ("search", {"question": NO_TIME.replace("never", "9999-12-31T23:59:59Z")}),
        ("search_answer", {"gateway": "+"}),
        ("search_answer", {"gateway": "dt-001/#"}),
        ("search_answer", {"ward": "bo-xuyen"}),
        ("search_answer", {"gateway": "of-nobody"}),
    ],
)
def test_rows_of_a_stolen_console_are_not_sent_and_keep_nothing_back(
    connection: Connection, sender: SearchSender, table: str, wrong: dict[str, str]
) -> None:
    stolen = ask(connection, gateways=["dt-001"])
    which = tables.metadata.tables[table]
    key = which.c["id" if table == "search" else "search"]
    connection.execute(update(which).where(key == stolen).values(**wrong))
    ask(connection, gateways=["dt-002"])
    assert topics(sender.send(connection)) == ["tb/v1/de-tham/dt-002/down/cmd/search"]
    assert sender.send(connection) == []
    assert not sender.has_waiting(connection)


def test_a_search_without_an_end_ends(connection: Connection, sender: SearchSender) -> None:
    search = ask(connection, gateways=["dt-001"])
    endless = update(tables.search).where(tables.search.c.id == search)
    connection.execute(endless.values(expires_ms=2**62))
    (message,) = sender.send(connection)
    assert message.expiry_s == 7 * 86_400


def test_an_opened_picture_is_asked_for_with_purpose_and_case(
    connection: Connection, sender: SearchSender, clock: WallClock, tmp_path: Path
) -> None:
    search = ask(connection, gateways=["dt-001"])
    sender.send(connection)
    record_answers(
        connection, [answer("dt-001", command_of(connection, search, "dt-001"), passage(412))], clock.ms
    )
    match_pictures.open_picture(connection, ADMIN, OF_ALL, search, "dt-001", 412, clock.ms)
    (message,) = sender.send(connection)
    sent = opened(tmp_path, message)
    assert message.topic == "tb/v1/de-tham/dt-001/down/cmd/passage-pictures"
    assert sent["args"] == {
        "purpose": "theft of a motorcycle",
        "case": "7/2026",
        "wards": ["de-tham"],
        "asked_by": "minh",
        "ids": [412],
    }
    assert "sha256" not in sent["args"], "the answer has named none"
    clock.ms += 25 * HOUR_MS
    sender.expire(connection)
    found = match_pictures.read_picture(connection, ADMIN, OF_ALL, search, "dt-001", 412)
    assert found is not None
    assert found.status is PictureStatus.EXPIRED


def test_an_opened_whole_picture_is_asked_for_as_such_again_at_a_birth_and_expires(
    connection: Connection, sender: SearchSender, clock: WallClock, tmp_path: Path
) -> None:
    search = ask(connection, gateways=["dt-001"])
    sender.send(connection)
    record_answers(
        connection, [answer("dt-001", command_of(connection, search, "dt-001"), passage(412))], clock.ms
    )
    match_pictures.open_picture(connection, ADMIN, OF_ALL, search, "dt-001", 412, clock.ms, WHOLE_PICTURE)
    assert sender.has_waiting(connection)
    (message,) = sender.send(connection)
    sent = opened(tmp_path, message)
    assert message.topic.endswith("/passage-pictures")
    assert (sent["args"]["ids"], sent["args"]["scenes"]) == ([412], True)
    clock.ms += 31_000
    sender.on_births(connection, ["dt-001"])
    clock.ms += 16_000
    assert [opened(tmp_path, each)["id"] for each in sender.send(connection)] == [sent["id"]]
    clock.ms += 25 * HOUR_MS
    sender.expire(connection)
    found = match_pictures.read_picture(connection, ADMIN, OF_ALL, search, "dt-001", 412, WHOLE_PICTURE)
    assert found is not None
    assert found.status is PictureStatus.EXPIRED


@pytest.mark.parametrize(
    ("row_id", "is_named"), [(FIRST_LASTING_ID, True), (412, False)], ids=["new", "old agent"]
)
def test_a_picture_is_asked_for_by_the_digest_that_the_answer_has_named(
    connection: Connection,
    sender: SearchSender,
    clock: WallClock,
    tmp_path: Path,
    row_id: int,
    is_named: bool,
) -> None:
    search = ask(connection, gateways=["dt-001"], second={"gateway": "dt-001", "camera": "cam-2"})
    sender.send(connection)
    found = passage(row_id, picture_sha256="ab" * 32)
    record_answers(connection, [answer("dt-001", command_of(connection, search, "dt-001"), found)], clock.ms)
    match_pictures.open_picture(connection, ADMIN, OF_ALL, search, "dt-001", row_id, clock.ms)
    (message,) = sender.send(connection)
    sha256 = opened(tmp_path, message)["args"].get("sha256")
    assert sha256 == ({str(row_id): "ab" * 32} if is_named else None), "an older agent would refuse it"


def test_retention_deletes_a_search_with_all_that_belongs_to_it(connection: Connection) -> None:
    searches = [ask(connection, now_ms=NOW_MS + number) for number in range(3)]
    for search in searches:
        command = command_of(connection, search, "dt-001")
        record_answers(connection, [answer("dt-001", command, passage(1))], NOW_MS)
        match_pictures.open_picture(connection, ADMIN, OF_ALL, search, "dt-001", 1, NOW_MS)
    before_ms, after, batches = NOW_MS + 2, None, 0
    more = True
    while more:
        batch = delete_old(connection, DeletionTarget.SEARCH, before_ms, after, 200)
        after, more, batches = batch.last, batch.full, batches + 1
    assert batches == 2, f"at most {MAX_SEARCHES} in one transaction"
    for table in (tables.search_answer, tables.search_match, tables.search_picture):
        assert set(connection.scalars(select(table.c.search))) == {searches[2]}
    (plan,) = [each for each in make_plans(Retention(), [], NOW_MS, 12) if each.what is DeletionTarget.SEARCH]
    assert (plan.rule, plan.before_ms) == ("search.days: 12", NOW_MS - 12 * 24 * HOUR_MS)
    kept = connection.scalar(select(func.count()).select_from(tables.access))
    assert kept == 6, "the access log has its own time"
