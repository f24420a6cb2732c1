"""The centre when the disk, the database or a gateway misbehaves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from edge_agent.wire.received.messages import GatewayMessage, parse_message
from edge_agent.wire.topics import UpTopic
from edge_central.config import load
from edge_central.ingest import gateway_messages
from edge_central.ingest.batch_writer import BatchWriter
from edge_central.searches.sender import SearchSender
from edge_central.store import tables
from edge_central.store.batch import Store
from edge_central.store.database import DatabaseUnavailable, write_transaction
from edge_central.store.media_folder import MediaFolder
from tests.edge_central.ingest_harness import IngestHarness, writer_in
from tests.edge_central.parts import OURS, WARD, Centre, FakeGateway, FakeGateways
from tests.edge_central.prepared import make_sqlite
from tests.testbed.mosquitto import Mosquitto, wait_until


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_stops_confirmations_until_there_is_space(
    broker: Mosquitto, gateways: FakeGateways, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Centre(small_disk / "centre", broker.port) as centre:
        gateways.wait_state("online")
        gateways.deliver(OURS, 1)
        filler = small_disk / "filler"
        fill(filler)
        gateways.publish_all(*(OURS.event(number, "x" * 2_000) for number in range(2, 150)))
        gateways.picture(OURS, "m-1")
        gateways.wait_state("degraded")
        confirmed = gateways.confirmed(OURS)
        assert confirmed <= set(centre.numbers(OURS))
        assert not gateways.confirmed_media(OURS)
        assert "disk is full" in caplog.text
        filler.unlink()
        gateways.wait_confirmed(OURS, *range(1, 150))
        gateways.wait_for(lambda: gateways.confirmed_media(OURS) == {"m-1"})
        gateways.wait_state("online")
        assert sorted(centre.numbers(OURS)) == list(range(1, 150))


def test_retention_deletes_while_nothing_else_can_be_stored(
    broker: Mosquitto, gateways: FakeGateways, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulates a disk that is full until retention has deleted an expired picture."""
    centre = Centre(tmp_path, broker.port)
    centre.state_dir.mkdir()
    database = make_sqlite(centre.state_dir / "central.db")
    expired = MediaFolder(load(centre.config).media_dir).path("dt-001", "a" * 64, False)
    expired.parent.mkdir(parents=True)
    expired.write_bytes(b"jpg")
    row = {"gateway": "dt-001", "media_id": "m-1", "event_id": "e1", "camera": "cam-1", "sha256": "a" * 64}
    with write_transaction(database) as connection:
        connection.execute(
            insert(tables.gateway), {"id": "dt-001", "ward": WARD, "first_ms": 1, "last_ms": 1}
        )
        connection.execute(insert(tables.media), row | {"bytes": 3, "sealed": False, "received_ms": 1})
    publish_key = SearchSender.publish_key

    def publish_with_space(self: SearchSender, connection: Connection) -> None:
        if expired.exists():
            raise DatabaseUnavailable("nothing is stored: the disk is full")
        publish_key(self, connection)

    monkeypatch.setattr(SearchSender, "publish_key", publish_with_space)
    monkeypatch.setattr("edge_central.ingest_thread.RETRY_S", 0.1)
    centre.first_sweep_s = 0.0
    with centre:
        gateways.wait_state("online")
    assert not expired.exists()


def test_one_message_that_breaks_the_batch_writer_does_not_keep_the_others(
    centre: Centre, gateways: FakeGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulates an unknown bug: one message makes the batch writer fail."""

    def faulty(topic: UpTopic, payload: bytes, properties: tuple[tuple[str, str], ...]) -> GatewayMessage:
        if b"poison" in payload:
            raise ZeroDivisionError
        return parse_message(topic, payload, properties)

    monkeypatch.setattr("edge_central.ingest.batch_writer.parse_message", faulty)
    gateways.publish_all(*(OURS.event(n, "poison" if n == 4 else "cow") for n in range(1, 9)))
    gateways.wait_confirmed(OURS, 1, 2, 3, 5, 6, 7, 8)
    assert 4 not in gateways.confirmed(OURS), "the gateway keeps an event that is not stored"
    assert "ZeroDivisionError" in centre.status().newest_rejected[0].reason


def test_an_event_stored_by_another_process_counts_as_a_repeat(
    centre: Centre, gateways: FakeGateways, tmp_path: Path
) -> None:
    """A second ingest serves the same ward by mistake, so the state of the first one is out of date."""
    gateways.deliver(OURS, 1)
    store = Store(centre.database)
    IngestHarness(centre.database, store, writer_in(tmp_path / "media")).write(OURS.event(2), now_ms=0)
    store.close()
    gateways.deliver(OURS, 2, 3)
    assert centre.numbers(OURS) == [1, 2, 3]
    assert centre.status().rejected == 0


def test_a_failed_ingest_thread_restarts_and_receives_unconfirmed_messages_again(
    centre: Centre, gateways: FakeGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, deaths = BatchWriter.write, list[int]()

    def deadly(writer: BatchWriter, *rest: object) -> object:
        if not deaths:
            deaths.append(1)
            raise SystemExit("not even caught as an error")
        return sound(writer, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(BatchWriter, "write", deadly)
    gateways.deliver(OURS, 1, 2)
    assert deaths
    assert sorted(centre.numbers(OURS)) == [1, 2]


def test_a_search_that_cannot_be_sent_delays_no_event(
    broker: Mosquitto,
    gateways: FakeGateways,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Simulates an unknown bug, or an unforeseen row of a stolen console."""

    def faulty(*_: object) -> bool:
        raise TypeError("a text in place of a time")

    monkeypatch.setattr(SearchSender, "can_sign", True)
    monkeypatch.setattr(SearchSender, "has_waiting", faulty)
    with Centre(tmp_path / "centre", broker.port):
        wait_until(lambda: "searches cannot be sent" in caplog.text, what="the failure in the log")
        gateways.wait_state("online")  # the broker has its subscriptions, which paho's thread sends
        gateways.deliver(OURS, 1)
    assert caplog.text.count("searches cannot be sent") == 1, "the ingest did not start again"


def test_a_birth_is_requested_when_it_is_missing_or_old(
    broker: Mosquitto, gateways: FakeGateways, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_messages, "SETTLE_S", 0.0)
    one, two = FakeGateway("dt-001"), FakeGateway("dt-002")
    with Centre(tmp_path / "centre", broker.port) as centre:
        gateways.wait_state("online")
        gateways.publish_all(one.birth("s-1"), one.heartbeat("s-1"), two.heartbeat("s-1"))
        asked = [f"{two.down}/cmd/rebirth"]
        gateways.wait_for(lambda: [m.topic for m in gateways.on("/cmd/rebirth")] == asked)
        gateways.publish_all(one.heartbeat("s-2"))
        wait_until(lambda: centre.status().gateways[0].heartbeat_s is not None)
        gateways.publish_all(two.birth("s-1"), two.heartbeat("s-1"), one.heartbeat("s-2"))
        gateways.wait_for(lambda: len(gateways.on("/cmd/rebirth")) == 2)
        assert gateways.on("/cmd/rebirth")[1].topic == f"{one.down}/cmd/rebirth"


def test_without_its_libraries_the_command_says_what_to_install(tmp_path: Path) -> None:
    """As on a gateway, where the extra ``central`` is not installed."""
    main = "from edge_agent.cli.main import main; sys.exit(main())"
    hidden = f"import sys; sys.modules['sqlalchemy'] = None; {main}"
    config = tmp_path / "edge-central.yaml"
    config.write_text("wards: []\nmqtt: {brokers: [mqtt://localhost]}\n")
    command = [sys.executable, "-c", hidden, "central", "run", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "edge-agent[central]" in done.stderr
    assert "Traceback" not in done.stderr
