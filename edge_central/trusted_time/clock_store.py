"""The centre's clock in the database: its record, an administrator's release, and the correction of stored
times."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, bindparam, select, text, update

from edge_agent.core.clock import SystemClock, read_boot_id, wall_ms
from edge_central.retention.deletion_plans import stored_kinds
from edge_central.store import tables
from edge_central.store.availability_days import delete_sums_from
from edge_central.store.centres import CLOCK_KEY
from edge_central.store.database import read_record
from edge_central.trusted_time.clock import Correction, FollowedClock, TrustedClockRecord

MAX_ROWS = 20_000
"""Maximum number of rows changed in one statement."""
_SHIFT = (
    update(tables.event)
    .where(tables.event.c.cursor == bindparam("of"))
    .values(received_ms=tables.event.c.received_ms + bindparam("by"))
)


def record_key(central_id: str) -> str:
    """Return the key in ``meta``. Each centre has its own key, because several centres may use one
    database."""
    return f"{CLOCK_KEY}{central_id}"


def release_key(central_id: str) -> str:
    """Return the key in ``meta`` by which an administrator confirms the system's clock."""
    return f"clock-released {central_id}"


def read_clock_record(connection: Connection, central_id: str) -> TrustedClockRecord | None:
    return read_record(connection, record_key(central_id), TrustedClockRecord)


def newest_received_ms(connection: Connection, wards: Collection[str]) -> int | None:
    columns = tables.event.c
    query = select(columns.received_ms).where(columns.ward.in_(wards))
    newest: int | None = connection.scalar(query.order_by(columns.cursor.desc()).limit(1))
    return newest


def now_ms_of(connection: Connection, central_id: str) -> int:
    """Return the centre's trusted time, for a command on the same machine."""
    clock = FollowedClock(SystemClock(), read_boot_id())
    clock.follow(read_clock_record(connection, central_id))
    return wall_ms(clock)


def shift_times(
    connection: Connection,
    correction: Correction,
    wards: Collection[str],
    *,
    exclusive_database: bool,
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Correct the stored times of these wards. ``exclusive_database``: no other centre uses it, so rows
    without a ward are corrected too. ``beat`` is called about every second, because many rows may have to be
    changed."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # one transaction, however long
    for kind, severity in stored_kinds(connection):  # by kind, so that the index finds the rows
        columns = tables.event.c
        of_kind = (columns.kind == kind) & (columns.severity == severity) & columns.ward.in_(wards)
        wrong = select(columns.cursor).where(of_kind, columns.received_ms > correction.since_ms)
        last = 0
        while rows := list(
            connection.scalars(wrong.where(columns.cursor > last).order_by(columns.cursor).limit(MAX_ROWS))
        ):
            connection.execute(_SHIFT, [{"of": cursor, "by": correction.by_ms} for cursor in rows])
            last = rows[-1]
            beat()
    for column, which in _stamps(wards, exclusive_database):
        later = column > correction.since_ms
        moved = {column.name: column + correction.by_ms}
        connection.execute(update(column.table).where(which, later).values(moved))
    gateways = select(tables.gateway.c.id).where(tables.gateway.c.ward.in_(wards))
    delete_sums_from(connection, gateways, correction.since_ms + min(0, correction.by_ms))


def _stamps(
    wards: Collection[str], exclusive_database: bool
) -> Iterator[tuple[Column[Any], ColumnElement[bool]]]:
    """Yield the other columns that contain times of the centre's clock and are still used, such as those of
    open alarms.

    Each column comes with the condition for the rows of this centre.
    """
    media, alert = tables.media.c, tables.alert.c
    gateways = select(tables.gateway.c.id).where(tables.gateway.c.ward.in_(wards))
    yield media.received_ms, media.gateway.in_(gateways)
    for column in (alert.since_ms, alert.opened_ms, alert.cleared_ms):
        yield column, alert.ward.in_(wards)
    yield from _stamps_of_open_alarms(wards)
    yield tables.gateway.c.heartbeat_ms, tables.gateway.c.ward.in_(wards)
    yield tables.presence.c.since_ms, tables.presence.c.ward.in_(wards)
    interval = tables.availability.c  # those of cameras have the gateways' times, which were right
    of_link = (interval.layer == "link") & interval.gateway.in_(gateways)
    yield interval.from_ms, of_link
    yield interval.to_ms, of_link
    yield tables.outage.c.since_ms, tables.outage.c.ward.in_(wards)
    yield tables.request.c.asked_ms, tables.request.c.ward.in_(wards)
    for column in (tables.transfer.c.began_ms, tables.transfer.c.last_ms):
        yield column, tables.transfer.c.ward.in_(wards)
    asked = tables.search_answer.c
    searches = select(asked.search).where(asked.ward.in_(wards))
    for column in (tables.search.c.asked_ms, tables.search.c.expires_ms):
        yield column, tables.search.c.id.in_(searches)
    for column in (asked.next_ms, asked.until_ms, asked.sent_ms, asked.answered_ms):
        yield column, asked.ward.in_(wards)
    for picture in (tables.search_picture.c, tables.search_scene.c):
        for column in (picture.asked_ms, picture.expires_ms, picture.next_ms, picture.sent_ms):
            yield column, picture.ward.in_(wards)
    hold = tables.passage_hold.c
    for column in (hold.asked_ms, hold.until_ms, hold.expires_ms, hold.next_ms, hold.sent_ms):
        yield column, hold.ward.in_(wards)
    step, journey = tables.journey_step.c, tables.journey.c
    # A journey of several wards is corrected by the centre of the ward in which its first passage was.
    journeys = select(step.journey).where(step.parent.is_(None), step.ward.in_(wards))
    for column in (journey.made_ms, journey.changed_ms):
        yield column, journey.id.in_(journeys)
    yield step.decided_ms, step.journey.in_(journeys)
    yield tables.journey_search.c.asked_ms, tables.journey_search.c.journey.in_(journeys)
    rules = tables.camera_rules.c
    for column in (rules.next_ms, rules.sent_ms, rules.received_ms):
        yield column, rules.ward.in_(wards)
    yield tables.conflict.c.last_ms, tables.conflict.c.gateway.in_(gateways)
    streams = select(tables.stream.c.id).where(tables.stream.c.gateway.in_(gateways))
    yield tables.gap.c.found_ms, tables.gap.c.stream.in_(streams)
    yield tables.loss.c.received_ms, tables.loss.c.gateway.in_(gateways)
    yield from _stamps_of_incidents(wards)
    claim = tables.claim.c
    for column in (claim.received_ms, claim.last_ms, claim.answered_ms, claim.withdrawn_ms):
        yield column, claim.ward.in_(wards)
    if exclusive_database:
        for end in (interval.from_ms, interval.to_ms):
            yield end, interval.layer == "centre"
        of_cases = (tables.case_file.c.opened_ms, tables.case_file.c.closed_ms, tables.case_item.c.added_ms)
        for other in (tables.handover.c.left_ms, tables.access.c.time_ms, *of_cases):
            yield other, other.is_not(None)


def _stamps_of_incidents(wards: Collection[str]) -> Iterator[tuple[Column[Any], ColumnElement[bool]]]:
    handling = tables.handling.c
    subjects = select(handling.subject).where(handling.ward.in_(wards))
    yield tables.handling_step.c.at_ms, tables.handling_step.c.subject.in_(subjects)
    for column in (handling.acknowledged_ms, handling.closed_ms):
        yield column, handling.ward.in_(wards)


def _stamps_of_open_alarms(wards: Collection[str]) -> Iterator[tuple[Column[Any], ColumnElement[bool]]]:
    row, silence = tables.alarm_row.c, tables.silence.c
    rows = select(row.id).where(row.ward.in_(wards))
    yield tables.open_alarm.c.received_ms, tables.open_alarm.c.alarm_row.in_(rows)
    for column in (row.first_ms, row.last_ms, row.first_waiting_ms, row.last_waiting_ms):
        yield column, row.ward.in_(wards)
    for column in (silence.from_ms, silence.until_ms, silence.ended_ms):
        yield column, silence.ward.in_(wards)
