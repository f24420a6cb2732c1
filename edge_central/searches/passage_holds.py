"""Holds: ask gateways to keep passages that a search has found for longer than usual, or to release them.

The console writes a row; the ingest signs and sends the command ``passage-hold``, as it does for pictures.
There is one row for each passage, whichever search has found it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from edge_agent.wire.received.bounds import with_problem
from edge_central.searches.model import (
    HOLD_COMMAND,
    HOUR_MS,
    SearchAuthor,
    SearchesUnavailable,
    SearchReader,
    TooManySearches,
)
from edge_central.searches.new_search import searchable_wards
from edge_central.searches.records import find_row
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.scope import EVERYWHERE, Scope

DAY_MS = 24 * HOUR_MS
HOLD_LIFE_MS = 7 * DAY_MS
"""A gateway that is away gets the command if it is back within this time."""
HOLD_DAYS = (30, 90, 180, 365)
"""Numbers of days that the page offers; a gateway accepts at most 366."""
MAX_HOLDS_PER_HOUR = 100
_HOLD = tables.passage_hold.c


class HoldStatus(StrEnum):
    ASKED = "asked"
    SENT = "sent"
    KEPT = "kept"
    RELEASED = "released"
    MISSING = "missing"  # the gateway has deleted the passage already
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"


MAX_LISTED = 1_000
"""Maximum number of listed holds of one case."""
OPEN_HOLDS = (HoldStatus.ASKED, HoldStatus.SENT)


@dataclass(frozen=True, slots=True)
class PassageHoldView:
    """The newest request for a hold on a passage, and what the gateway has answered."""

    gateway: str
    passage: int
    search: str
    case: str
    asked_ms: int
    asked_by: str
    is_shared: bool  # it extends a hold of another account, which only an administrator releases
    until_ms: int | None  # None: the request is to release the passage
    status: HoldStatus
    words: str

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_HOLDS

    def is_active(self, now_ms: int) -> bool:
        """Whether the hold is requested or in force."""
        return self.is_open or self.is_in_force(now_ms)

    def is_in_force(self, now_ms: int) -> bool:
        return self.status is HoldStatus.KEPT and self.until_ms is not None and now_ms < self.until_ms


def ask_hold(
    connection: Connection,
    author: SearchAuthor,
    reader: SearchReader,
    search: str,
    gateway: str,
    passage: int,
    days: int | None,
    now_ms: int,
) -> HoldStatus | None:
    """Record that the author wants the passage kept for this many days (None: released), and ask the gateway.
    A hold that already lasts longer is not changed. Returns None if the reader sees no such match, or if the
    author would release a hold that another account has set or extended. Raises TooManySearches,
    SearchesUnavailable."""
    found = tables.search_match.c
    wanted = (found.search == search, found.gateway == gateway, found.passage == passage)
    match = connection.execute(select(found.ward, found.camera).where(*wanted, reader.of(found))).first()
    row, yours = find_row(connection, search), read_hold(connection, reader.scope, gateway, passage)
    if match is None or row is None:
        return None
    if days is None and (yours is None or not _may_release(reader, yours)):
        return None
    current = read_hold(connection, EVERYWHERE, gateway, passage)  # may be in the former ward of the gateway
    until_ms = None if days is None else now_ms + days * DAY_MS
    if current is not None and _lasts_longer(current, until_ms, now_ms):
        return current.status
    if match.ward not in searchable_wards(connection):
        raise SearchesUnavailable(problem_text("search-no-key"))
    _check_limit(connection, author.account, now_ms)
    file = {"ward": match.ward, "gateway": gateway, "camera": match.camera, "media_id": str(passage)}
    more = {"search": search, "purpose": row.purpose, "case_number": row.case_number}
    record_access(connection, AccessKind.PASSAGE_HOLD, author.account, author.address, now_ms, **file, **more)
    values = more | {
        "command": f"{HOLD_COMMAND}{secrets.token_hex(8)}",
        "ward": match.ward,
        "asked_ms": now_ms,
        "asked_by": author.account,
        "shared": current is not None and _is_of_others(current, author.account, now_ms),
        "until_ms": until_ms,
        "expires_ms": now_ms + HOLD_LIFE_MS,
        "status": HoldStatus.ASKED.value,
        "sends": 0,
        "next_ms": now_ms,
        "sent_ms": None,
        "answered_ms": None,
        "words": "",
        "problem": None,
    }
    _write(connection, gateway, passage, values, is_new=current is None)
    return HoldStatus.ASKED


def _write(
    connection: Connection, gateway: str, passage: int, values: dict[str, Any], *, is_new: bool
) -> None:
    if is_new:
        connection.execute(insert(tables.passage_hold), values | {"gateway": gateway, "passage": passage})
    else:
        which = (_HOLD.gateway == gateway, _HOLD.passage == passage)
        connection.execute(update(tables.passage_hold).where(*which).values(**values))


def _may_release(reader: SearchReader, current: PassageHoldView) -> bool:
    return reader.account is None or (reader.account == current.asked_by and not current.is_shared)


def _is_of_others(current: PassageHoldView, account: str, now_ms: int) -> bool:
    is_hold = current.until_ms is not None and current.is_active(now_ms)
    return is_hold and (current.is_shared or current.asked_by != account)


def _lasts_longer(current: PassageHoldView, until_ms: int | None, now_ms: int) -> bool:
    if until_ms is None or current.until_ms is None:
        return current.is_active(now_ms) and until_ms == current.until_ms
    return current.is_active(now_ms) and current.until_ms >= until_ms


def _check_limit(connection: Connection, account: str, now_ms: int) -> None:
    columns = tables.access.c
    query = select(func.count()).select_from(tables.access)
    own = (columns.account == account, columns.what == AccessKind.PASSAGE_HOLD.value)
    asked = connection.scalar(query.where(*own, columns.time_ms > now_ms - HOUR_MS)) or 0
    if asked >= MAX_HOLDS_PER_HOUR:
        raise TooManySearches(problem_text("search-too-many-holds", holds=asked), 600)


def read_hold(connection: Connection, scope: Scope, gateway: str, passage: int) -> PassageHoldView | None:
    """Return the newest request for this passage. None: there is none in the scope."""
    which = (_HOLD.gateway == gateway, _HOLD.passage == passage, scope.of(_HOLD.ward))
    row = connection.execute(select(tables.passage_hold).where(*which)).first()
    return None if row is None else _view(row)


def holds_of_case(connection: Connection, case: str, wards: Collection[str]) -> list[PassageHoldView]:
    """Return the newest request for each passage that was held under this case number in these wards."""
    which = (_HOLD.case_number == case, _HOLD.ward.in_(sorted(wards)))
    query = select(tables.passage_hold).where(*which).order_by(_HOLD.asked_ms, _HOLD.gateway, _HOLD.passage)
    return [_view(row) for row in connection.execute(query.limit(MAX_LISTED))]


def _view(row: Any) -> PassageHoldView:
    return PassageHoldView(
        gateway=row.gateway,
        passage=row.passage,
        search=row.search,
        case=row.case_number,
        asked_ms=row.asked_ms,
        asked_by=row.asked_by,
        is_shared=bool(row.shared),
        until_ms=row.until_ms,
        status=HoldStatus(row.status),
        words=with_problem(row.words, row.problem),
    )
