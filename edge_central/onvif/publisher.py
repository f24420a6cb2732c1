"""The thread that publishes stored events over MQTT, as ONVIF devices do.

The thread reads events by cursor, and stores the cursor when the broker has acknowledged the messages. So
nothing is lost while the broker is away; after a crash the last messages are published twice. Each centre
publishes only the events of its wards, so each event is published once, even if there are several centres.
The thread has a separate broker session, whose user may only write these topics.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from itertools import islice

from sqlalchemy import Connection

from edge_agent.core.clock import Clock
from edge_agent.core.worker import SupervisedThread
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest.broker_session import CentralBrokerSession
from edge_central.onvif.event_json import event_message
from edge_central.onvif.feed import NotificationFeed
from edge_central.onvif.notification import Notification
from edge_central.settings import CentralSettings
from edge_central.store.database import (
    DatabaseConnections,
    DatabaseRejected,
    DatabaseUnavailable,
    newest_cursor,
    read_meta,
    write_meta,
)
from edge_central.store.scope import Scope

log = logging.getLogger(__name__)

POLL_EVERY_S = 0.5
RETRY_S = 5.0
"""Wait before the next attempt after the database failed."""
WRITE_EVERY = 1_000
"""After this many events without a notification the cursor is stored too."""
MAX_BEHIND = 100_000
"""Events that are further behind the newest one than this are no longer published."""
MAX_FIRST = 10_000
"""At most this many properties are published with their state at the first start."""
CLOSE_TIMEOUT_S = 0.3


class OnvifPublisher:
    """The publisher, which runs in ``loop``. No other thread may use its broker session."""

    def __init__(self, settings: CentralSettings, clock: Clock) -> None:
        assert settings.onvif is not None
        self.loop = SupervisedThread("onvif", self._run, max_silence_s=120.0)
        self._topics = CentralTopics(settings.mqtt.root, settings.id)
        self._scope = Scope(frozenset(settings.wards))
        self._key = f"onvif-place {settings.id}"
        self._clock = clock
        self._connections = DatabaseConnections(settings.database)
        self._wake = threading.Event()
        mqtt = settings.onvif.mqtt(settings.mqtt)
        self._broker = CentralBrokerSession(mqtt, settings.onvif.id, (), None, clock, self._wake.set)
        self._feed: NotificationFeed | None = None  # None: it must be started at the stored cursor
        self._stored = 0  # the stored cursor
        self._session = ""  # session of the messages that wait for PUBACK; empty: none wait
        self._retry_mono = 0.0

    def stop(self) -> None:
        """Request the stop; does not wait."""
        self.loop.stop()
        self._wake.set()

    def _run(self, loop: SupervisedThread) -> None:
        self._feed, self._session = None, ""  # the supervisor may have restarted this loop
        try:
            while not loop.stopping:
                loop.beat()
                self._broker.poll()
                more = self._broker.online and self._clock.monotonic() >= self._retry_mono and self._try()
                self._wake.wait(0.0 if more else self._broker.wait_s(POLL_EVERY_S))
                self._wake.clear()
        finally:
            self._broker.close(None, CLOSE_TIMEOUT_S)
        self._connections.close()

    def _try(self) -> bool:
        """Do the next step. Return whether there is more to do at once."""
        try:
            return self._step()
        except (DatabaseUnavailable, DatabaseRejected) as error:
            self._feed, self._session = None, ""
            self._retry_mono = self._clock.monotonic() + RETRY_S
            log.warning("onvif: %s; next attempt in %.0f s", error, RETRY_S)
            return False

    def _step(self) -> bool:
        if self._session and self._session != self._broker.session:
            self._feed, self._session = None, ""  # the session ended before the broker acknowledged all
        if self._session and self._broker.has_unacknowledged:
            return False
        if self._feed is not None and (self._session or self._feed.cursor - self._stored >= WRITE_EVERY):
            self._session = ""
            self._store(self._feed.cursor)
        if self._feed is None:
            self._feed = self._start()
            return True
        with self._connections.reading() as connection:
            found, more = self._feed.read(connection)
        self._publish(found)
        return more and not found

    def _start(self) -> NotificationFeed:
        """Return a feed that begins at the stored cursor. At the first start there is none: publish only the
        present states."""
        feed = NotificationFeed(self._scope)
        with self._connections.reading() as connection:
            place = self._place(connection)
            feed.start(connection, newest_cursor(connection) if place is None else place)
        # A change of presence while this thread was stopped is not stored as an event. So the retained states
        # of the gateways are published again.
        self._publish(islice(feed.alive() if place is None else feed.gateways(), MAX_FIRST))
        self._session = self._broker.session  # so that the next step stores the cursor in any case
        return feed

    def _place(self, connection: Connection) -> int | None:
        text, newest = read_meta(connection, self._key), newest_cursor(connection)
        if text is None or not text.isdecimal():
            return None
        place = int(text)
        if newest - place > MAX_BEHIND:
            log.warning("onvif: %d events are not published: they are too old", newest - MAX_BEHIND - place)
        return min(max(place, newest - MAX_BEHIND), newest)

    def _publish(self, notifications: Iterable[Notification]) -> None:
        for each in notifications:
            self._session = self._broker.session
            self._broker.publish(event_message(self._topics, each))

    def _store(self, cursor: int) -> None:
        with self._connections.writing() as connection:
            write_meta(connection, self._key, str(cursor))
        self._stored = cursor
