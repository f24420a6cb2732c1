"""The cursor that a subscriber keeps: a place in the history, and a check that it is still the same history.

``1042-5f3a9c01``: the number of a stored event, and digits made of that event. A centre whose database was
restored from a backup gives numbers again that it had given before, to other events; whoever comes with such
a number would silently miss what came in between.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from edge_central.store import tables
from edge_central.web.refusals import BadRequest, Conflict

_FORM = re.compile(r"(\d{1,18})(?:-([0-9a-f]{8}))?")
_EVENT = tables.event.c


@dataclass(frozen=True, slots=True)
class EventCursor:
    number: int
    check: str = ""  # empty: of no event, the beginning

    def __str__(self) -> str:
        return f"{self.number}-{self.check}" if self.check else str(self.number)


FIRST_CURSOR = EventCursor(0)


def parse_cursor(text: str) -> EventCursor:
    """Raises BadRequest."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise BadRequest("after is the cursor that an answer has named as next, or now, or left out")
    return EventCursor(int(match[1]), match[2] or "")


def newest_number(connection: Connection) -> int:
    return connection.scalar(select(func.max(_EVENT.cursor))) or 0


def cursor_at_or_before(connection: Connection, number: int) -> EventCursor:
    """Of the last event that is there up to ``number``."""
    found = connection.scalar(select(func.max(_EVENT.cursor)).where(_EVENT.cursor <= number))
    return FIRST_CURSOR if found is None else EventCursor(found, _check_digits(connection, found) or "")


def check_cursor(connection: Connection, cursor: EventCursor) -> None:
    """Raises Conflict where it is a place of another history."""
    if cursor.number == 0:
        return
    here = _check_digits(connection, cursor.number)
    if here is not None:
        known = here == cursor.check or not cursor.check
    else:  # retention has deleted the event, or it was never here
        known = cursor.number <= max(newest_number(connection), _deleted_upto(connection))
    if not known:
        raise Conflict(
            "this cursor is not of this database: it was restored from a backup, or is another one. Begin "
            "again without after, and leave out what you have by (source, id)"
        )


def _check_digits(connection: Connection, number: int) -> str | None:
    wanted = select(_EVENT.stream, _EVENT.sequence, _EVENT.received_ms).where(_EVENT.cursor == number)
    row = connection.execute(wanted).first()
    if row is None:
        return None
    return hashlib.sha256(f"{row.stream}/{row.sequence}/{row.received_ms}".encode()).hexdigest()[:8]


def _deleted_upto(connection: Connection) -> int:
    return connection.scalar(select(func.max(tables.deletion.c.last_cursor))) or 0
