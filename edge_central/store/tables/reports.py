"""What gateways report: their state, streams, events, media, health, and what was refused."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from edge_central.store.tables.base import Milliseconds, ProblemColumn, RowId, metadata

gateway = Table(
    "gateway",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ward", Text, nullable=False),
    Column("first_ms", Milliseconds, nullable=False),
    Column("last_ms", Milliseconds, nullable=False),  # when its newest message of any kind came
    Column("state", Text),  # online, stopped, offline; null: cleared, or never received
    Column("state_session", Text),
    Column("state_reason", Text),
    Column("state_ms", Milliseconds),
    Column("birth", LargeBinary),
    Column("birth_session", Text),
    Column("birth_ms", Milliseconds),
    Column("heartbeat", LargeBinary),
    Column("heartbeat_ms", Milliseconds),
    Column("heartbeat_session", Text),
    Column("epoch", Text),  # the epoch that the newest heartbeat names
    Column("sequence", BigInteger),  # the newest number of that epoch, from the same heartbeat
)

stream = Table(
    "stream",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("first_ms", Milliseconds, nullable=False),
    UniqueConstraint("gateway", "epoch"),
)

gap = Table(
    "gap",
    metadata,
    Column("stream", Integer, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("found_ms", Milliseconds, nullable=False),
)

event = Table(
    "event",
    metadata,
    # Grows with every commit; never reused, not even after a deletion.
    Column("cursor", RowId, primary_key=True, autoincrement=True),
    Column("stream", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("time_ms", Milliseconds, nullable=False),
    Column("received_ms", Milliseconds, nullable=False),
    Column("event_id", Text),
    Column("phase", Text),
    Column("payload", LargeBinary, nullable=False),
    # (source, id) of CloudEvents equals (gateway, epoch, sequence): the id is made of them, and checked.
    UniqueConstraint("stream", "sequence"),
    Index("event_by_ward", "ward", "cursor"),
    Index("event_by_gateway", "gateway", "cursor"),
    Index("event_by_time", "time_ms"),
    Index("event_by_kind", "kind", "severity", "received_ms"),  # retention
    sqlite_autoincrement=True,
)
_with_id = event.c.event_id.is_not(None)
Index("event_by_event_id", event.c.event_id, sqlite_where=_with_id, postgresql_where=_with_id)
# Warnings and alarms, without reading a thousand times as many other events.
_of_note = event.c.severity >= 13
Index("event_of_note", event.c.cursor, sqlite_where=_of_note, postgresql_where=_of_note)
# The newest alarms of each gateway, so that a gateway with a million alarms does not slow down a page.
_alarm = event.c.severity >= 17
# The severity is a column so that SQLite prefers it to event_by_gateway, which would read every event of a
# gateway.
Index(
    "event_alarm",
    *(event.c.gateway, event.c.cursor, event.c.severity),
    sqlite_where=_alarm,
    postgresql_where=_alarm,
)

loss = Table(
    "loss",
    metadata,
    Column("stream", Integer, primary_key=True),  # stream and sequence of the loss event
    Column("sequence", BigInteger, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("events", BigInteger, nullable=False),  # number of events that the gateway gave up
    Column("reason", Text, nullable=False),
    Column("received_ms", Milliseconds, nullable=False),
)

conflict = Table(
    "conflict",  # one identity with two event histories: of two gateways, or of a restored SD card
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),  # stored in branches, because their numbers were taken
    Column("last_ms", Milliseconds, nullable=False),
)

media = Table(
    "media",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("media_id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # also the name of its file
    Column("bytes", Integer, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("received_ms", Milliseconds, nullable=False),
    Index("media_by_event", "event_id"),
    Index("media_by_camera", "gateway", "camera", "received_ms"),
    Index("media_by_time", "received_ms"),
    Index("media_by_file", "sha256"),  # a file is deleted with the last row that names it
)

paper = Table(
    "paper",  # a row of media that is stored for ``paper_days``: edge_central/store/papers.py
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("media_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Index("paper_by_kind", "gateway", "kind"),
)

health = Table(
    "health",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("slot_ms", Milliseconds, primary_key=True),
    Column("temperature_c", Float),
    Column("cpu_percent", Float),
    Column("memory_percent", Float),
    Column("disk_percent", Float),
    Column("outbox_depth", BigInteger),
    Column("outbox_oldest_s", Float),
    Column("clock_offset_ms", Float),
    Column("cameras", Text, nullable=False),  # {"cam-1": ["online", 10.0], ...}: state, packets a second
    Index("health_by_time", "slot_ms"),
)

presence = Table(
    "presence",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("ward", Text, nullable=False),
    Column("standing", Text, nullable=False),  # the state that was published last
    Column("why", Text, nullable=False),
    Column("since_ms", Milliseconds, nullable=False),
    Column("interval_s", Float, nullable=False),
    Column("problem", ProblemColumn),  # ``why`` as a code with figures; null: it has none
)

outage = Table(
    "outage",
    metadata,
    Column("ward", Text, primary_key=True),
    Column("gateways", Text, nullable=False),  # ids, separated by spaces
    Column("of", Integer, nullable=False),
    Column("since_ms", Milliseconds, nullable=False),
)

rejected = Table(
    "rejected",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("received_ms", Milliseconds, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("head", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
