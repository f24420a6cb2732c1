"""The state of each gateway, as the centre publishes it. Pure: no clock, no broker.

Without a centre, or while it is not connected, the state is decided from the gateway's own messages.
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
MISSED = 3.3  # missed heartbeats after which a gateway is silent; the centre has the same number
OLD_S = 120.0  # an event that waits longer is a problem
MAX_GATEWAYS = 20_000
MAX_CHARACTERS = 300


_Kind = TypeVar("_Kind", bound=msgspec.Struct)


class _CentreState(msgspec.Struct):
    state: str = ""
    reason: str = ""


class _Outage(msgspec.Struct):
    gateways: list[str] = []
    of: int = 0


class _PresenceDocument(msgspec.Struct):
    state: str = ""
    since: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class PublishedPresence:
    """The presence of a gateway that the centre has published."""

    state: str  # a word of ``broker_commands.PRESENCES``, or one of a later version
    since_ms: int | None
    why: str


_STATE_BY_STANDING = {"silent": "offline", "trouble": "online", "fine": "online"}
_STANDING_BY_STATE = {"offline": "offline", "cut": "offline", "unstable": "trouble", "stopped": "stopped"}


@dataclass(slots=True)
class FleetGateway:
    """The known facts of one gateway. A field is None until its value is received."""

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
    model_changed: bool = False  # since the latest heartbeat, which is about the model before
    health: ReceivedHealth | None = None
    degraded: list[str] = field(default_factory=list)
    heartbeat_mono: float | None = None  # time of its latest heartbeat
    presence: PublishedPresence | None = None

    @property
    def cameras(self) -> tuple[int, int] | None:
        """Return the number of cameras that are up, and the number of all cameras."""
        if self.health is None:
            return None
        states = [camera.state for camera in self.health.cameras.values()]
        return sum(state != "offline" for state in states), len(states)

    @property
    def has_messages(self) -> bool:
        return self.state is not None or self.health is not None or self.version is not None

    def presence_at(self, mono: float, connected_mono: float, *, centre_reports: bool) -> PublishedPresence:
        """Return the state that the centre has published, with its time and reason. If the centre has
        published none, or ``centre_reports`` is False, return the state by the gateway's own messages."""
        if self.presence is not None and centre_reports:
            return self.presence
        standing = self._own_standing(mono, connected_mono)
        state = _STATE_BY_STANDING.get(standing, standing)
        return PublishedPresence(state, self.since_ms, self._own_why(standing, mono, connected_mono))

    def standing(self, state: str, mono: float, connected_mono: float) -> str:
        """Return a word of ``broker_commands.STANDINGS``: what an operator should check about a gateway in
        this state. The gateway's last will and its silence have an effect before the centre reports them."""
        own = self._own_standing(mono, connected_mono)
        return own if own in ("offline", "silent") else _STANDING_BY_STATE.get(state, own)

    def why(self, presence: PublishedPresence, mono: float, connected_mono: float) -> str:
        """Return why the gateway is in this state; if it is online or booting, what is wrong with it."""
        if presence.state not in ("online", "booting"):
            return presence.why
        return self._own_why(self._own_standing(mono, connected_mono), mono, connected_mono)

    def _own_standing(self, mono: float, connected_mono: float) -> str:
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
        """Return why an operator should check the gateway although it is online; None without a reason."""
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

    def _own_why(self, standing: str, mono: float, connected_mono: float) -> str:
        if standing in ("offline", "stopped"):
            return self.reason
        if standing == "silent":
            silent_s = mono - max(connected_mono, self.heartbeat_mono or self.first_mono)
            return f"no heartbeat for {silent_s:.0f} s"
        return self.problem or ""


class FleetStatus:
    """The status of all gateways. Only one thread may use it."""

    def __init__(self, root: str) -> None:
        self.gateways: dict[tuple[str, str], FleetGateway] = {}
        self.outages: dict[str, tuple[int, int]] = {}  # ward -> number of gateways offline, number of all
        self.centre: str | None = None  # newest state of the centre; None: not received
        self.unreadable = 0
        self._root = root
        self._topics = CentralTopics(root, "central")

    @property
    def centre_reports(self) -> bool:
        """Return False only if the centre, which publishes states, is known to be offline or stopped."""
        return self.centre not in ("offline", "stopped")

    def subscriptions(self, wards: list[str]) -> list[str]:
        """Return the topics to subscribe to; without ``wards`` those of all wards and the centre's state. A
        user of a ward may not read that, and a broker may close the connection of a client that tries."""
        kinds = (UpKind.STATE, UpKind.BIRTH, UpKind.HEARTBEAT)
        central, names = f"{self._root}/central", wards or ["+"]
        topics = [f"{self._root}/{ward}/+/up/{kind}" for ward in names for kind in kinds]
        for ward in names:
            topics += [f"{central}/outage/{ward}", f"{central}/presence/{ward}/+"]
        return topics if wards else [*topics, f"{central}/state"]

    def exact_topics(self, mono: float) -> list[str]:
        """Return exact topics of gateways that sent messages but have no state or presence after 2 s: some
        brokers send retained messages only for exact names, and not for a wildcard."""
        waited = [box for box in self.gateways.values() if box.has_messages and mono - box.first_mono > 2.0]
        own = [
            f"{self._root}/{box.ward}/{box.gateway}/up/{kind}"
            for box in waited
            for kind in (UpKind.STATE, UpKind.BIRTH)
            if box.state is None
        ]
        return own + [
            f"{self._root}/central/presence/{box.ward}/{box.gateway}"
            for box in waited
            if box.presence is None
        ]

    def receive(self, topic: str, payload: bytes, retained: bool, mono: float, now_ms: int) -> None:
        up = self._topics.parse_up(topic)
        if up is None:
            self._receive_central(topic.removeprefix(f"{self._root}/central/"), payload, mono)
            return
        try:
            message = parse_message(up, payload, ())
        except MalformedMessage:
            self.unreadable += 1
            return
        if not payload:
            self.gateways.pop((up.ward, up.gateway), None)
            return
        box = self._gateway(up.ward, up.gateway, mono)
        if box is None:
            return
        match message:
            case StateMessage(document=document) if document is not None:
                self._state(
                    box, document.state, document.session, document.reason, document.time, retained, now_ms
                )
            case BirthMessage(inventory=inventory) if inventory is not None:
                box.version = terminal_safe(inventory.version)
                box.model = terminal_safe(inventory.detector.name)
                sha256 = inventory.detector.model_sha256
                box.model_changed |= box.model_sha256 not in (None, sha256)
                box.model_sha256 = sha256
            case HeartbeatMessage(health=health):
                self._beat(box, health, mono)

    def _state(
        self, box: FleetGateway, state: str, session: str, reason: str, time: str, retained: bool, now_ms: int
    ) -> None:
        late = state != "online" and box.session is not None and session != box.session
        if late:
            return
        # The gateway writes its last will when it connects: the time in it is not that of the failure.
        dated = state != "offline"
        if state != box.state:
            box.since_ms = milliseconds(time) if dated else None if retained else now_ms
        box.state, box.session, box.reason = state, session, terminal_safe(reason)

    def _beat(self, box: FleetGateway, health: ReceivedHealth, mono: float) -> None:
        box.health, box.heartbeat_mono, box.model_changed = health, mono, False
        box.version = terminal_safe(health.version) or box.version
        box.degraded = [terminal_safe(line) for line in health.degraded]
        if box.state is None or (box.state == "offline" and health.session != box.session):
            box.state, box.since_ms, box.session = "online", None, health.session

    def _gateway(self, ward: str, gateway: str, mono: float) -> FleetGateway | None:
        """Return the gateway; a new one if it is not known yet, or None if there are too many."""
        key = ward, gateway
        if key not in self.gateways and len(self.gateways) >= MAX_GATEWAYS:
            return None
        return self.gateways.setdefault(key, FleetGateway(gateway, ward, mono))

    def _receive_central(self, name: str, payload: bytes, mono: float) -> None:
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
            self._presence(levels[1], levels[2], decode_or_empty(payload, _PresenceDocument), mono)

    def _presence(self, ward: str, gateway: str, document: _PresenceDocument, mono: float) -> None:
        key = ward, gateway
        if not document.state:  # the gateway was removed, or has moved to another ward
            box = self.gateways.get(key)
            if box is not None:
                box.presence = None
                if not box.has_messages:
                    del self.gateways[key]
            return
        box = self._gateway(ward, gateway, mono)
        if box is not None:
            box.presence = PublishedPresence(
                terminal_safe(document.state), _time_or_none(document.since), terminal_safe(document.why)
            )


def _time_or_none(text: str) -> int | None:
    try:
        return milliseconds(text)
    except MalformedMessage:
        return None


def terminal_safe(text: str) -> str:
    """Replace unprintable characters: data from a broker must not control the terminal."""
    text = unicodedata.normalize("NFC", text[:MAX_CHARACTERS])
    return "".join(each if each.isprintable() else "?" for each in text)


def decode_or_empty(payload: bytes, kind: type[_Kind]) -> _Kind:
    """Decode a message of JSON; if it is invalid, return a message with the default of each field."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return kind()
