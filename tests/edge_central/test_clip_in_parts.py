"""Large clips travel from the real agent's disk to the centre's media folder, in parts, over a broker."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.config.model.settings import Storage
from edge_agent.core.clock import SystemClock
from edge_agent.core.model import Severity
from edge_agent.evidence.store import MediaStore
from edge_agent.mqtt.publisher.part_queue import PART_BYTES
from edge_central.console.incident_log import LogAuthor
from edge_central.console.requests import ConsoleRequest, incomplete_files, request_clip, requests_about
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.parts import Centre
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until

EVENT = "zone-1"
CLIP = b"\0\0\0\x18ftypisom" + random.Random(1).randbytes(8_000_000)
PARTS = -(-len(CLIP) // PART_BYTES)


@dataclass
class City:
    """A centre and one gateway that has a clip of 8 MB."""

    broker: Mosquitto
    centre: Centre
    agent: AgentProcess
    connections: DatabaseConnections

    def ask(self) -> None:
        with self.connections.writing() as connection:
            by = LogAuthor("lan", round(time.time() * 1000))
            assert request_clip(connection, by, "dt-001", "de-tham", EVENT)

    def request(self) -> ConsoleRequest:
        with self.connections.reading() as connection:
            return requests_about(connection, EVERYWHERE, "dt-001", EVENT)[0]

    def arrived(self) -> int:
        """How many parts of an incomplete file are here."""
        with self.connections.reading() as connection:
            found = incomplete_files(connection, EVERYWHERE, "dt-001", EVENT)
        return found[0].received_parts if found else 0

    def stored(self) -> bytes | None:
        files = list((self.centre.state_dir / "media").rglob("*.mp4"))
        return files[0].read_bytes() if files else None

    def wait_for_clip(self) -> None:
        wait_until(lambda: self.stored() is not None, 90, "the clip")
        assert hashlib.sha256(self.stored() or b"").digest() == hashlib.sha256(CLIP).digest()
        self.agent.wait_for_status(lambda beat: beat["outbox"]["media_depth"] == 0, "the confirmation")


def keep_clip(state_dir: Path) -> None:
    """Store the clip as the recorder does."""
    store = MediaStore(state_dir / "evidence", Storage(), SystemClock())
    store.open()
    store.save(
        (CLIP,),
        "mp4",
        event_id=EVENT,
        camera="cam-1",
        severity=Severity.ALARM,
        media_id="clip-of-zone-1",
        at=datetime.now(UTC),
    )


@contextmanager
def city_at(folder: Path, **uplink: object) -> Iterator[City]:
    camera = {"id": "cam-1", "url": str(make_clip(folder / "clip.mp4", seconds=5))}
    with (
        Mosquitto(folder, persistent=True) as broker,
        Centre(folder / "centre", broker.port) as centre,
    ):
        mqtt = {"brokers": [f"mqtt://127.0.0.1:{broker.port}"], "delivery": "confirmed", "spread_s": 0}
        keep_clip(folder / "state")
        config = write_config(
            folder, cameras=[camera], broker_port=broker.port, detector="none", mqtt=mqtt, uplink=uplink
        )
        with AgentProcess(config, "--repeat-files") as agent:
            agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "the camera")
            connections = DatabaseConnections(centre.database)
            try:
                yield City(broker, centre, agent, connections)
            finally:
                connections.close()


def test_a_clip_of_8_megabytes_arrives_in_parts(tmp_path: Path) -> None:
    with (
        city_at(tmp_path, backlog_bytes_s="20MB") as city,
        Subscriber(city.broker.port, "tb/v1/+/+/up/#") as seen,
    ):
        city.ask()
        city.wait_for_clip()
        assert city.request().status == "succeeded"
        assert city.arrived() == 0, "it is complete"
        parts = [message for message in seen.messages if "/up/part/" in message.topic]
        assert len(parts) == PARTS
        assert not [message for message in seen.messages if "/up/media/" in message.topic]


def test_a_lost_connection_costs_a_few_parts_and_a_restart_of_the_agent_too(tmp_path: Path) -> None:
    with (
        city_at(tmp_path, backlog_bytes_s="500kB") as city,
        Subscriber(city.broker.port, "tb/v1/+/+/up/part/+") as seen,
    ):
        city.ask()
        wait_until(lambda: city.arrived() > PARTS // 4, 60, "a part of the clip")
        city.broker.kill()
        city.broker.start()
        before = city.arrived()
        assert before < PARTS // 2
        wait_until(lambda: city.arrived() > PARTS // 2, 60, "more of the clip")
        city.agent.kill()
        city.agent.start()
        city.wait_for_clip()
        resent = len(seen.messages) - PARTS
        assert resent < PARTS // 3, "not all of it went again"


def test_a_clip_beyond_the_limit_is_refused_and_says_so(tmp_path: Path) -> None:
    with city_at(tmp_path, max_clip_bytes=2_000_000) as city:
        city.ask()
        wait_until(lambda: city.request().status == "rejected", 60, "the refusal")
        assert "the broker takes at most 2000000" in city.request().words
