"""What gateways and cameras did, as intervals: the source of the availability reports."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from edge_central.store.tables.base import Milliseconds, RowId, metadata

availability = Table(
    "availability",  # one state of one series; the intervals of a series do not overlap
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("gateway", Text, nullable=False),  # empty: the centre itself
    Column("camera", Text, nullable=False),  # empty: the gateway; of the centre: its id
    Column("layer", Text, nullable=False),  # Layer in edge_central/availability/model.py
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),  # cause of a lost picture; id of the boot before an absence
    Column("from_ms", Milliseconds, nullable=False),  # link, centre: the centre's clock; else the gateway's
    Column("to_ms", Milliseconds),  # null: it lasts
    Index("availability_by_series", "gateway", "camera", "layer", "from_ms"),
    Index("availability_by_end", "to_ms"),
    sqlite_autoincrement=True,
)
