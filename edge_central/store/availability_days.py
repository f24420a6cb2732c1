"""Deletes the stored daily sums of availability when an interval changes on which they depend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, update

from edge_central.store import tables

CONTEXT_MS = 300_000
"""What happened within this time before and after a moment decides how the moment is counted: START_MS in
edge_central/availability/timeline.py."""
_TWO_DAYS_MS = 172_800_000
_DAY, _SUMMED = tables.availability_day.c, tables.availability_summed.c


def delete_sums_from(connection: Connection, gateways: Sequence[str] | Select[Any], at_ms: int) -> None:
    """Delete the sums of these gateways for the days that a change at ``at_ms`` may affect, and for all later
    days. The ingest computes them again."""
    valid_ms = at_ms - CONTEXT_MS
    concerned = update(tables.availability_summed).where(
        _SUMMED.gateway.in_(gateways), _SUMMED.until_ms > valid_ms
    )
    if connection.execute(concerned.values(until_ms=valid_ms)).rowcount:
        # The second condition always holds; it lets the primary key find the rows.
        later = (_DAY.to_ms > valid_ms) & (_DAY.from_ms > valid_ms - _TWO_DAYS_MS)
        connection.execute(delete(tables.availability_day).where(_DAY.gateway.in_(gateways), later))
