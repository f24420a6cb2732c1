"""Types that events, outbox and mqtt share: an event before, in and after the outbox; and replies.

Everything here is frozen. The types of the pipeline are in ``model.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal, Protocol

from edge_agent.core.facts import Phase
from edge_agent.core.model import FULL_PICTURE, Box, Severity

GENESIS_HASH = "0" * 64  # the previous hash of the first event of an epoch
SEALED_MAGIC = b"EASEAL1\n"
"""The first bytes of a sealed file; the rest of the format is in ``evidence/seal.py``."""
SEALED_TYPE = "application/vnd.edge-agent.sealed"  # docs/reference/topics.md
REPORT_EVENT, SIGNED_REPORT_EVENT, EXAMINATION_EVENT = "report-", "report-signed-", "examination-"
"""Beginnings of the event ids of a commissioning report, of a report that the technician has signed on the
phone, and of a later examination of the same site."""
MAX_MESSAGE_BYTES = 1_900_000
"""Largest file in one message: the broker accepts messages of 2 MiB (role ``broker``)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The identity that the outbox gives an event inside the transaction that stores it."""

    sequence: int  # 1, 2, 3 ... without a gap inside an epoch
    epoch: str  # changes whenever another store assigns the numbers
    previous: str = GENESIS_HASH  # SHA-256, hex, of the payload of the event before it in this epoch


@dataclass(frozen=True, slots=True)
class PlainContent:
    """The digest and size of a payload before it was sealed."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FilePart:
    """Says which part of a large file a ``Media`` contains; see ``mqtt/publisher/part_queue.py``."""

    media_id: str  # of the whole file
    number: int  # from 1
    count: int
    file_bytes: int  # of the whole file
    part_bytes: int  # of each part except the last


@dataclass(frozen=True, slots=True, eq=False)
class Media:
    """A file that belongs to an event and is sent after it: usually a picture."""

    media_id: str  # [a-z0-9-], unique per gateway; for a part: followed by a dot and its number
    event_id: str
    camera: str
    sha256: str  # of ``payload``; for a part: of the whole file
    payload: bytes  # JPEG, MP4 or gzip; or one of these sealed to the centre's key
    box: Box = FULL_PICTURE  # where the object is, in 0..1 of this picture
    plain: PlainContent | None = None  # set only while a sealed file is not yet in the outbox
    part: FilePart | None = None  # None: the whole file

    @property
    def sealed(self) -> bool:
        """Whether ``payload`` is sealed, so that only the centre can open it."""
        return self.payload.startswith(SEALED_MAGIC)

    @property
    def content_type(self) -> str:
        return content_type_of(self.payload)


def content_type_of(payload: bytes) -> str:
    """Return the content type by the first bytes, because the row of a file on disk has no content type."""
    if payload.startswith(SEALED_MAGIC):
        return SEALED_TYPE
    if payload[4:8] == b"ftyp":
        return "video/mp4"
    return "application/gzip" if payload.startswith(b"\x1f\x8b") else "image/jpeg"


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """What is needed to close an event whose ``end`` the agent could not send before it stopped."""

    event_id: str
    camera: str
    state: bytes  # made and read by the events stage only


@dataclass(frozen=True, slots=True, eq=False)
class ReportedEvent:
    """An event as it was just reported, for consumers such as the clip maker."""

    event_id: str
    phase: Phase
    severity: Severity
    started_mono: float
    last_mono: float  # when it last continued; for an end or a moment: when it ended
    picture: Media | None = None  # the picture that was sent with it

    @property
    def is_first(self) -> bool:
        return self.phase in (Phase.START, Phase.MOMENT)

    @property
    def is_last(self) -> bool:
        return self.phase in (Phase.END, Phase.MOMENT)


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """An event that has no sequence yet. The outbox stores it together with its media and its open event.

    ``encode`` makes the payload for a stamp. It is called on any appending thread, and again under another
    stamp when the disk fails: it must not depend on the thread, and it may be called several times.
    """

    camera: str  # topic subject: a camera id or ``gateway``
    kind: str
    severity: Severity
    encode: Callable[[Stamp], bytes]
    media: Media | None = None
    opens: OpenEvent | None = None  # stored until a draft closes it; replaces the stored one
    closes: str | None = None  # event_id


EventProgress = Literal["waiting", "refused", "no-subscriber", "at-broker", "confirmed"]
"""How far an event has got on its way to the centre."""


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """The results so far of the self-test that ``edge-agent doctor`` requested from the agent."""

    own: bool | None = None  # whether the gateway may write its own topics; None: not known
    foreign: bool | None = None  # whether it may write topics of another gateway; None: not known
    event: str | None = None  # epoch/sequence of the test event; None: not stored yet
    progress: EventProgress = "waiting"

    def is_done(self, *, confirmed: bool) -> bool:
        """Return whether no more results follow; ``confirmed``: the centre must confirm the event first."""
        access = self.own is False or self.foreign is not None
        return access and self.progress not in (("waiting", "at-broker") if confirmed else ("waiting",))


@dataclass(frozen=True, slots=True)
class Loss:
    """Events of one epoch that were discarded."""

    epoch: str
    ranges: tuple[tuple[int, int], ...]  # first and last sequence, both included, ascending
    count: int
    reason: str  # a word of ``wire.LossData.reason``, or ``outbox-damaged``


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event that waits for delivery; ``payload`` is the same bytes each time it is sent."""

    sequence: int
    epoch: str
    camera: str
    kind: str
    priority: int  # ``Severity.number``
    attempts: int  # how often sending it was deferred since the agent started
    payload: bytes = field(repr=False)
    resend: bool = False  # it was stored by an earlier run, or deferred before: not urgent

    @property
    def key(self) -> tuple[int, str]:
        return self.sequence, self.epoch


@dataclass(frozen=True, slots=True)
class WaitingReply:
    """An answer to a command that waits for delivery."""

    number: int
    command_id: str
    payload: bytes = field(repr=False)


class Confirmation(Enum):
    """The effect of a confirmation from the centre."""

    NEWS = auto()  # waiting events are now delivered
    NOTHING_NEW = auto()
    UNKNOWN_EPOCH = auto()
    BEYOND = auto()  # it names sequences that were never assigned; nothing is delivered


class EventAppender(Protocol):
    """Stores events one by one: the interface of the outbox for producers of events."""

    def append(self, draft: Draft) -> Stamp:
        """Store the event; it is durable when this returns."""


class EventBatchAppender(EventAppender, Protocol):
    """Stores several events together: the interface of the outbox for the end of a pipeline."""

    def append_all(self, drafts: Sequence[Draft]) -> list[Stamp | None]:
        """Store the events together, durably when this returns; None stands for an event not stored."""


class EventFollower(Protocol):
    """Receives every event that the outbox has stored, also its loss events."""

    def stored(self, event: StoredEvent) -> None:
        """Receive an event in chain order once it is durable or in memory, on any appending thread.

        The outbox waits for this call, so it must return at once and raise nothing.
        """
