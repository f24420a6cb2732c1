"""The state of each gateway, by its own messages. Pure: no clock, no broker.

``mono`` is monotonic seconds and decides; ``now_ms`` is milliseconds since 1970 and only labels.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from edge_agent.wire.received.health import ReceivedHealth
from edge_agent.wire.received.messages import (
    BirthMessage,
    HeartbeatMessage,
    MalformedMessage,
    StateMessage,
    milliseconds,
    parse_message,
)
from edge_agent.wire.topics import CentralTopics, UpKind

USUAL_INTERVAL_S = 30.0
MISSED = 3.3
"""Missed heartbeats after which a gateway is silent, as at the centre."""
OLD_S = 120.0
"""An event that waits longer is a problem."""
MAX_GATEWAYS = 20_000
MAX_CHARACTERS = 300


_Kind = TypeVar("_Kind", bound=msgspec.Struct)


class _CentreState(msgspec.Struct):
    state: str = ""
    reason: str = ""


class _Outage(msgspec.Struct):
    gateways: list[str] = []
    of: int = 0


class _Presence(msgspec.Struct):
    state: str = ""
    since: str = ""


@dataclass(slots=True)
class FleetGateway:
    """What is known of one gateway. None: not received yet."""

    gateway: str
    ward: str
    first_mono: float
    state: str | None = None  # its newest state message: online, offline, stopped
    session: str | None = None
    reason: str = ""
    since_ms: int | None = None
    version: str | None = None
    model: str | None = None  # name of the detector's model
    model_sha256: str | None = None
    health: ReceivedHealth | None = None
    degraded: list[str] = field(default_factory=list)
    heartbeat_mono: float | None = None  # time of its latest heartbeat
    offline_ms: int | None = None  # since when the centre reports it as offline

    @property
    def cameras(self) -> tuple[int, int] | None:
        """Number of cameras that are up, and of all."""
        if self.health is None:
            return None
        states = [camera.state for camera in self.health.cameras.values()]
        return sum(state != "offline" for state in states), len(states)

    def standing(self, mono: float, connected_mono: float) -> str:
        """Return a word of ``broker_commands.STANDINGS``."""
        if self.state == "offline":
            return "offline"
        if self.state == "stopped":
            return "stopped"
        silent_s = mono - max(connected_mono, self.heartbeat_mono or self.first_mono)
        interval_s = 0.0 if self.health is None else self.health.uplink.heartbeat_s or 0.0
        if silent_s > MISSED * max(USUAL_INTERVAL_S, interval_s):
            return "silent" if self.state or self.health else "unknown"
        if self.health is None:
            return "unknown" if self.state is None else "fine"
        return "trouble" if self.problem else "fine"

    @property
    def problem(self) -> str | None:
        """Why an operator should check it, although it is online."""
        if self.health is None:
            return None
        up, all_ = self.cameras or (0, 0)
        if self.degraded:
            more = f" (and {len(self.degraded) - 1} more)" if len(self.degraded) > 1 else ""
            return self.degraded[0] + more
        if up < all_:
            down = sorted(name for name, each in self.health.cameras.items() if each.state == "offline")
            return f"{', '.join(down)} offline"
        if self.health.box.undervoltage:
            return "undervoltage"
        if self.health.outbox.oldest_s > OLD_S:
            return (
                f"{self.health.outbox.depth} events wait, the oldest for {self.health.outbox.oldest_s:.0f} s"
            )
        return None

    def why(self, standing: str, mono: float, connected_mono: float) -> str:
        if standing in ("offline", "stopped"):
            return self.reason
        if standing == "silent":
            silent_s = mono - max(connected_mono, self.heartbeat_mono or self.first_mono)
            return f"no heartbeat for {silent_s:.0f} s"
        return self.problem or ""


class FleetStatus:
    """All gateways. One thread uses it."""

    def __init__(self, root: str) -> None:
        self.gateways: dict[tuple[str, str], FleetGateway] = {}
        self.outages: dict[str, tuple[int, int]] = {}  # ward -> gateways offline, of all
        self.centre: str | None = None
        self.unreadable = 0
        self._root = root
        self._topics = CentralTopics(root, "central")

    def subscriptions(self, wards: list[str]) -> list[str]:
        """Topics to subscribe to; without ``wards`` all that the broker allows."""
        kinds = (UpKind.STATE, UpKind.BIRTH, UpKind.HEARTBEAT)
        ups = [f"{self._root}/{ward}/+/up/{kind}" for ward in wards or ["+"] for kind in kinds]
        if wards:
            return ups
        central = f"{self._root}/central"
        return [*ups, f"{central}/state", f"{central}/outage/+", f"{central}/presence/+/+"]

    def exact_topics(self, mono: float) -> list[str]:
        """Exact topics of gateways whose retained messages did not come through a wildcard; some brokers send
        them only for exact names."""
        waited = [box for box in self.gateways.values() if box.state is None and mono - box.first_mono > 2.0]
        return [
            f"{self._root}/{box.ward}/{box.gateway}/up/{kind}"
            for box in waited
            for kind in (UpKind.STATE, UpKind.BIRTH)
        ]

    def receive(self, topic: str, payload: bytes, retained: bool, mono: float, now_ms: int) -> None:
        up = self._topics.parse_up(topic)
        if up is None:
            self._receive_central(topic.removeprefix(f"{self._root}/central/"), payload)
            return
        try:
            message = parse_message(up, payload, ())
        except MalformedMessage:
            self.unreadable += 1
            return
        if not payload:
            self.gateways.pop((up.ward, up.gateway), None)
            return
        key = up.ward, up.gateway
        if key not in self.gateways and len(self.gateways) >= MAX_GATEWAYS:
            return
        box = self.gateways.setdefault(key, FleetGateway(up.gateway, up.ward, mono))
        match message:
            case StateMessage(document=document) if document is not None:
                self._state(
                    box, document.state, document.session, document.reason, document.time, retained, now_ms
                )
            case BirthMessage(inventory=inventory) if inventory is not None:
                box.version = terminal_safe(inventory.version)
                box.model = terminal_safe(inventory.detector.name)
                box.model_sha256 = inventory.detector.model_sha256
            case HeartbeatMessage(health=health):
                self._beat(box, health, mono)

    def _state(
        self, box: FleetGateway, state: str, session: str, reason: str, time: str, retained: bool, now_ms: int
    ) -> None:
        late = state != "online" and box.session is not None and session != box.session
        if late:
            return
        # A will is written at the start of the connection: its time is not the time of the failure.
        dated = state != "offline"
        if state != box.state:
            box.since_ms = milliseconds(time) if dated else None if retained else now_ms
        box.state, box.session, box.reason = state, session, terminal_safe(reason)

    def _beat(self, box: FleetGateway, health: ReceivedHealth, mono: float) -> None:
        box.health, box.heartbeat_mono = health, mono
        box.version = terminal_safe(health.version) or box.version
        box.degraded = [terminal_safe(line) for line in health.degraded]
        if box.state is None or (box.state == "offline" and health.session != box.session):
            box.state, box.since_ms, box.session = "online", None, health.session

    def _receive_central(self, name: str, payload: bytes) -> None:
        levels = name.split("/")
        if levels == ["state"]:
            self.centre = terminal_safe(decode_or_empty(payload, _CentreState).state) or None
        elif levels[0] == "outage" and len(levels) == 2:
            outage = decode_or_empty(payload, _Outage)
            if outage.gateways:
                self.outages[terminal_safe(levels[1])] = len(outage.gateways), outage.of
            else:
                self.outages.pop(levels[1], None)
        elif levels[0] == "presence" and len(levels) == 3:
            self._presence(levels[1], levels[2], decode_or_empty(payload, _Presence))

    def _presence(self, ward: str, gateway: str, presence: _Presence) -> None:
        box = self.gateways.get((ward, gateway))
        if box is not None and presence.state == "offline":
            try:
                box.offline_ms = milliseconds(presence.since)
            except MalformedMessage:
                box.offline_ms = None


def terminal_safe(text: str) -> str:
    """Clean a text for a terminal: data from a broker must not move its cursor."""
    text = unicodedata.normalize("NFC", text[:MAX_CHARACTERS])
    return "".join(each if each.isprintable() else "?" for each in text)


def decode_or_empty(payload: bytes, kind: type[_Kind]) -> _Kind:
    """Decode a message of JSON; if it cannot be read, return one with the default of each field."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return kind()
