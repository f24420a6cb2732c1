"""The threads of the console that have altered copies made. Each thread runs one process of low priority at a
time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, select

from edge_agent.core.clock import Clock, wall_ms
from edge_agent.core.errors import CentralError
from edge_agent.core.model import GROUP_OF_LABEL
from edge_agent.core.worker import SupervisedThread
from edge_central.cases.attachments import find_attachment
from edge_central.cases.facts import event_of, passages_of
from edge_central.cases.model import MAX_CASE_FILES_BYTES, AttachmentKind
from edge_central.cases.redactions import (
    MadeCopy,
    WaitingCopy,
    begin_copy,
    discard_former_copy,
    discard_unnamed,
    finish_copy,
    next_waiting,
)
from edge_central.redaction.order import RecordedObject, RedactionOrder, RedactionReport
from edge_central.redaction.process import RedactionStopped, make_copy
from edge_central.store import tables
from edge_central.store.case_folder import CaseFolder
from edge_central.store.database import DatabaseConnections, DatabaseUnavailable

log = logging.getLogger(__name__)

POLL_EVERY_S = 2.0
RETRY_S = 10.0
"""Wait before the next attempt after the database or the disk failed."""
HANG_S = 60.0
MakeCopy = Callable[[Path, IO[bytes], RedactionOrder, Callable[[], bool]], RedactionReport]


class RedactionWorker:
    """Makes altered copies on a thread, either of pictures or of clips. Clips have a thread of their own,
    because a clip may take hours, and a hostile clip does."""

    def __init__(
        self,
        connections: DatabaseConnections,
        folder: CaseFolder,
        clock: Clock,
        make: MakeCopy = make_copy,
        *,
        clips: bool,
    ) -> None:
        """``make`` replaces the process in tests."""
        name = "redaction-clips" if clips else "redaction-pictures"
        self.loop = SupervisedThread(name, self._run, max_silence_s=HANG_S)
        self._clips = clips
        self._connections = connections
        self._folder = folder
        self._clock = clock
        self._make = make

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            try:
                wait_s = 0.0 if self.step() else POLL_EVERY_S
            except RedactionStopped:
                return
            except (CentralError, OSError) as error:
                log.warning("altered copies: %s; next attempt in %.0f s", error, RETRY_S)
                wait_s = RETRY_S
            loop.wait(wait_s)

    def step(self) -> bool:
        """Make the next copy. Returns False if no copy is waiting. Raises CentralError, OSError,
        RedactionStopped."""
        with self._connections.reading() as connection:
            waiting = next_waiting(connection, clips=self._clips)
        if waiting is None:
            return False
        if not self._folder.has_space(MAX_CASE_FILES_BYTES):
            raise DatabaseUnavailable("the disk is too full to make one")
        with self._connections.writing() as connection:
            discard_former_copy(connection, self._folder, waiting)
            goes_on = begin_copy(connection, waiting)
        if goes_on:
            made = self._made(waiting)
            with self._connections.writing() as connection:
                is_stored = finish_copy(connection, waiting, made, wall_ms(self._clock))
                if not is_stored and made.sha256 is not None:
                    discard_unnamed(connection, self._folder, waiting.case_id, [made.sha256])
        return True

    def _made(self, waiting: WaitingCopy) -> MadeCopy:
        with self._folder.temporary() as original, self._folder.temporary() as target:
            with self._connections.reading() as connection:
                found = self._original(connection, waiting, original)
            if found is None:
                return MadeCopy("not-readable")
            path, order = found
            report = self._make(path, target, order, self._goes_on)
            if report.failure is None:
                size = target.seek(0, 2)
                if self._folder.used_bytes(waiting.case_id) + size > MAX_CASE_FILES_BYTES:
                    return MadeCopy("case-full")
                sha256, size = self._folder.add(waiting.case_id, target)
                return MadeCopy(areas=report.areas, sha256=sha256, bytes=size)
        log.warning("case %d: no altered copy of %s: %s", waiting.case_id, waiting.subject, report.failure)
        return MadeCopy(report.failure)

    def _goes_on(self) -> bool:
        self.loop.beat()
        return not self.loop.stopping

    def _original(
        self, connection: Connection, waiting: WaitingCopy, temporary: IO[bytes]
    ) -> tuple[Path, RedactionOrder] | None:
        """Return the path of the original, and the order for the process. None: the original no longer
        exists."""
        kind, _, number = waiting.subject.partition(" ")
        if kind == "attachment":
            return self._attachment(connection, waiting, int(number))
        columns = tables.case_picture.c
        which = (columns.id == int(number), columns.case_id == waiting.case_id)
        row = connection.execute(select(tables.case_picture).where(*which)).first()
        if row is None or row.content is None:
            return None
        temporary.write(row.content)
        temporary.flush()
        facts = _facts_of(connection, row.item)
        groups = (
            each.group
            for each in passages_of(facts)
            if (each.gateway, each.passage) == (row.gateway, row.passage)
        )
        known = [RecordedObject(group, (0.0, 0.0, 1.0, 1.0)) for group in groups if group is not None]
        order = RedactionOrder(kind="picture", known=tuple(known), by_hand=waiting.areas)
        return Path(temporary.name), order

    def _attachment(
        self, connection: Connection, waiting: WaitingCopy, attachment: int
    ) -> tuple[Path, RedactionOrder] | None:
        file = find_attachment(connection, waiting.case_id, attachment)
        if file is None:
            return None
        known: tuple[RecordedObject, ...] = ()
        event = event_of(_facts_of(connection, file.item))
        if event is not None and event.snapshot_box and file.kind is AttachmentKind.SNAPSHOT:
            x1, y1, x2, y2 = (min(1.0, max(0.0, each)) for each in event.snapshot_box)
            known = (RecordedObject(GROUP_OF_LABEL.get(event.label, event.label), (x1, y1, x2, y2)),)
        order = RedactionOrder(kind="clip" if file.is_clip else "picture", known=known, by_hand=waiting.areas)
        path = self._folder.path(waiting.case_id, file.sha256)
        return (path, order) if path.exists() else None


def _facts_of(connection: Connection, item: int) -> bytes:
    facts = connection.scalar(select(tables.case_item.c.facts).where(tables.case_item.c.id == item))
    return facts or b""
