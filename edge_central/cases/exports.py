"""Exports of cases: texts and pictures with SHA256SUMS, the signature of these sums, and the zip.

The console stores what an officer exports, without a private key. The ingest signs ``SHA256SUMS`` with the
search key, after it has checked that the text is one; then the console offers the zip (docs/decisions/0064).
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, and_, delete, or_, select, update

from edge_agent.evidence.chain.keys import public_der, to_pem
from edge_central.cases.document import (
    WIRE_WORDS,
    PageWording,
    access_csv,
    case_json,
    exported_case,
    index_html,
)
from edge_central.cases.files import find_case, read_case, record_case_access
from edge_central.cases.model import CaseAuthor, CaseView
from edge_central.store import tables
from edge_central.store.accesses import AccessKind
from edge_central.store.database import insert_row

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

log = logging.getLogger(__name__)

SUMS, SIGNATURE, PUBLIC_KEY = "SHA256SUMS", "SHA256SUMS.sig", "public-key.pem"
MAX_EXPORTS = 10
"""Of a case; older ones are deleted."""
MAX_ACCESSES = 20_000
MAX_AT_ONCE = 5
"""Exports signed in one transaction."""
_LINE = re.compile(rb"[0-9a-f]{64}  [A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\n")
_EXPORT = tables.case_export.c
REFUSED = b""
"""Signature of an export whose text is not one of sums."""


class ExportFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What an export consists of: texts, and pictures as ids of ``case_picture``, by name."""

    texts: dict[str, str]
    pictures: dict[str, int]


@dataclass(frozen=True, slots=True)
class ExportView:
    id: int
    asked_ms: int
    asked_by: str
    is_signed: bool
    is_refused: bool


def make_files(
    connection: Connection, case: CaseView, by: str, now_ms: int, wording: PageWording
) -> tuple[ExportFiles, bytes]:
    """The files of a case as it is now, and their ``SHA256SUMS``."""
    exported = exported_case(case, by, now_ms)
    texts = {
        "case.json": case_json(exported),
        "access.csv": access_csv(_accesses(connection, case)),
        "index.html": index_html(case, exported, wording),
    }
    pictures = [each for item in case.items for each in item.pictures if each.sha256 is not None]
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in texts.items()}
    sums |= {f"pictures/{each.file_name}": each.sha256 or "" for each in pictures}
    files = ExportFiles(
        texts={name: content.decode() for name, content in texts.items()},
        pictures={f"pictures/{each.file_name}": each.id for each in pictures},
    )
    return files, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()


def _accesses(connection: Connection, case: CaseView) -> Iterator[object]:
    """Who opened pictures in the searches of its items and in its wards, and who viewed and changed the case;
    the oldest first."""
    columns, picture = tables.access.c, tables.case_picture.c
    searches = set(connection.scalars(select(picture.search).where(picture.case_id == case.summary.id)))
    searches |= {item.search for item in case.items if item.search is not None}
    of_case = and_(columns.what.startswith("case-"), columns.time_ms >= case.summary.opened_ms)
    of_search = and_(
        columns.search.in_(sorted(searches)),
        or_(columns.ward.is_(None), columns.ward.in_(case.summary.wards)),
    )
    query = select(tables.access).where(columns.case_number == case.summary.number, or_(of_case, of_search))
    yield from connection.execute(query.order_by(columns.id).limit(MAX_ACCESSES))


def record_export(
    connection: Connection, author: CaseAuthor, case_id: int, wards: Collection[str], now_ms: int
) -> str | None:
    """Put an export on record, and return the ward whose centre signs it. ``wards``: those whose centre can
    sign. None: there is no such case, or no centre can sign it."""
    case = find_case(connection, author, case_id)
    ward = None if case is None else next((each for each in case.wards if each in wards), None)
    if case is not None and ward is not None:
        record_case_access(connection, AccessKind.CASE_EXPORT, author, case, now_ms)
    return ward


def read_export(
    connection: Connection,
    author: CaseAuthor,
    case_id: int,
    ward: str,
    now_ms: int,
    wording: PageWording = WIRE_WORDS,
) -> dict[str, Any] | None:
    """The row of an export; None: there is no such case any more. It may take a second: hold no transaction
    that writes meanwhile."""
    case = read_case(connection, author, case_id)
    if case is None:
        return None
    files, sums = make_files(connection, case, author.account, now_ms, wording)
    return {
        "case_id": case_id,
        "asked_ms": now_ms,
        "asked_by": author.account,
        "ward": ward,
        "files": zlib.compress(msgspec.json.encode(files)),
        "sums": sums,
    }


def store_export(connection: Connection, row: dict[str, Any]) -> int:
    """Store an export to be signed, and return its id."""
    export = insert_row(connection, tables.case_export, row)
    newest = select(_EXPORT.id).where(_EXPORT.case_id == row["case_id"]).order_by(_EXPORT.id.desc())
    kept = list(connection.scalars(newest.limit(MAX_EXPORTS)))
    of_case = (_EXPORT.case_id == row["case_id"], _EXPORT.id.not_in(kept))
    connection.execute(delete(tables.case_export).where(*of_case))
    return export


def list_exports(connection: Connection, case_id: int) -> list[ExportView]:
    """The newest first."""
    names = (_EXPORT.id, _EXPORT.asked_ms, _EXPORT.asked_by, _EXPORT.signature)
    query = select(*names).where(_EXPORT.case_id == case_id).order_by(_EXPORT.id.desc())
    return [
        ExportView(row.id, row.asked_ms, row.asked_by, bool(row.signature), row.signature == REFUSED)
        for row in connection.execute(query)
    ]


# --- signing, by the ingest ---


def has_unsigned(connection: Connection, wards: Collection[str]) -> bool:
    query = select(_EXPORT.id).where(_EXPORT.signature.is_(None), _EXPORT.ward.in_(sorted(wards))).limit(1)
    return connection.scalar(query) is not None


def sign_exports(connection: Connection, key: Ed25519PrivateKey, wards: Collection[str], now_ms: int) -> int:
    """Sign up to MAX_AT_ONCE exports; return how many were examined."""
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
    """Whether each line is a SHA-256 and a name. No other text is signed here: a command is a JWS, whose
    signed part has neither space nor line end, so this signature can never be one of a command."""
    lines = text.splitlines(keepends=True)
    return bool(lines) and all(_LINE.fullmatch(line) for line in lines)


# --- the zip ---


def read_zip(connection: Connection, author: CaseAuthor, case_id: int, export: int) -> bytes | None:
    """The signed export as a zip; None: there is none that the account may see, or it is not signed."""
    if find_case(connection, author, case_id) is None:
        return None
    which = (_EXPORT.id == export, _EXPORT.case_id == case_id)
    row = connection.execute(select(tables.case_export).where(*which)).first()
    if row is None or not row.signature:
        return None
    files = msgspec.json.decode(zlib.decompress(row.files), type=ExportFiles)
    return make_zip(connection, case_id, files, row.sums, row.signature, row.public_key)


def make_zip(
    connection: Connection,
    case_id: int,
    files: ExportFiles,
    sums: bytes,
    signature: bytes,
    public_key: bytes,
) -> bytes:
    """At most ``MAX_CASE_BYTES`` and the texts: it is made in memory, one picture after the other."""
    more: Mapping[str, bytes] = {SUMS: sums, SIGNATURE: signature, PUBLIC_KEY: public_key}
    out, columns = io.BytesIO(), tables.case_picture.c
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.texts.items():
            archive.writestr(name, text.encode())
        for name, picture in files.pictures.items():
            which = (columns.id == picture, columns.case_id == case_id)
            content = connection.scalar(select(columns.content).where(*which))
            archive.writestr(name, content or b"", zipfile.ZIP_STORED)
        for name, content in more.items():
            archive.writestr(name, content)
    return out.getvalue()


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return to_pem(public_der(key.public_key()))
