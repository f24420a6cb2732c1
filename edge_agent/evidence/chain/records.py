"""Parses published events and chain heads for verification.

Only hashes and names of an event are stored, not its bytes: a month of a gateway's events fits in memory.

A chain head signs a text that names the hash of one event, and so of all events before it. The text is plain
lines, so that ``openssl pkeyutl -verify -rawin`` can check a head without edge-agent:

    edge-agent chain head 1
    <gateway>
    <epoch>
    <sequence, 16 digits>
    <SHA-256 of the event's bytes>
    <when it was signed>
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import problem_text
from edge_agent.wire import TYPE_PREFIX, ChainHeadData, LossData

SOURCE_PREFIX = "/tb/"
MAX_EVENT_BYTES = 1_000_000  # an agent's largest event, a loss event of 500 ranges, has 16 kB
MAX_LOSS_RANGES = 250_000  # limit for all loss events that are verified together
_TOPIC = re.compile(rb'([^\s"{]+/[^\s"{]+) (.*)', re.DOTALL)
_EVENT_TOPIC = b"/up/event/"
_MARKS = (b'"specversion"', b'"prevhash"', f'"{SOURCE_PREFIX}'.encode(), TYPE_PREFIX.encode())
"""Every event contains several of these; no other message of a gateway contains one."""


class NoEvent(EdgeAgentError):
    """The bytes are not an event as a gateway publishes it."""


@dataclass(frozen=True, slots=True)
class MediaRef:
    """A picture or a clip that an event names."""

    media_id: str
    sha256: str
    sealed_sha256: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one event that verification needs."""

    gateway: str
    epoch: str
    sequence: int
    sha256: str  # of the event's bytes
    prevhash: str | None  # None: made by an old agent, which had no chain
    kind: str
    where: str  # its file and line
    event_id: str | None = None  # the same for start, updates and end
    phase: str | None = None
    media: tuple[MediaRef, ...] = ()
    head: ChainHeadData | None = None
    loss: LossData | None = None

    @property
    def id(self) -> str:
        return f"{self.gateway}/{self.epoch}/{self.sequence:016d}"


MAX_NAME = 500
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
"""Text of limited length, so that the memory of one record is bounded, even for an event of an attacker."""


class _Envelope(msgspec.Struct):
    """The fields of a CloudEvent that verification needs, the same in all versions."""

    id: Name
    source: Name
    type: Name
    sequence: Name
    epoch: Name
    data: msgspec.Raw
    prevhash: Name | None = None


class _Ref(msgspec.Struct):
    media_id: Name
    sha256: Name
    sealed_sha256: Name | None = None


class _Data(msgspec.Struct):
    """The fields of ``data`` that verification needs, for any kind of event."""

    event_id: Name | None = None
    phase: Name | None = None
    snapshot: _Ref | None = None
    clip: _Ref | None = None
    still: _Ref | None = None


_DECODER = msgspec.json.Decoder(_Envelope)
_DATA_DECODER = msgspec.json.Decoder(_Data)


def split_topic(line: bytes) -> tuple[bytes, bytes]:
    """Return topic and payload of a line of ``mosquitto_sub -v``; an empty topic if the line has none."""
    match = None if line.startswith(b"{") else _TOPIC.fullmatch(line)
    return (match[1], match[2]) if match else (b"", line)


def is_of_an_event(topic: bytes, payload: bytes) -> bool:
    """Return whether this is an event, or an event that has been altered.

    So an altered event is reported even if it cannot be parsed. If an attacker removes all marks, the event
    is missing, and the verification reports a missing link.
    """
    return _EVENT_TOPIC in topic or any(mark in payload for mark in _MARKS)


def read_record(payload: bytes, where: str) -> Record:
    """Parse an event. Raises ``NoEvent``."""
    try:
        envelope = _DECODER.decode(payload)
        kind = envelope.type.removeprefix(TYPE_PREFIX).removesuffix(".v1")
        # A head's signature covers only the text in it. The newest head is accepted with this signature
        # alone, so anyone can write other fields into it: a head must not name events or media.
        data = _Data() if kind == "chain-head" else _DATA_DECODER.decode(envelope.data)
        gateway = envelope.source.removeprefix(SOURCE_PREFIX)
        sequence = int(envelope.sequence)
        head = msgspec.json.decode(envelope.data, type=ChainHeadData) if kind == "chain-head" else None
        loss = msgspec.json.decode(envelope.data, type=LossData) if kind == "loss" else None
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise NoEvent(f"not an event as gateways publish it: {error}") from error
    record = Record(
        gateway=gateway,
        epoch=envelope.epoch,
        sequence=sequence,
        sha256=hashlib.sha256(payload).hexdigest(),
        prevhash=envelope.prevhash,
        kind=kind,
        where=where,
        event_id=data.event_id,
        phase=data.phase,
        media=tuple(
            MediaRef(ref.media_id, ref.sha256, ref.sealed_sha256)
            for ref in (data.snapshot, data.clip, data.still)
            if ref is not None
        ),
        head=head,
        loss=loss,
    )
    names = (head.epoch, head.signature, head.signed_at) if head else (loss.epoch,) if loss else ()
    if any(len(name) > MAX_NAME for name in names):
        raise NoEvent(
            f"not an event as gateways publish it: a name in it has more than {MAX_NAME} characters"
        )
    if record.id != envelope.id or envelope.source == gateway:
        raise NoEvent(f"its id {envelope.id!r} is not what its source, epoch and sequence say")
    return record


_TEXT = re.compile(
    r"edge-agent chain head 1\n(?P<gateway>[a-z0-9-]+)\n(?P<epoch>[^\n]+)\n(?P<sequence>\d{16})\n"
    r"(?P<sha256>[0-9a-f]{64})\n(?P<signed_at>[^\n]+)\n"
)


def head_text(gateway: str, epoch: str, sequence: str, sha256: str, signed_at: str) -> bytes:
    """Return the text to sign. ``sequence`` has 16 digits, as on the wire."""
    lines = ("edge-agent chain head 1", gateway, epoch, sequence, sha256, signed_at)
    return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text of a gateway with its signature, to be checked: a head, or the manifest of a bundle."""

    gateway: str
    text: bytes
    signature: bytes
    key_id: str  # may be only the beginning of the id
    broken: ClassVar[str]  # the finding when the signature is invalid


@dataclass(frozen=True, slots=True)
class SignedHead(SignedText):
    epoch: str
    sequence: int
    sha256: str
    broken: ClassVar[str] = problem_text("head-changed")


def published_head(gateway: str, head: ChainHeadData) -> SignedHead:
    text = head_text(gateway, head.epoch, head.sequence, head.sha256, head.signed_at)
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except (binascii.Error, ValueError):
        signature = b""  # fails the check with every key
    return SignedHead(gateway, text, signature, head.key_id, head.epoch, int(head.sequence), head.sha256)


def read_head(text: bytes, signature: bytes, key_id: str) -> SignedHead | None:
    """Return the head in the two files of a bundle; None when ``text`` is not the text of a head."""
    match = _TEXT.fullmatch(text.decode("utf-8", errors="replace"))
    if match is None:
        return None
    found = match.groupdict()
    epoch, sequence = found["epoch"], int(found["sequence"])
    return SignedHead(found["gateway"], text, signature, key_id, epoch, sequence, found["sha256"])
