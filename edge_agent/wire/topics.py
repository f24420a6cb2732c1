"""Every topic string of the agent and of the centre; no other code spells a topic.

``docs/reference/topics.md`` explains them to subscribers. ``GatewayTopics`` are those of one gateway;
``CentralTopics`` are the centre's own, and those of all gateways of its wards; ``ClaimTopics`` are those of a
box that is not the gateway of a site yet.
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
    expires_in_s: int | None = None  # what is left of the message's own expiry
    retained: bool = False  # the broker stores it and sends it again at every connection


class GatewayTopics:
    """The topics of one gateway below ``root/ward/gateway``.

    Raises ValueError for an id that is not ``[a-z0-9-]{1,63}``: it would name another topic.
    """

    def __init__(self, root: str, ward: str, gateway: str) -> None:
        self.gateway = _checked(gateway)
        base = f"{root}/{_checked(ward)}/{self.gateway}"
        self._foreign_up = f"{root}/{ward}/{FOREIGN_ID}/up"
        self._up = f"{base}/up"
        self._down = f"{base}/down"

    @property
    def state(self) -> str:
        """Retained; also the last will."""
        return f"{self._up}/state"

    @property
    def birth(self) -> str:
        """Retained."""
        return f"{self._up}/birth"

    @property
    def heartbeat(self) -> str:
        return f"{self._up}/heartbeat"

    @property
    def probe(self) -> str:
        """The topic at which ``edge-agent doctor`` tests whether the gateway may write; empty, not
        retained."""
        return f"{self._up}/probe"

    @property
    def foreign_probe(self) -> str:
        """The same topic with an id that no gateway has: a client that may write there may write for all
        gateways."""
        return self._foreign_up + "/probe"

    def event(self, camera_id: str) -> str:
        """Events of one camera; ``gateway`` for those of the gateway itself."""
        return f"{self._up}/event/{_checked(camera_id)}"

    def media(self, media_id: str) -> str:
        """The topic of one file; the id is one topic level."""
        if _LEVEL.fullmatch(media_id) is None:
            raise ValueError(f"media id {media_id!r} is not one topic level")
        return f"{self._up}/media/{media_id}"

    def part(self, media_id: str) -> str:
        """The topic of the parts of one file; the id is one topic level."""
        if _LEVEL.fullmatch(media_id) is None:
            raise ValueError(f"media id {media_id!r} is not one topic level")
        return f"{self._up}/part/{media_id}"

    def command(self, type_: str) -> str:
        """The topic on which the centre publishes a command."""
        return f"{self._down}/cmd/{_checked(type_)}"

    @property
    def all_up(self) -> str:
        """Everything that the gateway publishes: for a program that follows one gateway."""
        return f"{self._up}/#"

    def reply(self, command_id: str) -> str:
        """Progress and result of a command."""
        return f"{self._up}/reply/{_checked(command_id)}"

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The topics that the gateway subscribes to.

        Exactly these, not ``down/#``: a message of a later kind stays with the broker until an agent that
        knows the kind subscribes.
        """
        return f"{self._down}/cmd/+", f"{self._down}/config", f"{self._down}/ack"

    def parse_down(self, topic: str, payload: bytes) -> DownMessage | None:
        """The message behind a received topic, or None when it matches none of ``subscriptions``."""
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
"""Replaces a gateway's id, which never contains an underscore."""


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
    """A parsed topic. ``name``: the camera of an event, the id of a picture, file or command, or empty."""

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
        """Retained; also the last will. Of a second centre beside ``central`` one level below."""

    def presence(self, ward: str, gateway: str) -> str:
        """Retained."""
        return f"{self._root}/central/presence/{ward}/{gateway}"

    def outage(self, ward: str) -> str:
        """Retained while the outage lasts."""
        return f"{self._root}/central/outage/{ward}"

    def alert(self, ward: str, gateway: str, rule: str, camera: str) -> str:
        """Retained while the alert is open. ``gateway`` empty: the ward; ``camera`` empty: the gateway."""
        about = f"{self._root}/central/alert/{ward}/{gateway or WARD_ITSELF}/{rule}"
        return f"{about}/{camera}" if camera else about

    def onvif_event(self, ward: str, gateway: str, local: str) -> str:
        """A notification for programs that read ONVIF events. ``local``: topic and source, as ONVIF Core
        forms them."""
        return f"{self._root}/central/onvif/{ward}/{gateway}/onvif-ej/{local}"

    def claim(self, number: int) -> str:
        """A claim that the control machine has to answer; retained until then."""
        return f"{self._root}/central/claim/{number}"

    @property
    def all_claims(self) -> str:
        """What the control machine subscribes to."""
        return f"{self._root}/central/claim/+"

    @property
    def claim_subscriptions(self) -> tuple[str, str]:
        """Claims of boxes without a site, and the answers of the control machine."""
        return ClaimTopics.all_claims(self._root), ClaimTopics.all_answers(self._root)

    def parse_box(self, topic: str) -> BoxTopic | None:
        """Parse a topic of ``claim_subscriptions``; None for another one."""
        serial = topic.removeprefix(f"{self._root}/{UNCLAIMED}/").partition("/")[0]
        if SERIAL.fullmatch(serial) is None:
            return None
        own = ClaimTopics(self._root, serial)
        kinds: dict[str, Literal["claim", "answer"]] = {own.claim: "claim", own.answer: "answer"}
        return BoxTopic(serial, kinds[topic]) if topic in kinds else None

    def subscriptions(self, ward: str) -> tuple[str, ...]:
        """The kinds that the centre stores; the broker does not queue unknown kinds of a later version."""
        base = f"{self._root}/{ward}/+/up"
        return tuple(f"{base}/{kind}/+" if kind in _NAMED else f"{base}/{kind}" for kind in UpKind)

    def parse_up(self, topic: str) -> UpTopic | None:
        """Parse a topic of a gateway; None when it matches none of ``subscriptions``."""
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
        """Retained; the centre's side clears it."""

    @staticmethod
    def all_claims(root: str) -> str:
        """What the program that answers claims subscribes to."""
        return f"{root}/{UNCLAIMED}/+/up/claim"

    @staticmethod
    def all_answers(root: str) -> str:
        """What the centre subscribes to, beside the claims."""
        return f"{root}/{UNCLAIMED}/+/down/answer"


_KINDS = {kind.value: kind for kind in UpKind}
