"""Altered copies of the pictures and clips of a case, in which faces and number plates are covered: which
copies are requested, which are made, and who has checked them.

A program does not find every face. So a copy leaves the centre only after a person has viewed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Text, cast, literal, literal_column, not_, select, update

from edge_central.cases.files import find_case, record_case_access
from edge_central.cases.items import note_case_changes
from edge_central.cases.model import AttachmentKind, CaseAuthor, CasePictureStatus, CaseSummary, CaseView
from edge_central.store import tables
from edge_central.store.accesses import AccessKind
from edge_central.store.case_folder import CaseFolder
from edge_central.store.database import conflict_insert

MAX_BY_HAND = 40
"""Limit for the areas that people add to one copy."""
MAX_ATTEMPTS = 2
ALTERED = "-altered"
Area = tuple[float, float, float, float]
"""x1, y1, x2, y2 in 0..1 of the picture."""
_COPY = tables.case_redaction.c


class RedactionStatus(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RedactedCopy:
    id: int
    subject: str
    status: RedactionStatus
    by_hand: tuple[Area, ...]
    failure: str | None
    areas: int | None
    sha256: str | None
    bytes: int | None
    done_ms: int | None
    checked_by: str | None
    checked_ms: int | None

    @property
    def is_checked(self) -> bool:
        return self.status is RedactionStatus.DONE and self.checked_ms is not None


@dataclass(frozen=True, slots=True)
class RedactionSubject:
    """A picture or clip of a case that can have an altered copy."""

    key: str
    item: int
    file_name: str  # of the original in an export
    is_clip: bool
    is_outside: bool = False  # a person brought it: pages do not show the original

    @property
    def copy_name(self) -> str:
        """Return the name of the altered copy in an export."""
        stem = self.file_name.rpartition(".")[0]
        return f"{stem}{ALTERED}.{'mp4' if self.is_clip else 'jpg'}"


def is_altered_name(name: str) -> bool:
    """Return whether this file name of an export is the name of an altered copy."""
    return name.rpartition(".")[0].endswith(ALTERED)


def subjects_of(case: CaseView) -> Iterator[RedactionSubject]:
    """Return the files of the items that count, in their order. Sealed files are left out: the centre cannot
    open them."""
    for item in case.items:
        if item.struck_ms is not None:
            continue
        for picture in item.pictures:
            if picture.status is CasePictureStatus.RECEIVED and not picture.sealed:
                yield RedactionSubject(picture_key(picture.id), item.id, picture.file_name, is_clip=False)
        for file in item.attachments:
            if file.is_picture or file.is_clip:
                is_outside = file.kind is AttachmentKind.OUTSIDE
                names = (attachment_key(file.id), item.id, file.file_name)
                yield RedactionSubject(*names, file.is_clip, is_outside)


def picture_key(picture: int) -> str:
    return f"picture {picture}"


def attachment_key(attachment: int) -> str:
    return f"attachment {attachment}"


def read_copies(connection: Connection, case_id: int) -> dict[str, RedactedCopy]:
    """Return the altered copies of a case, by the key of their subject."""
    query = select(tables.case_redaction).where(_COPY.case_id == case_id).order_by(_COPY.id)
    return {row.subject: _copy(row) for row in connection.execute(query)}


def find_copy(connection: Connection, case_id: int, copy: int) -> RedactedCopy | None:
    query = select(tables.case_redaction).where(_COPY.id == copy, _COPY.case_id == case_id)
    row = connection.execute(query).first()
    return None if row is None else _copy(row)


def _copy(row: Any) -> RedactedCopy:
    values = dict(row._mapping)
    for name in ("case_id", "attempts", "asked_by"):
        del values[name]
    by_hand = tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in json.loads(row.by_hand))
    return RedactedCopy(**values | {"status": RedactionStatus(row.status), "by_hand": by_hand})


def ask_copies(connection: Connection, author: CaseAuthor, case: CaseView, now_ms: int) -> int:
    """Request a copy of each picture and clip that has none, and request failed copies again. Return how many
    were requested."""
    case_id, count = case.summary.id, 0
    columns = {"attempts": 0, "by_hand": "[]", "status": RedactionStatus.WAITING.value}
    insertion = conflict_insert(connection, tables.case_redaction).on_conflict_do_nothing()
    for subject in subjects_of(case):
        row = {"case_id": case_id, "subject": subject.key, "asked_by": author.account, **columns}
        count += connection.scalar(insertion.returning(_COPY.id), row) is not None
    failed = (_COPY.case_id == case_id, _COPY.status == RedactionStatus.FAILED.value)
    again = update(tables.case_redaction).where(*failed)
    count += connection.execute(again.values(status="waiting", attempts=0, failure=None)).rowcount
    if count:
        _record(connection, author, case.summary, now_ms)
    return count


def set_areas(
    connection: Connection, author: CaseAuthor, case_id: int, copy: int, added: Area | None, now_ms: int
) -> bool:
    """Add an area by hand, or remove all such areas (None), and request the copy again. False: there is no
    such copy that the account may see, or it already has MAX_BY_HAND areas."""
    case, found = find_case(connection, author, case_id), find_copy(connection, case_id, copy)
    if case is None or found is None or (added is not None and len(found.by_hand) >= MAX_BY_HAND):
        return False
    areas = [] if added is None else [*found.by_hand, added]
    values = {"by_hand": json.dumps(areas), "status": "waiting", "attempts": 0, "failure": None}
    values |= {"checked_by": None, "checked_ms": None}
    connection.execute(update(tables.case_redaction).where(_COPY.id == copy).values(**values))
    _record(connection, author, case, now_ms, copy)
    return True


def check_copy(
    connection: Connection, author: CaseAuthor, case_id: int, copy: int, sha256: str, now_ms: int
) -> bool:
    """Record that a person has viewed the copy ``sha256`` and confirmed that everything is covered. False:
    there is no such copy that the account may see, or the copy was made again meanwhile."""
    case = find_case(connection, author, case_id)
    if case is None:
        return False
    which = (_COPY.id == copy, _COPY.case_id == case_id, _COPY.status == "done", _COPY.sha256 == sha256)
    values = {"checked_by": author.account, "checked_ms": now_ms}
    if not connection.execute(update(tables.case_redaction).where(*which).values(**values)).rowcount:
        return False
    _record(connection, author, case, now_ms, copy)
    return True


def _record(
    connection: Connection, author: CaseAuthor, case: CaseSummary, now_ms: int, copy: int | None = None
) -> None:
    more = {} if copy is None else {"media_id": str(copy)}
    record_case_access(connection, AccessKind.CASE_REDACT, author, case, now_ms, **more)
    note_case_changes(connection, [case.id])


# --- making them ---

_FILE, _EXPORT = tables.case_attachment.c, tables.case_export.c
_OF_CLIP = (
    select(_FILE.id)
    .where(
        _FILE.case_id == _COPY.case_id, literal("attachment ").concat(cast(_FILE.id, Text)) == _COPY.subject
    )
    .where(_FILE.sealed.is_(False), _FILE.type.startswith("video/"))
    .exists()
)
"""The SQL form of CaseAttachment.is_clip."""


@dataclass(frozen=True, slots=True)
class WaitingCopy:
    id: int
    case_id: int
    subject: str
    by_hand: str  # as stored; a copy made with another value is out of date
    attempts: int

    @property
    def areas(self) -> tuple[Area, ...]:
        return tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in json.loads(self.by_hand))


@dataclass(frozen=True, slots=True)
class MadeCopy:
    """The result of making a copy. ``failure`` None: the copy is in the folder of the case."""

    failure: str | None = None
    areas: int = 0
    sha256: str | None = None
    bytes: int | None = None


def next_waiting(connection: Connection, *, clips: bool | None = None) -> WaitingCopy | None:
    """Return the next copy to make; copies that were never tried come first. ``clips``: True for clips only,
    False for pictures only."""
    columns = (_COPY.id, _COPY.case_id, _COPY.subject, _COPY.by_hand, _COPY.attempts)
    # A literal, so that SQLite uses the partial index of waiting copies.
    waits = _COPY.status == literal_column("'waiting'")
    query = select(*columns).where(waits).order_by(_COPY.attempts, _COPY.id).limit(1)
    if clips is not None:
        query = query.where(_OF_CLIP if clips else not_(_OF_CLIP))
    row = connection.execute(query).first()
    return None if row is None else WaitingCopy(*row)


def begin_copy(connection: Connection, waiting: WaitingCopy) -> bool:
    """Count the attempt. False: MAX_ATTEMPTS attempts were made, and the copy is given up."""
    if waiting.attempts >= MAX_ATTEMPTS:
        finish_copy(connection, waiting, MadeCopy("failed"), 0)
        return False
    counted = update(tables.case_redaction).where(_COPY.id == waiting.id)
    connection.execute(counted.values(attempts=_COPY.attempts + 1))
    return True


def discard_former_copy(connection: Connection, folder: CaseFolder, waiting: WaitingCopy) -> None:
    """Delete the copy that a waiting one replaces, so that it does not count as a file of the case. Raises
    DatabaseUnavailable."""
    which = (_COPY.id == waiting.id, _COPY.status == "waiting")
    former = connection.scalar(select(_COPY.sha256).where(*which))
    if former is not None:
        connection.execute(update(tables.case_redaction).where(*which).values(sha256=None, bytes=None))
        discard_unnamed(connection, folder, waiting.case_id, [former])


def discard_unnamed(connection: Connection, folder: CaseFolder, case_id: int, digests: Iterable[str]) -> None:
    """Delete those of these altered copies that neither a row nor an export names. Raises
    DatabaseUnavailable."""
    sums = list(connection.scalars(select(_EXPORT.sums).where(_EXPORT.case_id == case_id)))
    for sha256 in digests:
        rows = (
            select(_COPY.id).where(_COPY.case_id == case_id, _COPY.sha256 == sha256),
            select(_FILE.id).where(_FILE.case_id == case_id, _FILE.sha256 == sha256),
        )
        in_export = any(sha256.encode() in each for each in sums)
        if not in_export and all(connection.scalar(query.limit(1)) is None for query in rows):
            folder.discard(case_id, sha256)


def finish_copy(connection: Connection, waiting: WaitingCopy, made: MadeCopy, now_ms: int) -> bool:
    """Store the result. False: it is not stored, because another copy has been requested meanwhile."""
    which = (_COPY.id == waiting.id, _COPY.by_hand == waiting.by_hand, _COPY.status == "waiting")
    values = {
        "status": (RedactionStatus.DONE if made.failure is None else RedactionStatus.FAILED).value,
        "failure": made.failure,
        "areas": made.areas,
        "sha256": made.sha256,
        "bytes": made.bytes,
        "done_ms": now_ms,
    }
    stored = connection.execute(update(tables.case_redaction).where(*which).values(**values)).rowcount > 0
    note_case_changes(connection, [waiting.case_id])
    return stored
