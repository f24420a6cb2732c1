"""Who has opened, changed and exported a case, and the pictures of its searches."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from edge_central.cases.model import CaseSummary
from edge_central.store import tables

MAX_ACCESSES = 20_000
"""Limit for an export."""


def accesses_of(connection: Connection, case: CaseSummary) -> list[Any]:
    """Return the rows of ``access`` about the case, the oldest first, at most MAX_ACCESSES."""
    query = _of_case(connection, case).order_by(tables.access.c.id)
    return list(connection.execute(query.limit(MAX_ACCESSES)))


def newest_accesses(connection: Connection, case: CaseSummary, most: int) -> list[Any]:
    """Return the rows of ``access`` about the case, the newest first."""
    query = _of_case(connection, case).order_by(tables.access.c.id.desc())
    return list(connection.execute(query.limit(most)))


def _of_case(connection: Connection, case: CaseSummary) -> Select[Any]:
    """Return the query for accesses to the case itself, and for accesses under its number to the searches of
    its items, in its wards or without a ward."""
    columns, picture, item = tables.access.c, tables.case_picture.c, tables.case_item.c
    searches = set(connection.scalars(select(picture.search).where(picture.case_id == case.id)))
    of_items = select(item.search).where(item.case_id == case.id, item.search.is_not(None))
    searches |= set(connection.scalars(of_items))
    of_case = and_(columns.what.startswith("case-"), columns.time_ms >= case.opened_ms)
    of_search = and_(
        columns.search.in_(sorted(searches)),
        or_(columns.ward.is_(None), columns.ward.in_(case.wards)),
    )
    return select(tables.access).where(columns.case_number == case.number, or_(of_case, of_search))
