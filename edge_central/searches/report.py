"""The searches and rehearsals of each user in a month, from the access log, for the person in charge of data
protection."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from edge_central.store import tables
from edge_central.store.accesses import AccessKind, accesses_between


@dataclass(frozen=True, slots=True)
class SearchUse:
    """The searches and rehearsals of one account in a month."""

    account: str
    searches: int
    cases: tuple[str, ...]  # case numbers, sorted
    gateways_asked: int  # number of commands: a search of 20 gateways counts as 20
    pictures_opened: int  # different pictures
    rehearsals: int  # of drafted rules, each at one gateway


@dataclass(slots=True)
class _Counts:
    searches: int = 0
    rehearsals: int = 0
    gateways: int = 0
    cases: set[str] = field(default_factory=set)
    pictures: set[tuple[str, str, str, str]] = field(default_factory=set)


def month_bounds(month: str, zone: ZoneInfo) -> tuple[int, int]:
    """Return the first millisecond of a month such as ``2026-11``, and the first one after it. Raises
    ValueError."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    next_month = (first.year + first.month // 12, first.month % 12 + 1)
    following = first.replace(year=next_month[0], month=next_month[1])
    return round(first.timestamp() * 1000), round(following.timestamp() * 1000)


def searches_between(connection: Connection, from_ms: int, until_ms: int) -> list[SearchUse]:
    """Return the use of each account. Accounts that have neither searched nor rehearsed are left out."""
    columns = tables.access.c
    pictures = (AccessKind.PASSAGE.value, AccessKind.PASSAGE_SCENE.value)
    kinds = (AccessKind.SEARCH.value, AccessKind.REHEARSAL.value, *pictures)
    wanted = (columns.what, columns.account, columns.case_number, columns.gateways)
    picture = (columns.search, columns.gateway, columns.media_id)
    query = select(*wanted, *picture).where(
        columns.what.in_(kinds), tables.NOT_THUMBNAIL, *accesses_between(connection, from_ms, until_ms)
    )
    counts = defaultdict[str, _Counts](_Counts)
    for row in connection.execute(query):
        of_account = counts[row.account]
        if row.case_number:  # a rehearsal without opened pictures may have no case number
            of_account.cases.add(row.case_number)
        if row.what in pictures:
            of_account.pictures.add((row.what, row.search, row.gateway, row.media_id))
        else:
            is_search = row.what == AccessKind.SEARCH
            of_account.searches += is_search
            of_account.rehearsals += not is_search
            of_account.gateways += row.gateways or 0
    return [
        SearchUse(
            account=account,
            searches=each.searches,
            cases=tuple(sorted(each.cases)),
            gateways_asked=each.gateways,
            pictures_opened=len(each.pictures),
            rehearsals=each.rehearsals,
        )
        for account, each in sorted(counts.items())
    ]
