"""Alerts and notifications; what retention keeps and deletes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    literal_column,
)

from edge_central.store.ringing import FLOOD_RULE
from edge_central.store.tables.base import Milliseconds, ProblemColumn, RowId, metadata

alert = Table(
    "alert",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("ward", Text, nullable=False),
    Column("gateway", Text, nullable=False),  # empty: the ward itself
    Column("camera", Text, nullable=False),  # empty: the gateway itself
    Column("rule", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),  # severity number as of events: 9, 13, 17
    Column("text", Text, nullable=False),  # why, one line for humans
    Column("value", Float),  # the value that was measured when the alert opened
    Column("since_ms", Milliseconds, nullable=False),  # when the rule's condition began to hold
    Column("opened_ms", Milliseconds, nullable=False),
    Column("cleared_ms", Milliseconds),  # null: open
    Column("cleared_text", Text),
    Column("folded", Boolean, nullable=False),  # another alert explains it: its gateway or ward is away
    Column("problem", ProblemColumn),  # ``text`` as a code with figures; null: it has none
    Index("alert_by_time", "opened_ms"),
    sqlite_autoincrement=True,
)
_open = alert.c.cleared_ms.is_(None)
Index(
    "alert_open",
    *(alert.c.ward, alert.c.gateway, alert.c.rule, alert.c.camera),
    unique=True,
    sqlite_where=_open,
    postgresql_where=_open,
)

# Each alarm is compared with the floods of its gateway, without reading years of alerts.
IS_FLOOD = alert.c.rule == literal_column(f"'{FLOOD_RULE}'")
Index("alert_flood", alert.c.gateway, alert.c.since_ms, sqlite_where=IS_FLOOD, postgresql_where=IS_FLOOD)

alert_pending = Table(
    "alert_pending",  # the rule's condition holds, but not long enough for an alert
    metadata,
    Column("ward", Text, primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("camera", Text, primary_key=True),
    Column("since_ms", Milliseconds, nullable=False),
)

notification = Table(
    "notification",  # a message that waits for the webhook
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("ward", Text, nullable=False),  # the centre of this ward posts it
    Column("made_ms", Milliseconds, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# --- retention ---

hold = Table(
    "hold",  # events, with their media, that retention must not delete: by event_id, or by gateway and time
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("event_id", Text),
    Column("gateway", Text),  # with from_ms and to_ms, both included
    Column("camera", Text),  # null: all cameras of the gateway
    Column("from_ms", Milliseconds),
    Column("to_ms", Milliseconds),
    Column("why", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_ms", Milliseconds, nullable=False),
    Column("released_by", Text),
    Column("released_ms", Milliseconds),  # null: in force
    sqlite_autoincrement=True,
)

deletion = Table(
    "deletion",  # deletions of retention: one row per run, rule and kind
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("begun_ms", Milliseconds, nullable=False),
    Column("ended_ms", Milliseconds, nullable=False),
    Column("what", Text, nullable=False),  # DeletionTarget in edge_central/retention/deletion_plans.py
    Column("kind", Text, nullable=False),  # kind of the deleted events; empty if no events were deleted
    Column("rule", Text, nullable=False),  # the setting, such as info_days: 90
    Column("rows", BigInteger, nullable=False),
    Column("first_cursor", BigInteger),  # of the deleted events
    Column("last_cursor", BigInteger),
    Column("first_ms", Milliseconds, nullable=False),  # when the first row was received
    Column("last_ms", Milliseconds, nullable=False),
    Column("held", BigInteger, nullable=False),  # expired rows that a hold keeps
    sqlite_autoincrement=True,
)
