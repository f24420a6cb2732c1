"""The centre when the disk, the database or a gateway misbehaves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest import gateway_commands as rebirth
from edge_central.ingest.batch_writer import BatchWriter
from edge_central.settings import HeartbeatHistory
from edge_central.store.batch import Store
from edge_central.store.media_folder import MediaFolder
from tests.edge_central.parts import Box, Boxes, Centre
from tests.testbed import small_disk as mounted
from tests.testbed.mosquitto import Mosquitto, wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, "max_inflight_messages 100") as started:
        yield started


@pytest.fixture
def boxes(broker: Mosquitto) -> Iterator[Boxes]:
    with Boxes(broker) as talking:
        yield talking


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system of 2 MB."""
    with mounted.small_disk(tmp_path / "disk", 2048) as folder:
        yield folder


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_stops_confirmations_and_room_brings_them_back(
    broker: Mosquitto, boxes: Boxes, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = Box()
    with Centre(small_disk / "centre", broker.port) as centre:
        boxes.wait_standing("online")
        boxes.say(box.event(1))
        boxes.wait_confirmed(box, 1)
        filler = small_disk / "filler"
        fill(filler)
        boxes.say(*(box.event(number, "x" * 2_000) for number in range(2, 150)))
        boxes.picture(box, "m-1")
        boxes.wait_standing("degraded")
        confirmed = boxes.confirmed(box)
        assert confirmed <= set(centre.numbers(box))
        assert not boxes.confirmed_media(box)
        assert "disk is full" in caplog.text
        filler.unlink()
        boxes.wait_confirmed(box, *range(1, 150))
        boxes.wait_for(lambda: boxes.confirmed_media(box) == {"m-1"})
        boxes.wait_standing("online")
        assert sorted(centre.numbers(box)) == list(range(1, 150))


def test_one_message_that_breaks_the_batch_writer_does_not_keep_the_others(
    broker: Mosquitto, boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulates an unknown bug: one message makes the batch writer fail."""
    sound = BatchWriter._read

    def faulty(writer: BatchWriter, arrived: object) -> object:
        if b"poison" in arrived.payload:  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return sound(writer, arrived)  # type: ignore[arg-type]

    monkeypatch.setattr(BatchWriter, "_read", faulty)
    box = Box()
    with Centre(tmp_path / "centre", broker.port) as centre:
        boxes.wait_standing("online")
        boxes.say(*(box.event(number, "poison" if number == 4 else "cow") for number in range(1, 9)))
        boxes.wait_confirmed(box, 1, 2, 3, 5, 6, 7, 8)
        assert 4 not in boxes.confirmed(box), "the box keeps what is not stored"
        assert "ZeroDivisionError" in centre.status().newest_rejected[0].reason


def test_an_event_stored_by_another_process_counts_as_a_repeat(
    broker: Mosquitto, boxes: Boxes, tmp_path: Path
) -> None:
    """A second ingest serves the same ward by mistake, so the state of the first one is out of date."""
    box = Box()
    with Centre(tmp_path / "centre", broker.port) as centre:
        boxes.wait_standing("online")
        boxes.say(box.event(1))
        boxes.wait_confirmed(box, 1)
        store, topics = Store(centre.database), CentralTopics("tb/v1", "central")
        known = store.load()
        with store.batch() as batch:
            writer = BatchWriter(
                topics, [box.ward], MediaFolder(tmp_path / "media"), HeartbeatHistory(600, 30)
            )
            writer.write([MessageReceived(*box.event(2), 1)], known, batch, 0)
        store.close()
        boxes.say(box.event(2), box.event(3))
        boxes.wait_confirmed(box, 2, 3)
        assert centre.numbers(box) == [1, 2, 3]
        assert centre.status().rejected == 0


def test_an_ingest_that_dies_is_started_again_and_gets_back_what_it_held(
    broker: Mosquitto, boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, box = BatchWriter.write, Box()
    deaths: list[int] = []

    def deadly(writer: BatchWriter, *rest: object) -> object:
        if not deaths:
            deaths.append(1)
            raise SystemExit("not even caught as an error")
        return sound(writer, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(BatchWriter, "write", deadly)
    with Centre(tmp_path / "centre", broker.port) as centre:
        boxes.wait_standing("online")
        boxes.say(box.event(1), box.event(2))
        boxes.wait_confirmed(box, 1, 2)
        assert deaths
        assert sorted(centre.numbers(box)) == [1, 2]


def test_a_gateway_is_asked_for_its_birth_when_there_is_none_or_an_old_one(
    broker: Mosquitto, boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebirth, "SETTLE_S", 0.0)
    one, two = Box("dt-001"), Box("dt-002")
    with Centre(tmp_path / "centre", broker.port) as centre:
        boxes.wait_standing("online")
        boxes.say(one.birth("s-1"), one.heartbeat("s-1"), two.heartbeat("s-1"))
        boxes.wait_for(lambda: [m.topic for m in boxes.on("/cmd/rebirth")] == [f"{two.down}/cmd/rebirth"])
        boxes.say(one.heartbeat("s-2"))
        wait_until(lambda: centre.status().gateways[0].heartbeat_s is not None)
        boxes.say(two.birth("s-1"), two.heartbeat("s-1"), one.heartbeat("s-2"))
        boxes.wait_for(lambda: len(boxes.on("/cmd/rebirth")) == 2)
        assert boxes.on("/cmd/rebirth")[1].topic == f"{one.down}/cmd/rebirth"


def test_without_its_libraries_the_command_says_what_to_install(tmp_path: Path) -> None:
    """As on a gateway, where the extra ``central`` is not installed."""
    hidden = (
        "import sys; sys.modules['sqlalchemy'] = None; from edge_agent.cli.main import main; sys.exit(main())"
    )
    config = tmp_path / "edge-central.yaml"
    config.write_text("wards: []\nmqtt: {brokers: [mqtt://localhost]}\n")
    done = subprocess.run(
        [sys.executable, "-c", hidden, "central", "run", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "edge-agent[central]" in done.stderr
    assert "Traceback" not in done.stderr
