"""Copies the readable rows of a damaged database into a new one: alarms first, with unchanged numbers.

The new file is built beside the damaged one and replaces it when it is complete. After a kill in between, the
next start either salvages the damaged file again or puts the complete new one in place.
"""

from __future__ import annotations

import bisect
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_agent.core.delivery import GENESIS_HASH
from edge_agent.core.errors import OutboxError
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.core.state_file import sync_folder
from edge_agent.outbox.numbering import HEAD_KEY, N_MASK, Rank, digest, encode_head, n_of, new_epoch
from edge_agent.outbox.sqlite.database import build, is_intact
from edge_agent.outbox.sqlite.pages import INDEX_INTERIOR, INDEX_LEAF, TABLE_LEAF, PageFile, Value

HIGHEST_NUMBER = N_MASK >> 1
"""Largest number of an event. A larger one is damage: at 1,000 events a second it would take 4,000 years."""
UNUSED_NUMBERS = 1 << 20
"""Gap between the last number that was read and the new epoch. The centre may still confirm events of the old
epoch whose rows are lost; their numbers must not belong to the new epoch."""
ROWS_OF_A_PAGE = 64  # assumed if no page could be read
EPOCH_NAME = re.compile(r"[0-9a-f]{4,16}")
META_LOST = frozenset({"n", "removed", "head"})  # computed again from the saved rows


class _Identity(msgspec.Struct):
    """Sequence and epoch as a payload names them; the table of epochs can be damaged too."""

    sequence: int | str
    epoch: str


_IDENTITY = msgspec.json.Decoder(_Identity)


class UnreadableFile(OutboxError):
    """The damaged file cannot even be opened."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    saved: int
    lost: int | None  # upper bound of the events that are announced as lost; None: not known


@dataclass(slots=True)
class _Found:
    """Results of the first pass over the pages."""

    leaves: dict[Rank, list[tuple[int, int]]] = field(default_factory=lambda: {rank: [] for rank in Rank})
    other_leaves: list[int] = field(default_factory=list)  # of the tables media, shed and damaged
    meta: dict[str, Value] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)  # name -> base
    opens: list[list[Value]] = field(default_factory=list)
    roots: dict[Value, Value] = field(default_factory=dict)  # table -> page
    damaged: list[int] = field(default_factory=list)
    most_rows: int = 0  # largest number of rows in one page of events


@dataclass(slots=True)
class _Account:
    """Numbers of events, according to the rows of the damaged database."""

    saved: int = 0
    delivered: int = 0  # delivered events whose rows were not deleted yet
    known: list[tuple[int, int]] = field(default_factory=list)  # ranges saved, delivered, or shed before
    highest: int = 0
    newest: tuple[int, str] = (0, GENESIS_HASH)  # number and SHA-256 of the newest sound event
    broken: int = 0  # damaged rows
    complete: bool = True  # False: there was no time or no disk space for the rest


class Salvage:
    """One attempt to copy the readable rows of a damaged database into a new one.

    ``delivered`` returns whether a row need not be saved; ``last_n`` is the last assigned number, 0 if not
    known; ``give_up`` returns whether the time is over.
    """

    def __init__(
        self,
        path: Path,
        *,
        room_bytes: int,
        delivered: Callable[[int], bool],
        last_n: int,
        give_up: Callable[[], bool],
    ) -> None:
        self._path = path
        self._room_bytes = room_bytes
        self._delivered = delivered
        self._give_up = give_up
        self._found = _Found()
        self._account = _Account(highest=last_n)

    def run(self, target: Path) -> Salvaged:
        """Build ``target``.

        Raises ``UnreadableFile``, and ``OSError`` or ``sqlite3.Error`` when ``target`` cannot be written;
        then the partial file is removed.
        """
        try:
            opened = PageFile(self._path)
        except OSError as error:
            raise UnreadableFile(f"{self._path}: nothing of it can be read: {error.strerror}") from error
        try:
            with closing(opened) as pages, closing(build(target)) as db:
                self._scan(pages)
                db.execute("BEGIN")
                self._save_events(db, pages)
                self._save_others(db, pages)
                lost = self._write_account(db, pages)
                db.execute("COMMIT")
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return Salvaged(self._account.saved, lost)

    # --- the first pass: the kind of each page ---

    def _scan(self, pages: PageFile) -> None:
        for number in range(1, pages.pages + 1):
            if self._give_up():
                self._account.complete = False
                return
            if number > 1 and not pages.is_btree(number):
                continue
            kind = pages.kind(number)
            if kind == TABLE_LEAF:
                self._scan_leaf(pages, number)
            elif kind in (INDEX_LEAF, INDEX_INTERIOR):
                for columns in pages.index_rows(number):
                    self._note(columns)
            elif pages.is_damaged(number):
                self._found.damaged.append(number)

    def _scan_leaf(self, pages: PageFile, number: int) -> None:
        found = self._found
        first = next(pages.table_rows(number), None)
        if first is not None and _is_schema(first[1]):
            found.roots.update((columns[1], columns[3]) for _, columns in pages.table_rows(number))
        elif first is not None and not _is_event(first[1]):
            found.other_leaves.append(number)
        else:
            ids = [row for row in pages.row_ids(number) if _rank(row) is not None]
            found.most_rows = max(found.most_rows, len(ids))
            for rank in {_rank(row) for row in ids}:
                if rank is not None:
                    found.leaves[rank].append((min(row for row in ids if _rank(row) is rank), number))

    def _note(self, columns: list[Value]) -> None:
        """Note a row of the tables of counters, of epochs or of open events."""
        match columns:
            case [str(key), str(), bytes()]:
                self._found.opens.append(columns)
            case [str(key), int(base)] if EPOCH_NAME.fullmatch(key) and 0 <= base <= HIGHEST_NUMBER:
                self._found.epochs[key] = base
            case [str(key), value]:
                self._found.meta[key] = value

    # --- the second pass: rows ---

    def _save_events(self, db: sqlite3.Connection, pages: PageFile) -> None:
        sql = (
            "INSERT OR IGNORE INTO event (id, boot, mono, camera, kind, payload, crc) VALUES (?,?,?,?,?,?,?)"
        )
        for rank in Rank:
            db.executemany(sql, self._events_of(rank, pages))

    def _events_of(self, rank: Rank, pages: PageFile) -> Iterator[list[Value]]:
        account = self._account
        for _, number in sorted(self._found.leaves[rank]):
            if not account.complete or self._give_up() or self._room_bytes <= 0:
                account.complete = False
                # The rows of this page are not read: their numbers count as lost.
                ids = pages.row_ids(number)
                account.highest = max([account.highest, *(n_of(row) for row in ids if _rank(row) is rank)])
                continue
            for row, columns in pages.table_rows(number):
                if _rank(row) is rank and self._counts(row, columns):
                    yield [row, *columns[1:6], columns[6] if len(columns) > 6 else None]

    def _counts(self, row: int, columns: list[Value]) -> bool:
        """Count the row; return whether it is to be saved."""
        account, n = self._account, n_of(row)
        if not self._is_sound(row, columns):
            account.broken += 1
            # A number far above the others is damaged itself.
            if n <= account.highest + ROWS_OF_A_PAGE:
                account.highest = max(account.highest, n)
            return False
        account.highest = max(account.highest, n)
        account.known.append((n, n))
        payload = columns[5]
        assert isinstance(payload, bytes)
        if n > account.newest[0]:
            account.newest = n, digest(payload)
        if self._delivered(row):
            account.delivered += 1
            return False
        account.saved += 1
        self._room_bytes -= len(payload) * 5 // 4 + 200  # includes unused space in the pages
        return True

    def _is_sound(self, row: int, columns: list[Value]) -> bool:
        match columns:
            case [None, int(), int() | float(), str(camera), str(kind), bytes(payload), *rest]:
                check = rest[0] if rest else None  # an older agent stored none
            case _:
                return False
        if len(rest) > 1 or not isinstance(check, int | None):
            return False
        if not is_intact(row, camera, kind, payload, check):
            return False
        return self._has_epoch(n_of(row), payload, proven=check is not None)

    def _has_epoch(self, n: int, payload: bytes, *, proven: bool) -> bool:
        """Return whether the event belongs to a known epoch or to the one that it names.

        ``proven``: the checksum is right, so the epoch that the event names overrules the table of epochs.
        """
        epochs = self._found.epochs
        try:
            identity = _IDENTITY.decode(payload)
            base = n - int(identity.sequence)
        except (msgspec.DecodeError, ValueError):
            return any(base < n for base in epochs.values())
        if proven and base >= 0:
            epochs[identity.epoch] = base
        return base >= 0 and epochs.setdefault(identity.epoch, base) == base

    def _save_others(self, db: sqlite3.Connection, pages: PageFile) -> None:
        """Save rows of pictures, unannounced losses, open events and counters."""
        for number in self._found.other_leaves:
            for row, columns in pages.table_rows(number):
                match columns:
                    case [None, str(), str(), str(), str(), int(), *_]:
                        values = (row, *columns[1:6])
                        db.execute("INSERT OR IGNORE INTO media VALUES (?, ?, ?, ?, ?, ?)", values)
                    case [None, int(last)] if 0 < row <= last <= self._account.highest:
                        table = "damaged" if number == self._found.roots.get("damaged") else "shed"
                        db.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (row, last))
                        self._account.known.append((row, last))
        db.executemany("INSERT OR IGNORE INTO open_event VALUES (?, ?, ?)", self._found.opens)
        meta = {key: value for key, value in self._found.meta.items() if key not in META_LOST}
        db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", meta.items())

    # --- what is lost ---

    def _write_account(self, db: sqlite3.Connection, pages: PageFile) -> int | None:
        account, found = self._account, self._found
        noted = found.meta.get("n")
        if isinstance(noted, int) and noted <= HIGHEST_NUMBER:
            account.highest = max(account.highest, noted)
        ranges = self._lost_ranges(pages)
        n = account.highest + UNUSED_NUMBERS
        found.epochs = {name: base for name, base in found.epochs.items() if base <= account.highest}
        db.executemany("INSERT OR IGNORE INTO epoch VALUES (?, ?)", found.epochs.items())
        db.execute("INSERT INTO epoch VALUES (?, ?)", (new_epoch(), n))
        head = encode_head(n, account.newest[1])
        for key, value in (("n", n), ("removed", n - account.saved), (HEAD_KEY, head)):
            db.execute("INSERT INTO meta VALUES (?, ?)", (key, value))
        if not found.epochs:
            return None
        first_base = min(found.epochs.values(), default=0)
        ranges = [(max(low, first_base + 1), high) for low, high in ranges if high > first_base]
        db.executemany("INSERT OR IGNORE INTO damaged VALUES (?, ?)", ranges)
        return sum(high - low + 1 for low, high in ranges)

    def _lost_ranges(self, pages: PageFile) -> list[tuple[int, int]]:
        """Return the ranges of numbers that are neither saved nor known to be delivered.

        The ranges may include events that were delivered long ago, which the database does not record. The
        centre counts only the events that it does not have.
        """
        account, removed = self._account, self._found.meta.get("removed")
        beyond, any_page = self._see_damaged_pages(pages)
        missing = 0
        if isinstance(removed, int):
            missing = account.highest - removed - account.saved - account.delivered
        lowest = min((low for low, _ in account.known), default=account.highest + 1)
        ranges: list[tuple[int, int]] = []
        unknown_count = any_page and not isinstance(removed, int)
        if missing > 0 or account.broken or not account.complete or unknown_count:
            known = sorted(account.known)
            if missing < UNUSED_NUMBERS:  # else so many may really be lost
                known = sorted([*known, *_unused(known, [*self._found.epochs.values(), account.highest])])
            ranges = _gaps(known, lowest, account.highest)
            short = missing - sum(high - low + 1 for low, high in ranges)
            if short > 0 and lowest > 1:
                ranges.insert(0, (max(1, lowest - short), lowest - 1))
        if beyond:
            ranges.append((account.highest + 1, account.highest + beyond))
        return ranges

    def _see_damaged_pages(self, pages: PageFile) -> tuple[int, bool]:
        """Return how many rows after the newest readable one may have been in damaged pages, and whether
        any page of events is damaged."""
        found, account, beyond, any_page = self._found, self._account, 0, False
        root, rows = found.roots.get("event"), found.most_rows or ROWS_OF_A_PAGE
        for number in found.damaged:
            its_root, max_row = pages.place(number)
            if its_root != root or (number == root and any(found.leaves.values())):
                continue  # the page belongs to another table, or held no rows
            any_page = True
            if max_row is None:
                beyond += rows
            elif _rank(max_row) is not None:
                account.highest = max(account.highest, n_of(max_row))
        return beyond, any_page


def saved_text(saved: Salvaged | None) -> ProblemText:
    """Return the result of a salvage as health reports it."""
    if saved is None:
        return problem_text("salvaged-nothing")
    if saved.lost is None:
        return problem_text("salvaged-some", events=saved.saved)
    return problem_text("salvaged", events=saved.saved, lost=saved.lost)


def make_durable(partial: Path, built: Path) -> None:
    """Sync the complete database ``partial`` and rename it to ``built``. Raises ``OSError``."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, built)
    sync_folder(built.parent)


def put_in_place(built: Path, path: Path) -> None:
    """Rename the complete database ``built`` to ``path``, where there is none. Raises ``OSError``."""
    for suffix in ("-wal", "-shm"):  # SQLite would apply the log of another database to this one
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    os.replace(built, path)
    sync_folder(path.parent)


def _gaps(ranges: list[tuple[int, int]], low: int, high: int) -> list[tuple[int, int]]:
    """Return the parts of ``low`` to ``high`` that the ascending ``ranges`` do not cover."""
    gaps, expected = [], low
    for first, last in ranges:
        if first > high:
            break
        if first > expected:
            gaps.append((expected, first - 1))
        expected = max(expected, last + 1)
    return [*gaps, (expected, high)] if expected <= high else gaps


def _unused(known: list[tuple[int, int]], bases: Iterable[int]) -> list[tuple[int, int]]:
    """Return the gaps that earlier salvages have left before the epochs that begin at ``bases``. ``known``:
    ascending ranges of numbers that were assigned."""
    spans = []
    for base in bases:
        at = bisect.bisect_right(known, (base, base)) - 1
        if at >= 0 and base - known[at][1] >= UNUSED_NUMBERS:
            spans.append((base - UNUSED_NUMBERS + 1, base))
    return spans


def _rank(row: int) -> Rank | None:
    rank = row >> 48
    return Rank(rank) if 0 <= rank < len(Rank) and n_of(row) else None


def _is_event(columns: list[Value]) -> bool:
    return len(columns) in (6, 7) and isinstance(columns[1], int) and isinstance(columns[5], bytes)


def _is_schema(columns: list[Value]) -> bool:
    return len(columns) == 5 and columns[0] in ("table", "index") and isinstance(columns[3], int)
