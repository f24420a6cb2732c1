"""Deletes expired rows and media in small batches between those of ingest, and records each deletion."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Row, delete, false, or_, select, tuple_, update

from edge_agent.core.clock import Clock, wall_ms
from edge_agent.wire.topics import DEFAULT_ID
from edge_central.retention.deletion_plans import (
    DAY_MS,
    DeletionPlan,
    DeletionRelease,
    DeletionTarget,
    blocked_key,
    find_excess,
    is_expired,
    make_plans,
    of_plan,
    release_key,
    stored_kinds,
)
from edge_central.retention.holds import ActiveHolds, RetentionHold, active_holds, read_holds
from edge_central.retention.operator_records import delete_old
from edge_central.retention.undeleted_files import UndeletedFiles, undeleted_key
from edge_central.settings import CASE_DAYS, SEARCH_DAYS, Retention
from edge_central.store import tables
from edge_central.store.centres import wards_of_others
from edge_central.store.database import insert_row, read_record, write_meta, write_record
from edge_central.store.media_folder import MediaFolder
from edge_central.store.open_alarms import unlist_deleted

log = logging.getLogger(__name__)

FIRST_AFTER_S = 60.0
EVERY_S = 86_400.0
COUNT_EVERY_S = 3_600.0  # how often a run that waits for a release counts its rows again
PAUSE_S = 0.5
"""Pause between batches, for 400 deleted events a second: three times the peak rate of 465 gateways."""
MAX_ROWS = 200
MAX_MEDIA = 50
MEDIA_TARGETS = (DeletionTarget.MEDIA, DeletionTarget.PAPER)
MAX_UNNAMED = 5_000  # old files of one gateway that a run looks for in the database
PAPER_SUFFIXES = (".sealed", ".gz")
"""Files that may be papers: they stay for ``paper_days`` if no row names them."""

MediaFile = tuple[str, str, bool]  # gateway, sha256, sealed
RowPosition = tuple[Any, ...]  # sort key of the last examined row of a plan


@dataclass(slots=True)
class _Record:
    """One row of ``deletion``, while its plan runs."""

    plan: DeletionPlan
    begun_ms: int
    id: int | None = None
    rows: int = 0
    held: int = 0
    first_cursor: int | None = None
    last_cursor: int | None = None
    first_ms: int = 0
    last_ms: int = 0

    def add(self, cursors: Sequence[int], times_ms: Sequence[int]) -> None:
        first = not self.rows
        self.rows += len(times_ms)
        self.first_ms = min(times_ms) if first else min(self.first_ms, *times_ms)
        self.last_ms = max(self.last_ms, *times_ms)
        if cursors:
            known = [each for each in (self.first_cursor, self.last_cursor) if each is not None]
            self.first_cursor, self.last_cursor = min([*cursors, *known]), max([*cursors, *known])


class RetentionSweep:
    """Executes every plan once per run, one small batch per ``run_batch``. The ingest thread calls it."""

    def __init__(
        self,
        settings: Retention,
        media_folder: MediaFolder,
        clock: Clock,
        *,
        first_after_s: float = FIRST_AFTER_S,
        pause_s: float = PAUSE_S,
        media_of: Collection[str] | None = None,
        now_ms: Callable[[], int] | None = None,
        central_id: str = DEFAULT_ID,
        search_days: float = SEARCH_DAYS,
        case_days: float = CASE_DAYS,
    ) -> None:
        """``media_of``: delete only media of gateways of these wards, and of wards without a centre.
        ``now_ms``: returns the time that decides what has expired. ``search_days``, ``case_days``: how long
        searches and closed cases are kept."""
        self._settings = settings
        self._media_folder = media_folder
        self._clock = clock
        self._pause_s = pause_s
        self._media_of = media_of
        self._next_mono = clock.monotonic() + first_after_s
        self._run: Iterator[DeletionPlan] | None = None
        self._gateways: Iterator[tuple[str, int]] = iter(())
        """Gateways whose folders this run examines after all plans, and when their first message came."""
        self._unnamed_mono = clock.monotonic() + EVERY_S  # until then another backup may be restored
        self._record: _Record | None = None
        self._position: RowPosition | None = None
        self._now_ms = now_ms or partial(wall_ms, clock)
        self._central_id = central_id
        self._operator_days = (search_days, case_days)
        self._counted_mono: float | None = None  # when the rows of the blocked run were last counted
        self._undeleted: UndeletedFiles | None = None  # of this run
        self._holds: tuple[list[RetentionHold], ActiveHolds] | None = None  # of this run
        self.blocked: str | None = None  # why a run waits for an administrator; None: no run waits
        self.failed: str | None = None  # which files could not be deleted; None: there were none

    @property
    def due(self) -> bool:
        return self._clock.monotonic() >= self._next_mono

    def run_batch(self, connection: Connection) -> None:
        """Delete one small batch."""
        self._next_mono = self._clock.monotonic() + self._pause_s
        now_ms = self._now_ms()
        if self._run is None:
            self._run = self._begin(connection, now_ms)
            if self._run is None:
                self._next_mono = self._clock.monotonic() + FIRST_AFTER_S
                return
        if self._record is None:
            plan = next(self._run, None)
            if plan is None and (gateway := next(self._gateways, None)) is not None:
                self._remove_unnamed(connection, *gateway, now_ms)
                return
            if plan is None:
                self._end(connection)
                return
            self._record, self._position = _Record(plan, now_ms), None
        if not self._batch(connection, self._record, now_ms):
            if self._record.rows:
                plan, held = self._record.plan, self._record.held
                what = f"{plan.what} {plan.kind}".strip()
                more = f"; {held} more are held" if held else ""
                log.info("retention: %d of %s deleted by %s%s", self._record.rows, what, plan.rule, more)
            self._record = None

    def _end(self, connection: Connection) -> None:
        self._run = None
        write_meta(connection, release_key(self._central_id), None)
        self._report(connection)
        if self.failed is not None:
            log.error("retention: %s; the next run tries again", self.failed)
        self._next_mono = self._clock.monotonic() + EVERY_S

    def abandon(self) -> None:
        """Start a new run later, because the transaction of the last batch has failed."""
        self._run = self._record = None
        self._next_mono = self._clock.monotonic() + FIRST_AFTER_S

    def _begin(self, connection: Connection, now_ms: int) -> Iterator[DeletionPlan] | None:
        """Return the plans of a new run. None: a run needs an administrator's release first."""
        mono = self._clock.monotonic()
        release = read_record(connection, release_key(self._central_id), DeletionRelease)
        if release is None and self._counted_mono is not None and mono - self._counted_mono < COUNT_EVERY_S:
            return None
        planned = list(make_plans(self._settings, stored_kinds(connection), now_ms, *self._operator_days))
        blocked = find_excess(connection, planned, release)
        write_record(connection, blocked_key(self._central_id), blocked)
        if blocked is not None:
            if self._counted_mono is None:
                log.error("%s; nothing is deleted until then", blocked.text)
            self.blocked, self._counted_mono = blocked.text, mono
            return None
        if self._counted_mono is not None and release is not None:
            log.warning("retention: %s released the waiting run", release.who)
        self.blocked = self._counted_mono = self._undeleted = self._holds = None
        if mono >= self._unnamed_mono:
            gateways = connection.execute(select(tables.gateway.c.id, tables.gateway.c.first_ms))
            self._gateways = iter([(row.id, row.first_ms) for row in gateways])
        # Media first: on a full disk a file can be deleted, but a transaction may need space to delete a row.
        return iter(sorted(planned, key=lambda plan: plan.what not in MEDIA_TARGETS))

    def _batch(self, connection: Connection, record: _Record, now_ms: int) -> bool:
        """Run one batch of the plan; return whether more rows may follow."""
        holds = self._active_holds(connection)
        match record.plan.what:
            case DeletionTarget.EVENT:
                more = self._events(connection, record, holds)
            case DeletionTarget.MEDIA | DeletionTarget.PAPER:
                more = self._media(connection, record, holds)
            case DeletionTarget.ALERT:
                more = self._alerts(connection, record)
            case _:
                more = self._operator_records(connection, record)
        if record.rows:
            _write(connection, record, now_ms)
        return more

    def _active_holds(self, connection: Connection) -> ActiveHolds:
        """Return the holds in force. What proves their events is searched once in a run, and when a hold was
        placed or released."""
        holds = read_holds(connection)
        if self._holds is None or self._holds[0] != holds:
            self._holds = holds, active_holds(connection, holds)
        return self._holds[1]

    def _events(self, connection: Connection, record: _Record, holds: ActiveHolds) -> bool:
        plan, columns = record.plan, tables.event.c
        query = select(
            *(columns.received_ms, columns.cursor, columns.event_id),
            *(columns.gateway, columns.camera, columns.time_ms, columns.stream, columns.sequence),
        ).where(of_plan(plan), is_expired(plan))
        order = (columns.received_ms, columns.cursor)
        found = self._next(connection, query, order, MAX_ROWS)
        deleted = _not_on_hold(connection, found, holds)
        record.held += len(found) - len(deleted)
        if deleted:
            cursors = [row.cursor for row in deleted]
            connection.execute(delete(tables.event).where(columns.cursor.in_(cursors)))
            unlist_deleted(connection, cursors)
            if plan.kind == "loss":  # the gaps that it announced stay: a late event still fits one
                key, losses = tuple_(tables.loss.c.stream, tables.loss.c.sequence), tables.loss
                numbers = [(row.stream, row.sequence) for row in deleted]
                connection.execute(delete(losses).where(key.in_(numbers)))
            record.add(cursors, [row.received_ms for row in deleted])
        return len(found) == MAX_ROWS

    def _media(self, connection: Connection, record: _Record, holds: ActiveHolds) -> bool:
        columns = tables.media.c
        query = select(tables.media).where(of_plan(record.plan), is_expired(record.plan))
        if self._media_of is not None:
            ward = tables.gateway.c.ward
            others = wards_of_others(connection, self._central_id, record.begun_ms)
            unowned = false() if others is None else ward.not_in(others)
            own = select(tables.gateway.c.id).where(or_(ward.in_(self._media_of), unowned))
            query = query.where(columns.gateway.in_(own))
        order = (columns.received_ms, columns.gateway, columns.media_id)
        found = self._next(connection, query, order, MAX_MEDIA)
        expired = _not_on_hold(connection, found, holds)
        record.held += len(found) - len(expired)
        # Files are deleted before the commit. If the commit fails, the rows are tried again; no expired file
        # stays on the disk without a row.
        undeleted = self._remove_files(connection, expired)
        deleted = [row for row in expired if _file_of(row) not in undeleted]
        if deleted:
            keys = [(row.gateway, row.media_id) for row in deleted]
            for table in (tables.media, tables.paper):
                key = tuple_(table.c.gateway, table.c.media_id)
                connection.execute(delete(table).where(key.in_(keys)))
            record.add([], [row.received_ms for row in deleted])
        return len(found) == MAX_MEDIA

    def _remove_files(self, connection: Connection, expired: Sequence[Row[Any]]) -> set[MediaFile]:
        """Delete the files that only these rows name; return and report those that cannot be deleted."""
        failures: dict[MediaFile, OSError] = {}
        for file in sorted(_unreferenced(connection, expired)):
            try:
                self._media_folder.remove(*file)
            except OSError as error:
                failures[file] = error
        if failures:
            first = next(iter(failures.values()))
            known = self._undeleted or UndeletedFiles(
                files=0, path=str(first.filename), error=first.strerror or str(first)
            )
            self._undeleted = replace(known, files=known.files + len(failures))
            self._report(connection)
        return set(failures)

    def _remove_unnamed(self, connection: Connection, gateway: str, first_ms: int, now_ms: int) -> None:
        """Delete expired files of a gateway that no row names, because a backup of the database was restored
        or a transaction has failed. A run examines a sixteenth of the files. Files from before the database
        knew the gateway stay: it may be an empty one, in the place of a database that was not found."""
        days = self._settings.media_days
        longest = max(days, self._settings.paper_days)  # papers are sealed or compressed
        old = [
            path
            for path, at_ms in self._media_folder.files_of(gateway, f"{now_ms // DAY_MS % 16:x}")
            if first_ms < at_ms < now_ms - DAY_MS * (longest if path.suffix in PAPER_SUFFIXES else days)
        ][:MAX_UNNAMED]
        columns = tables.media.c
        query = select(columns.sha256, columns.sealed).where(columns.gateway == gateway)
        rows = connection.execute(query.where(columns.sha256.in_([path.stem for path in old])))
        named = {(row.sha256, row.sealed) for row in rows}
        unnamed = [path for path in old if (path.stem, path.suffix == ".sealed") not in named]
        for path in unnamed:
            with suppress(OSError):  # the next run tries again
                path.unlink()
        if unnamed:
            log.info("retention: %d old files of %s without a row deleted", len(unnamed), gateway)

    def _report(self, connection: Connection) -> None:
        """Report the files that this run could not delete."""
        self.failed = None if self._undeleted is None else self._undeleted.text
        write_record(connection, undeleted_key(self._central_id), self._undeleted)

    def _alerts(self, connection: Connection, record: _Record) -> bool:
        columns = tables.alert.c
        query = select(columns.opened_ms, columns.id).where(is_expired(record.plan))
        found = self._next(connection, query, (columns.opened_ms, columns.id), MAX_ROWS)
        if found:
            connection.execute(delete(tables.alert).where(columns.id.in_([row.id for row in found])))
            record.add([], [row.opened_ms for row in found])
        return len(found) == MAX_ROWS

    def _operator_records(self, connection: Connection, record: _Record) -> bool:
        after = self._position[0] if self._position else None
        plan = record.plan
        batch = delete_old(connection, plan.what, plan.before_ms, after, MAX_ROWS, record.begun_ms)
        self._position = (batch.last,)
        record.held += batch.on_hold
        if batch.gone_ms:
            record.add([], batch.gone_ms)
        if plan.what is DeletionTarget.CASE and not batch.full:
            left = connection.scalars(select(tables.case_file.c.id))
            self._media_folder.of_cases.discard_others(frozenset(left))
        return batch.full

    def _next(self, connection: Connection, query: Any, order: Sequence[Any], most: int) -> list[Row[Any]]:
        """Return the next rows after the current position, and move the position."""
        if self._position is not None:
            query = query.where(order[0] >= self._position[0], tuple_(*order) > tuple_(*self._position))
        found = list(connection.execute(query.order_by(*order).limit(most)))
        if found:
            self._position = tuple(getattr(found[-1], column.name) for column in order)
        return found


def _not_on_hold(connection: Connection, found: Sequence[Row[Any]], holds: ActiveHolds) -> list[Row[Any]]:
    """Return the rows that no hold covers. A row is judged by all times of its event, because the end of an
    event may come hours later, and its picture days later."""
    event_ids = {row.event_id for row in found if row.event_id is not None}
    times = _times_of(connection, event_ids) if holds.has_time_holds else {}
    return [row for row in found if not holds.covers(row, times.get((row.gateway, row.event_id), ()))]


def _times_of(connection: Connection, event_ids: set[str]) -> dict[tuple[str, str], list[int]]:
    """Return by (gateway, event id) the times when these events happened and arrived."""
    columns = tables.event.c
    times: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    query = select(columns.gateway, columns.event_id, columns.time_ms, columns.received_ms)
    for row in connection.execute(query.where(columns.event_id.in_(event_ids))):
        times[row.gateway, row.event_id] += [row.time_ms, row.received_ms]
    return times


def _file_of(row: Row[Any]) -> MediaFile:
    return row.gateway, row.sha256, row.sealed


def _unreferenced(connection: Connection, expired: Sequence[Row[Any]]) -> set[MediaFile]:
    """Return the files of the expired rows that no other row names."""
    columns = tables.media.c
    files = {_file_of(row) for row in expired}
    naming = connection.execute(
        select(tables.media).where(columns.sha256.in_({sha256 for _, sha256, _ in files}))
    )
    keys = {(row.gateway, row.media_id) for row in expired}
    return files - {_file_of(row) for row in naming if (row.gateway, row.media_id) not in keys}


def _write(connection: Connection, record: _Record, now_ms: int) -> None:
    names = ("rows", "held", "first_cursor", "last_cursor", "first_ms", "last_ms")
    row = {name: getattr(record, name) for name in names} | {"ended_ms": now_ms}
    if record.id is not None:
        connection.execute(update(tables.deletion).where(tables.deletion.c.id == record.id).values(row))
        return
    plan = record.plan
    more = {"begun_ms": record.begun_ms, "what": plan.what.value, "kind": plan.kind, "rule": plan.rule}
    record.id = insert_row(connection, tables.deletion, row | more)
