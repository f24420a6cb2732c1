"""Compares the announcements at the broker with the wanted ones. Pure.

The retained messages at the broker are the only state: a run compares them with the births of the gateways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from edge_agent.core.errors import UsageError
from edge_agent.core.problems.problem import encode_json
from edge_agent.tools.home_assistant.entities import (
    ORIGIN,
    AnnouncedGateway,
    DiscoveryOptions,
    entities_of,
)
from edge_agent.wire.topics import CentralTopics, UpKind

MAX_GATEWAYS = 1_000
MAX_CAMERAS = 64
MAX_BYTES = 262_144
"""Largest size of a birth or an announcement."""
_ID = re.compile(r"[a-z0-9-]{1,63}")

GatewayKey = tuple[str, str]
"""Ward and gateway."""


class _BirthCamera(msgspec.Struct):
    id: str


class _Birth(msgspec.Struct):
    name: str = ""
    board: str = ""
    version: str = ""
    cameras: list[_BirthCamera] = []


class _Origin(msgspec.Struct):
    name: str = ""


class _Announcement(msgspec.Struct):
    """The fields of an announcement that this program reads."""

    origin: _Origin = msgspec.field(default_factory=_Origin)
    state_topic: str = ""
    image_topic: str = ""


class AnnouncementState:
    """Births and announcements of ``wards``, or of all if empty; those of other programs are ignored."""

    def __init__(self, root: str, prefix: str, wards: Sequence[str], options: DiscoveryOptions) -> None:
        self.removes_all = False
        self._root = root
        self._prefix = prefix
        self._wards = tuple(wards)
        self._options = options
        self._topics = CentralTopics(root, "central")
        self._births: dict[GatewayKey, AnnouncedGateway | None] = {}  # None: it cannot be read
        self._announced: dict[str, tuple[GatewayKey, bytes]] = {}  # by topic

    @property
    def gateways(self) -> int:
        """Return the number of gateways with a birth that can be read."""
        return sum(each is not None for each in self._births.values())

    @property
    def unreadable(self) -> list[str]:
        return sorted(gateway for (_, gateway), birth in self._births.items() if birth is None)

    def subscriptions(self) -> list[str]:
        births = [f"{self._root}/{ward}/+/up/{UpKind.BIRTH}" for ward in self._wards or ("+",)]
        return [*births, f"{self._prefix}/+/+/+/config"]

    def receive(self, topic: str, payload: bytes) -> None:
        """Record a received birth or announcement. Raises UsageError beyond ``MAX_GATEWAYS`` gateways."""
        up = self._topics.parse_up(topic)
        if up is not None and up.kind is UpKind.BIRTH:
            self._take_birth((up.ward, up.gateway), payload)
        elif topic.startswith(f"{self._prefix}/") and topic.endswith("/config"):
            self._take_announcement(topic, payload)

    def changes(self) -> list[tuple[str, bytes]]:
        """Return topics and payloads to publish, retained; an empty payload removes an announcement. Those of
        a gateway with an unreadable birth are not changed."""
        wanted = {} if self.removes_all else dict(self._wanted())
        unknown = set() if self.removes_all else {key for key, birth in self._births.items() if birth is None}
        gone = [
            (topic, b"")
            for topic, (key, _) in self._announced.items()
            if topic not in wanted and key not in unknown
        ]
        new = [
            (topic, payload)
            for topic, (key, payload) in wanted.items()
            if self._announced.get(topic) != (key, payload)
        ]
        return sorted(gone) + new

    def published(self, topic: str, payload: bytes) -> None:
        """Record a change that the broker has accepted."""
        self._take_announcement(topic, payload)

    def _wanted(self) -> Iterator[tuple[str, tuple[GatewayKey, bytes]]]:
        for key, gateway in sorted(self._births.items(), key=lambda item: item[0]):
            if gateway is None:
                continue
            for component, object_id, settings in entities_of(gateway, self._options):
                topic = f"{self._prefix}/{component}/{gateway.id}/{object_id}/config"
                yield topic, (key, encode_json(settings))

    def _take_birth(self, key: GatewayKey, payload: bytes) -> None:
        if self._wards and key[0] not in self._wards:
            return
        if not payload:
            self._births.pop(key, None)
            return
        if key not in self._births and len(self._births) >= MAX_GATEWAYS:
            raise UsageError(f"over {MAX_GATEWAYS} gateways: give --ward; nothing was announced for the rest")
        self._births[key] = _parse_birth(key, f"{self._root}/{key[0]}/{key[1]}/up", payload)

    def _take_announcement(self, topic: str, payload: bytes) -> None:
        key = self._owner(topic, payload) if payload else None
        if key is None:
            self._announced.pop(topic, None)
        else:
            self._announced[topic] = key, payload

    def _owner(self, topic: str, payload: bytes) -> GatewayKey | None:
        """Return the gateway of an announcement; None: it belongs to another program, or to a ward that this
        run does not manage."""
        try:
            found = msgspec.json.decode(payload[:MAX_BYTES], type=_Announcement)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        base = (found.state_topic or found.image_topic).removeprefix(f"{self._root}/").split("/")
        if found.origin.name != ORIGIN or len(base) < 4 or base[2] != "up":
            return None
        ward, gateway = base[:2]
        if topic.split("/")[-3] != gateway or (self._wards and ward not in self._wards):
            return None
        return ward, gateway


def _parse_birth(key: GatewayKey, up: str, payload: bytes) -> AnnouncedGateway | None:
    try:
        birth = msgspec.json.decode(payload, type=_Birth) if len(payload) <= MAX_BYTES else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        birth = None
    if birth is None:
        return None
    cameras = dict.fromkeys(each.id for each in birth.cameras if _ID.fullmatch(each.id))
    return AnnouncedGateway(up, key[1], birth.name, birth.board, birth.version, tuple(cameras)[:MAX_CAMERAS])
