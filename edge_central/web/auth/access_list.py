"""The access log as a list for administrators: filtered, the newest row first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select, tuple_

from edge_central.store import tables
from edge_central.store.accesses import AccessKind, accesses_between


class AccessGroup(StrEnum):
    """A group of access kinds that the list can show."""

    OPENED = "opened"
    LISTS = "lists"  # small pictures that lists have loaded by themselves
    SEARCHES = "searches"
    CASES = "cases"
    COMMANDS = "commands"
    ACCOUNTS = "accounts"
    ALL = "all"  # all kinds but those of LISTS; includes kinds of a newer centre


_K = AccessKind
_GROUPS: dict[AccessGroup, frozenset[AccessKind]] = {
    AccessGroup.OPENED: frozenset(
        (_K.SNAPSHOT, _K.CLIP, _K.FILE, _K.PASSAGE, _K.PASSAGE_SCENE, _K.CASE_VIEW, _K.CASE_FILE)
    ),
    AccessGroup.LISTS: frozenset((_K.THUMBNAIL,)),
    AccessGroup.SEARCHES: frozenset(
        (
            *(_K.SEARCH, _K.WITHDRAWAL, _K.REHEARSAL, _K.TRAVEL_TIMES, _K.PASSAGE_HOLD),
            *(_K.JOURNEY_BEGUN, _K.JOURNEY_CONFIRMED, _K.JOURNEY_REJECTED, _K.JOURNEY_UNDONE),
        )
    ),
    AccessGroup.CASES: frozenset(
        (_K.CASE_ADD, _K.CASE_REDACT, _K.CASE_STRIKE, _K.CASE_CLOSE, _K.CASE_REOPEN, _K.CASE_EXPORT)
    ),
    AccessGroup.COMMANDS: frozenset((_K.COMMAND, _K.ROLLOUT_STOP)),
}
KINDS_OF_GROUP: Mapping[AccessGroup, frozenset[AccessKind]] = {
    **_GROUPS,
    AccessGroup.ACCOUNTS: frozenset(AccessKind).difference(*_GROUPS.values()),
}
"""The kinds of each group except ALL. Each kind is in one group."""


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which rows the list shows. An empty value matches everything."""

    group: AccessGroup = AccessGroup.OPENED
    account: str = ""
    case_number: str = ""
    places: tuple[tuple[str, str], ...] = ()
    """Gateway and camera. If the camera is empty, all cameras of the gateway match."""
    from_ms: int | None = None
    to_ms: int | None = None  # not included


def list_accesses(connection: Connection, asked: AccessFilter, before: int | None, size: int) -> list[Any]:
    """Return up to ``size`` rows of ``access`` with smaller ids than ``before``, the newest first."""
    columns = tables.access.c
    query = select(tables.access).where(*_conditions(connection, asked)).order_by(columns.id.desc())
    if before is not None:
        query = query.where(columns.id < before)
    if asked.account and asked.group is not AccessGroup.LISTS and not (asked.case_number or asked.places):
        # Otherwise SQLite may read all small pictures of the account.
        query = query.with_hint(tables.access, "INDEXED BY access_opened_by_account", "sqlite")
    return list(connection.execute(query.limit(size)))


def _conditions(connection: Connection, asked: AccessFilter) -> Iterator[ColumnElement[bool]]:
    columns = tables.access.c
    if asked.group is AccessGroup.LISTS:
        yield columns.what == AccessKind.THUMBNAIL.value
    else:
        yield tables.NOT_THUMBNAIL
        if asked.group is not AccessGroup.ALL:
            yield columns.what.in_(sorted(KINDS_OF_GROUP[asked.group]))
    if asked.account:
        yield columns.account == asked.account
    if asked.case_number:
        yield columns.case_number == asked.case_number
    if asked.places:
        yield from _at_places(asked.places)
    if asked.from_ms is not None and asked.to_ms is not None:
        yield from accesses_between(connection, asked.from_ms, asked.to_ms)


def _at_places(places: tuple[tuple[str, str], ...]) -> Iterator[ColumnElement[bool]]:
    columns = tables.access.c
    whole = {gateway for gateway, camera in places if not camera}
    cameras = {(gateway, camera) for gateway, camera in places if gateway not in whole}
    yield columns.gateway.in_(sorted(whole | {gateway for gateway, _ in cameras}))  # for the index
    if cameras:
        # Not an OR for each place: a word may name all cameras of the city, and SQLite limits the depth.
        at_camera = tuple_(columns.gateway, columns.camera).in_(sorted(cameras))
        yield or_(columns.gateway.in_(sorted(whole)), at_camera) if whole else at_camera
