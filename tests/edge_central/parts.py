"""Messages of a fake gateway, as an agent sends them, and a centre in this process or in its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy import Connection, select

from edge_agent import wire
from edge_agent.core.clock import Clock, SystemClock, rfc3339
from edge_central.cli.status import CentralStatus, read_status
from edge_central.config import load
from edge_central.presence.presence import PresenceThresholds
from edge_central.service import CentralService
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import open_engine
from tests.testbed.mosquitto import LIFE_SIGN_S, Mosquitto, Subscriber

WARD = "de-tham"
TIME = "2026-11-24T13:42:15.123Z"
JPEG = b"\xff\xd8\xff\xe0 a picture"


@dataclass(frozen=True)
class FakeGateway:
    """A fake gateway: makes topics and payloads of its messages."""

    id: str = "dt-001"
    ward: str = WARD
    epoch: str = "3f2a0001"
    boot_id: str = "boot"

    @property
    def up(self) -> str:
        return f"tb/v1/{self.ward}/{self.id}/up"

    @property
    def down(self) -> str:
        return f"tb/v1/{self.ward}/{self.id}/down"

    def event(self, sequence: int, label: str = "person", camera: str = "cam-1") -> tuple[str, bytes]:
        return self.of_kind("object", sequence, camera, phase="moment", event_id="e1", label=label)

    def loss(self, sequence: int, *ranges: tuple[int, int], epoch: str | None = None) -> tuple[str, bytes]:
        count = sum(last - first + 1 for first, last in ranges)
        of = epoch or self.epoch
        data = wire.LossData(epoch=of, ranges=list(ranges), count=count, reason="outbox-full")
        return self.of_kind("loss", sequence, "gateway", **msgspec.to_builtins(data))

    def evidence(self, sequence: int, camera: str = "cam-1", **data: Any) -> tuple[str, bytes]:
        """An evidence event: a clip, or why there is none."""
        return self.of_kind("evidence", sequence, camera, **data)

    def view(self, sequence: int, state: str, phase: str, camera: str = "cam-1") -> tuple[str, bytes]:
        """A camera-view event of this moment."""
        now = rfc3339(datetime.now(UTC))
        data = {"phase": phase, "event_id": "v1", "state": state, "tamper": True, "why": "why"}
        more = {"features": {}, "started_at": now}
        return self.of_kind("camera-view", sequence, camera, now, **data, **more)

    def of_kind(
        self, kind: str, sequence: int, subject: str = "cam-1", time: str = TIME, /, **data: Any
    ) -> tuple[str, bytes]:
        """An event of any kind, known or not."""
        number = f"{sequence:016d}"
        event = wire.CloudEvent(
            id=f"{self.id}/{self.epoch}/{number}",
            source=f"/tb/{self.id}",
            subject=subject,
            type=f"{wire.TYPE_PREFIX}{kind}.v1",
            time=time,
            dataschema=f"{wire.SCHEMA_BASE}{kind}.json",
            sequence=number,
            epoch=self.epoch,
            prevhash="0" * 64,
            recordedtime=TIME,
            bootid=self.boot_id,
            bootms="1",
            severitynumber=13,
            severitytext="WARN",
            clock="synced",
            ward=self.ward,
            data=msgspec.Raw(msgspec.json.encode(data)),  # type: ignore[type-var]
        )
        return f"{self.up}/event/{subject}", msgspec.json.encode(event)

    def override(self, sequence: int, phase: str) -> tuple[str, bytes]:
        """A rule-override event of this moment: a rule was disarmed."""
        now = rfc3339(datetime.now(UTC))
        data = {"phase": phase, "event_id": "o-1", "what": "disarm", "rule_id": "yard", "for_s": 60.0}
        asked = {"origin": "command", "command_id": "c-1", "signed_by": None, "why": "why", "started_at": now}
        return self.of_kind("rule-override", sequence, "cam-1", now, **data, **asked)

    def rule_change(self, sequence: int, *, enabled: bool | None, what: str = "set") -> tuple[str, bytes]:
        """A rule-change event of this moment: a rule was changed for good."""
        now = rfc3339(datetime.now(UTC))
        data = {"rule_id": "yard", "what": what, "enabled": enabled, "command_id": "c-1", "why": "why"}
        return self.of_kind("rule-change", sequence, "cam-1", now, **data)

    def heartbeat(self, session: str, sequence: int = 0, **more: Any) -> tuple[str, bytes]:
        document = {
            "schema": "heartbeat/1",
            "time": TIME,
            "session": session,
            "outbox": {"depth": 0, "bytes": 0, "oldest_s": 0, "sequence": sequence, "epoch": self.epoch},
            "box": {"temperature_c": 61.5, "disk_percent": 40.0},
            "cameras": {"cam-1": {"state": "online", "packet_fps": 10.0}},
            **more,
        }
        return f"{self.up}/heartbeat", json.dumps(document).encode()

    def birth(self, session: str, **more: Any) -> tuple[str, bytes]:
        document = {"schema": "birth/1", "gateway": self.id, "ward": self.ward, "boot_id": self.boot_id}
        return f"{self.up}/birth", json.dumps(document | {"session": session, "time": TIME} | more).encode()

    def state(self, state: str, session: str, time: str = TIME) -> tuple[str, bytes]:
        document = {"schema": "state/1", "state": state, "session": session, "time": time, "reason": "why"}
        return f"{self.up}/state", json.dumps(document).encode()


OURS, THEIRS = FakeGateway("dt-001"), FakeGateway("bx-001", "bo-xuyen")
"""Gateways of two wards."""


@dataclass
class WrongClock(SystemClock):
    """The clock of a machine whose time is wrong by ``by``."""

    by: timedelta

    def now(self) -> datetime:
        return super().now() + self.by


class Centre:
    """``edge-agent central run``: on a thread of this process, or, to be killed, in a process of its own."""

    def __init__(self, folder: Path, port: int, *wards: str, database: str = "sqlite", **keys: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "edge-central.yaml"
        self.state_dir = folder / "state"
        settings = {
            "wards": list(wards or (WARD,)),
            "state_dir": str(self.state_dir),
            "database": database,
            "mqtt": {"brokers": [f"mqtt://127.0.0.1:{port}"]},
            **keys,
        }
        self.config.write_text(json.dumps(settings), encoding="utf-8")
        self.thresholds: PresenceThresholds | None = None
        self.clock: Clock | None = None
        self.first_sweep_s = 60.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.kill()

    @property
    def database(self) -> Database:
        return load(self.config).database

    def start(self) -> None:
        self._stop.clear()
        settings, sweep_s = load(self.config), self.first_sweep_s
        central = CentralService(
            settings, self._stop, clock=self.clock, thresholds=self.thresholds, first_sweep_s=sweep_s
        )
        self._thread = threading.Thread(target=central.run, name="centre")
        self._thread.start()

    def run_here(self) -> int:
        """Run on this thread until it ends by itself; return its exit code."""
        return CentralService(load(self.config), self._stop, thresholds=self.thresholds).run()

    def start_process(self, environ: Mapping[str, str] | None = None) -> None:
        """``environ`` is added to this process's environment; with PYTHONPATH it may select another
        release."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "central", "run", str(self.config)],
            stderr=subprocess.DEVNULL,
            env=os.environ | dict(environ or {}),
        )

    @property
    def pid(self) -> int:
        """Process id of the centre's own process."""
        assert self._process is not None, "the centre has no process"
        return self._process.pid

    def stop(self) -> None:
        """Stop it as SIGTERM does."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)
            assert not self._thread.is_alive(), "the centre does not stop"
            self._thread = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def status(self, now_ms: int = 0) -> CentralStatus:
        return read_status(self.database, now_ms)

    def numbers(self, gateway: FakeGateway) -> list[int]:
        """Stored sequence numbers of a gateway, in the order of storing."""
        return [number for _, number in self.numbers_by_epoch(gateway)]

    def payloads(self) -> list[bytes]:
        """Payloads of all stored events."""
        with self._connection() as connection:
            return list(connection.scalars(select(tables.event.c.payload)))

    def numbers_by_epoch(self, gateway: FakeGateway) -> list[tuple[str, int]]:
        event, stream = tables.event.c, tables.stream.c
        wanted = (
            select(stream.epoch, event.sequence)
            .join(tables.stream, stream.id == event.stream)
            .where(event.gateway == gateway.id)
            .order_by(event.cursor)
        )
        with self._connection() as connection:
            return [tuple(row) for row in connection.execute(wanted)]

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Of a database of any version, as an older centre has."""
        engine = open_engine(self.database, read_only=True)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


class FakeGateways(Subscriber):
    """One MQTT client that publishes and receives for all fake gateways: this broker requires no
    certificate."""

    def __init__(self, broker: Mosquitto, *topics: str) -> None:
        names = topics or ("tb/v1/+/+/down/#", "tb/v1/central/#")
        super().__init__(broker.port, *names, client_id=f"boxes-{threading.get_ident()}")

    def publish_all(self, *messages: tuple[str, bytes]) -> None:
        for topic, payload in messages:
            self.publish(topic, payload)

    def deliver(self, gateway: FakeGateway, *sequences: int) -> None:
        """Publish events of a gateway, and wait until they are confirmed."""
        self.publish_all(*map(gateway.event, sequences))
        self.wait_confirmed(gateway, *sequences)

    def picture(
        self, gateway: FakeGateway, media_id: str, payload: bytes = JPEG, sha256: str | None = None
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        digest = sha256 or hashlib.sha256(payload).hexdigest()
        properties.UserProperty = [("event_id", "e1"), ("camera", "cam-1"), ("sha256", digest)]
        topic = f"{gateway.up}/media/{media_id}"
        self._client.publish(topic, payload, qos=1, properties=properties).wait_for_publish(10)

    def acks(self, gateway: FakeGateway) -> list[dict[str, Any]]:
        return [json.loads(m.payload) for m in self.messages if m.topic == f"{gateway.down}/ack"]

    def confirmed(self, gateway: FakeGateway) -> set[int]:
        """All sequences that the received acks cover."""
        found: set[int] = set()
        for ack in self.acks(gateway):
            if ack["epoch"] == gateway.epoch:
                found |= set(range(1, ack["upto"] + 1)) | set(ack.get("also", []))
        return found

    def confirmed_media(self, gateway: FakeGateway) -> set[str]:
        return {name for ack in self.acks(gateway) for name in ack.get("media", [])}

    def state(self) -> str | None:
        """The newest state that the centre published."""
        messages = self.on("central/state")
        return None if not messages else str(json.loads(messages[-1].payload)["state"])

    def presence(self, gateway: FakeGateway) -> str | None:
        """The newest presence that the centre published of a gateway."""
        messages = self.on(f"central/presence/{gateway.ward}/{gateway.id}")
        return None if not messages else str(json.loads(messages[-1].payload)["state"])

    def outage(self, ward: str) -> list[str] | None:
        """Gateways of the published outage; None without an outage."""
        messages = self.on(f"central/outage/{ward}")
        return json.loads(messages[-1].payload)["gateways"] if messages and messages[-1].payload else None

    def wait_state(self, state: str, timeout_s: float = LIFE_SIGN_S) -> None:
        self.wait_for(lambda: self.state() == state, timeout_s)

    def wait_confirmed(self, gateway: FakeGateway, *sequences: int) -> None:
        self.wait_for(lambda: set(sequences) <= self.confirmed(gateway))
