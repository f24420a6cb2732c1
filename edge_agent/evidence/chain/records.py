"""A published event as evidence looks at it: who, which number, what its bytes are, what they name.

Only hashes and names are kept, not the bytes: a month of a box fits in memory.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated

import msgspec

from edge_agent.core.errors import EdgeAgentError
from edge_agent.wire import TYPE_PREFIX, ChainHeadData, LossData

SOURCE_PREFIX = "/tb/"
MAX_EVENT_BYTES = 1_000_000  # the largest of an agent, a loss event of 500 ranges, has 16 kB
MAX_LOSS_RANGES = 250_000  # of all loss events that are judged together
_TOPIC = re.compile(rb'([^\s"{]+/[^\s"{]+) (.*)', re.DOTALL)
_EVENT_TOPIC = b"/up/event/"
_MARKS = (b'"specversion"', b'"prevhash"', f'"{SOURCE_PREFIX}'.encode(), TYPE_PREFIX.encode())
"""Every event has several of them; no other message of a gateway has one."""


class NoEvent(EdgeAgentError):
    """These bytes are no event as a gateway publishes them; says why."""


@dataclass(frozen=True, slots=True)
class MediaRef:
    """A picture or a clip that an event names."""

    media_id: str
    sha256: str
    sealed_sha256: str | None


@dataclass(frozen=True, slots=True)
class Record:
    gateway: str
    epoch: str
    sequence: int
    sha256: str  # of the event's bytes
    prevhash: str | None  # None: made before there was a chain
    kind: str
    where: str  # the file and the line it stands in
    event_id: str | None = None  # the same for start, updates and end
    phase: str | None = None
    media: tuple[MediaRef, ...] = ()
    head: ChainHeadData | None = None
    loss: LossData | None = None

    @property
    def id(self) -> str:
        """As CloudEvents has it."""
        return f"{self.gateway}/{self.epoch}/{self.sequence:016d}"


MAX_NAME = 500
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
"""Names are what is kept of an event: a hostile one must not cost more memory than another."""


class _Envelope(msgspec.Struct):
    """What matters here of a CloudEvent, of this version and of others."""

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
    """What matters here of the data of any kind."""

    event_id: Name | None = None
    phase: Name | None = None
    snapshot: _Ref | None = None
    clip: _Ref | None = None


_DECODER = msgspec.json.Decoder(_Envelope)
_DATA_DECODER = msgspec.json.Decoder(_Data)


def split_topic(line: bytes) -> tuple[bytes, bytes]:
    """The topic, if ``mosquitto_sub -v`` put it in front, and the payload."""
    match = None if line.startswith(b"{") else _TOPIC.fullmatch(line)
    return (match[1], match[2]) if match else (b"", line)


def is_of_an_event(topic: bytes, payload: bytes) -> bool:
    """Whether this is an event or was one: a broken one is not let off because it cannot be read. Who takes
    all marks off it has removed it, and that is a missing link."""
    return _EVENT_TOPIC in topic or any(mark in payload for mark in _MARKS)


def read_record(payload: bytes, where: str) -> Record:
    """Raises ``NoEvent``."""
    try:
        envelope = _DECODER.decode(payload)
        data = _DATA_DECODER.decode(envelope.data)
        kind = envelope.type.removeprefix(TYPE_PREFIX).removesuffix(".v1")
        gateway = envelope.source.removeprefix(SOURCE_PREFIX)
        sequence = int(envelope.sequence)
        head = msgspec.json.decode(envelope.data, type=ChainHeadData) if kind == "chain-head" else None
        loss = msgspec.json.decode(envelope.data, type=LossData) if kind == "loss" else None
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise NoEvent(f"no event as a gateway publishes it: {error}") from error
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
            for ref in (data.snapshot, data.clip)
            if ref is not None
        ),
        head=head,
        loss=loss,
    )
    names = (head.epoch, head.signature, head.signed_at) if head else (loss.epoch,) if loss else ()
    if any(len(name) > MAX_NAME for name in names):
        raise NoEvent(f"no event as a gateway publishes it: a name in it has more than {MAX_NAME} characters")
    if record.id != envelope.id or envelope.source == gateway:
        raise NoEvent(f"its id {envelope.id!r} is not what its source, epoch and sequence say")
    return record
