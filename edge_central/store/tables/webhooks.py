"""How far each webhook has come, and what was posted."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from edge_central.store.tables.base import Milliseconds, RowId, metadata

webhook_place = Table(
    "webhook_place",
    metadata,
    Column("webhook", Text, primary_key=True),
    Column("cursor", BigInteger, nullable=False),  # events up to it are done
    Column("alert", BigInteger, nullable=False),  # alerts up to this id are done
    Column("failing_ms", Milliseconds),  # since then posts fail; null: the last one was answered
    Column("problem", Text),  # why
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("webhook", Text, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),  # when the receiver answered
    Column("subject", Text, nullable=False),  # as in handling
    Column("ward", Text, nullable=False),
    Column("status", Integer, nullable=False),  # of the receiver's response
    Column("attempts", Integer, nullable=False),
    Index("webhook_delivery_by_webhook", "webhook", "id"),
    sqlite_autoincrement=True,
)
