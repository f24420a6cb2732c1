"""Cases as facts: who may see one, what is in it, and why something is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge_central.store.scope import Scope

MAX_ITEMS = 500
"""Limit of items in a case, struck-out items included."""
MAX_CASE_BYTES = 16_000_000
"""Limit for the facts and pictures of a case together: an export is made in memory."""
MAX_FACTS_BYTES = 65_536
"""Limit for the facts of one item, as JSON."""
MAX_ITEM_PICTURES = 24
MAX_OPEN_CASES = 300
"""Limit for one account."""
MAX_NUMBER, MAX_WHY = 100, 500
"""Limits in characters: of a case number, and of the reason for striking an item out."""
MAX_FILE_BYTES = 100_000_000
"""Limit for one file from outside."""
MAX_CASE_FILES_BYTES = 300_000_000
"""Limit for all files of a case, altered copies included. They are on disk, and an export is written piece by
piece."""


class CaseItemKind(StrEnum):
    PASSAGE = "passage"
    JOURNEY = "journey"  # passages at several cameras that may be one object
    EVENT = "event"
    PICTURE = "picture"
    NOTE = "note"
    FILE = "file"  # from outside, such as the clip of a citizen's phone


class CasePictureStatus(StrEnum):
    WAITING = "waiting"  # no officer has opened it, or it has not arrived
    RECEIVED = "received"
    TOO_LARGE = "too-large"  # it did not fit into the limit of the case when it arrived


class CaseRefused(Exception):
    """The request is refused. The text says why, and carries a code."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class CaseAuthor:
    """Who reads or changes a case: an officer or an administrator. Callers must have checked the role."""

    account: str
    address: str
    scope: Scope
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class PictureReference:
    """A picture of a search, which an item copies at once or when the picture arrives. No officer need have
    opened it yet."""

    search: str
    gateway: str
    passage: int


@dataclass(frozen=True, slots=True)
class NewCaseItem:
    """A new item for ``add_item``."""

    kind: CaseItemKind
    source: str  # names the original; unique within a case: "passage dt-001/412"
    at_ms: int  # when it happened; the first of several times
    wards: frozenset[str]
    facts: Mapping[str, Any]  # JSON of edge_central/cases/facts.py
    gateway: str | None = None
    camera: str | None = None
    search: str | None = None
    pictures: tuple[PictureReference, ...] = ()


@dataclass(frozen=True, slots=True)
class AddedItem:
    case_id: int  # in the address of its page: /cases/7
    item: int
    is_new: bool  # False: the case already had this item


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """A case without its items."""

    id: int
    number: str
    owner: str
    wards: tuple[str, ...]
    opened_ms: int
    closed_ms: int | None
    closed_by: str | None
    item_count: int  # struck-out items included
    bytes: int
    changes: int

    @property
    def is_open(self) -> bool:
        return self.closed_ms is None


@dataclass(frozen=True, slots=True)
class CasePicture:
    """A picture of an item, without its bytes."""

    id: int
    item: int
    gateway: str
    passage: int
    status: CasePictureStatus
    sha256: str | None
    bytes: int | None
    sealed: bool
    path: tuple[tuple[float, float, float], ...]  # x, y in 0..1 of the picture, seconds after the start

    @property
    def file_name(self) -> str:
        """Its name in an export."""
        suffix = "jpg.sealed" if self.sealed else "jpg"
        return f"{self.item:06d}-{self.gateway}-{self.passage}.{suffix}"


class AttachmentKind(StrEnum):
    SNAPSHOT = "snapshot"
    STILL = "still"
    CLIP = "clip"
    OUTSIDE = "outside"  # brought by a person


JPEG, PNG, MP4 = "image/jpeg", "image/png", "video/mp4"
HEIC, AVIF, M4A = "image/heic", "image/avif", "audio/mp4"  # not shown, and without altered copies
SUFFIXES: Mapping[str, str] = {
    JPEG: "jpg",
    PNG: "png",
    MP4: "mp4",
    HEIC: "heic",
    AVIF: "avif",
    M4A: "m4a",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
    "application/pdf": "pdf",
}
"""File name suffixes in an export, by content type; ``bin`` for all other types."""


@dataclass(frozen=True, slots=True)
class CaseAttachment:
    """A file of an item; its bytes are in the folder of the case."""

    id: int
    item: int
    kind: AttachmentKind
    name: str  # name that a person gave, any text
    type: str  # content type, decided by the first bytes
    sha256: str
    bytes: int
    sealed: bool
    began_ms: int | None = None  # of a clip: when its first picture was taken, by the gateway's clock
    clock_synced: bool | None = None  # False: ``began_ms`` may be wrong by any time

    @property
    def start_ms(self) -> int | None:
        """When the clip's first picture was taken; None: unknown, or the clock was not synchronised."""
        return self.began_ms if self.clock_synced else None

    @property
    def file_name(self) -> str:
        """Its name in an export."""
        suffix = "sealed" if self.sealed else SUFFIXES.get(self.type, "bin")
        return f"{self.item:06d}-{self.id}-{self.kind.value}.{suffix}"

    @property
    def is_picture(self) -> bool:
        return not self.sealed and self.type in (JPEG, PNG)

    @property
    def is_clip(self) -> bool:
        return not self.sealed and self.type.startswith("video/")


@dataclass(frozen=True, slots=True)
class CaseItem:
    id: int
    kind: CaseItemKind
    source: str
    at_ms: int
    wards: tuple[str, ...]
    gateway: str | None
    camera: str | None
    search: str | None
    facts: bytes  # JSON
    added_ms: int
    added_by: str
    struck_ms: int | None
    struck_by: str | None
    struck_why: str | None
    pictures: tuple[CasePicture, ...]
    attachments: tuple[CaseAttachment, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with its items, by time."""

    summary: CaseSummary
    items: tuple[CaseItem, ...]
