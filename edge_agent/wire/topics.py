"""Makes and parses every topic string of the agent and of the centre; no other code spells a topic.

``docs/reference/topics.md`` explains them to subscribers. ``GatewayTopics`` has the topics of one gateway;
``CentralTopics`` has those of the centre, and those of all gateways of its wards; ``ClaimTopics`` has those
of a box that is not the gateway of a site yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from edge_agent.wire.claims import SERIAL

_ID = re.compile(r"[a-z0-9-]{1,63}")
FOREIGN_ID = "doctor"
"""An id that no gateway has."""
_LEVEL = re.compile(r"[^/+#\x00]+")


class DownKind(StrEnum):
    """What the centre can send to a gateway."""

    COMMAND = "cmd"
    CONFIG = "config"
    ACK = "ack"


@dataclass(frozen=True, slots=True)
class DownMessage:
    """A message of the centre, as received; nothing in it has been checked yet."""

    kind: DownKind
    name: str  # the command's type; empty for config and ack
    payload: bytes
    acknowledge: Callable[[], None] = lambda: None
    """Call this once the message is stored: the broker may then forget it. Any thread may call it. Without
    this call the broker sends a command again. The default is for a message that is acknowledged already."""
    expires_in_s: int | None = None  # time left until the message expires; None: it does not expire
    retained: bool = False  # True: the broker stores the message and sends it again at every connection


class GatewayTopics:
    """The topics of one gateway below ``root/ward/gateway``.

    Raises ValueError for an id that is not ``[a-z0-9-]{1,63}``, because it could name another topic.
    """

    def __init__(self, root: str, ward: str, gateway: str) -> None:
        self.gateway = _checked(gateway)
        base = f"{root}/{_checked(ward)}/{self.gateway}"
        self._foreign_up = f"{root}/{ward}/{FOREIGN_ID}/up"
        self._up = f"{base}/up"
        self._down = f"{base}/down"

    @property
    def state(self) -> str:
        """Return the topic of the state, which is retained. The last will is sent to it too."""
        return f"{self._up}/state"

    @property
    def birth(self) -> str:
        """Return the topic of the birth, which is retained."""
        return f"{self._up}/birth"

    @property
    def heartbeat(self) -> str:
        return f"{self._up}/heartbeat"

    @property
    def probe(self) -> str:
        """Return the topic at which ``edge-agent doctor`` tests whether the gateway may publish. The test
        messages are empty and not retained."""
        return f"{self._up}/probe"

    @property
    def foreign_probe(self) -> str:
        """Return the same topic for an id that no gateway has. A client that may publish to it may publish
        for all gateways, which is a fault."""
        return self._foreign_up + "/probe"

    def event(self, camera_id: str) -> str:
        """Return the topic of one camera's events; ``camera_id`` is ``gateway`` for events of the gateway."""
        return f"{self._up}/event/{_checked(camera_id)}"

    def media(self, media_id: str) -> str:
        """Return the topic of one file. Raises ValueError if the id is not one topic level."""
        if _LEVEL.fullmatch(media_id) is None:
            raise ValueError(f"media id {media_id!r} is not one topic level")
        return f"{self._up}/media/{media_id}"

    def part(self, media_id: str) -> str:
        """Return the topic of the parts of one file. Raises ValueError if the id is not one topic level."""
        if _LEVEL.fullmatch(media_id) is None:
            raise ValueError(f"media id {media_id!r} is not one topic level")
        return f"{self._up}/part/{media_id}"

    def command(self, type_: str) -> str:
        """Return the topic to which the centre publishes a command."""
        return f"{self._down}/cmd/{_checked(type_)}"

    @property
    def all_up(self) -> str:
        """Return the filter for all topics of the gateway's messages, for a program that observes it."""
        return f"{self._up}/#"

    def reply(self, command_id: str) -> str:
        """Return the topic of a command's progress and result."""
        return f"{self._up}/reply/{_checked(command_id)}"

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Return the topics that the gateway subscribes to.

        They do not include ``down/#``. So the broker keeps a retained message of a later kind until an agent
        that knows the kind subscribes.
        """
        return f"{self._down}/cmd/+", f"{self._down}/config", f"{self._down}/ack"

    def parse_down(self, topic: str, payload: bytes) -> DownMessage | None:
        """Return the message; None if its topic matches none of ``subscriptions``."""
        prefix, _, rest = topic.partition(f"{self._down}/")
        kind, _, name = rest.partition("/")
        if prefix or kind not in set(DownKind):
            return None
        if (kind == DownKind.COMMAND) != bool(_LEVEL.fullmatch(name)) or (kind != DownKind.COMMAND and name):
            return None
        return DownMessage(DownKind(kind), name, payload)


def _checked(name: str) -> str:
    if _ID.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not an id: only a-z, 0-9 and - (1 to 63 of them)")
    return name


DEFAULT_ID = "central"
WARD_ITSELF = "_ward"
"""Replaces the gateway's id in the topic of an alert about a ward. No gateway's id has an underscore."""


class UpKind(StrEnum):
    """What a gateway sends to the centre."""

    STATE = "state"
    BIRTH = "birth"
    HEARTBEAT = "heartbeat"
    EVENT = "event"
    MEDIA = "media"
    REPLY = "reply"
    PART = "part"


_NAMED = (UpKind.EVENT, UpKind.MEDIA, UpKind.REPLY, UpKind.PART)


@dataclass(frozen=True, slots=True)
class UpTopic:
    """A parsed topic of a gateway. ``name``: camera of an event, id of a file or command, or empty."""

    ward: str
    gateway: str
    kind: UpKind
    name: str


@dataclass(frozen=True, slots=True)
class BoxTopic:
    """A topic of a box without a site: its claim, or the answer to it."""

    serial: str
    kind: Literal["claim", "answer"]


class CentralTopics:
    """The topics of the centre ``central_id``, below ``root``."""

    def __init__(self, root: str, central_id: str) -> None:
        self._root = root
        own = f"{root}/central" if central_id == DEFAULT_ID else f"{root}/central/{central_id}"
        self.state = f"{own}/state"
        """Topic of the centre's retained state and last will; other ids than ``central`` one level deeper."""

    def presence(self, ward: str, gateway: str) -> str:
        """Return the topic of a gateway's presence, which is retained."""
        return f"{self._root}/central/presence/{ward}/{gateway}"

    def outage(self, ward: str) -> str:
        """Return the topic of a ward's outage, which is retained while the outage lasts."""
        return f"{self._root}/central/outage/{ward}"

    def alert(self, ward: str, gateway: str, rule: str, camera: str) -> str:
        """Return the topic of an alert, which is retained while the alert is open. An alert about a ward has
        an empty ``gateway``, an alert about a gateway an empty ``camera``."""
        about = f"{self._root}/central/alert/{ward}/{gateway or WARD_ITSELF}/{rule}"
        return f"{about}/{camera}" if camera else about

    def onvif_event(self, ward: str, gateway: str, local: str) -> str:
        """Return the topic of a notification for programs that read ONVIF events. ``local``: the topic and
        the source of the event, as ONVIF Core forms them."""
        return f"{self._root}/central/onvif/{ward}/{gateway}/onvif-ej/{local}"

    def claim(self, number: int) -> str:
        """Return the topic of a claim, which is retained until the control machine has answered it."""
        return f"{self._root}/central/claim/{number}"

    @property
    def all_claims(self) -> str:
        """Return the filter for all claims, to which the control machine subscribes."""
        return f"{self._root}/central/claim/+"

    @property
    def claim_subscriptions(self) -> tuple[str, str]:
        """Return the filters for the claims of boxes without a site, and for the answers to them."""
        return ClaimTopics.all_claims(self._root), ClaimTopics.all_answers(self._root)

    def parse_box(self, topic: str) -> BoxTopic | None:
        """Parse a topic that matches ``claim_subscriptions``; return None for any other topic."""
        serial = topic.removeprefix(f"{self._root}/{UNCLAIMED}/").partition("/")[0]
        if SERIAL.fullmatch(serial) is None:
            return None
        own = ClaimTopics(self._root, serial)
        kinds: dict[str, Literal["claim", "answer"]] = {own.claim: "claim", own.answer: "answer"}
        return BoxTopic(serial, kinds[topic]) if topic in kinds else None

    def subscriptions(self, ward: str) -> tuple[str, ...]:
        """Return a filter for each kind that the centre stores, so that the broker queues no later ones."""
        base = f"{self._root}/{ward}/+/up"
        return tuple(f"{base}/{kind}/+" if kind in _NAMED else f"{base}/{kind}" for kind in UpKind)

    def parse_up(self, topic: str) -> UpTopic | None:
        """Parse a topic of a gateway; return None if it matches none of ``subscriptions``."""
        if not topic.startswith(self._root + "/"):
            return None
        levels = topic[len(self._root) + 1 :].split("/")
        if len(levels) < 4 or levels[2] != "up" or levels[3] not in _KINDS:
            return None
        ward, gateway, kind = levels[0], levels[1], _KINDS[levels[3]]
        if len(levels) != (5 if kind in _NAMED else 4):
            return None
        if _ID.fullmatch(ward) is None or _ID.fullmatch(gateway) is None:
            return None
        return UpTopic(ward, gateway, kind, levels[4] if kind in _NAMED else "")

    def ack(self, ward: str, gateway: str) -> str:
        return f"{self._root}/{ward}/{gateway}/down/ack"

    def command(self, ward: str, gateway: str, type: str) -> str:
        return f"{self._root}/{ward}/{gateway}/down/cmd/{type}"


UNCLAIMED = "unclaimed"
"""Replaces the ward in the topics of claims; no ward may have this id."""


class ClaimTopics:
    """The topics of one box's claims. Raises ValueError if ``serial`` is not valid."""

    def __init__(self, root: str, serial: str) -> None:
        if SERIAL.fullmatch(serial) is None:
            raise ValueError(f"{serial!r} is not a serial: box- and 8 to 32 of a-z and 0-9")
        base = f"{root}/{UNCLAIMED}/{serial}"
        self.claim = f"{base}/up/claim"
        self.answer = f"{base}/down/answer"
        """Topic of the answer, which is retained; an empty message clears it."""

    @staticmethod
    def all_claims(root: str) -> str:
        """Return the filter for the claims of all boxes, to which the centre subscribes."""
        return f"{root}/{UNCLAIMED}/+/up/claim"

    @staticmethod
    def all_answers(root: str) -> str:
        """Return the filter for the answers to all boxes, to which the centre subscribes too."""
        return f"{root}/{UNCLAIMED}/+/down/answer"


_KINDS = {kind.value: kind for kind in UpKind}
