"""Assembles files on the disk from parts, which may arrive in any order and repeatedly.

A row of ``transfer`` says which parts have arrived. Each part is durable before its row is committed and its
id is confirmed. When the last part has arrived, the digest is checked and the file is stored like any other.
The bytes of a deleted row are deleted after its commit, because a row that a rollback brings back needs them.

Limits: a gateway with too many incomplete files loses its oldest, because a correct one sends one at a time;
a file beyond the limit of all gateways together is refused. Incomplete files expire.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.wire.received.messages import PartMessage
from edge_central.store import tables
from edge_central.store.database import insert_row
from edge_central.store.media_folder import DamagedFile, MediaFolder

log = logging.getLogger(__name__)

EXPIRES_MS = 7 * 86_400_000
"""A file expires so long after its last part; a gateway without data budget until then resends all parts."""
GATEWAY_FILES = 4
"""Incomplete files of one gateway: at most 256 MB."""
ALL_BYTES = 8_000_000_000
"""Limit for the arrived parts of all gateways' incomplete files."""
_T = tables.transfer.c


@dataclass(slots=True)
class PartOutcome:
    """The effect of a received part; valid once its batch is committed."""

    confirmed: list[str] = field(default_factory=list)  # ids for ``down/ack``
    complete: bool = False  # the whole file is stored
    sealed: bool = False
    problem: str = ""  # why the part or the file is rejected


class FileAssembly:
    def __init__(self, folder: MediaFolder, wards: Collection[str]) -> None:
        self._folder = folder
        self._wards = sorted(wards)
        self._named: set[int] = set()  # ids of files of which this batch has confirmed all arrived parts
        self._discarded: set[int] = set()  # ids of deleted rows whose bytes are still on the disk

    def begin_batch(self, connection: Connection) -> None:
        """Begin a batch, as the first step of its transaction: a repeated part may again confirm all arrived
        parts of its file, once. Delete the bytes of the files that earlier batches have discarded."""
        self._named.clear()
        if self._discarded:
            needed = connection.scalars(select(_T.id).where(_T.id.in_(self._discarded), _T.refused.is_(None)))
            self._folder.discard_parts(self._discarded.difference(needed))
            self._discarded.clear()

    def add(self, connection: Connection, part: PartMessage, now_ms: int) -> PartOutcome:
        """Write a part; store the file if it is then complete. ``media`` must have no row of the file yet.

        Raises DatabaseUnavailable."""
        row = self._row(connection, part)
        # The file may be stored already: with another event, or before a transaction that was rolled back.
        head = self._folder.stored_head(part.gateway, part.sha256, part.file_bytes)
        if row is not None and (head is not None or not _is_same_file(row, part)):
            self._discard(connection, [row.id])
            row = None
        if head is not None:
            return _complete(part, head)
        if row is not None and row.refused is not None:
            return PartOutcome([part.media_id])  # confirmed, so that the gateway does not send the rest
        received = bytearray((part.parts + 7) // 8) if row is None else bytearray(row.received)
        if row is not None and _has(received, part.number):
            self._touch(connection, row.id, received, now_ms)
            return PartOutcome(self._names(row.id, part, received))
        if row is None:
            self._limit_files(connection, part.gateway)
        if (refusal := self._refusal(connection, part)) is not None:
            if row is not None:
                self._discard(connection, [row.id])
            self._begin(connection, part, bytearray(len(received)), now_ms, refusal)
            return PartOutcome([part.media_id], problem=refusal)
        id_ = self._begin(connection, part, received, now_ms) if row is None else row.id
        return self._write(connection, id_, part, received, now_ms)

    def expire(self, connection: Connection, before_ms: int) -> None:
        """Delete incomplete files whose last part arrived before ``before_ms``, and files without a row. No
        batch may have written to the transaction."""
        own = _T.ward.in_(self._wards)
        self._folder.discard_other_parts(frozenset(connection.scalars(select(_T.id).where(own))))
        old = connection.scalars(select(_T.id).where(own, _T.last_ms < before_ms)).all()
        if old:
            log.info("%d files whose other parts have not arrived in time are deleted", len(old))
            self._discard(connection, old)

    def _write(
        self, connection: Connection, id_: int, part: PartMessage, received: bytearray, now_ms: int
    ) -> PartOutcome:
        self._folder.write_part(id_, (part.number - 1) * part.part_bytes, part.payload)
        _set(received, part.number)
        if _count(received) < part.parts:
            self._touch(connection, id_, received, now_ms)
            return PartOutcome([_name(part, part.number)])
        try:
            head = self._folder.complete(id_, part.gateway, part.sha256, part.file_bytes)
        except DamagedFile as error:
            self._discard(connection, [id_])
            return PartOutcome([_name(part, part.number)], problem=str(error))
        connection.execute(delete(tables.transfer).where(_T.id == id_))
        return _complete(part, head)

    def _names(self, id_: int, part: PartMessage, received: bytearray) -> list[str]:
        """Return the ids that confirm a repeated part: first in a batch those of all arrived parts, because a
        restarted gateway resends all; then only this part's, so that repetitions cost no more than others."""
        first = id_ not in self._named
        self._named.add(id_)
        return [_name(part, each) for each in (_numbers(received) if first else [part.number])]

    def _row(self, connection: Connection, part: PartMessage) -> Row[Any] | None:
        of_file = (_T.gateway == part.gateway) & (_T.media_id == part.media_id)
        return connection.execute(select(tables.transfer).where(of_file)).first()

    def _limit_files(self, connection: Connection, gateway: str) -> None:
        """Delete the oldest incomplete files of this gateway if there would be too many with a new one."""
        incomplete = select(_T.id).where(_T.gateway == gateway).order_by(_T.last_ms.desc(), _T.id.desc())
        ids = connection.scalars(incomplete).all()
        self._discard(connection, ids[GATEWAY_FILES - 1 :])

    def _refusal(self, connection: Connection, part: PartMessage) -> str | None:
        """Return why the centre refuses this part; None: it accepts the part. The limit counts the parts that
        have arrived, not the announced sizes: a gateway must not use up the limit by sending a few bytes."""
        arrived = select(func.sum(_T.received_parts * _T.part_bytes)).where(_T.refused.is_(None))
        if int(connection.scalar(arrived) or 0) + part.part_bytes > ALL_BYTES:
            return "too many files arrive in parts at the same time"
        return None

    def _begin(
        self,
        connection: Connection,
        part: PartMessage,
        received: bytearray,
        now_ms: int,
        refused: str | None = None,
    ) -> int:
        """Insert a row and return its id."""
        row = {
            "gateway": part.gateway,
            "ward": part.ward,
            "media_id": part.media_id,
            "event_id": part.event_id,
            "camera": part.camera,
            "sha256": part.sha256,
            "bytes": part.file_bytes,
            "part_bytes": part.part_bytes,
            "parts": part.parts,
            "received": bytes(received),
            "received_parts": 0,
            "refused": refused,
            "began_ms": now_ms,
            "last_ms": now_ms,
        }
        return insert_row(connection, tables.transfer, row)

    def _touch(self, connection: Connection, id_: int, received: bytearray, now_ms: int) -> None:
        values = {"received": bytes(received), "received_parts": _count(received), "last_ms": now_ms}
        connection.execute(update(tables.transfer).where(_T.id == id_).values(values))

    def _discard(self, connection: Connection, ids: Collection[int]) -> None:
        if ids:
            self._named.difference_update(ids)
            connection.execute(delete(tables.transfer).where(_T.id.in_(ids)))
            self._discarded.update(ids)


def _complete(part: PartMessage, head: bytes) -> PartOutcome:
    names = [_name(part, part.number), part.media_id]
    return PartOutcome(names, complete=True, sealed=head.startswith(SEALED_MAGIC))


def _is_same_file(row: Row[Any], part: PartMessage) -> bool:
    """Return whether the part belongs to the row's file: a newer agent may cut the same file differently."""
    names = ("ward", "event_id", "camera", "sha256", "part_bytes", "parts")
    return row.bytes == part.file_bytes and all(getattr(row, name) == getattr(part, name) for name in names)


def _name(part: PartMessage, number: int) -> str:
    """Return the id of a part in ``down/ack``."""
    return f"{part.media_id}.{number}"


def _has(received: bytearray, number: int) -> bool:
    return bool(received[(number - 1) // 8] >> (number - 1) % 8 & 1)


def _set(received: bytearray, number: int) -> None:
    received[(number - 1) // 8] |= 1 << (number - 1) % 8


def _count(received: bytearray) -> int:
    return int.from_bytes(received, "little").bit_count()


def _numbers(received: bytearray) -> list[int]:
    """Return the numbers of the parts that have arrived."""
    return [number for number in range(1, len(received) * 8 + 1) if _has(received, number)]
