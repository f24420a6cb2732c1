"""The thread of Web Push: adds due messages to the devices' queues, and posts them to the push services."""

from __future__ import annotations

import logging
import queue
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial

from sqlalchemy import Connection

from edge_agent import __version__
from edge_agent.core.clock import Clock, wall_ms
from edge_agent.core.worker import SupervisedThread
from edge_central.alerts.json_post import HANG_S, REJECTED_STATUSES, PostFailed, exchange, tls_context
from edge_central.console.site_names import FleetSheet
from edge_central.settings import Console
from edge_central.store.database import DatabaseConnections, DatabaseRejected, DatabaseUnavailable
from edge_central.web.push import waiting
from edge_central.web.push.collecting import (
    UNACKNOWLEDGED_S,
    NoticeReader,
    collect,
    forget_places,
    place_name,
    store,
    unused_places,
)
from edge_central.web.push.devices import Recipient, recipients
from edge_central.web.push.encryption import encrypt
from edge_central.web.push.endpoint import CheckedConnection, EndpointRefused, checked_endpoint
from edge_central.web.push.vapid import VapidKey
from edge_central.web.push.waiting import LIFETIME_S, PushMessage
from edge_central.webhook_settings import PushSettings

log = logging.getLogger(__name__)

POLL_EVERY_S = 1.0
COLLECT_EVERY_S = 5.0
"""Interval while messages wait that can be sent: new ones would displace them in the bounded queues."""
RETRY_S = 5.0
"""Wait before the next attempt after the database failed."""
LATE_EVERY_S = 5.0
"""Interval in which unacknowledged alarms are read. It is longer than the interval for new alarms, because an
alarm is sent as unacknowledged only after minutes, and the query costs as much."""
AT_ONCE = 8
"""Number of messages that are posted at the same time, each to another device."""
GONE_STATUSES = frozenset({404, 410})
"""The subscription does not exist any more (RFC 8030, 7.3)."""


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """The answer to a post. ``status`` 0: there was no answer, and ``problem`` is the reason; if ``problem``
    is empty, the message cannot be sent."""

    message: PushMessage
    status: int
    problem: str = ""
    retry_after_s: float = 0.0

    @property
    def is_unreachable(self) -> bool:
        return self.status == 0 and self.problem != ""


class PushSender:
    def __init__(
        self,
        console: Console,
        push: PushSettings,
        key: VapidKey,
        connections: DatabaseConnections,
        sheet: FleetSheet,
        clock: Clock,
    ) -> None:
        """Raises CentralError if ``ca_file`` holds no certificate."""
        self.loop = SupervisedThread("push", self._run, max_silence_s=HANG_S)
        self._console, self._push = console, push
        self._key = key
        self._tls: ssl.SSLContext = tls_context(push.ca_file)
        self._connections = connections
        self._sheet = sheet
        self._clock = clock
        self._is_busy = self._more = False  # sendable messages wait; more is due than was collected
        self._collected_mono = clock.monotonic()
        self._late_mono = clock.monotonic() - LATE_EVERY_S

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            loop.beat()
            try:
                wait_s = 0.0 if self.step() else POLL_EVERY_S
            except (DatabaseUnavailable, DatabaseRejected) as error:
                log.warning("push: %s; next attempt in %.0f s", error, RETRY_S)
                wait_s = RETRY_S
            loop.wait(wait_s)

    def step(self) -> bool:
        """Collect and post once. False: nothing more is due. Raises DatabaseUnavailable, DatabaseRejected."""
        now_ms = wall_ms(self._clock)
        with self._connections.reading() as connection:
            found = recipients(connection, self._key.public, self._console, now_ms)
        now_mono = self._clock.monotonic()
        if not self._is_busy or now_mono - self._collected_mono >= COLLECT_EVERY_S:
            self._collected_mono = now_mono
            late = self._more or now_mono - self._late_mono >= LATE_EVERY_S
            self._late_mono = now_mono if late else self._late_mono
            self._more = self._collect(found, now_ms, UNACKNOWLEDGED_S if late else UNACKNOWLEDGED_S[:1])
        self._is_busy = self._deliver({each.device.id: each for each in found}, now_ms)
        return self._is_busy or self._more

    # --- from events and alerts into the queues ---

    def _collect(self, found: list[Recipient], now_ms: int, delays: Sequence[int]) -> bool:
        """Read what is due for the devices with these delays. Return whether more is due."""
        reader = NoticeReader(self._sheet.names(), self._console.timezone, now_ms)
        groups = {
            seconds: [each for each in found if each.device.filter.unacknowledged_s == seconds]
            for seconds in UNACKNOWLEDGED_S
        }
        names = {seconds: place_name(self._key.public, seconds) for seconds, group in groups.items() if group}
        with self._connections.reading() as connection:
            unused = unused_places(connection, self._key.public, list(names.values()))
            collected = [
                collect(connection, groups[seconds], seconds, name, reader)
                for seconds, name in names.items()
                if seconds in delays
            ]
        changed = [each for each in collected if each.is_to_store]
        if changed or unused:
            with self._connections.writing() as connection:
                forget_places(connection, unused)
                for each in changed:
                    store(connection, each, now_ms)
        return any(each.more for each in collected)

    # --- from the queues to the services ---

    def _deliver(self, found: dict[int, Recipient], now_ms: int) -> bool:
        with self._connections.reading() as connection:
            messages = waiting.next_messages(connection, self._key.public, now_ms, AT_ONCE)
            expired = waiting.count_expired(connection, now_ms)
        if not messages and not expired:
            return False
        fresh = [each for each in messages if each.made_ms >= now_ms - LIFETIME_S * 1000]
        lost = [each for each in fresh if not _may_read(found.get(each.device), each)]
        answers = self._post_together([each for each in fresh if each not in lost])
        with self._connections.writing() as connection:
            waiting.give_up_expired(connection, now_ms)
            waiting.drop(connection, (each.id for each in lost))
            reached = {each.message.service for each in answers if each.status}
            waiting.record_reachable(connection, reached)
            unreached = {each.message.service: each.problem for each in answers if each.is_unreachable}
            for service, problem in unreached.items():
                log.warning("push: %s: %s; its messages are tried again later", service, problem)
                waiting.record_unreachable(connection, service, problem, now_ms)
            for each in answers:
                if not each.is_unreachable:
                    _record(connection, each, now_ms)
        return bool(messages)

    def _post_together(self, messages: list[PushMessage]) -> list[PushAnswer]:
        """Post these messages at the same time. Return the answers that come before the thread has to
        stop."""
        answered: queue.SimpleQueue[PushAnswer] = queue.SimpleQueue()
        for each in messages:
            work = partial(self._answer, each, answered)
            threading.Thread(target=work, name="push-post", daemon=True).start()
        answers: list[PushAnswer] = []
        while len(answers) < len(messages) and not self.loop.stopping:
            try:
                answers.append(answered.get(timeout=POLL_EVERY_S))
            except queue.Empty:
                self.loop.beat()
        return answers

    def _answer(self, message: PushMessage, answered: queue.SimpleQueue[PushAnswer]) -> None:
        try:
            answered.put(self._post(message))
        except Exception:
            log.exception("push: %s cannot be sent to %s", message.subject, message.service)
            answered.put(PushAnswer(message, 0))

    def _post(self, message: PushMessage) -> PushAnswer:
        now_ms = wall_ms(self._clock)
        try:
            endpoint = checked_endpoint(message.endpoint, self._push.services)
            headers = {
                "Authorization": self._key.authorization(endpoint.service, self._push.contact, now_ms),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(LIFETIME_S),
                "Topic": message.topic,
                "Urgency": "high",
                "User-Agent": f"edge-central/{__version__}",
            }
            connection = CheckedConnection(endpoint, self._push.networks, self._tls)
            body = encrypt(message.payload, message.keys())
            answer = exchange(connection, endpoint.target, body, headers)
        except PostFailed as error:
            return PushAnswer(message, 0, str(error))
        except EndpointRefused:  # the list has changed since the device was stored
            return PushAnswer(message, 0, "this push service is not in console.push.services")
        wait_s = seconds_of(answer.retry_after, now_ms)
        return PushAnswer(message, answer.status, retry_after_s=wait_s)


def _may_read(recipient: Recipient | None, message: PushMessage) -> bool:
    """Whether the user may still read the message: the account may have lost the ward since the event."""
    return recipient is not None and (not message.ward or recipient.scope.admits(message.ward))


def seconds_of(retry_after: str | None, now_ms: int) -> float:
    """Return the seconds until a Retry-After (RFC 9110, 10.2.3), at most LIFETIME_S; 0 if invalid."""
    if retry_after is None:
        return 0.0
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text[:9]), LIFETIME_S))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    until_ms = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
    return min(max(0.0, (until_ms - now_ms) / 1000), float(LIFETIME_S))


def _record(connection: Connection, answer: PushAnswer, now_ms: int) -> None:
    message, status = answer.message, answer.status
    if 200 <= status < 300:
        waiting.record_success(connection, message, now_ms)
        waiting.record_answer(connection, message, status, now_ms)
    elif status in GONE_STATUSES:
        waiting.record_answer(connection, message, status, now_ms)
        waiting.end_subscription(connection, message, now_ms)
        log.info("push: %s has ended a subscription of %s", message.service, message.account)
    elif status in REJECTED_STATUSES or not status:
        log.error("push: %s: %s is given up with status %d", message.service, message.subject, status)
        waiting.record_answer(connection, message, status, now_ms)
    else:
        problem = f"the push service answers with status {status}"
        waiting.postpone(connection, message, problem, answer.retry_after_s, now_ms)
