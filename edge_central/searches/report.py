"""Searches of a month by user, from the access log, for the person in charge of data protection."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from edge_central.store import tables
from edge_central.store.accesses import AccessKind


@dataclass(frozen=True, slots=True)
class SearchUse:
    """What one account has searched in a month."""

    account: str
    searches: int
    cases: tuple[str, ...]  # case numbers, sorted
    gateways_asked: int  # commands: a search of 20 gateways counts 20
    pictures_opened: int  # different pictures


@dataclass(slots=True)
class _Counts:
    searches: int = 0
    gateways: int = 0
    cases: set[str] = field(default_factory=set)
    pictures: set[tuple[str, str, str, str]] = field(default_factory=set)


def month_bounds(month: str, zone: ZoneInfo) -> tuple[int, int]:
    """First and last millisecond, the last excluded, of a month such as ``2026-11``. Raises ValueError."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    next_month = (first.year + first.month // 12, first.month % 12 + 1)
    following = first.replace(year=next_month[0], month=next_month[1])
    return round(first.timestamp() * 1000), round(following.timestamp() * 1000)


def searches_between(connection: Connection, from_ms: int, until_ms: int) -> list[SearchUse]:
    """By account; accounts that have not searched are left out."""
    columns = tables.access.c
    pictures = (AccessKind.PASSAGE.value, AccessKind.PASSAGE_SCENE.value)
    kinds = (AccessKind.SEARCH.value, *pictures)
    wanted = (columns.what, columns.account, columns.case_number, columns.gateways)
    picture = (columns.search, columns.gateway, columns.media_id)
    query = select(*wanted, *picture).where(
        columns.what.in_(kinds), columns.time_ms >= from_ms, columns.time_ms < until_ms
    )
    counts = defaultdict[str, _Counts](_Counts)
    for row in connection.execute(query):
        of_account = counts[row.account]
        of_account.cases.add(row.case_number)
        if row.what in pictures:
            of_account.pictures.add((row.what, row.search, row.gateway, row.media_id))
        else:
            of_account.searches += 1
            of_account.gateways += row.gateways or 0
    return [
        SearchUse(account, each.searches, tuple(sorted(each.cases)), each.gateways, len(each.pictures))
        for account, each in sorted(counts.items())
    ]
