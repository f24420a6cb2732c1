"""Names of alarms, alerts and rows, as forms and handovers send them, and the subjects to which they refer.

| name | means | |---|---| | ``event GATEWAY EVENT_ID`` | one alarm | | ``alert ID`` | one alert | | ``row ID
CURSOR`` | the open alarms of a row up to that cursor: those that the officer has seen |
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, and_, or_, select

from edge_central.console.events import ward_of_event
from edge_central.store import tables
from edge_central.store.scope import Scope

MAX_AT_ONCE = 10_000
"""Subjects that one transaction may change: the ingest waits for the end of the transaction."""
MAX_NAME_CHARACTERS = 300
_MOST_DIGITS = 18
_QUERY_ROWS = 200
_O, _R, _A = tables.open_alarm.c, tables.alarm_row.c, tables.alert.c


def row_name(row_id: int, last_cursor: int) -> str:
    return f"row {row_id} {last_cursor}"


def find_subject(connection: Connection, scope: Scope, subject: str) -> str | None:
    """Return the ward of a subject of the incident log. None: there is no such subject in this scope."""
    what, _, rest = subject.partition(" ")
    if what == "event":
        gateway, _, event_id = rest.partition(" ")
        return ward_of_event(connection, scope, gateway, event_id)
    if what == "alert" and is_number(rest):
        ward: str | None = connection.scalar(select(_A.ward).where(_A.id == int(rest), scope.of(_A.ward)))
        return ward
    return None


def find_subjects(
    connection: Connection,
    scope: Scope,
    names: Iterable[str],
    *,
    only_waiting: bool = False,
    most: int = MAX_AT_ONCE,
) -> dict[str, str]:
    """Return the subjects to which these names refer, with their wards; unknown names are left out.
    ``only_waiting``: of rows, return only the alarms that are not acknowledged."""
    found: dict[str, str] = {}
    rows: list[tuple[int, int]] = []
    for name in names:
        match name.split(" "):
            case ["row", row_id, cursor] if is_number(row_id) and is_number(cursor):
                rows.append((int(row_id), int(cursor)))
            case _:
                subject = name[:MAX_NAME_CHARACTERS]
                ward = find_subject(connection, scope, subject)
                if ward is not None:
                    found[subject] = ward
    for first in range(0, len(rows), _QUERY_ROWS):
        if len(found) >= most:
            break
        which = [
            and_(_O.alarm_row == row_id, _O.cursor <= cursor)
            for row_id, cursor in rows[first : first + _QUERY_ROWS]
        ]
        query = (
            select(_O.subject, _R.ward)
            .join_from(tables.open_alarm, tables.alarm_row, _R.id == _O.alarm_row)
            .where(or_(*which), scope.of(_R.ward))
        )
        if only_waiting:
            query = query.where(_O.acknowledged.is_(False))
        for row in connection.execute(query.limit(most - len(found))):
            found[row.subject] = row.ward
    return found


def is_number(text: str) -> bool:
    """Return whether a text is a number in its only accepted form, so that no subject has two names."""
    return text.isdecimal() and len(text) <= _MOST_DIGITS and text == str(int(text))
