"""Files of cases: copies of an event's pictures and clips, files that people bring, and notes.

A file's given name and type cannot be trusted. So the first bytes decide the content type, and a file from
outside is only offered as a download.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from edge_agent.core.delivery import SEALED_MAGIC, SEALED_TYPE
from edge_central.cases.facts import FileFacts, NoteFacts, as_facts
from edge_central.cases.files import read_attachments
from edge_central.cases.items import add_item, note_case_changes
from edge_central.cases.model import (
    AVIF,
    HEIC,
    JPEG,
    M4A,
    MAX_CASE_FILES_BYTES,
    MP4,
    PNG,
    AddedItem,
    AttachmentKind,
    CaseAttachment,
    CaseAuthor,
    CaseItemKind,
    CaseRefused,
    CaseSummary,
    NewCaseItem,
)
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.case_folder import CaseFolder

MAX_ITEM_FILES = 24
MAX_NAME, MAX_NOTE = 200, 2_000
"""Limits in characters: of a file's name and of the name of the person who brought it; and of a note."""
OTHER_TYPE = "application/octet-stream"
_MAGIC = (
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    *((4, b"ftyp" + brand, HEIC) for brand in (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1")),
    *((4, b"ftyp" + brand, AVIF) for brand in (b"avif", b"avis")),
    (4, b"ftypM4A ", M4A),
    (4, b"ftyp", MP4),  # MP4 files, and .mov and .3gp files of phones
    (0, b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"%PDF-", "application/pdf"),
    (0, SEALED_MAGIC, SEALED_TYPE),
)
HEAD_BYTES = 16


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file that is already stored in the folder of the case."""

    kind: AttachmentKind
    name: str
    type: str
    sha256: str
    bytes: int
    sealed: bool = False
    began_ms: int | None = None  # of a clip: when its first picture was taken, by the gateway's clock
    clock_synced: bool | None = None  # whether the clock of ``began_ms`` was synchronised


@dataclass(frozen=True, slots=True)
class OutsideFile:
    """What the person who adds a file from outside writes about it, as free text."""

    name: str
    brought_by: str
    note: str = ""


def type_of(head: bytes) -> str:
    """Return the content type by the first HEAD_BYTES; OTHER_TYPE for all types that are not in the list."""
    found = (kind for place, magic, kind in _MAGIC if head[place : place + len(magic)] == magic)
    return next(found, OTHER_TYPE)


def check_fits(folder: CaseFolder, case_id: int, size_bytes: int) -> None:
    """Check the limits for one more file. Raises CaseRefused if the files of the case would be too large, or
    the disk too full."""
    if folder.used_bytes(case_id) + size_bytes > MAX_CASE_FILES_BYTES:
        raise CaseRefused(problem_text("case-files-full", mb=MAX_CASE_FILES_BYTES // 1_000_000))
    if not folder.has_space(size_bytes):
        raise CaseRefused(problem_text("case-disk-full"))


def check_copies_fit(folder: CaseFolder, case_id: int, sizes: Mapping[str, int]) -> None:
    """Check the limits for copies of an event's files, before its item is committed. ``sizes``: bytes by
    SHA-256; files that the case has stored already count nothing. Raises CaseRefused."""
    if len(sizes) > MAX_ITEM_FILES:
        raise CaseRefused(problem_text("case-item-files", files=MAX_ITEM_FILES))
    missing = [size for sha256, size in sizes.items() if not folder.path(case_id, sha256).exists()]
    if missing:
        check_fits(folder, case_id, sum(missing))


def attach(connection: Connection, case_id: int, item: int, new: Sequence[NewAttachment]) -> int:
    """Add files to an item. Return how many of them the item did not have yet. Raises CaseRefused for too
    many."""
    there = {each.sha256 for each in read_attachments(connection, case_id)[item]}
    rows = [
        {
            "case_id": case_id,
            "item": item,
            "kind": each.kind.value,
            "name": each.name[:MAX_NAME],
            "type": each.type,
            "sha256": each.sha256,
            "bytes": each.bytes,
            "sealed": each.sealed,
            "began_ms": each.began_ms,
            "clock_synced": each.clock_synced,
        }
        for each in {each.sha256: each for each in new}.values()
        if each.sha256 not in there
    ]
    if len(there) + len(rows) > MAX_ITEM_FILES:
        raise CaseRefused(problem_text("case-item-files", files=MAX_ITEM_FILES))
    if rows:
        connection.execute(insert(tables.case_attachment), rows)
        note_case_changes(connection, [case_id])
    return len(rows)


def add_outside_file(
    connection: Connection,
    author: CaseAuthor,
    case: CaseSummary,
    said: OutsideFile,
    file: NewAttachment,
    now_ms: int,
) -> AddedItem:
    """Add a file that a person has brought; the same file is in a case only once. Raises CaseRefused."""
    said = checked_words(said)
    facts = FileFacts(name=said.name, brought_by=said.brought_by, note=said.note)
    source = f"file {file.sha256}"
    added = _add(connection, author, case, CaseItemKind.FILE, source, facts, now_ms)
    if added.is_new:
        attach(connection, case.id, added.item, [file])
    return added


def checked_words(said: OutsideFile) -> OutsideFile:
    """Return each text in one line. Raises CaseRefused if the file's name, or the name of its bringer, is
    missing."""
    name, brought_by = one_line(said.name, MAX_NAME), one_line(said.brought_by, MAX_NAME)
    if not name or not brought_by:
        raise CaseRefused(problem_text("case-file-words"))
    return OutsideFile(name, brought_by, one_line(said.note, 500))


def add_note(
    connection: Connection, author: CaseAuthor, case: CaseSummary, text: str, now_ms: int
) -> AddedItem:
    """Add a note to the case. Raises CaseRefused."""
    text = text.strip()
    if not 1 <= len(text) <= MAX_NOTE:
        raise CaseRefused(problem_text("case-note", most=MAX_NOTE))
    source = f"note {secrets.token_hex(8)}"
    return _add(connection, author, case, CaseItemKind.NOTE, source, NoteFacts(text=text), now_ms)


def _add(
    connection: Connection,
    author: CaseAuthor,
    case: CaseSummary,
    kind: CaseItemKind,
    source: str,
    facts: FileFacts | NoteFacts,
    now_ms: int,
) -> AddedItem:
    item = NewCaseItem(kind, source, now_ms, frozenset(case.wards), as_facts(facts))
    return add_item(connection, author, case.number, item, now_ms)


def find_attachment(connection: Connection, case_id: int, attachment: int) -> CaseAttachment | None:
    """Return a file of a case; None: the case has no such file. The caller has checked that the account may
    see the case."""
    columns = tables.case_attachment.c
    which = (columns.id == attachment, columns.case_id == case_id)
    item = connection.scalar(select(columns.item).where(*which))
    of_item = () if item is None else read_attachments(connection, case_id)[item]
    return next((each for each in of_item if each.id == attachment), None)


def one_line(text: str, most: int) -> str:
    """Return the text with single spaces, without unprintable characters, and at most ``most`` characters
    long."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:most]
