"""The thread that polls the database and publishes changes to all listeners.

It reads new events by cursor and new steps of the incident log by id, and compares all rows of small tables
with those of the last poll.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from edge_agent.core.clock import wall_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.worker import SupervisedThread
from edge_central.console.alarms.silences import is_active
from edge_central.console.documents import parse_event
from edge_central.console.events import EVENT_COLUMNS
from edge_central.console.incident_log import FOR_ADMINISTRATORS
from edge_central.store import tables
from edge_central.store.database import (
    DatabaseConnections,
    DatabaseRejected,
    DatabaseUnavailable,
    newest_cursor,
)
from edge_central.store.presence_reports import read_outages
from edge_central.trusted_time.clock import FollowedClock
from edge_central.trusted_time.clock_store import read_clock_record
from edge_central.web.auth import accounts
from edge_central.web.auth.access_log import delete_old_accesses
from edge_central.web.auth.sessions import LoginSessions
from edge_central.web.live.hub import STALE, LiveHub, LiveMessage

log = logging.getLogger(__name__)

POLL_EVERY_S = 0.3
"""Poll interval while there are listeners: a change arrives within a second, plus reading and sending."""
POLL_RARELY_S = 2.0
RETRY_S = 2.0
FIRST_POLL_S = 5.0
CHECK_EVERY_S = 10.0  # interval of session checks: a stream ends at most this long after its session
SEEN_EVERY_S = 60.0
CLEAN_EVERY_S = 3_600.0
MOST_EVENTS = 1_000
"""Limit of events of a poll; if there are more, all listeners get ``stale`` and load their page again."""
MOST_STEPS = 500
"""The same limit for steps of the incident log: one officer may acknowledge a flood of alarms at once."""
NEWEST = 100  # number of rows that are read from a table that grows
NEWEST_SEARCHES = 200  # of all accounts; more may wait for gateways that are offline


@dataclass(frozen=True, slots=True)
class WatchedRow:
    ward: str
    document: dict[str, Any]
    account: str | None = None  # None: for all accounts of the ward; else for this one and administrators


WatchedRows = Mapping[object, WatchedRow]


def changes(kind: str, before: WatchedRows, now: WatchedRows) -> list[LiveMessage]:
    """Return new and changed rows. A removed row is returned as it was last, with ``gone``."""
    new = [row for key, row in now.items() if before.get(key) != row]
    gone = [
        WatchedRow(row.ward, row.document | {"gone": True}, row.account)
        for key, row in before.items()
        if key not in now or now[key].ward != row.ward
    ]
    return [LiveMessage(kind, each.ward, encode_json(each.document), each.account) for each in (*gone, *new)]


def _presence(connection: Connection) -> WatchedRows:
    columns = tables.presence.c
    rows = connection.execute(
        select(columns.gateway, columns.ward, columns.standing, columns.why, columns.since_ms)
    )
    return {row.gateway: WatchedRow(row.ward, dict(row._mapping)) for row in rows}


def _outages(connection: Connection) -> WatchedRows:
    return {each.ward: WatchedRow(each.ward, asdict(each)) for each in read_outages(connection)}


def _alerts(connection: Connection) -> WatchedRows:
    """Return the open alerts."""
    columns = tables.alert.c
    wanted = (
        *(columns.id, columns.ward, columns.gateway, columns.camera, columns.rule, columns.severity),
        *(columns.text, columns.since_ms, columns.opened_ms, columns.folded),
    )
    rows = connection.execute(select(*wanted).where(columns.cleared_ms.is_(None)))
    return {row.id: WatchedRow(row.ward, dict(row._mapping)) for row in rows}


def _silences(connection: Connection, now_ms: int) -> WatchedRows:
    """Return the active silences of the bell, so that one that ends by time is removed like one that an
    officer ends."""
    rows = connection.execute(select(tables.silence).where(is_active(now_ms)))
    return {row.id: WatchedRow(row.ward, dict(row._mapping)) for row in rows}


def _hidden(connection: Connection) -> WatchedRows:
    """Return the newest hidden events, which no longer ring. Who hid them is only for administrators."""
    columns = tables.hidden_event.c
    rows = connection.execute(
        select(columns.subject, columns.ward).order_by(columns.hidden_ms.desc()).limit(NEWEST)
    )
    return {row.subject: WatchedRow(row.ward, {}) for row in rows}


def _requests(connection: Connection) -> WatchedRows:
    """Return the requests to gateways with their status, and how much of a requested file has arrived."""
    columns, file = tables.request.c, tables.transfer.c
    wanted = (columns.id, columns.ward, columns.gateway, columns.about, columns.status)
    rows = connection.execute(select(*wanted).order_by(columns.asked_ms.desc()).limit(NEWEST))
    found: dict[object, WatchedRow] = {row.id: WatchedRow(row.ward, dict(row._mapping)) for row in rows}
    wanted_of_file = (file.id, file.ward, file.gateway, file.event_id.label("about"), file.received_parts)
    for row in connection.execute(select(*wanted_of_file).order_by(file.last_ms.desc()).limit(NEWEST)):
        found["file", row.id] = WatchedRow(row.ward, dict(row._mapping))
    return found


def _searches(connection: Connection) -> WatchedRows:
    """Return the newest searches, for the accounts that may read them: one row for each ward of a search.
    ``changes`` grows with each answer."""
    columns = tables.search.c
    query = select(columns.id, columns.asked_by, columns.wards, columns.changes).order_by(
        columns.asked_ms.desc()
    )
    return {
        (row.id, ward): WatchedRow(ward, {"search": row.id, "changes": row.changes}, row.asked_by)
        for row in connection.execute(query.limit(NEWEST_SEARCHES))
        for ward in row.wards.split()
    }


WATCHED_TABLES: dict[str, Callable[[Connection], WatchedRows]] = {
    "presence": _presence,
    "outage": _outages,
    "alert": _alerts,
    "hidden": _hidden,
    "request": _requests,
    "search": _searches,
}
"""Kind of message -> reader of its table, which is small: a few hundred rows, or one for each gateway."""


def event_message(row: Any) -> LiveMessage:
    """Return the fields of an event that a list shows."""
    document = dict(row._mapping)
    data = parse_event(document.pop("payload")).data
    document |= {
        "label": data.label,
        "zone": data.zone,
        "rule_id": data.rule_id,
        "media_id": data.snapshot.media_id if data.snapshot is not None else None,
    }
    return LiveMessage("event", row.ward, encode_json(document))


def step_messages(connection: Connection, since: int) -> list[LiveMessage]:
    """Return the steps of the incident log after ``since``, and the acknowledged incidents that they changed:
    an acknowledgement silences the bell in all browsers. As in the API, the texts of the steps and those that
    only administrators may see are left out."""
    columns, handling = tables.handling_step.c, tables.handling.c
    new = (columns.id > since) & columns.what.not_in(FOR_ADMINISTRATORS)
    wanted = (columns.id, columns.subject, columns.what, columns.at_ms, handling.ward)
    steps = select(*wanted).join_from(
        tables.handling_step, tables.handling, handling.subject == columns.subject
    )
    changed = select(tables.handling).where(
        handling.subject.in_(select(columns.subject).where(new)), handling.acknowledged_ms.is_not(None)
    )
    return [
        LiveMessage(kind, row.ward, encode_json(dict(row._mapping)))
        for kind, query in (("handling", changed), ("step", steps.where(new).order_by(columns.id)))
        for row in connection.execute(query)
    ]


class DatabaseFollower:
    def __init__(
        self,
        connections: DatabaseConnections,
        sessions: LoginSessions,
        hub: LiveHub,
        clock: FollowedClock,
        *,
        access_days: float,
        central_id: str,
    ) -> None:
        self.loop = SupervisedThread("live", self._run)
        self._connections = connections
        self._sessions = sessions
        self._hub = hub
        self._clock = clock
        self._access_days = access_days
        self._central_id = central_id
        self._cursor: int | None = None
        self._step_id: int | None = None
        self._shown: dict[str, WatchedRows] = {}
        self._error: str | None = None
        self._has_polled = threading.Event()
        self._checked_mono = self._seen_mono = clock.monotonic()
        self._cleaned_mono = clock.monotonic() - CLEAN_EVERY_S

    def start(self) -> None:
        """Start the thread and wait for its first poll, because listeners miss the changes before this poll.
        A database that does not answer delays the console only by ``FIRST_POLL_S``."""
        self.loop.start()
        self._has_polled.wait(FIRST_POLL_S)

    def stop(self) -> None:
        self.loop.stop()
        self._hub.joined.set()

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            loop.beat()
            patience_s = self._step()
            self._has_polled.set()
            if self._hub.count:
                loop.wait(patience_s)
            else:
                self._hub.joined.wait(max(patience_s, POLL_RARELY_S))
            self._hub.joined.clear()

    def _step(self) -> float:
        """Poll once, and return the seconds until the next poll."""
        try:
            self._poll()
            self._clean_up()
        except (DatabaseUnavailable, DatabaseRejected) as error:
            if self._error != str(error):
                log.warning("%s; no change is published live until it works again", error)
            self._error = str(error)
            return RETRY_S
        if self._error is not None:
            log.warning("the database works again: changes are published live")
            self._error = None
        return POLL_EVERY_S

    def _poll(self) -> None:
        with self._connections.reading() as connection:
            self._clock.follow(read_clock_record(connection, self._central_id))
            messages = self._events(connection) + self._incidents(connection)
            watched = {kind: read(connection) for kind, read in WATCHED_TABLES.items()}
            watched["silence"] = _silences(connection, wall_ms(self._clock))
            for kind, now in watched.items():
                if kind in self._shown:
                    messages += changes(kind, self._shown[kind], now)
                self._shown[kind] = now
        self._hub.publish(messages)

    def _events(self, connection: Connection) -> list[LiveMessage]:
        newest = newest_cursor(connection)
        since, self._cursor = self._cursor, newest
        if since is None:  # a page that was rendered before this first poll may lack events
            return [STALE]
        if newest == since:
            return []
        if newest < since or newest - since > MOST_EVENTS:  # a restored backup, or too many events
            return [STALE]
        wanted = select(*EVENT_COLUMNS).where(tables.event.c.cursor > since).order_by(tables.event.c.cursor)
        return [event_message(row) for row in connection.execute(wanted)]

    def _incidents(self, connection: Connection) -> list[LiveMessage]:
        newest = connection.scalar(select(func.max(tables.handling_step.c.id))) or 0
        since, self._step_id = self._step_id, newest
        if since is None or newest == since:
            return []
        if newest < since or newest - since > MOST_STEPS:
            return [STALE]
        return step_messages(connection, since)

    def _clean_up(self) -> None:
        """Check and renew the listeners' sessions; once an hour delete expired rows."""
        now, now_ms = self._clock.monotonic(), wall_ms(self._clock)
        if now - self._checked_mono >= CHECK_EVERY_S:
            self._checked_mono = now
            self._end_expired(now_ms)
        if now - self._seen_mono >= SEEN_EVERY_S:
            self._seen_mono = now
            people = {key for key, person in self._hub.listener_keys().items() if person}
            if people:
                with self._connections.writing() as connection:
                    self._sessions.mark_used(connection, people, now_ms)
        over_ms = self._clock.deletions_ms()
        if over_ms is not None and now - self._cleaned_mono >= CLEAN_EVERY_S:
            self._cleaned_mono = now
            with self._connections.writing() as connection:
                self._sessions.delete_expired(connection, now_ms)
                gone = delete_old_accesses(connection, self._access_days, over_ms)
            if gone:
                log.info("%d expired lines of the access log have been deleted", gone)

    def _end_expired(self, now_ms: int) -> None:
        listened = self._hub.listener_keys()
        if not listened:
            return
        with self._connections.reading() as connection:
            alive = self._sessions.valid_keys(connection, set(listened), now_ms)
            alive |= accounts.valid_tokens(connection, set(listened))
        self._hub.end(set(listened) - alive)
