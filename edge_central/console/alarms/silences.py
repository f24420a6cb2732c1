"""Silences: until a set time the bell does not sound for alarms of one camera and rule.

The gateway still reports, and its alarms stay open and are counted; a silence acknowledges and closes
nothing. A silence has an author and a reason, which are also a step of the incident log. docs/decisions says
why silences are stored at the centre and not at the gateway.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from edge_central.console.incident_log import LogAuthor, cleaned_note, record_step
from edge_central.store import tables
from edge_central.store.database import insert_row
from edge_central.store.open_alarms import AlarmRule
from edge_central.store.scope import Scope

SILENCE_MINUTES = (15, 60, 240, 720)
"""Lengths of a silence that a form offers; the longest is a shift."""
MAX_LISTED = 200
_S = tables.silence.c


@dataclass(frozen=True, slots=True)
class Silence:
    id: int
    rule: AlarmRule
    from_ms: int
    until_ms: int
    set_by: str
    why: str
    ended_ms: int | None  # None: no officer ended it before ``until_ms``
    ended_by: str | None


def is_active(now_ms: int) -> ColumnElement[bool]:
    """Return the condition, for the table of silences, that one is active."""
    return and_(_S.until_ms > now_ms, _S.ended_ms.is_(None))


def is_silenced(now_ms: int, columns: Any) -> ColumnElement[bool]:
    """Return the condition, for a table with the columns of ``AlarmRule``, that a silence is active."""
    same = [_S[name] == columns[name] for name in ("gateway", "camera", "kind", "rule", "ward")]
    return select(_S.id).where(*same, is_active(now_ms)).exists()


def active_silences(connection: Connection, scope: Scope, now_ms: int) -> tuple[Silence, ...]:
    """Return the active silences; the silence that ends next is first."""
    query = select(tables.silence).where(is_active(now_ms), scope.of(_S.ward)).order_by(_S.until_ms, _S.id)
    return tuple(map(_silence, connection.execute(query)))


def past_silences(connection: Connection, scope: Scope, now_ms: int) -> tuple[Silence, ...]:
    """Return silences that are over, the newest first."""
    query = select(tables.silence).where(~is_active(now_ms), scope.of(_S.ward))
    return tuple(map(_silence, connection.execute(query.order_by(_S.id.desc()).limit(MAX_LISTED))))


def rule_of_row(connection: Connection, scope: Scope, row_id: int) -> AlarmRule | None:
    """Return the ward, gateway, camera and rule of a row's alarms; None: this scope has no such row."""
    columns = tables.alarm_row.c
    query = select(tables.alarm_row).where(columns.id == row_id, scope.of(columns.ward))
    row = connection.execute(query).first()
    return None if row is None else AlarmRule.of_row(row)


def set_silence(
    connection: Connection, scope: Scope, by: LogAuthor, rule: AlarmRule, minutes: int, why: str
) -> bool:
    """Silence a rule from now on; this replaces an earlier silence. False: the rule is not in scope."""
    if not scope.admits(rule.ward):
        return False
    active = select(_S.id).where(rule.where(_S), is_active(by.now_ms))
    for silence_id in connection.scalars(active).all():
        end_silence(connection, scope, by, silence_id)
    row = asdict(rule) | {
        "from_ms": by.now_ms,
        "until_ms": by.now_ms + minutes * 60_000,
        "set_by": by.who,
        "why": cleaned_note(why),
    }
    silence_id = insert_row(connection, tables.silence, row)
    record_step(connection, by, f"silence {silence_id}", "silenced", why)
    return True


def end_silence(connection: Connection, scope: Scope, by: LogAuthor, silence_id: int) -> bool:
    """End a silence before its time. False: the silence is over or not in scope."""
    done = connection.execute(
        update(tables.silence)
        .where(_S.id == silence_id, is_active(by.now_ms), scope.of(_S.ward))
        .values(ended_ms=by.now_ms, ended_by=by.who)
    )
    if done.rowcount:
        record_step(connection, by, f"silence {silence_id}", "silence-ended", "")
    return done.rowcount > 0


def _silence(row: Any) -> Silence:
    return Silence(
        *(row.id, AlarmRule.of_row(row), row.from_ms, row.until_ms, row.set_by, row.why),
        *(row.ended_ms, row.ended_by),
    )
