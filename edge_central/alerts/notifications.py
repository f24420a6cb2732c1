"""Alerts as JSON for MQTT and the webhook, and the thread that posts them to the webhook.

The thread posts alerts in order, each until it is accepted, from its copy of the queue in the database.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal

from edge_agent import wire
from edge_agent.core.clock import Backoff, rfc3339_of_ms
from edge_agent.core.model import Severity
from edge_agent.core.problems import optional_problem
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.worker import SupervisedThread
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.alerts.json_post import (
    CAP_S,
    DEADLINE_S,
    FIRST_S,
    HANG_S,
    REJECTED_STATUSES,
    TIMEOUT_S,
    JsonPoster,
    PostFailed,
)
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind, AlertKey
from edge_central.alerts.rows import MAX_NOTIFICATIONS
from edge_central.settings import Webhook

log = logging.getLogger(__name__)

_WORDS: dict[Severity, Literal["info", "warning", "alarm"]] = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.ALARM: "alarm",
}


def encode_alert(alert: Alert) -> bytes:
    """Return the alert as JSON."""
    key = alert.key
    names = [name for name in (key.ward, key.gateway, key.rule, key.camera, str(alert.opened_ms)) if name]
    return encode_json(
        wire.CentralAlert(
            id="/".join(names),
            state="open" if alert.cleared_ms is None else "cleared",
            rule=key.rule,
            severity=_WORDS[alert.severity],
            ward=key.ward,
            gateway=key.gateway or None,
            camera=key.camera or None,
            text=str(alert.text),
            problem=optional_problem(alert.text),
            value=alert.value,
            since=rfc3339_of_ms(alert.since_ms),
            opened=rfc3339_of_ms(alert.opened_ms),
            cleared=None if alert.cleared_ms is None else rfc3339_of_ms(alert.cleared_ms),
            cleared_text=None if alert.cleared_text is None else str(alert.cleared_text),
            folded=alert.folded,
        )
    )


def messages_for(change: AlertChange, topics: CentralTopics) -> Iterator[MqttMessage]:
    """Yield the MQTT messages of a change: an open alert is retained; a cleared one is published once, and an
    empty retained message removes the old one."""
    if change.kind is AlertChangeKind.CLEARED:
        yield MqttMessage(alert_topic(change.alert.key, topics), encode_alert(change.alert))
        yield clearing_message(change.alert.key, topics)
    else:
        yield retained_message(change.alert, topics)


def retained_message(alert: Alert, topics: CentralTopics) -> MqttMessage:
    return MqttMessage(alert_topic(alert.key, topics), encode_alert(alert), retain=True)


def clearing_message(key: AlertKey, topics: CentralTopics) -> MqttMessage:
    return MqttMessage(alert_topic(key, topics), b"", retain=True)


def alert_topic(key: AlertKey, topics: CentralTopics) -> str:
    return topics.alert(key.ward, key.gateway, key.rule, key.camera)


class WebhookPoster:
    """The webhook thread. The ingest thread calls ``submit`` and ``delivered``, which never block."""

    def __init__(
        self, settings: Webhook, backoff: Backoff | None = None, deadline_s: float = DEADLINE_S
    ) -> None:
        self.loop = SupervisedThread("webhook", self._run, max_silence_s=HANG_S)
        self._poster = JsonPoster(settings.url, settings.secret, settings.ca_file, deadline_s)
        self._backoff = backoff or Backoff(FIRST_S, CAP_S)
        self._wake = threading.Event()
        self._lock = threading.Lock()  # protects the next two attributes
        self._waiting: deque[tuple[int, bytes]] = deque(maxlen=MAX_NOTIFICATIONS)
        self._delivered: list[int] = []

    def submit(self, waiting: Iterable[tuple[int, bytes]]) -> None:
        with self._lock:
            self._waiting.extend(waiting)
        self._wake.set()

    def delivered(self) -> list[int]:
        with self._lock:
            delivered, self._delivered = self._delivered, []
        return delivered

    @property
    def waiting(self) -> int:
        with self._lock:
            return len(self._waiting)

    def stop(self) -> None:
        """Request the stop; does not wait."""
        self.loop.stop()
        self._wake.set()

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            loop.beat()
            first = self._first()
            if first is None:
                self._wake.wait(5.0)
                self._wake.clear()
                continue
            try:
                status = self._poster.post(first[1])
            except PostFailed as error:
                self._wait(loop, str(error))
                continue
            if status in REJECTED_STATUSES:
                log.error("webhook: the server rejected an alert with status %d; it is dropped", status)
            self._backoff.succeeded(self._backoff.good_after_s)
            with self._lock:
                self._delivered.append(first[0])
                if self._waiting and self._waiting[0][0] == first[0]:
                    self._waiting.popleft()

    def _first(self) -> tuple[int, bytes] | None:
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def _wait(self, loop: SupervisedThread, why: str) -> None:
        delay_s = self._backoff.failed()
        with self._lock:
            count = len(self._waiting)
        level = logging.WARNING if self._backoff.failures == 1 else logging.DEBUG
        log.log(level, "webhook: %s; %d alerts are waiting, next attempt in %.0f s (failure %d in a row)",
                why, count, delay_s, self._backoff.failures)  # fmt: skip
        while delay_s > 0 and not loop.wait(min(delay_s, TIMEOUT_S)):
            delay_s -= TIMEOUT_S
