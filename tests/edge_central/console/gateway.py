"""A gateway of the invented city: its messages as the agent sends them, chained and signed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent import wire
from edge_agent.core.clock import rfc3339_of_ms as at
from edge_agent.evidence.chain.keys import key_id, public_der
from edge_agent.evidence.chain.records import head_text
from edge_agent.mqtt.session.signal_queue import MessageReceived

HASH = "5f2c0b9d8e7a6f5c4d3e2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0f9e8d7c"
FRAME = wire.FrameSize(width=640, height=360)
MODEL = wire.ModelRef(name="ssd", sha256=HASH)
TEXTS = {9: "INFO", 13: "WARN", 17: "ERROR"}


@dataclass
class Gateway:
    """One gateway; ``cameras`` are ids."""

    id: str
    ward: str
    name: str
    latitude: float
    longitude: float
    cameras: list[str]
    channels: dict[str, str] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)  # names of cameras
    epoch: str = "3f2a0001"
    sequence: int = 0
    previous: str = "0" * 64
    signed: int = 0

    def __post_init__(self) -> None:
        seed = hashlib.sha256(self.id.encode()).digest()
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.session = f"session-{self.id}"

    def birth(self, now_ms: int) -> MessageReceived:
        der = public_der(self._key.public_key())
        document = wire.Birth(
            time=at(now_ms), session=self.session, gateway=self.id, ward=self.ward, name=self.name,
            version="0.1.0", versions={"python": "3.13.5"}, profile="raspberry-pi-4",
            board="Raspberry Pi 4 Model B", os="Debian GNU/Linux 13 (trixie)", boot_id="boot",
            boot_reason="power", config_hash=HASH,
            detector=wire.BirthDetector(name="ssd", model_sha256=HASH, labels=["person"], delegate=None),
            evidence_key=base64.b64encode(der).decode(),
            cameras=[
                wire.BirthCamera(id=each, url="rtsp://192.0.2.1/sub", analyse_fps=5.0, analyse_width=640)
                for each in self.cameras
            ],
            location=wire.BirthLocation(latitude=self.latitude, longitude=self.longitude),
        )  # fmt: skip
        return self._up("birth", document)

    def heartbeat(
        self, now_ms: int, cameras: dict[str, wire.CameraHealth], *, booted_ms: int, **parts: Any
    ) -> MessageReceived:
        """A heartbeat; ``parts`` replace fields of it, such as ``box``."""
        document: dict[str, Any] = {
            "time": at(now_ms),
            "session": self.session,
            "uptime_s": (now_ms - booted_ms) / 1000 - 20,
            "clock": wire.ClockHealth(synced=True, source="chrony", offset_ms=0.4),
            "box": wire.BoxHealth(uptime_s=(now_ms - booted_ms) / 1000),
            "outbox": wire.OutboxHealth(
                depth=0, bytes=0, oldest_s=0.0, sequence=self.sequence, epoch=self.epoch
            ),
            "mqtt": wire.MqttHealth(reconnects=0),
            "detector": wire.DetectorHealth(name="ssd", queue=0, latency_ms=61.0),
            "config_hash": HASH,
            "version": "0.1.0",
            "cameras": cameras,
        }
        return self._up("heartbeat", wire.Heartbeat(**{**document, **parts}))

    def state(self, now_ms: int) -> MessageReceived:
        document = wire.State(state="online", session=self.session, time=at(now_ms), reason="connected")
        return self._up("state", document)

    def event(self, camera: str, data: wire.Message, severity: int, time_ms: int) -> MessageReceived:
        kind, number = wire.KIND_OF_DATA[type(data)], f"{self.sequence + 1:016d}"
        document = wire.CloudEvent(
            id=f"{self.id}/{self.epoch}/{number}", source=f"/tb/{self.id}", subject=camera,
            type=f"{wire.TYPE_PREFIX}{kind}.v1", time=at(time_ms), recordedtime=at(time_ms),
            dataschema=f"{wire.SCHEMA_BASE}{kind}.json", sequence=number, epoch=self.epoch,
            prevhash=self.previous, bootid="boot", bootms="1000000",
            severitynumber=severity,  # type: ignore[arg-type]
            severitytext=TEXTS[severity],  # type: ignore[arg-type]
            clock="synced", ward=self.ward, data=data,
        )  # fmt: skip
        payload = msgspec.json.encode(document)
        self.sequence += 1
        self.previous = hashlib.sha256(payload).hexdigest()
        return MessageReceived(f"tb/v1/{self.ward}/{self.id}/up/event/{camera}", payload, 1)

    def head(self, time_ms: int) -> MessageReceived:
        """A chain head that signs all events so far."""
        number = f"{self.sequence:016d}"
        text = head_text(self.id, self.epoch, number, self.previous, at(time_ms))
        data = wire.ChainHeadData(
            epoch=self.epoch, sequence=number, sha256=self.previous, signed_at=at(time_ms),
            key_id=key_id(public_der(self._key.public_key())),
            signature=base64.b64encode(self._key.sign(text)).decode(),
        )  # fmt: skip
        return self.event("gateway", data, 9, time_ms)

    def picture(self, camera: str, event_id: str, jpeg: bytes, media_id: str) -> MessageReceived:
        digest = hashlib.sha256(jpeg).hexdigest()
        properties = ("event_id", event_id), ("camera", camera), ("sha256", digest)
        return MessageReceived(f"tb/v1/{self.ward}/{self.id}/up/media/{media_id}", jpeg, 1, None, properties)

    def _up(self, kind: str, document: wire.Message) -> MessageReceived:
        return MessageReceived(f"tb/v1/{self.ward}/{self.id}/up/{kind}", msgspec.json.encode(document), 1)


def snapshot_of(media_id: str, jpeg: bytes) -> wire.SnapshotRef:
    digest = hashlib.sha256(jpeg).hexdigest()
    return wire.SnapshotRef(media_id=media_id, sha256=digest, bytes=len(jpeg), box=(0.4, 0.4, 0.55, 0.75))


def media_id_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
