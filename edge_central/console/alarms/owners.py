"""The officers in charge of a row's alarms: those that are acknowledged and still open."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, select, union_all

from edge_central.store import tables

MAX_ALARMS = 200
"""Only this many of the newest alarms of each row are read: a row may have a million."""
_O, _H = tables.open_alarm.c, tables.handling.c


def owners_of_rows(connection: Connection, rows: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Return the owners of the newest acknowledged alarms of these rows, the owner of the most alarms first.
    Rows without an owner are left out."""
    # The limit applies to each row, not to all rows together.
    newest = [
        select(
            select(_O.alarm_row, _O.subject)
            .where(_O.alarm_row == row, _O.acknowledged.is_(True))
            .order_by(_O.received_ms.desc(), _O.cursor.desc())
            .limit(MAX_ALARMS)
            .subquery()
        )
        for row in rows
    ]
    if not newest:
        return {}
    listed = union_all(*newest).subquery()
    query = select(listed.c.alarm_row, _H.owner).join_from(
        listed, tables.handling, _H.subject == listed.c.subject
    )
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in connection.execute(query.where(_H.owner.is_not(None))):
        counts[row.alarm_row][row.owner] += 1
    return {
        row: tuple(sorted(of_row, key=lambda name: (-of_row[name], name))) for row, of_row in counts.items()
    }
