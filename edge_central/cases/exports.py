"""Exports of cases: texts, pictures and files with SHA256SUMS, the signature of these sums, and the zip.

The console, which has no private key, stores what an officer exports. The ingest checks that the text of
``SHA256SUMS`` is a list of sums and signs it with the search key. Then the console offers the zip
(docs/decisions/0064).
"""

from __future__ import annotations

import hashlib
import logging
import re
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, delete, select, update

from edge_agent.evidence.chain.keys import public_der, to_pem
from edge_central.cases.accesses import accesses_of
from edge_central.cases.document import (
    FILES,
    ONVIF,
    PICTURES,
    REDACTED,
    access_csv,
    case_json,
    exported_case,
    exported_copy,
)
from edge_central.cases.export_page import WIRE_WORDS, PageWording, index_html
from edge_central.cases.files import find_case, read_case, record_case_access
from edge_central.cases.model import CaseAuthor, CaseView
from edge_central.cases.onvif_clips import OnvifClip, onvif_clips
from edge_central.cases.onvif_texts import ABOUT_ALTERED, readme
from edge_central.cases.redactions import (
    RedactedCopy,
    RedactionSubject,
    discard_unnamed,
    read_copies,
    subjects_of,
)
from edge_central.onvif_export.recipe import OnvifRecipe, pieces
from edge_central.searches.passage_holds import holds_of_case
from edge_central.store import tables
from edge_central.store.accesses import AccessKind
from edge_central.store.case_folder import CaseFolder
from edge_central.store.database import DatabaseUnavailable, insert_row

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

log = logging.getLogger(__name__)

SUMS, SIGNATURE, PUBLIC_KEY = "SHA256SUMS", "SHA256SUMS.sig", "public-key.pem"
MAX_EXPORTS = 10
"""Exports of a case; older ones are deleted."""
MAX_AT_ONCE = 5
"""Exports signed in one transaction."""
_LINE = re.compile(rb"[0-9a-f]{64}  [A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\n")
_EXPORT = tables.case_export.c
REDACTED_README = """\
BẢN ĐÃ CHE (bản đã chỉnh sửa, không phải bản gốc)
Các ảnh và video trong thư mục này đã được chỉnh sửa: khuôn mặt và biển số được che, âm thanh và thông tin đi
kèm (nơi chụp, máy chụp) đã được bỏ. Thư mục có {copies} trong tổng số {of} ảnh và video; những tệp còn lại
chưa được kiểm tra nên không có ở đây. Chương trình tìm khuôn mặt có thể bỏ sót nên cán bộ có tên trong
case.json đã xem từng tệp. Trước khi giao cho người khác, hãy xem lại từng tệp một lần nữa.
Kiểm tra tệp: sha256sum --check SHA256SUMS

REDACTED COPIES (altered, not the originals)
The pictures and clips in this folder are altered: faces and number plates are covered, sound and metadata
(place, device) are removed. These are {copies} of {of} pictures and clips; the others have not been checked
and are left out. The program that finds faces can miss one: the officer whose name is in case.json has viewed
each file. View each file once more before you give it to anybody. To verify: sha256sum --check SHA256SUMS
"""
REFUSED = b""
"""Stored as the signature of an export that is not signed because its text is no list of sums."""


class ExportFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The content of an export, by file name: texts, pictures (ids of ``case_picture``), files of the case's
    folder (their SHA-256), and clips as ONVIF Export Files."""

    texts: dict[str, str]
    pictures: dict[str, int]
    stored: dict[str, str] = {}
    onvif: dict[str, OnvifRecipe] = {}


@dataclass(frozen=True, slots=True)
class ExportView:
    id: int
    asked_ms: int
    asked_by: str
    is_signed: bool
    is_refused: bool


def make_files(
    connection: Connection,
    folder: CaseFolder,
    case: CaseView,
    by: str,
    now_ms: int,
    wording: PageWording,
    redacted: bool = False,
) -> tuple[ExportFiles, bytes]:
    """Return the files of a case as it is now, and their ``SHA256SUMS``. ``redacted``: include the altered
    copies that a person has checked. Reads the clips of the case from ``folder``."""
    copies = checked_copies(connection, case) if redacted else {}
    onvif = onvif_clips(folder, case, copies, by, now_ms, wording)
    altered = {key: each.described for key, each in onvif.altered.items()}
    shown = {
        subject.key: exported_copy(copy, subject.copy_name, altered.get(subject.key))
        for subject, copy in copies.items()
    }
    holds = holds_of_case(connection, case.summary.number, case.summary.wards)
    originals = {key: each.described for key, each in onvif.originals.items()}
    exported = exported_case(case, by, now_ms, shown, holds, originals)
    texts = {
        "case.json": case_json(exported),
        "access.csv": access_csv(accesses_of(connection, case.summary)),
        "index.html": index_html(case, exported, wording),
    }
    if onvif.originals:
        texts[f"{ONVIF}/README.txt"] = readme(onvif.originals.values(), wording).encode()
    stored = {f"{FILES}/{each.file_name}": each.sha256 for item in case.items for each in item.attachments}
    if redacted:
        texts |= redacted_texts(copies, len(list(subjects_of(case))), onvif.altered.values())
        stored |= {copy.file: copy.sha256 for copy in shown.values()}
    pictures = [each for item in case.items for each in item.pictures if each.sha256 is not None]
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in texts.items()}
    sums |= {f"{PICTURES}/{each.file_name}": each.sha256 or "" for each in pictures} | stored
    sums |= {clip.name: clip.sha256 for clip, _ in onvif.files}
    files = ExportFiles(
        texts={name: content.decode() for name, content in texts.items()},
        pictures={f"{PICTURES}/{each.file_name}": each.id for each in pictures},
        stored=stored,
        onvif={clip.name: recipe for clip, recipe in onvif.files},
    )
    return files, sums_text(sums)


def sums_text(sums: Mapping[str, str]) -> bytes:
    """Return the list of SHA-256 sums in the format of ``sha256sum``."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()


def checked_copies(connection: Connection, case: CaseView) -> dict[RedactionSubject, RedactedCopy]:
    """Return the altered copies that a person has checked, in the order of the items."""
    copies = read_copies(connection, case.summary.id)
    found = ((subject, copies.get(subject.key)) for subject in subjects_of(case))
    return {subject: copy for subject, copy in found if copy is not None and copy.is_checked}


def has_checked(connection: Connection, case_id: int) -> bool:
    return any(copy.is_checked for copy in read_copies(connection, case_id).values())


def redacted_texts(
    copies: Mapping[RedactionSubject, RedactedCopy], of: int, onvif: Collection[OnvifClip] = ()
) -> dict[str, bytes]:
    """Return two more files for the folder with the altered copies, README.txt and the sums, so that this
    folder can be passed on alone. ``onvif``: the altered clips as ONVIF Export Files."""
    sums = {subject.copy_name: copy.sha256 or "" for subject, copy in copies.items()}
    in_onvif = {each.name.removeprefix(f"{REDACTED}/"): each.sha256 for each in onvif if each.recipe}
    text = (REDACTED_README.format(copies=len(copies), of=of) + (ABOUT_ALTERED if in_onvif else "")).encode()
    sums |= in_onvif
    sums["README.txt"] = hashlib.sha256(text).hexdigest()
    return {f"{REDACTED}/README.txt": text, f"{REDACTED}/{SUMS}": sums_text(sums)}


def record_export(
    connection: Connection, author: CaseAuthor, case_id: int, wards: Collection[str], now_ms: int
) -> str | None:
    """Record an export in the access log, and return the ward whose centre signs the export. ``wards``: the
    wards whose centre can sign. None: the account sees no such case, or no centre can sign its export."""
    case = find_case(connection, author, case_id)
    ward = None if case is None else next((each for each in case.wards if each in wards), None)
    if case is not None and ward is not None:
        record_case_access(connection, AccessKind.CASE_EXPORT, author, case, now_ms)
    return ward


def read_export(
    connection: Connection,
    folder: CaseFolder,
    author: CaseAuthor,
    case_id: int,
    ward: str,
    now_ms: int,
    wording: PageWording = WIRE_WORDS,
    redacted: bool = False,
) -> dict[str, Any] | None:
    """Return the row of a new export. None: the case no longer exists, or the account does not see it. This
    can take some seconds: do not call it in a transaction that writes."""
    case = read_case(connection, author, case_id)
    if case is None:
        return None
    files, sums = make_files(connection, folder, case, author.account, now_ms, wording, redacted)
    return {
        "case_id": case_id,
        "asked_ms": now_ms,
        "asked_by": author.account,
        "ward": ward,
        "files": zlib.compress(msgspec.json.encode(files)),
        "sums": sums,
    }


def store_export(connection: Connection, folder: CaseFolder, row: dict[str, Any]) -> int | None:
    """Store an export to be signed, and return its id. None: one of its altered copies is being made again.
    Only the newest MAX_EXPORTS exports are kept. Raises DatabaseUnavailable."""
    case_id: int = row["case_id"]
    if not all(folder.path(case_id, sha256).exists() for sha256 in _altered(row["files"])):
        return None
    export = insert_row(connection, tables.case_export, row)
    newest = select(_EXPORT.id).where(_EXPORT.case_id == case_id).order_by(_EXPORT.id.desc())
    kept = list(connection.scalars(newest.limit(MAX_EXPORTS)))
    dropped = delete(tables.case_export).where(_EXPORT.case_id == case_id, _EXPORT.id.not_in(kept))
    for files in connection.scalars(dropped.returning(_EXPORT.files)).all():
        discard_unnamed(connection, folder, case_id, _altered(files))
    return export


def _altered(files: bytes) -> set[str]:
    """Return the SHA-256 of the altered copies of an export, from its column ``files``."""
    stored = _decode_files(files).stored
    return {sha256 for name, sha256 in stored.items() if name.startswith(f"{REDACTED}/")}


def _decode_files(files: bytes) -> ExportFiles:
    return msgspec.json.decode(zlib.decompress(files), type=ExportFiles)


def list_exports(connection: Connection, case_id: int) -> list[ExportView]:
    """Return the exports of a case, the newest first."""
    names = (_EXPORT.id, _EXPORT.asked_ms, _EXPORT.asked_by, _EXPORT.signature)
    query = select(*names).where(_EXPORT.case_id == case_id).order_by(_EXPORT.id.desc())
    return [
        ExportView(row.id, row.asked_ms, row.asked_by, bool(row.signature), row.signature == REFUSED)
        for row in connection.execute(query)
    ]


def read_sums(connection: Connection, case_id: int, export: int) -> bytes:
    """Return ``SHA256SUMS`` of an export; empty: there is none. The caller must have checked that the account
    may see the case."""
    which = (_EXPORT.id == export, _EXPORT.case_id == case_id)
    return connection.scalar(select(_EXPORT.sums).where(*which)) or b""


# --- signing, by the ingest ---


def has_unsigned(connection: Connection, wards: Collection[str]) -> bool:
    query = select(_EXPORT.id).where(_EXPORT.signature.is_(None), _EXPORT.ward.in_(sorted(wards))).limit(1)
    return connection.scalar(query) is not None


def sign_exports(connection: Connection, key: Ed25519PrivateKey, wards: Collection[str], now_ms: int) -> int:
    """Sign up to MAX_AT_ONCE exports. Return how many were examined, refused ones included."""
    waits = (_EXPORT.signature.is_(None), _EXPORT.ward.in_(sorted(wards)))
    query = select(_EXPORT.id, _EXPORT.case_id, _EXPORT.sums).where(*waits).order_by(_EXPORT.id)
    rows = connection.execute(query.limit(MAX_AT_ONCE)).all()
    for row in rows:
        signed = are_sums(row.sums)
        if not signed:
            log.error("export %d of case %d: its sums cannot be read; it is not signed", row.id, row.case_id)
        values = {
            "signature": key.sign(row.sums) if signed else REFUSED,
            "public_key": public_pem(key),
            "signed_ms": now_ms,
        }
        connection.execute(update(tables.case_export).where(_EXPORT.id == row.id).values(**values))
    return len(rows)


def are_sums(text: bytes) -> bool:
    """Return whether each line is a SHA-256 and a name. No other text is signed here. So the signature can
    never be used for a command: commands are JWS, whose signed part has neither space nor line end."""
    lines = text.splitlines(keepends=True)
    return bool(lines) and all(_LINE.fullmatch(line) for line in lines)


# --- the zip ---


def open_zip(
    connection: Connection, author: CaseAuthor, case_id: int, export: int, folder: CaseFolder
) -> IO[bytes] | None:
    """Return the signed export as a zip: a temporary file, positioned at its beginning. None: the account
    sees no such export, or it is not signed. Raises DatabaseUnavailable, OSError."""
    if find_case(connection, author, case_id) is None:
        return None
    which = (_EXPORT.id == export, _EXPORT.case_id == case_id)
    row = connection.execute(select(tables.case_export).where(*which)).first()
    if row is None or not row.signature:
        return None
    files = _decode_files(row.files)
    size = sum(folder.path(case_id, sha256).stat().st_size for sha256 in files.stored.values())
    size += sum(recipe.size for recipe in files.onvif.values())
    if size and not folder.has_space(size):
        raise DatabaseUnavailable("the disk is too full for the zip of an export")
    out = folder.temporary()
    try:
        write_zip(out, connection, case_id, folder, files, row.sums, row.signature, row.public_key)
        out.seek(0)
    except BaseException:
        out.close()
        raise
    return out


def write_zip(
    out: IO[bytes],
    connection: Connection,
    case_id: int,
    folder: CaseFolder,
    files: ExportFiles,
    sums: bytes,
    signature: bytes,
    public_key: bytes,
) -> None:
    """Write the zip; only one picture or one piece of a file is in memory at a time. Raises OSError, also if
    a file of the folder is missing."""
    more: Mapping[str, bytes] = {SUMS: sums, SIGNATURE: signature, PUBLIC_KEY: public_key}
    columns = tables.case_picture.c
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, text in files.texts.items():
            archive.writestr(name, text.encode())
        for name, picture in files.pictures.items():
            which = (columns.id == picture, columns.case_id == case_id)
            content = connection.scalar(select(columns.content).where(*which))
            archive.writestr(name, content or b"", zipfile.ZIP_STORED)
        for name, sha256 in files.stored.items():  # not compressed again: pictures and clips already are
            archive.write(folder.path(case_id, sha256), name, zipfile.ZIP_STORED)
        for name, recipe in files.onvif.items():
            _write_onvif(archive, name, recipe, folder.path(case_id, recipe.clip))
        for name, content in more.items():
            archive.writestr(name, content)


def _write_onvif(archive: zipfile.ZipFile, name: str, recipe: OnvifRecipe, clip: Path) -> None:
    about = zipfile.ZipInfo.from_file(clip, name, strict_timestamps=False)
    about.file_size = recipe.size
    with clip.open("rb") as file, archive.open(about, "w") as target:  # ZIP_STORED
        for piece in pieces(recipe, file):
            target.write(piece)


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return to_pem(public_der(key.public_key()))
