"""Pull points: what each subscription of an ONVIF client has not fetched yet.

A pull point has a queue of at most MAX_WAITING notifications. If a client does not fetch them in time, its
subscription ends, and the client learns this from a fault: no notification is left out silently. Events are
read only while there are subscriptions, by the requests that fetch them. Everything is in memory: after a
restart clients must subscribe again, as after the restart of a camera.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from edge_agent.core.clock import Clock
from edge_central.onvif.feed import NotificationFeed
from edge_central.onvif.notification import Notification, PropertyOperation
from edge_central.onvif.soap.topic_filter import TopicFilter
from edge_central.store.database import newest_cursor
from edge_central.store.scope import EVERYWHERE, Scope

MAX_PULL_POINTS = 100
MAX_OF_ACCOUNT = 8
MAX_WAITING = 100_000
"""Limit for the notifications of one pull point. A city has fewer states, which a new subscription gets all
at once. Pull points share the notifications: 100 full queues need some 120 MB."""
MAX_BEHIND = 100_000
"""Limit for the events since the last request of any client; beyond it, all subscriptions end."""
_ID_BYTES = 16


class TooManyPullPoints(Exception):
    """The account, or all accounts together, have the largest permitted number of pull points."""


class PullPointBusy(Exception):
    """Another request already waits for the messages of this pull point."""


@dataclass(eq=False, slots=True)
class PullPoint:
    """A subscription and its queue. Only ``PullPoints`` changes it. ``scope``: the scope of the account when
    it subscribed; a fetch applies the account's present scope too."""

    id: str
    account: str
    scope: Scope
    topics: TopicFilter
    changed_only: bool
    until_mono: float
    waiting: deque[Notification] = field(default_factory=deque)
    is_busy: bool = False


class PullPoints:
    """All pull points. Thread-safe. Methods with a connection read the database: call them on a worker
    thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._feed = NotificationFeed(EVERYWHERE)
        # ``_reading``: only one thread reads events at a time. ``_lock`` protects the pull points; hold it
        # only for a short time, because the event loop needs it too.
        self._reading = threading.Lock()
        self._lock = threading.Lock()
        self._points: dict[str, PullPoint] = {}

    # --- worker threads

    def create(
        self,
        connection: Connection,
        account: str,
        scope: Scope,
        topics: TopicFilter,
        lasts_s: float,
        *,
        changed_only: bool,
    ) -> PullPoint:
        """Add a pull point, with the present state of its properties unless it is ``changed_only``. Raises
        TooManyPullPoints."""
        with self._reading:
            self._check_number(account)
            self._catch_up(connection)
            until_mono = self._clock.monotonic() + lasts_s
            id_ = secrets.token_urlsafe(_ID_BYTES)
            point = PullPoint(id_, account, scope, topics, changed_only, until_mono)
            with self._lock:
                self._points[id_] = point
            self._add([point], self._feed.alive())
            return point

    def advance(self, connection: Connection) -> bool:
        """Read the next events, and distribute them to the pull points. Return whether there are more."""
        with self._reading:
            if self._is_too_far_behind(connection):
                return False
            found, more = self._feed.read(connection)
            with self._lock:
                points = list(self._points.values())
            self._add(points, found)
            return more

    def synchronise(self, connection: Connection, point: PullPoint) -> None:
        """Queue the present state of the properties of a pull point."""
        with self._reading:
            self._catch_up(connection)
            self._add([point], self._feed.alive())

    # --- any thread

    def find(self, id_: str, account: str) -> PullPoint | None:
        """Return the pull point. None: it has ended, or belongs to another account."""
        with self._lock:
            self._remove_expired()
            point = self._points.get(id_)
            return point if point is not None and point.account == account else None

    def has_ended(self, point: PullPoint) -> bool:
        with self._lock:
            return point.id not in self._points

    def begin(self, point: PullPoint) -> None:
        """Mark the pull point as busy: a request waits for its messages. ``finish`` must follow. Raises
        PullPointBusy."""
        with self._lock:
            if point.is_busy:
                raise PullPointBusy
            point.is_busy = True

    def take(self, point: PullPoint, most: int, scope: Scope) -> list[Notification]:
        """Remove and return the oldest notifications that ``scope`` admits."""
        found: list[Notification] = []
        with self._lock:
            while point.waiting and len(found) < most:
                each = point.waiting.popleft()
                if scope.admits(each.ward):
                    found.append(each)
        return found

    def finish(self, point: PullPoint, lasts_s: float) -> None:
        """End the request. The pull point lives for at least ``lasts_s`` from now on."""
        with self._lock:
            point.is_busy = False
            point.until_mono = max(point.until_mono, self._clock.monotonic() + lasts_s)

    def renew(self, point: PullPoint, lasts_s: float) -> None:
        with self._lock:
            point.until_mono = self._clock.monotonic() + lasts_s

    def remove(self, point: PullPoint) -> None:
        with self._lock:
            self._points.pop(point.id, None)

    # --- inside

    def _check_number(self, account: str) -> None:
        with self._lock:
            self._remove_expired()
            own = sum(point.account == account for point in self._points.values())
            if own >= MAX_OF_ACCOUNT or len(self._points) >= MAX_PULL_POINTS:
                raise TooManyPullPoints

    def _catch_up(self, connection: Connection) -> None:
        """Read all new events, so that the states of all topics are current."""
        with self._lock:
            points = list(self._points.values())
        if not points or self._is_too_far_behind(connection):
            self._feed.start(connection, newest_cursor(connection))
            return
        more = True
        while more:
            found, more = self._feed.read(connection)
            self._add(points, found)

    def _is_too_far_behind(self, connection: Connection) -> bool:
        """Return whether too many events have come since the last request. If so, end all subscriptions."""
        if newest_cursor(connection) - self._feed.cursor <= MAX_BEHIND:
            return False
        with self._lock:
            self._points.clear()
        return True

    def _add(self, points: Iterable[PullPoint], notifications: Iterable[Notification]) -> None:
        notifications = list(notifications)
        matching = [(point, _matching(point, notifications)) for point in points]  # slow: no lock
        with self._lock:
            for point, found in matching:
                self._queue(point, found)

    def _queue(self, point: PullPoint, found: Sequence[Notification]) -> None:
        if len(point.waiting) + len(found) > MAX_WAITING:
            self._points.pop(point.id, None)
            point.waiting.clear()
        else:
            point.waiting.extend(found)

    def _remove_expired(self) -> None:
        now = self._clock.monotonic()
        for point in list(self._points.values()):
            if not point.is_busy and now >= point.until_mono:
                del self._points[point.id]


def _matching(point: PullPoint, notifications: Iterable[Notification]) -> list[Notification]:
    unwanted = {PropertyOperation.INITIALIZED, PropertyOperation.DELETED} if point.changed_only else set()
    return [
        each
        for each in notifications
        if each.operation not in unwanted
        and point.scope.admits(each.ward)
        and point.topics.matches(each.topic.path)
    ]
