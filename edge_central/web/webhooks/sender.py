"""The thread of one webhook: posts what is due in order, repeating each post until the receiver answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from edge_agent.core.clock import Backoff, Clock, wall_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.worker import SupervisedThread
from edge_central.alerts.json_post import CAP_S, FIRST_S, HANG_S, REJECTED_STATUSES, JsonPoster, PostFailed
from edge_central.console.site_names import FleetSheet
from edge_central.store.database import DatabaseConnections, DatabaseRejected, DatabaseUnavailable
from edge_central.store.scope import Scope
from edge_central.web.webhooks.due import (
    DueNotice,
    WebhookPlace,
    newest_place,
    next_step,
    read_place,
    write_delivery,
    write_failure,
    write_place,
)
from edge_central.web.webhooks.milestone import CONTENT_TYPE, UNKNOWN_EVENT, analytics_event
from edge_central.web.webhooks.notice import notice_of
from edge_central.webhook_settings import EventWebhook

log = logging.getLogger(__name__)

POLL_EVERY_S = 1.0
RETRY_S = 5.0
"""Wait before the next attempt after the database failed."""
WRITE_EVERY = 1_000
"""The position is stored after so many events, even if none of them matched."""


class WebhookSender:
    def __init__(
        self,
        webhook: EventWebhook,
        connections: DatabaseConnections,
        sheet: FleetSheet,
        clock: Clock,
        *,
        wards: Sequence[str],
        url: str,
        timezone: ZoneInfo,
        backoff: Backoff | None = None,
    ) -> None:
        """Raises CentralError if ``ca_file`` holds no certificate."""
        self.loop = SupervisedThread(f"webhook-{webhook.id}", self._run, max_silence_s=HANG_S)
        self._webhook = webhook
        is_xml = webhook.milestone is not None
        self._poster = JsonPoster(
            webhook.url,
            webhook.secret,
            webhook.ca_file,
            content_type=CONTENT_TYPE if is_xml else "application/json",
            reads_answer=is_xml,
        )
        self._connections = connections
        self._sheet = sheet
        self._clock = clock
        self._scope = Scope(frozenset(webhook.wards or wards))
        self._url = url.rstrip("/")
        self._timezone = timezone
        self._backoff = backoff or Backoff(FIRST_S, CAP_S)
        self._attempts = 0  # number of attempts to post the present notice

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            loop.beat()
            try:
                wait_s = 0.0 if self._step() else POLL_EVERY_S
            except PostFailed as error:
                wait_s = self._failed(str(error))
            except (DatabaseUnavailable, DatabaseRejected) as error:
                log.warning("webhook %s: %s; next attempt in %.0f s", self._webhook.id, error, RETRY_S)
                wait_s = RETRY_S
            while wait_s > 0 and not loop.wait(min(wait_s, HANG_S / 10)):
                loop.beat()
                wait_s -= HANG_S / 10

    def _step(self) -> bool:
        """Post one notice, or skip one page of events. Returns False if nothing is due."""
        now_ms = wall_ms(self._clock)
        with self._connections.reading() as connection:
            place = read_place(connection, self._webhook.id)
            if place is None:
                found, place = None, newest_place(connection)
            else:
                found = next_step(connection, self._webhook, self._scope, place, now_ms)
        if found is None:
            self._store(place)
            return False
        if found.notice is None:
            passed = found.place.cursor - place.cursor
            if found.more or passed >= WRITE_EVERY or found.place.alert != place.alert:
                self._store(found.place)
            return found.more
        self._post(found.notice, now_ms)
        return True

    def _post(self, due: DueNotice, now_ms: int) -> None:
        """Post a notice and record the answer. Raises PostFailed."""
        body = self._body(due)
        if body is None:
            self._store(due.place)
            return
        self._attempts += 1
        status = self._poster.post(body)
        if status in REJECTED_STATUSES:
            words = (self._webhook.id, due.subject, status)
            log.error("webhook %s: the receiver rejects %s with status %d", *words)
        attempts, self._attempts = self._attempts, 0
        self._backoff.succeeded(self._backoff.good_after_s)
        problem = self._unknown_to_xprotect(due)
        with self._connections.writing() as connection:
            write_delivery(connection, self._webhook.id, due, status, attempts, now_ms, problem)

    def _unknown_to_xprotect(self, due: DueNotice) -> str | None:
        """Return why XProtect ignores an event that it accepted. None: no reason is known."""
        if UNKNOWN_EVENT not in self._poster.answer:
            return None
        problem = f"XProtect has no analytics event called {due.kind}: define it in the Management Client"
        log.warning("webhook %s: %s", self._webhook.id, problem)
        return problem

    def _body(self, due: DueNotice) -> bytes | None:
        """Return the document. None: it cannot be made."""
        names, webhook = self._sheet.names(), self._webhook
        try:
            notice = notice_of(due, names, self._url, self._timezone, webhook.id, webhook.unacknowledged_s)
            if webhook.milestone is not None:
                return analytics_event(notice, due, webhook.milestone)
            return encode_json(notice)
        except Exception:
            log.exception("webhook %s: %s cannot be posted; the next one follows", webhook.id, due.subject)
            return None

    def _failed(self, problem: str) -> float:
        """Record the failure, and return the seconds until the next attempt."""
        delay_s = self._backoff.failed()
        level = logging.WARNING if self._backoff.failures == 1 else logging.DEBUG
        words = (self._webhook.id, problem, delay_s, self._backoff.failures)
        log.log(level, "webhook %s: %s; next attempt in %.0f s (failure %d in a row)", *words)
        try:
            with self._connections.writing() as connection:
                write_failure(connection, self._webhook.id, problem, wall_ms(self._clock))
        except (DatabaseUnavailable, DatabaseRejected) as error:
            log.warning("webhook %s: %s", self._webhook.id, error)
        return delay_s

    def _store(self, place: WebhookPlace) -> None:
        with self._connections.writing() as connection:
            write_place(connection, self._webhook.id, place)
