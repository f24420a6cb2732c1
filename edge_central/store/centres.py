"""The centres that use a database, by their records in the table ``meta``."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from edge_central.store import tables
from edge_central.store.database import read_record

CLOCK_KEY, RUNNING_KEY = "clock ", "running "
"""How the keys of a centre's records begin: of its clock, and of its ingest's status. Its id follows."""
GONE_MS = 7 * 86_400_000
"""A centre that has not run for this long has no wards any more."""


class _Record(msgspec.Struct):
    """What both records have, and the wards, which only the status has."""

    time_ms: int
    wards: list[str] = []


def running_key(central_id: str) -> str:
    """Return the key of the ingest's status, one per centre, because several centres may use one database."""
    return f"{RUNNING_KEY}{central_id}"


def wards_of_others(connection: Connection, central_id: str, now_ms: int) -> set[str] | None:
    """Return the wards of the other centres on this database that have run lately. None: not known, because
    one of them is of an older version, which stores no status of its own."""
    statuses, clocks = (
        _others(connection, RUNNING_KEY, central_id),
        _others(connection, CLOCK_KEY, central_id),
    )
    if any(clocks[other].time_ms > now_ms - GONE_MS for other in clocks.keys() - statuses.keys()):
        return None
    return {ward for each in statuses.values() if each.time_ms > now_ms - GONE_MS for ward in each.wards}


def _others(connection: Connection, prefix: str, central_id: str) -> dict[str, _Record]:
    """Return the records of the other centres whose keys begin with ``prefix``, by their ids."""
    key = tables.meta.c.key
    keys = connection.scalars(select(key).where(key.startswith(prefix), key != f"{prefix}{central_id}"))
    records = {each.removeprefix(prefix): read_record(connection, each, _Record) for each in keys.all()}
    return {other: record for other, record in records.items() if record is not None}
