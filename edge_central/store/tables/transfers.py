"""Files that arrive in parts. A file is here until it is complete; then it is a row of ``media``."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from edge_central.store.tables.base import Milliseconds, RowId, metadata

transfer = Table(
    "transfer",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),  # also the name of the incomplete file
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("media_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # of the whole file
    Column("bytes", Integer, nullable=False),  # of the whole file
    Column("part_bytes", Integer, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("received", LargeBinary, nullable=False),  # one bit for each part, the lowest bit first
    Column("received_parts", Integer, nullable=False),  # how many bits are set
    Column("refused", Text),  # why the centre does not take this file; null: it takes it
    Column("began_ms", Milliseconds, nullable=False),
    Column("last_ms", Milliseconds, nullable=False),  # when the last part arrived
    Index("transfer_by_file", "gateway", "media_id", unique=True),
    Index("transfer_by_event", "gateway", "event_id"),
    Index("transfer_by_time", "last_ms"),
    sqlite_autoincrement=True,
)
