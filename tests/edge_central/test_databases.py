"""Storing on SQLite and on a real PostgreSQL: new events, repeated ones, and values that the database
rejects."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, inspect, select, text

from edge_agent import wire
from edge_agent.cli.main import main
from edge_agent.core.clock import SystemClock
from edge_agent.core.problems import CodedProblem, problem_of, problem_text
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.topics import CentralTopics
from edge_central.cli.status import run_status
from edge_central.ingest.gateway_messages import Confirmations
from edge_central.ingest.ingest_status import IngestCounters
from edge_central.retention.sweep import RetentionSweep
from edge_central.settings import Database, Retention
from edge_central.store import fleet_state as fleet
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.batch import MAX_REJECTED, Store
from edge_central.store.centres import running_key
from edge_central.store.database import (
    DatabaseUnavailable,
    open_engine,
    prepare_schema,
    read_meta,
    write_meta,
    write_record,
    write_transaction,
)
from edge_central.store.fleet_state import MAX_BRANCHES, GapReason
from edge_central.store.media_folder import MediaFolder
from edge_central.store.presence_reports import GatewayReport, PresenceState
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness, writer_in
from tests.edge_central.parts import OURS, TIME, Centre, FakeGateway, FakeGateways
from tests.edge_central.prepared import make_sqlite
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.postgresql import PostgreSQL

OFFLINE = GatewayReport("dt-001", "de-tham", PresenceState.OFFLINE, "connection lost", NOW_MS)
AFTER_MS = round(datetime.fromisoformat(TIME).timestamp() * 1000) + 60_000
"""A minute after the events of a FakeGateway."""
OLDER, NEWER = tables.SCHEMA_VERSION - 1, tables.SCHEMA_VERSION + 1
RESET = FakeGateway(epoch="3f2a0002")
"""The same gateway after a reset of its outbox."""


def test_gaps_and_numbers_are_the_same_after_a_restart(ingest: IngestHarness) -> None:
    ingest.write(OURS.event(1), OURS.event(9), OURS.loss(10, (2, 3)))
    ingest.write(OURS.event(5), OURS.loss(10, (2, 3)))
    stream = ingest.store.load().streams[OURS.id, OURS.epoch]
    assert [(gap.first, gap.last, gap.why) for gap in stream.gaps] == [
        (2, 3, GapReason.ANNOUNCED),
        (4, 4, GapReason.MISSING),
        (6, 8, GapReason.MISSING),
    ]
    assert (stream.highest, stream.upto, stream.late) == (10, 3, 1)
    status = ingest.status()
    assert (status.events, status.missing, status.announced, status.late) == (4, 4, 2, 1)
    assert [(loss.count, loss.reason) for loss in status.losses] == [(2, "outbox-full")]


def test_a_new_database_is_logged_and_an_existing_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        with prepared(Database(f"sqlite:///{tmp_path}/central.db", None)):
            pass
    assert caplog.text.count("created a new database") == 1
    assert f"{tmp_path}/central.db" in caplog.text


@pytest.mark.parametrize(
    ("version", "says"), [(OLDER, "start the new centre first"), (NEWER, "a newer version")]
)
def test_commands_leave_a_database_of_another_version_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: int, says: str
) -> None:
    config, password = tmp_path / "central.yaml", tmp_path / "password"
    config.write_text(f"wards: [de-tham]\nmqtt: {{brokers: ['mqtt://127.0.0.1']}}\nstate_dir: {tmp_path}\n")
    password.write_text("lúa vàng 1234\n")
    make_sqlite(tmp_path / "central.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "central.db")) as raw:
        raw.execute("UPDATE meta SET value=? WHERE key='schema'", (str(version),))
        raw.execute("DROP TABLE paper")
        raw.commit()
        before = list(raw.iterdump())
    add = f"user add minh --role admin --new-password-file {password}"
    for command in (
        "user list",
        add,
        "status",
        "holds",
        "deletions",
        "hold --event e --why w",
        "rollout list",
    ):
        assert main(["central", *command.split(), "--config", str(config)]) == 1, command
        assert says in capsys.readouterr().err, command
    with contextlib.closing(sqlite3.connect(tmp_path / "central.db")) as raw:
        assert list(raw.iterdump()) == before


def test_status_of_a_centre_that_has_never_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "central.db"
    for says in (f"there is no database {file}: ", "has no tables: "):
        assert run_status(Database(f"sqlite:///{file}"), False, io.StringIO()) == 3
        assert says in capsys.readouterr().err
        file.touch()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create files for another user")
def test_a_database_that_root_creates_belongs_to_the_owner_of_its_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, 4712)
    with prepared(Database(f"sqlite:///{tmp_path}/central.db")):
        found = {file.name: (file.stat().st_uid, file.stat().st_gid) for file in tmp_path.iterdir()}
    assert found == dict.fromkeys(("central.db", "central.db-wal", "central.db-shm"), (4711, 4712))


def test_a_database_file_of_another_user_is_named_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "central.db"
    store = Store(make_sqlite(file))
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(os, "access", lambda path, _: path != file)
    says = rf"{file} belongs to \w+, and 4711 cannot write it: chown 4711 {file}\*"
    with pytest.raises(DatabaseUnavailable, match=says), store.batch():
        pass
    store.close()


@contextlib.contextmanager
def prepared(database: Database) -> Iterator[Connection]:
    """A connection to a database that has all tables now."""
    engine = open_engine(database)
    with engine.connect() as connection:
        prepare_schema(connection)
        yield connection
    engine.dispose()


def test_a_repeat_is_stored_once_and_another_event_under_its_number_is_a_conflict(
    ingest: IngestHarness,
) -> None:
    assert ingest.write(OURS.event(1), OURS.event(1)).duplicates == 1
    again = ingest.write(OURS.event(1), OURS.event(1, "a cow"), OURS.event(1, "a cow"))
    assert (again.duplicates, again.rejected, again.conflicts[OURS.id]) == (2, 0, 1)
    assert again.numbers[OURS.id, OURS.epoch] == [1, 1, 1], "all are stored, so all are confirmed"
    assert ingest.status().events == 2


def test_a_number_that_too_many_gateways_claim_is_not_confirmed(ingest: IngestHarness) -> None:
    labels = [f"cow {number}" for number in range(1 + MAX_BRANCHES)]
    assert ingest.write(*(OURS.event(1, label) for label in labels)).conflicts[OURS.id] == MAX_BRANCHES
    one_more = ingest.write(OURS.event(1, "one more"))
    assert (one_more.rejected, dict(one_more.numbers)) == (1, {})
    assert "it is not stored" in ingest.status().newest_rejected[0].reason


def test_disputed_numbers_are_confirmed_one_by_one(ingest: IngestHarness) -> None:
    """``upto`` would confirm numbers of one gateway to the other, which may have lost them."""
    confirmations = Confirmations(CentralTopics("tb/v1", "central"))
    ingest.write(*map(OURS.event, range(1, 11)))
    confirmations.add(ingest.write(OURS.event(9, "another 9"), OURS.event(11)))
    (message,) = confirmations.drain(ingest.store.load())
    ack = msgspec.json.decode(message.payload, type=wire.Ack)
    assert (ack.upto, ack.also) == (0, [9, 11])


def test_an_epoch_that_returns_is_a_second_gateway(ingest: IngestHarness) -> None:
    first, second = FakeGateway(epoch="aaaaaaaa"), FakeGateway(epoch="bbbbbbbb")
    fleet = ingest.store.load()
    found = []
    for gateway in (first, second, second, first):
        with ingest.store.batch() as batch:
            arrived = [MessageReceived(*gateway.heartbeat("s", sequence=1), 1)]
            found.append(dict(ingest.writer.write(arrived, fleet, batch, NOW_MS).conflicts))
    assert found == [{}, {}, {}, {"dt-001": 0}]


def test_cursors_only_grow_also_when_a_batch_fails_in_between(ingest: IngestHarness) -> None:
    ingest.write(OURS.event(1), OURS.event(2))
    fleet = ingest.store.load()
    with contextlib.suppress(RuntimeError), ingest.store.batch() as batch:
        ingest.writer.write([MessageReceived(*OURS.event(3), 1)], fleet, batch, NOW_MS)
        batch.flush()
        raise RuntimeError("in the middle")
    assert ingest.status().events == 2
    ingest.write(OURS.event(3))
    first, second, third = ingest.cursors()
    assert first < second < third


def test_events_from_before_the_centre_are_no_loss(ingest: IngestHarness) -> None:
    ingest.write(OURS.event(100))
    assert (ingest.status().before, ingest.status().missing) == (99, 0)
    ingest.write(RESET.event(3))
    assert (ingest.status().before, ingest.status().missing) == (99, 2)


def test_the_end_of_an_epoch_that_was_lost_is_missing(ingest: IngestHarness) -> None:
    """A heartbeat named number 5; then the outbox was reset, and 4 and 5 never arrived."""
    ingest.write(*map(OURS.event, (1, 2, 3)), OURS.heartbeat("s-1", sequence=5))
    assert ingest.status().gateways[0].behind == 2
    assert ingest.status().missing == 0, "they may be on their way"
    ingest.write(RESET.heartbeat("s-2", sequence=0))
    assert [(gap.epoch, gap.first, gap.last) for gap in ingest.status().gaps] == [(OURS.epoch, 4, 5)]


def test_a_late_will_of_an_older_session_puts_no_gateway_offline(ingest: IngestHarness) -> None:
    ingest.write(OURS.state("online", "s-1"), OURS.state("online", "s-2"), OURS.state("offline", "s-1"))
    assert ingest.status().gateways[0].state == "online"
    ingest.write(OURS.state("offline", "s-2"))
    assert ingest.status().gateways[0].state == "offline"


def test_presence_stored_by_another_centre_is_not_judged_here(ingest: IngestHarness) -> None:
    """The gateway would be offline here: this centre receives nothing from its new ward."""
    own = GatewayReport("dt-001", "de-tham", PresenceState.ONLINE, "", NOW_MS)
    ingest.store.load()
    ingest.tell(own, replace(own, gateway="bx-001", ward="bo-xuyen"))
    assert ingest.store.stored_reports(["de-tham"]) == [own]


def test_a_gateway_that_moves_keeps_its_history(ingest: IngestHarness) -> None:
    moved = FakeGateway(ward="bo-xuyen")
    ingest.write(OURS.birth("s-1"), OURS.state("online", "s-1"), OURS.event(1))
    ingest.write(moved.birth("s-2"), moved.state("online", "s-2"), moved.event(2))
    ingest.write((f"{OURS.up}/state", b""), (f"{OURS.up}/birth", b""))  # move-site clears the old ward
    (status,) = ingest.status().gateways
    assert (status.ward, status.state) == ("bo-xuyen", "online")
    assert ingest.status().missing == 0


def test_events_that_waited_while_their_gateway_moved_are_stored_in_the_new_ward(
    ingest: IngestHarness,
) -> None:
    """Their bytes are those of the old ward, because the chain has their hashes."""
    moved = FakeGateway(ward="bo-xuyen")
    ingest.write(OURS.event(1))  # and the confirmation did not arrive
    waited = [(moved.event(number)[0], OURS.event(number)[1]) for number in (1, 2)]
    result = ingest.write(*waited)
    assert (result.rejected, result.duplicates, result.conflicts[OURS.id]) == (0, 1, 0)
    assert result.numbers[OURS.id, OURS.epoch] == [2, 1]
    stored = {row.sequence: (row.ward, row.payload) for row in ingest.rows(tables.event)}
    assert stored == {1: ("de-tham", OURS.event(1)[1]), 2: ("bo-xuyen", OURS.event(2)[1])}


def test_history_of_health_goes_on_after_a_heartbeat_with_the_clock_ahead(ingest: IngestHarness) -> None:
    hour_ms = 3_600_000
    for now_ms in (NOW_MS, NOW_MS + 10 * 365 * 24 * hour_ms, NOW_MS + hour_ms, NOW_MS + 2 * hour_ms):
        ingest.write(OURS.heartbeat("s-1"), now_ms=now_ms)
    assert sum(row.slot_ms <= NOW_MS + 2 * hour_ms for row in ingest.rows(tables.health)) == 3


def test_history_of_health_is_thinned(ingest: IngestHarness) -> None:
    for minute in range(0, 30, 5):
        ingest.write(OURS.heartbeat("s-1"), now_ms=NOW_MS + minute * 60_000)
    rows = ingest.rows(tables.health)
    assert len(rows) == 3, "slots of ten minutes"
    assert {row.temperature_c for row in rows} == {61.5}
    with ingest.store.batch() as batch:
        batch.delete_health(NOW_MS + 3_600_000)
    assert not ingest.store.load().gateways[OURS.id].slot_ms


def test_status_prints_no_control_characters_of_a_gateway(ingest: IngestHarness) -> None:
    forged = "\x1b[2J\nevents     0 stored"
    ingest.write(OURS.heartbeat("s-1"), MessageReceived(f"tb/v1/de-tham/dt-001/up/reply/{forged}", b"{}", 1))
    ingest.tell(replace(OFFLINE, why=forged))
    out = io.StringIO()
    run_status(ingest.database, False, out)
    assert out.getvalue().count("\\x1b[2J\\n") == 2
    assert out.getvalue().replace("\n", "").isprintable()
    assert sum(line.startswith("events ") for line in out.getvalue().splitlines()) == 1


def test_status_of_a_centre_is_not_that_of_another_one_in_its_database(tmp_path: Path) -> None:
    database = make_sqlite(tmp_path / "central.db")
    with write_transaction(database) as connection:
        write_record(connection, running_key("city-a"), IngestCounters(SystemClock()).status(True, "s"))
    found = {each: run_status(database, False, io.StringIO(), each) for each in ("city-a", "city-b")}
    assert found == {"city-a": 0, "city-b": 3}


def test_status_as_json_has_a_text_with_a_code_as_text(ingest: IngestHarness) -> None:
    ingest.write(OURS.heartbeat("s-1"))
    ingest.tell(replace(OFFLINE, why=problem_text("agent-stopped")))
    out = io.StringIO()
    run_status(ingest.database, True, out)
    assert str(problem_text("agent-stopped")) in out.getvalue()
    assert json.loads(out.getvalue())["schema"] == "central-status/1"


def test_loss_events_that_name_endless_ranges_cost_no_more_than_their_gateway_may(
    ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also heartbeats that each name another epoch. The limits are smaller here than in production."""
    monkeypatch.setattr(fleet, "MAX_GAPS", 100)
    monkeypatch.setattr(fleet, "MAX_STREAMS", 5)
    for number in range(1, 4):
        first = 10**9 * number
        ranges = [(at, at) for at in range(first, first + 80, 2)]
        assert ingest.write(OURS.loss(number, *ranges)).events[OURS.id] == 1
    assert 100 <= ingest.store.load().streams[OURS.id, OURS.epoch].gap_count <= 104
    reason = ingest.status().newest_rejected[0].reason
    assert reason == "a loss of 40 ranges, of which 0 count: this gateway has too many gaps"
    for name in (OURS.id, "dt-002"):
        ingest.write(*(FakeGateway(name, epoch=f"e-{number}").heartbeat("s", 5) for number in range(9)))
    streams = Counter(stream.gateway for stream in ingest.store.load().streams.values())
    assert streams == {OURS.id: 1, "dt-002": 5}


def test_what_a_gateway_says_it_has_lost_goes_with_the_event_that_said_so(
    ingest: IngestHarness, tmp_path: Path
) -> None:
    ingest.write(OURS.event(1), OURS.loss(4, (2, 3)), now_ms=AFTER_MS)
    delete_expired(ingest, tmp_path)
    assert (ingest.status().events, ingest.status().losses, ingest.status().announced) == (0, [], 2)
    assert ingest.write(OURS.loss(4, (2, 3))).duplicates == 1


def test_another_event_under_the_number_of_a_deleted_one_is_a_conflict(
    ingest: IngestHarness, tmp_path: Path
) -> None:
    ingest.write(OURS.event(1), now_ms=AFTER_MS)
    delete_expired(ingest, tmp_path)
    data = {"phase": "moment", "event_id": "e2", "label": "car"}
    other = OURS.of_kind("object", 1, "cam-1", "2026-11-27T00:00:00.000Z", **data)
    result = ingest.write(OURS.event(1), other)
    assert (result.duplicates, result.conflicts[OURS.id], result.rejected) == (1, 1, 0)
    assert [row.payload for row in ingest.rows(tables.event)] == [other[1]]
    assert ingest.write(other).duplicates == 1


def delete_expired(ingest: IngestHarness, folder: Path) -> None:
    """Run retention two days after AFTER_MS; all data is kept for a day."""
    settings, now_ms = Retention(1, 1, 1, {}, 1, 1, 1), AFTER_MS + 2 * 86_400_000
    media, clock = MediaFolder(folder), SystemClock()
    sweep = RetentionSweep(settings, media, clock, first_after_s=0.0, pause_s=0.0, now_ms=lambda: now_ms)
    while sweep.due:
        with ingest.store.batch() as batch:
            sweep.run_batch(batch.connection)


def test_rejected_messages_are_bounded(ingest: IngestHarness) -> None:
    row = {"received_ms": 0, "topic": "t", "reason": "r", "bytes": 0, "head": b""}
    with ingest.store.batch() as batch:
        batch.rejected.extend(dict(row) for _ in range(MAX_REJECTED + 50))
    ingest.write(("tb/v1/de-tham/dt-001/up/state", b"nonsense"))
    assert len(ingest.rows(tables.rejected)) == MAX_REJECTED
    assert ingest.status().rejected == MAX_REJECTED + 51


def test_a_database_of_a_newer_version_is_left_alone(ingest: IngestHarness) -> None:
    ingest.write(OURS.event(1))
    with ingest.store.batch() as batch:
        write_meta(batch.connection, "schema", "99")
    ingest.store.close()
    with pytest.raises(DatabaseUnavailable, match="newer version"):
        ingest.store.load()


SEARCHES = ("search", "search_answer", "search_match", "search_picture", "search_scene")
COLUMNS = ("access.search", "access.purpose", "access.case_number", "access.gateways")
ALERTS = ("alert", "alert_pending", "notification", "hold", "deletion")


@pytest.mark.parametrize(
    ("version", "missing", "columns", "indexes"),
    [
        (1, ALERTS, (), ("event_by_kind", "media_by_file")),
        (3, (), ("alert.problem", "presence.problem", "request.problem"), ()),
        (4, SEARCHES, COLUMNS, ("access_by_search", "access_by_case")),
    ],
)
def test_an_older_database_is_upgraded_with_its_rows(
    ingest: IngestHarness,
    version: int,
    missing: tuple[str, ...],
    columns: tuple[str, ...],
    indexes: tuple[str, ...],
) -> None:
    ingest.write(OURS.event(1))
    ingest.tell(OFFLINE)
    with ingest.store.batch() as batch:
        record_access(batch.connection, AccessKind.LOGIN, "lan", "::1", NOW_MS)
    ingest.store.close()
    with prepared(ingest.database) as connection, connection.begin():
        before = schema(connection)
        tables.metadata.drop_all(connection, tables=[tables.metadata.tables[name] for name in missing])
        for name in indexes:
            connection.execute(text(f"DROP INDEX {name}"))
        for column in columns:
            connection.execute(text("ALTER TABLE {} DROP COLUMN {}".format(*column.split("."))))
        write_meta(connection, "schema", str(version))
    ingest.write(OURS.event(2))
    assert ingest.status().events == 2
    assert ingest.store.stored_reports(["de-tham"]) == [OFFLINE]
    ingest.tell(replace(OFFLINE, why=problem_text("connection-lost")))
    [stored] = ingest.store.stored_reports(["de-tham"])
    assert isinstance(stored, GatewayReport)
    assert problem_of(stored.why) == CodedProblem("connection-lost")
    with prepared(ingest.database) as connection:
        assert schema(connection) == before
        assert read_meta(connection, "schema") == str(tables.SCHEMA_VERSION)
        (row,) = connection.execute(select(tables.access)).all()
        assert (row.account, row.search, row.gateways) == ("lan", None, None)


def schema(connection: Connection) -> dict[str, set[str]]:
    """The names of columns and indexes of each table."""
    found = inspect(connection)
    named = [
        (table, (*found.get_columns(table), *found.get_indexes(table))) for table in found.get_table_names()
    ]
    return {table: {str(each["name"]) for each in parts} for table, parts in named}


def test_a_new_database_that_another_program_writes_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "central.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE already (there)")
        other.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.3, other.execute, ("COMMIT",))
        end.start()
        with prepared(Database(url=f"sqlite:///{file}")) as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        end.join()


def test_a_second_writer_waits_so_that_cursors_appear_in_order(
    postgresql: PostgreSQL, empty: Database, tmp_path: Path
) -> None:
    writer = writer_in(tmp_path / "media")
    first, second, done = Store(empty), Store(empty), threading.Event()

    def write(store: Store, gateway: FakeGateway) -> None:
        fleet = store.load()
        with store.batch() as batch:
            writer.write([MessageReceived(*gateway.event(1), 1)], fleet, batch, NOW_MS)
        done.set()

    fleet = first.load()
    second.load()
    other = threading.Thread(target=write, args=(second, FakeGateway("dt-002")))
    with first.batch() as batch:
        writer.write([MessageReceived(*FakeGateway("dt-001").event(1), 1)], fleet, batch, NOW_MS)
        other.start()
        wait_until(lambda: done.is_set() or postgresql.waiting(), what="the second writer at the lock")
        assert not done.is_set(), "its cursor would be seen before a smaller one"
    other.join(10)
    assert IngestHarness(empty, first, writer).cursors() == [1, 2]
    first.close()
    second.close()


def test_an_unavailable_postgresql_stops_confirmations_until_it_returns(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    url = postgresql.create("goes-away")
    with (
        Mosquitto(tmp_path) as broker,
        FakeGateways(broker) as gateways,
        Centre(tmp_path / "centre", broker.port, database=url) as centre,
    ):
        gateways.wait_state("online")
        gateways.deliver(OURS, 1)
        postgresql.stop()
        gateways.publish_all(OURS.event(2))
        gateways.wait_state("degraded")
        assert gateways.confirmed(OURS) == {1}
        postgresql.start()
        gateways.wait_confirmed(OURS, 2)
        gateways.wait_state("online")
        assert centre.numbers(OURS) == [1, 2]
