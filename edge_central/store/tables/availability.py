"""The states of gateways and cameras as intervals, and the sums of complete days: the source of the
availability reports."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from edge_central.store.tables.base import Milliseconds, RowId, metadata

availability = Table(
    "availability",  # one state of one series; intervals of a series do not overlap
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("gateway", Text, nullable=False),  # empty: the centre itself
    Column("camera", Text, nullable=False),  # empty: the gateway itself; for the centre: its id
    Column("layer", Text, nullable=False),  # Layer in edge_central/availability/model.py
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),  # cause of a lost picture; id of the boot before an absence
    Column("from_ms", Milliseconds, nullable=False),  # link, centre: the centre's clock; else the gateway's
    Column("to_ms", Milliseconds),  # null: the state still lasts
    Index("availability_by_series", "gateway", "camera", "layer", "from_ms"),
    Index("availability_by_end", "to_ms"),
    sqlite_autoincrement=True,
)

SUMMED_CONDITIONS = (
    *("usable", "camera", "tamper", "network", "power"),
    *("gateway", "absent", "maintenance", "unknown"),
)
"""``Condition`` in edge_central/availability/model.py."""
SUMMED_VIEWS = ("dark", "overexposed", "defocused", "visibility-degraded")
"""The states of a view that make a usable picture worse."""


def sum_column(name: str) -> str:
    """Return the name of the column of ``availability_day`` for a condition or a view."""
    return f"{name.replace('-', '_')}_ms"


availability_day = Table(
    "availability_day",  # sums of one camera and day; the days of a gateway follow each other without a gap
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("from_ms", Milliseconds, primary_key=True),  # midnight, in the time zone of the console
    Column("camera", Text, primary_key=True),
    Column("to_ms", Milliseconds, nullable=False),  # the next midnight
    *(Column(sum_column(name), Milliseconds, nullable=False) for name in (*SUMMED_CONDITIONS, *SUMMED_VIEWS)),
    sqlite_with_rowid=False,
)

availability_summed = Table(
    "availability_summed",  # up to which time the days of a gateway have sums
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("timezone", Text, nullable=False),  # time zone of its days, such as Asia/Ho_Chi_Minh
    Column("until_ms", Milliseconds, nullable=False),  # no stored day ends later
)
