"""Deletes old records of the officers: handling steps, requests, handovers, searches, journeys and cases;
counts of traffic; and claims of boxes.

A record about an event or alert is deleted when it is old and the event or alert is deleted. So a hold on an
event also keeps the records about it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, false, func, select, tuple_

from edge_central.retention.deletion_plans import DeletionTarget
from edge_central.store import tables

MAX_SEARCHES = 2  # searches deleted in one transaction: one of a whole city may have 20,000 matches


@dataclass(frozen=True, slots=True)
class DeletedBatch:
    """The result of one batch."""

    last: Any  # the key of the last examined row; None: no row was examined
    full: bool  # more rows may follow
    on_hold: int
    gone_ms: list[int]  # when the deleted records were written


MAX_CASES = 1  # cases deleted in one transaction: one has up to 16 MB of pictures, and alarms wait meanwhile

Examined = tuple[Sequence[Any], Sequence[Any]]
"""The examined rows, and those of them that are deleted. Each row has its key and ``at_ms``."""


def delete_old(
    connection: Connection,
    what: DeletionTarget,
    before_ms: int,
    after: Any,
    most: int,
    now_ms: int | None = None,
) -> DeletedBatch:
    """Examine up to ``most`` records before ``before_ms`` with keys after ``after``; delete those without
    hold. A search is on hold while a gateway keeps a passage of it until after ``now_ms``; None: never."""
    examine: Callable[[Connection, int, Any, int], Examined] = {
        DeletionTarget.HANDLING: _handlings,
        DeletionTarget.REQUEST: _requests,
        DeletionTarget.HANDOVER: _handovers,
        DeletionTarget.TRAFFIC: _traffic,
        DeletionTarget.CLAIM: _claims,
        DeletionTarget.JOURNEY: _journeys,
        DeletionTarget.SEARCH: _searches_at(now_ms),
        DeletionTarget.CASE: _cases,
    }[what]
    if what is DeletionTarget.SEARCH:
        most = MAX_SEARCHES
    elif what is DeletionTarget.CASE:
        most = MAX_CASES
    found, deleted = examine(connection, before_ms, after, most)
    last = found[-1].key if found else None
    return DeletedBatch(last, len(found) == most, len(found) - len(deleted), [row.at_ms for row in deleted])


def _handlings(connection: Connection, before_ms: int, after: Any, most: int) -> Examined:
    """Delete handlings and steps, aged by the newest step, unless their event or alert is still stored. The
    newest step of all stays with its incident, because programs may have its cursor."""
    columns = tables.handling_step.c
    written = func.max(columns.at_ms)
    query = select(columns.subject.label("key"), written.label("at_ms")).group_by(columns.subject)
    query = query.where(columns.subject > (after or "")).having(written < before_ms)
    found = connection.execute(query.order_by(columns.subject).limit(most)).all()
    events: list[tuple[str, str]] = []
    alerts: list[int] = []
    cursors: list[int] = []
    silences: list[int] = []
    for row in found:
        match row.key.split(" ", 2):
            case ["event", gateway, event_id]:
                events.append((gateway, event_id))
            case ["alert", number]:
                alerts.append(int(number))
            case ["cursor", number]:
                cursors.append(int(number))
            case ["silence", number]:
                silences.append(int(number))
    remaining = {f"event {gateway} {event_id}" for gateway, event_id in _events_still(connection, events)}
    ids = select(tables.alert.c.id).where(tables.alert.c.id.in_(alerts))
    remaining |= {f"alert {number}" for number in connection.scalars(ids)}
    at = select(tables.event.c.cursor).where(tables.event.c.cursor.in_(cursors))
    remaining |= {f"cursor {number}" for number in connection.scalars(at)}
    newest = select(columns.subject).order_by(columns.id.desc()).limit(1)
    remaining.update(connection.scalars(newest))
    deleted = [row for row in found if row.key not in remaining]
    # A silence lasts for hours, so it has ended long before its step is old.
    connection.execute(delete(tables.silence).where(tables.silence.c.id.in_(silences)))
    for table in (tables.handling, tables.handling_step, tables.hidden_event):
        connection.execute(delete(table).where(table.c.subject.in_([row.key for row in deleted])))
    return found, deleted


def _requests(connection: Connection, before_ms: int, after: Any, most: int) -> Examined:
    columns = tables.request.c
    query = select(columns.id.label("key"), columns.asked_ms.label("at_ms"), columns.gateway, columns.about)
    query = query.where(columns.id > (after or ""), columns.asked_ms < before_ms)
    found = connection.execute(query.order_by(columns.id).limit(most)).all()
    remaining = _events_still(
        connection, [(row.gateway, row.about) for row in found if row.about is not None]
    )
    deleted = [row for row in found if (row.gateway, row.about) not in remaining]
    connection.execute(delete(tables.request).where(columns.id.in_([row.key for row in deleted])))
    return found, deleted


def _claims(connection: Connection, before_ms: int, after: Any, most: int) -> Examined:
    """Delete old claims. A claim in force is kept while the site reports, because an operator needs it to
    withdraw the site's box, and while a withdrawal waits for the control machine."""
    columns = tables.claim.c
    at_ms = case((columns.answered_ms > columns.last_ms, columns.answered_ms), else_=columns.last_ms)
    query = select(columns.id.label("key"), at_ms.label("at_ms")).where(columns.id > (after or 0))
    site = tables.gateway.c
    reports = select(site.id).where(site.id == columns.site, site.last_ms >= before_ms).exists()
    is_needed = (columns.state == tables.CLAIM_IN_FORCE) & (reports | columns.withdrawal.is_not(None))
    query = query.where(~is_needed, at_ms < before_ms)
    found = connection.execute(query.order_by(columns.id).limit(most)).all()
    connection.execute(delete(tables.claim).where(columns.id.in_([row.key for row in found])))
    return found, found


def _handovers(connection: Connection, before_ms: int, after: Any, most: int) -> Examined:
    columns = tables.handover.c
    query = select(columns.id.label("key"), columns.left_ms.label("at_ms"))
    query = query.where(columns.id > (after or 0), columns.left_ms < before_ms)
    found = connection.execute(query.order_by(columns.id).limit(most)).all()
    connection.execute(delete(tables.handover).where(columns.id.in_([row.key for row in found])))
    return found, found


@dataclass(frozen=True, slots=True)
class _DeletedDay:
    key: str  # YYYY-MM-DD
    at_ms: int  # the begin of the day


def _traffic(connection: Connection, before_ms: int, after: Any, most: int) -> Examined:
    """Delete counts of the days before ``before_ms``: those of lines first, then those of cameras."""
    before = datetime.fromtimestamp(before_ms / 1000, UTC).date().isoformat()
    found: list[Row[Any]] = []
    for table in (tables.traffic_line, tables.traffic_turn, tables.traffic_camera):
        columns = list(table.primary_key)
        query = select(*columns).where(table.c.day < before).order_by(table.c.day).limit(most - len(found))
        rows = connection.execute(query).all()
        connection.execute(delete(table).where(tuple_(*columns).in_([tuple(row) for row in rows])))
        found += rows
    deleted = [_DeletedDay(row.day, _begin_ms(row.day)) for row in found]
    return deleted, deleted


def _begin_ms(day: str) -> int:
    return round(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp() * 1000)


def _searches_at(now_ms: int | None) -> Callable[[Connection, int, Any, int], Examined]:
    def examine(connection: Connection, before_ms: int, after: Any, most: int) -> Examined:
        return _searches(connection, before_ms, after, most, now_ms)

    return examine


def _searches(connection: Connection, before_ms: int, after: Any, most: int, now_ms: int | None) -> Examined:
    columns = tables.search.c
    query = select(columns.id.label("key"), columns.asked_ms.label("at_ms"))
    query = query.where(columns.id > (after or ""), columns.asked_ms < before_ms)
    found = connection.execute(query.order_by(columns.id).limit(most)).all()
    on_hold = _with_passage_holds(connection, [row.key for row in found], now_ms)
    _delete_without_hold(connection, on_hold, now_ms)
    deleted = [row for row in found if row.key not in on_hold]
    ids = [row.key for row in deleted]
    of_search = (tables.search_picture, tables.search_scene, tables.search_match, tables.search_answer)
    for table in (*of_search, tables.rehearsal, tables.passage_hold):
        connection.execute(delete(table).where(table.c.search.in_(ids)))
    connection.execute(delete(tables.search).where(columns.id.in_(ids)))
    return found, deleted


def _in_force(now_ms: int | None) -> ColumnElement[bool]:
    """Return the condition for holds of passages that a gateway keeps, or shall keep, until after
    ``now_ms``; None: the time is not known, and no hold counts."""
    if now_ms is None:
        return false()
    columns = tables.passage_hold.c
    return and_(columns.status.in_(("asked", "sent", "kept")), columns.until_ms > now_ms)


def _with_passage_holds(connection: Connection, searches: Sequence[str], now_ms: int | None) -> set[str]:
    """Return the searches with a passage on hold."""
    columns = tables.passage_hold.c
    query = select(columns.search).where(columns.search.in_(searches), _in_force(now_ms))
    return set(connection.scalars(query))


def _delete_without_hold(connection: Connection, searches: Collection[str], now_ms: int | None) -> None:
    """Delete these searches' matches and pictures, except passages on hold: others show uninvolved people."""
    held = tables.passage_hold.c
    for table in (tables.search_match, tables.search_picture, tables.search_scene):
        columns = table.c
        of_row = (
            held.search == columns.search,
            held.gateway == columns.gateway,
            held.passage == columns.passage,
        )
        has_hold = select(held.command).where(*of_row, _in_force(now_ms)).exists()
        connection.execute(delete(table).where(columns.search.in_(sorted(searches)), ~has_hold))


def _cases(connection: Connection, before_ms: int, after: Any, most: int) -> Examined:
    """Delete cases that were closed before ``before_ms``, with all that is in them."""
    columns = tables.case_file.c
    query = select(columns.id.label("key"), columns.closed_ms.label("at_ms"))
    query = query.where(columns.id > (after or 0), columns.closed_ms < before_ms)
    found = connection.execute(query.order_by(columns.id).limit(most)).all()
    ids = [row.key for row in found]
    files = (tables.case_redaction, tables.case_attachment)
    for table in (tables.case_export, *files, tables.case_picture, tables.case_item):
        connection.execute(delete(table).where(table.c.case_id.in_(ids)))
    connection.execute(delete(tables.case_file).where(columns.id.in_(ids)))
    return found, found


def _journeys(connection: Connection, before_ms: int, after: Any, most: int) -> Examined:
    """Delete journeys that have not changed since ``before_ms``. Journeys of an open case are on hold."""
    columns, case = tables.journey.c, tables.case_file.c
    is_open = select(case.id).where(case.number == columns.case_number, case.closed_ms.is_(None)).exists()
    query = select(columns.id.label("key"), columns.changed_ms.label("at_ms"), is_open.label("is_open"))
    query = query.where(columns.id > (after or ""), columns.changed_ms < before_ms)
    found = connection.execute(query.order_by(columns.id).limit(most)).all()
    deleted = [row for row in found if not row.is_open]
    ids = [row.key for row in deleted]
    for table in (tables.journey_step, tables.journey_search):
        connection.execute(delete(table).where(table.c.journey.in_(ids)))
    connection.execute(delete(tables.journey).where(columns.id.in_(ids)))
    return found, deleted


def _events_still(connection: Connection, wanted: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those pairs (gateway, event_id) of which an event is still stored."""
    columns = tables.event.c
    ids = {event_id for _, event_id in wanted}
    rows = connection.execute(select(columns.gateway, columns.event_id).where(columns.event_id.in_(ids)))
    return {(row.gateway, row.event_id) for row in rows}
