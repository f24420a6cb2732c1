"""Reads rows from a SQLite file whose b-trees may be broken, each page by itself.

SQLite refuses a whole table when one of its pages is damaged. Its other pages can still be read:
https://www.sqlite.org/fileformat2.html. Committed pages in the write-ahead log are used. The log's checksums
are not computed; the caller verifies each row.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

Value = int | float | str | bytes | None

DEFAULT_PAGE_BYTES = 4096
TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR = 0x0D, 0x05, 0x0A, 0x02
BTREE_KINDS = (TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR)
FILE_HEADER_BYTES = 100
WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
MAX_LEVELS = 20  # of a b-tree; SQLite's own limit (BTCURSOR_MAX_DEPTH in btreeInt.h)
_PTRMAP_ROOT, _PTRMAP_BTREE = 1, 5
_INT_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # by serial type

# The decoder raises these for damaged bytes: a position outside the page, an invalid number, invalid UTF-8.
Broken = (IndexError, ValueError, struct.error)


class PageFile:
    """One database file with its log, opened read only. A page that cannot be read counts as zeros."""

    def __init__(self, path: Path) -> None:
        """Raises ``OSError``."""
        self._file = path.open("rb")
        size = path.stat().st_size
        header = self._file.read(FILE_HEADER_BYTES)
        stated = int.from_bytes(header[16:18], "big") if len(header) == FILE_HEADER_BYTES else 0
        valid = stated >= 512 and stated & (stated - 1) == 0
        self.page_bytes = stated if valid else DEFAULT_PAGE_BYTES
        self._logged: dict[int, bytes] = {}
        wal = path.with_name(path.name + "-wal")
        if wal.exists():
            self._read_log(wal.read_bytes())
        self.pages = max([size // self.page_bytes, *self._logged])

    def close(self) -> None:
        self._file.close()

    def page(self, number: int) -> bytes:
        logged = self._logged.get(number)
        if logged is not None:
            return logged
        try:
            self._file.seek((number - 1) * self.page_bytes)
            content = self._file.read(self.page_bytes)
        except OSError:
            content = b""
        return content.ljust(self.page_bytes, b"\0")

    def kind(self, number: int) -> int:
        """Return the first byte of the page: its kind if it is one of ``BTREE_KINDS``."""
        return self.page(number)[FILE_HEADER_BYTES if number == 1 else 0]

    def is_btree(self, number: int) -> bool:
        """Return whether the page holds rows. A free page still contains old rows, which were deleted."""
        if number >= 2 and (number - 2) % (self.page_bytes // 5 + 1) == 0:
            return False  # a page of the pointer map
        # 0: the map itself is damaged.
        return self._pointer(number)[0] in (0, _PTRMAP_ROOT, _PTRMAP_BTREE)

    def is_damaged(self, number: int) -> bool:
        """Return whether the page belongs to a table and cannot be read."""
        kind, _ = self._pointer(number)
        return kind in (_PTRMAP_ROOT, _PTRMAP_BTREE) and self.kind(number) not in BTREE_KINDS

    def place(self, number: int) -> tuple[int, int | None]:
        """Return the root page of the page's table, and the largest row id that the page may hold.

        The second is None for the last page of a table, and in a table without row ids.
        """
        max_row: int | None = None
        for _ in range(MAX_LEVELS):  # a damaged pointer map may name a page as its own ancestor
            parent = self._pointer(number)[1]
            if not parent or self.kind(parent) != TABLE_INTERIOR:
                break
            if max_row is None:
                max_row = self._key_of_child(parent, number)
            number = parent
        return number, max_row

    def _key_of_child(self, parent: int, child: int) -> int | None:
        page = self.page(parent)
        for at in self._cells(parent, page):
            if page[at : at + 4] == child.to_bytes(4, "big"):
                try:
                    return _varint(page, at + 4)[0]
                except Broken:
                    return None
        return None

    def row_ids(self, number: int) -> list[int]:
        """Return the row ids of a leaf of a table with row ids."""
        page, found = self.page(number), []
        for at in self._cells(number, page):
            try:
                _, at = _varint(page, at)
                found.append(_varint(page, at)[0])
            except Broken:
                continue
        return found

    def table_rows(self, number: int) -> Iterator[tuple[int, list[Value]]]:
        """Yield (row id, columns) of the readable cells of a leaf."""
        page = self.page(number)
        for at in self._cells(number, page):
            try:
                size, at = _varint(page, at)
                row, at = _varint(page, at)
                columns = _record(self._payload(page, at, size, self.page_bytes - 35))
            except Broken:
                continue
            yield row, columns

    def index_rows(self, number: int) -> Iterator[list[Value]]:
        """Yield the columns of the readable cells of a table WITHOUT ROWID, of a leaf or an interior page."""
        page, max_local = self.page(number), (self.page_bytes - 12) * 64 // 255 - 23
        for at in self._cells(number, page):
            try:
                at += 4 if page[0] == INDEX_INTERIOR else 0
                size, at = _varint(page, at)
                columns = _record(self._payload(page, at, size, max_local))
            except Broken:
                continue
            yield columns

    # --- inside ---

    def _read_log(self, log: bytes) -> None:
        """Store the newest committed content of each page in the log."""
        salts, size = log[16:24], int.from_bytes(log[8:12], "big")
        if size != self.page_bytes:
            return
        waiting: dict[int, bytes] = {}
        step = FRAME_HEADER_BYTES + size
        for at in range(WAL_HEADER_BYTES, len(log) - step + 1, step):
            number, committed_pages = struct.unpack_from(">II", log, at)
            if log[at + 8 : at + 16] != salts:
                return  # a frame from before the log was last restarted
            waiting[number] = log[at + FRAME_HEADER_BYTES : at + step]
            if committed_pages:
                self._logged.update(waiting)
                waiting.clear()

    def _pointer(self, number: int) -> tuple[int, int]:
        """Return the kind and the parent of a page, from the pointer map."""
        every = self.page_bytes // 5 + 1
        its_map = (number - 2) // every * every + 2
        if number <= 2 or number == its_map:
            return 0, 0
        kind, parent = struct.unpack_from(">BI", self.page(its_map), 5 * (number - its_map - 1))
        return kind, parent

    def _cells(self, number: int, page: bytes) -> list[int]:
        begin = FILE_HEADER_BYTES if number == 1 else 0
        count = int.from_bytes(page[begin + 3 : begin + 5], "big")
        first = begin + (12 if page[begin] in (INDEX_INTERIOR, TABLE_INTERIOR) else 8)
        if first + 2 * count > len(page):
            return []
        return list(struct.unpack_from(f">{count}H", page, first))

    def _payload(self, page: bytes, at: int, size: int, max_local: int) -> bytes:
        """Read a payload; the end of one over ``max_local`` bytes is on overflow pages."""
        if size <= max_local:
            return page[at : at + size]
        if size > self.pages * self.page_bytes:
            raise ValueError("longer than the file")
        least, usable = (self.page_bytes - 12) * 32 // 255 - 23, self.page_bytes - 4
        local = least + (size - least) % usable
        local = local if local <= max_local else least
        parts, rest = [page[at : at + local]], size - local
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        while rest > 0:
            if not 0 < following <= self.pages:
                raise ValueError("its overflow pages are broken off")
            content = self.page(following)
            parts.append(content[4 : 4 + min(rest, usable)])
            rest -= usable
            following = int.from_bytes(content[:4], "big")
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at ``at``, and the position after it."""
    value = 0
    for end in range(at, at + 8):
        byte = data[end]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, end + 1
    value = value << 8 | data[at + 8]
    return (value - (1 << 64) if value >> 63 else value), at + 9


def _record(payload: bytes) -> list[Value]:
    """Decode a record: https://www.sqlite.org/fileformat2.html#record_format"""
    end, at = _varint(payload, 0)
    body, columns = end, []
    while at < end:
        serial, at = _varint(payload, at)
        value, body = _value(payload, body, serial)
        columns.append(value)
    return columns


def _value(payload: bytes, at: int, serial: int) -> tuple[Value, int]:
    if serial == 0:
        return None, at
    if serial in (8, 9):
        return serial - 8, at
    if serial == 7:
        return struct.unpack_from(">d", payload, at)[0], at + 8
    size = _INT_BYTES.get(serial) or (serial - 12) // 2
    content = payload[at : at + size]
    if size < 0 or len(content) != size:
        raise ValueError("broken off")
    if serial in _INT_BYTES:
        return int.from_bytes(content, "big", signed=True), at + size
    return (content.decode() if serial % 2 else content), at + size
