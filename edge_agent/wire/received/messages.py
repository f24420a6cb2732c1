"""Parses and checks a received message: an event, a picture, a heartbeat, a birth, a state or a reply.

Pure, and strict about the values that the centre relies on: sender, number and time. Any ``data`` of an event
is accepted, because a newer agent has kinds that this version does not know.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

import msgspec

from edge_agent import wire
from edge_agent.core.delivery import SEALED_MAGIC, content_type_of
from edge_agent.wire.received.bounds import HIGHEST_SEQUENCE, bounded_time, with_problem
from edge_agent.wire.received.health import ReceivedHealth, read_health
from edge_agent.wire.topics import UpKind, UpTopic

MAX_BYTES = {
    UpKind.STATE: 4_096,
    UpKind.BIRTH: 262_144,
    UpKind.HEARTBEAT: 65_536,
    UpKind.EVENT: 262_144,
    UpKind.MEDIA: 2_097_152,
    UpKind.REPLY: 65_536,
    UpKind.PART: 1_048_576,
}
MAX_FILE_BYTES = 67_108_864
"""Largest file in parts. By default a gateway sends at most half as much; that can be configured."""
MIN_PART_BYTES = 65_536
"""Least size of a part, except the last one. So a file has at most 1,024 parts."""
_JPEG = b"\xff\xd8\xff"
_ID = re.compile(r"[a-z0-9-]{1,63}")
_MEDIA_ID = re.compile(r"[a-z0-9-]{1,128}")
_SEQUENCE = re.compile(r"[0-9]{16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_TYPE = re.compile(re.escape(wire.TYPE_PREFIX) + r"([a-z0-9-]{1,40})\.v1")
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,200}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_WORD = re.compile(r"[\x21-\x7e]{1,100}")


class MalformedMessage(Exception):
    """The message is not valid; the text says why, without quoting the message."""


class _Data(msgspec.Struct):
    phase: object = None
    event_id: object = None


class _Envelope(msgspec.Struct):
    specversion: str
    id: str
    source: str
    subject: str
    type: str
    time: str
    sequence: str
    epoch: str
    severitynumber: int
    ward: str
    data: _Data


class _Loss(msgspec.Struct):
    data: wire.LossData


class EventMessage(msgspec.Struct, frozen=True, gc=False):
    """A received event: a struct, because a frozen dataclass for each event would take ten times as long."""

    ward: str  # of the topic
    gateway: str
    epoch: str
    sequence: int
    camera: str
    kind: str
    severity: int
    time_ms: int  # since 1970, by the gateway's clock; within the bounds of bounds.py
    event_id: str | None
    phase: str | None
    payload: bytes
    odd: str = ""  # a text for people on what was out of bounds; empty: nothing


@dataclass(frozen=True, slots=True)
class MediaMessage:
    ward: str
    gateway: str
    media_id: str
    event_id: str
    camera: str
    sha256: str
    sealed: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class PartMessage:
    """A part of a file. Each part has ``part_bytes`` bytes, except the last, which has the rest."""

    ward: str
    gateway: str
    media_id: str
    event_id: str
    camera: str
    sha256: str  # digest of the whole file
    file_bytes: int
    part_bytes: int
    parts: int
    number: int  # number of the part, from 1
    payload: bytes


@dataclass(frozen=True, slots=True)
class HeartbeatMessage:
    ward: str
    gateway: str
    health: ReceivedHealth
    payload: bytes


class InventoryDetector(msgspec.Struct):
    name: str = ""
    model_sha256: str | None = None


class BirthDocument(msgspec.Struct):
    """The part of a birth that the centre itself reads."""

    gateway: str
    ward: str
    session: str
    name: str = ""
    version: str = ""
    config_hash: str = ""
    boot_id: str = ""
    detector: InventoryDetector = msgspec.field(default_factory=InventoryDetector)


@dataclass(frozen=True, slots=True)
class BirthMessage:
    """A birth. ``inventory`` None: the message was cleared, as the gateway was decommissioned or moved."""

    ward: str
    gateway: str
    inventory: BirthDocument | None
    payload: bytes


class StateDocument(msgspec.Struct):
    state: str
    session: str
    time: str
    reason: str = ""
    problem: object = None  # ``reason`` as a coded problem, not checked yet


@dataclass(frozen=True, slots=True)
class StateMessage:
    """A state message. ``document`` is None if the retained message was cleared."""

    ward: str
    gateway: str
    document: StateDocument | None


class ReplyDocument(msgspec.Struct):
    id: str
    status: str
    code: object = ""
    text: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")
    problem: object = None  # ``text`` as a coded problem, not checked yet


@dataclass(frozen=True, slots=True)
class ReplyMessage:
    """Progress or result of a command, also of a command that another program sent."""

    ward: str
    gateway: str
    command: str
    status: str
    text: str
    code: str = ""
    result: bytes = b"{}"  # JSON, not parsed


GatewayMessage = (
    EventMessage | MediaMessage | PartMessage | HeartbeatMessage | BirthMessage | StateMessage | ReplyMessage
)

_EVENT = msgspec.json.Decoder(_Envelope)
_LOSS = msgspec.json.Decoder(_Loss)
_BIRTH = msgspec.json.Decoder(BirthDocument)
_STATE = msgspec.json.Decoder(StateDocument)
_REPLY = msgspec.json.Decoder(ReplyDocument)
STATUSES = frozenset(get_args(wire.ReplyStatus))


def parse_message(topic: UpTopic, payload: bytes, properties: tuple[tuple[str, str], ...]) -> GatewayMessage:
    """Parse a message of the kind that its topic names. Raises MalformedMessage."""
    max_bytes = MAX_BYTES[topic.kind]
    if len(payload) > max_bytes:
        raise MalformedMessage(f"{len(payload)} bytes, at most {max_bytes} are taken")
    try:
        if topic.kind not in (UpKind.MEDIA, UpKind.PART):
            payload.decode()  # the payload is stored whole, and msgspec checks no UTF-8 in fields it skips
        match topic.kind:
            case UpKind.EVENT:
                return _event(topic, payload)
            case UpKind.MEDIA:
                return _picture(topic, payload, properties)
            case UpKind.PART:
                return _part(topic, payload, properties)
            case UpKind.HEARTBEAT:
                return _heartbeat(topic, payload)
            case UpKind.BIRTH:
                return _birth(topic, payload)
            case UpKind.STATE:
                return _state(topic, payload)
            case UpKind.REPLY:
                return _reply(topic, payload)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        # The text of msgspec's error names the key and the type, and never quotes a value.
        raise MalformedMessage(f"not what is expected of {topic.kind}: {error}"[:300]) from error


def parse_loss(event: EventMessage) -> wire.LossData | None:
    """Return the data of a ``loss`` event; None if the JSON, epoch, reason or ranges are invalid."""
    try:
        loss = _LOSS.decode(event.payload).data
    except (msgspec.DecodeError, RecursionError):
        return None
    if _ID.fullmatch(loss.epoch) is None or not _WORD.fullmatch(loss.reason):
        return None
    sensible = all(0 < first <= last <= HIGHEST_SEQUENCE for first, last in loss.ranges)
    return loss if sensible else None


def _event(topic: UpTopic, payload: bytes) -> EventMessage:
    found = _EVENT.decode(payload)
    if problem := _envelope_problem(topic, found):
        raise MalformedMessage(problem)
    kind = _TYPE.fullmatch(found.type)
    if kind is None:
        raise MalformedMessage(f"type is not {wire.TYPE_PREFIX}KIND.v1")
    sent_ms = milliseconds(found.time)
    time_ms = bounded_time(sent_ms)
    return EventMessage(
        topic.ward,
        topic.gateway,
        found.epoch,
        int(found.sequence),
        found.subject,
        kind[1],
        found.severitynumber,
        time_ms,
        _matched_or_none(_EVENT_ID, found.data.event_id),
        _matched_or_none(_ID, found.data.phase),
        payload,
        "" if sent_ms == time_ms else f"its time {found.time} is out of bounds: it is stored as {time_ms} ms",
    )


def _envelope_problem(topic: UpTopic, found: _Envelope) -> str:
    """Return what is wrong with the envelope of an event; empty if nothing is. It does not use ``_require``,
    which would take a third of the time of parsing an event."""
    if found.specversion != "1.0":
        return "specversion is not 1.0"
    if found.source != f"/tb/{topic.gateway}":
        return "source is another gateway than the topic's"
    # An event that waited while the site moved still names the earlier ward: its bytes are in the hash chain.
    if found.ward != topic.ward and _ID.fullmatch(found.ward) is None:
        return "ward is not 1 to 63 of a-z, 0-9 and -"
    if found.subject != topic.name or _ID.fullmatch(found.subject) is None:
        return "subject is not the topic's camera"
    if _SEQUENCE.fullmatch(found.sequence) is None or int(found.sequence) == 0:
        return "sequence is not 16 digits from 1"
    if _ID.fullmatch(found.epoch) is None:
        return "epoch is not 1 to 63 of a-z, 0-9 and -"
    if found.id != f"{topic.gateway}/{found.epoch}/{found.sequence}":
        return "id is not gateway/epoch/sequence"
    return "" if 1 <= found.severitynumber <= 24 else "severitynumber is not 1 to 24"


def has_file_type(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is of a type that a gateway may send."""
    # ``content_type_of`` returns image/jpeg for unknown content.
    return head.startswith(_JPEG) or content_type_of(head) != "image/jpeg"


def _file_properties(topic: UpTopic, named: dict[str, str]) -> tuple[str, str, str]:
    """Return event id, camera and SHA-256 of a file. Raises MalformedMessage if one is missing or invalid."""
    event_id, camera, sha256 = (named.get(key, "") for key in ("event_id", "camera", "sha256"))
    _require(_matches(_MEDIA_ID, topic.name), "the id is not of a-z, 0-9 and -")
    _require(_matches(_EVENT_ID, event_id), "the property event_id is missing or no id")
    _require(_matches(_ID, camera), "the property camera is missing or no id")
    _require(_matches(_SHA256, sha256), "the property sha256 is missing or no digest")
    return event_id, camera, sha256


def _part(topic: UpTopic, payload: bytes, properties: tuple[tuple[str, str], ...]) -> PartMessage:
    named = dict(properties)
    event_id, camera, sha256 = _file_properties(topic, named)
    texts = [named.get(key, "") for key in ("bytes", "part_bytes", "parts", "part")]
    _require(all(_matches(_NUMBER, text) for text in texts), "a number of the part is missing or none")
    file_bytes, part_bytes, parts, number = map(int, texts)
    _require(0 < file_bytes <= MAX_FILE_BYTES, f"the file has 0 or more than {MAX_FILE_BYTES} bytes")
    sensible = MIN_PART_BYTES <= part_bytes <= MAX_BYTES[UpKind.PART]
    _require(sensible, "part_bytes is out of bounds")
    _require(parts == -(-file_bytes // part_bytes), "parts does not fit bytes and part_bytes")
    _require(1 <= number <= parts, "part is not 1 to parts")
    expected = min(part_bytes, file_bytes - (number - 1) * part_bytes)
    _require(len(payload) == expected, f"the part has {len(payload)} bytes, not {expected}")
    sizes = file_bytes, part_bytes, parts, number
    return PartMessage(topic.ward, topic.gateway, topic.name, event_id, camera, sha256, *sizes, payload)


def _picture(topic: UpTopic, payload: bytes, properties: tuple[tuple[str, str], ...]) -> MediaMessage:
    event_id, camera, sha256 = _file_properties(topic, dict(properties))
    sealed = payload.startswith(SEALED_MAGIC)
    _require(has_file_type(payload), "neither a JPEG, an MP4, a gzip file nor a sealed one")
    actual = hashlib.sha256(payload).hexdigest()
    _require(actual == sha256, "the sha256 is another one than the property says")
    return MediaMessage(topic.ward, topic.gateway, topic.name, event_id, camera, sha256, sealed, payload)


def _heartbeat(topic: UpTopic, payload: bytes) -> HeartbeatMessage:
    health = read_health(payload)
    milliseconds(health.time)
    _require(_matches(_WORD, health.session), "session is not a word")
    # The web pages use the name of a camera as a key.
    _require(all(map(_ID.fullmatch, health.cameras)), "a camera's name is not an id")
    return HeartbeatMessage(topic.ward, topic.gateway, health, payload)


def _birth(topic: UpTopic, payload: bytes) -> BirthMessage:
    if not payload:
        return BirthMessage(topic.ward, topic.gateway, None, payload)
    found = _BIRTH.decode(payload)
    _require(found.gateway == topic.gateway, "gateway is another one than the topic's")
    _require(found.ward == topic.ward, "ward is another one than the topic's")
    _require(_matches(_WORD, found.session), "session is not a word")
    return BirthMessage(topic.ward, topic.gateway, found, payload)


def _state(topic: UpTopic, payload: bytes) -> StateMessage:
    if not payload:
        return StateMessage(topic.ward, topic.gateway, None)
    found = _STATE.decode(payload)
    _require(found.state in ("online", "stopped", "offline"), "state is not online, stopped or offline")
    _require(_matches(_WORD, found.session), "session is not a word")
    milliseconds(found.time)
    return StateMessage(topic.ward, topic.gateway, found)


def _reply(topic: UpTopic, payload: bytes) -> ReplyMessage:
    found = _REPLY.decode(payload)
    _require(found.id == topic.name, "id is another one than the topic's")
    _require(found.status in STATUSES, "status is none of a reply")
    text = with_problem(found.text[:500].replace("\0", ""), found.problem)
    code = _matched_or_none(_ID, found.code) or ""
    return ReplyMessage(topic.ward, topic.gateway, found.id, found.status, text, code, bytes(found.result))


def milliseconds(time: str) -> int:
    """Return a time of the wire as milliseconds since 1970. Raises MalformedMessage for any other text."""
    try:
        if _TIME.fullmatch(time) is not None:
            return round(datetime.fromisoformat(time).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise MalformedMessage("a time is not UTC, RFC 3339, with milliseconds")


def _matches(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None


def _matched_or_none(pattern: re.Pattern[str], found: object) -> str | None:
    """Return ``found`` if it is a text that matches, else None. For values that the centre only shows."""
    return found if isinstance(found, str) and pattern.fullmatch(found) else None


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise MalformedMessage(problem)
