"""The thread that publishes stored events over MQTT, as ONVIF devices do.

It reads events by cursor and stores how far it has come once the broker has acknowledged them, so that
nothing is lost while the broker is away; after a crash the last messages come twice. Each centre publishes
the events of its own wards, so each event is published once however many centres there are. It has a broker
session of its own, as a user that may write these topics and nothing else.
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
"""Events without a notification after which the place is stored all the same."""
MAX_BEHIND = 100_000
"""Older events are not published any more."""
MAX_FIRST = 10_000
"""Properties whose state is published at the first start."""
CLOSE_TIMEOUT_S = 0.3


class OnvifPublisher:
    """``loop`` runs it; nothing else may use its broker session."""

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
        self._feed: NotificationFeed | None = None  # None: to be started at the stored place
        self._stored = 0  # cursor of the stored place
        self._session = ""  # of the messages that wait for their PUBACK; empty: none wait
        self._retry_mono = 0.0

    def stop(self) -> None:
        """Request the stop; does not wait."""
        self.loop.stop()
        self._wake.set()

    def _run(self, loop: SupervisedThread) -> None:
        self._feed, self._session = None, ""  # the supervisor may have started this loop again
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
        """Do the next step; whether there is more to do at once."""
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
        """Begin at the stored place. At the first start only the present states are published."""
        feed = NotificationFeed(self._scope)
        with self._connections.reading() as connection:
            place = self._place(connection)
            feed.start(connection, newest_cursor(connection) if place is None else place)
        # What gateways did meanwhile is no event: their states are published again, as they are retained.
        self._publish(islice(feed.alive() if place is None else feed.gateways(), MAX_FIRST))
        self._session = self._broker.session  # the place is stored in any case
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
