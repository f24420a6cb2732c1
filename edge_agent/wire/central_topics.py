"""The topics as the centre sees them: those of all gateways of its wards, and its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_CENTRAL_ID = re.compile(r"[a-z0-9-]{1,63}")
DEFAULT_ID = "central"
WARD_ITSELF = "_ward"
"""In the place of a gateway's id, which has no underscore."""


class UpKind(StrEnum):
    """What a gateway sends to the centre."""

    STATE = "state"
    BIRTH = "birth"
    HEARTBEAT = "heartbeat"
    EVENT = "event"
    MEDIA = "media"
    REPLY = "reply"


_NAMED = (UpKind.EVENT, UpKind.MEDIA, UpKind.REPLY)


@dataclass(frozen=True, slots=True)
class UpTopic:
    """Who said what; ``name`` is the camera of an event, the id of a picture or of a command, else empty."""

    ward: str
    gateway: str
    kind: UpKind
    name: str


class CentralTopics:
    """Of the centre ``central_id``, below ``root``."""

    def __init__(self, root: str, central_id: str) -> None:
        self._root = root
        own = f"{root}/central" if central_id == DEFAULT_ID else f"{root}/central/{central_id}"
        self.state = f"{own}/state"
        """Retained; also the last will. Of a second centre beside ``central`` one level below."""

    def presence(self, ward: str, gateway: str) -> str:
        """Retained."""
        return f"{self._root}/central/presence/{ward}/{gateway}"

    def outage(self, ward: str) -> str:
        """Retained while it lasts."""
        return f"{self._root}/central/outage/{ward}"

    def alert(self, ward: str, gateway: str, rule: str, camera: str) -> str:
        """Retained while it is open. ``gateway`` is empty for the ward itself, ``camera`` for the box."""
        about = f"{self._root}/central/alert/{ward}/{gateway or WARD_ITSELF}/{rule}"
        return f"{about}/{camera}" if camera else about

    def subscriptions(self, ward: str) -> tuple[str, ...]:
        """Exactly the kinds that are taken in: what a later version sends besides is not queued for us."""
        base = f"{self._root}/{ward}/+/up"
        return tuple(f"{base}/{kind}/+" if kind in _NAMED else f"{base}/{kind}" for kind in UpKind)

    def parse_up(self, topic: str) -> UpTopic | None:
        """None: no topic that ``subscriptions`` asks for."""
        if not topic.startswith(self._root + "/"):
            return None
        levels = topic[len(self._root) + 1 :].split("/")
        if len(levels) < 4 or levels[2] != "up" or levels[3] not in _KINDS:
            return None
        ward, gateway, kind = levels[0], levels[1], UpKind(levels[3])
        if len(levels) != (5 if kind in _NAMED else 4):
            return None
        if _CENTRAL_ID.fullmatch(ward) is None or _CENTRAL_ID.fullmatch(gateway) is None:
            return None
        return UpTopic(ward, gateway, kind, levels[4] if kind in _NAMED else "")

    def ack(self, ward: str, gateway: str) -> str:
        return f"{self._root}/{ward}/{gateway}/down/ack"

    def command(self, ward: str, gateway: str, type: str) -> str:
        return f"{self._root}/{ward}/{gateway}/down/cmd/{type}"


_KINDS = frozenset(kind.value for kind in UpKind)
