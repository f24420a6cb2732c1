"""Open alarms and the rows that group them by camera and rule; silences of the console's bell."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from edge_central.store.tables.base import Milliseconds, RowId, metadata

alarm_row = Table(
    "alarm_row",  # all open alarms of one camera and rule; deleted with its last one
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("ward", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("camera", Text, nullable=False),  # MANY_CAMERAS in edge_central/store/open_alarms.py: several
    Column("kind", Text, nullable=False),
    Column("rule", Text, nullable=False),  # the rule's id, or the state of a camera's view; may be empty
    Column("alarms", Integer, nullable=False),  # how many are open
    Column("waiting", Integer, nullable=False),  # how many of these are not acknowledged
    Column("last_cursor", BigInteger, nullable=False),  # cursor of the newest open alarm
    Column("first_ms", Milliseconds, nullable=False),  # when the oldest and the newest one were received
    Column("last_ms", Milliseconds, nullable=False),
    Column("first_waiting_ms", Milliseconds),  # the same of those not acknowledged; null: there is none
    Column("last_waiting_ms", Milliseconds),
    UniqueConstraint("gateway", "camera", "kind", "rule", "ward"),
    sqlite_autoincrement=True,  # an id is never used again: a page that is still open may name it
)

open_alarm = Table(
    "open_alarm",  # an event that rang and has no outcome
    metadata,
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),  # cursor of the event
    Column("alarm_row", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),  # as in handling
    Column("received_ms", Milliseconds, nullable=False),
    Column("acknowledged", Boolean, nullable=False),
    Index("open_alarm_by_row", "alarm_row", "acknowledged", "received_ms", "cursor"),
    Index("open_alarm_by_subject", "subject"),
)

silence = Table(
    "silence",  # the bell does not sound for alarms of this camera and rule until ``until_ms``
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("ward", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("from_ms", Milliseconds, nullable=False),
    Column("until_ms", Milliseconds, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("ended_ms", Milliseconds),  # when a user ended it before ``until_ms``; null: no user did
    Column("ended_by", Text),
    Index("silence_by_rule", "gateway", "camera", "kind", "rule", "until_ms"),
    Index("silence_by_end", "until_ms"),
    sqlite_autoincrement=True,
)
