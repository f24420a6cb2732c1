"""Feeds the book of alerts, keeps what it says in the database, and tells it: committed first, told then."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import msgspec
from sqlalchemy import Connection

from edge_agent import wire
from edge_agent.core.clock import Clock
from edge_agent.core.facts import TAMPER
from edge_agent.core.model import Severity
from edge_agent.mqtt.session.client import Message
from edge_agent.wire.central_topics import CentralTopics
from edge_agent.wire.received.health import read_health
from edge_agent.wire.received.messages import Event, Heartbeat
from edge_central.alert_rules.measures import Measure
from edge_central.alert_rules.rules import AlertSettings
from edge_central.alerts import documents, rows
from edge_central.alerts.book import Book
from edge_central.alerts.model import Alert, Change, Key, What
from edge_central.alerts.rows import CONFLICT_MS, Conflict, Kept
from edge_central.ingest.batch_writer import Stored
from edge_central.ingest.report import PATIENCE_MS
from edge_central.store.fleet_state import Known
from edge_central.store.presence_reports import Report
from edge_central.store.streams import Why
from edge_central.trusted_time.clock import Correction

log = logging.getLogger(__name__)

MISSING_FOR_MS = 86_400_000
"""A gap that stays is an alert for a day, and remains in ``status``."""
PENDING_FROM_S = 3_600.0
"""What has to last so long is remembered over a restart."""
PENDING_EVERY_S = 60.0
FRESH_MS = 600_000
"""An event about a view or a rule that is older does not describe the present: it waited in an outbox."""
MOST_OVER = 2_000
MOST_RETAINED = 1_000
"""Counted of one gateway."""

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ALARM: logging.ERROR}


class Outlet(Protocol):
    """The webhook, as far as it is known here."""

    def submit(self, waiting: Iterable[tuple[int, bytes]]) -> None:
        """Post these after what was submitted before."""
        ...

    def taken(self) -> list[int]:
        """Ids of what was taken since the last call."""
        ...


class _View(msgspec.Struct):
    data: wire.CameraViewData


class _Override(msgspec.Struct):
    data: wire.RuleOverrideData


_T = TypeVar("_T", _View, _Override)


class Desk:
    """One thread uses it; ``begin`` first."""

    def __init__(
        self,
        settings: AlertSettings,
        wards: Sequence[str],
        topics: CentralTopics,
        clock: Clock,
        webhook: Outlet | None = None,
    ) -> None:
        self._settings = settings
        self._wards = wards
        self._topics = topics
        self._clock = clock
        self._webhook = webhook
        self._book: Book | None = None
        self._changes: list[Change] = []  # not written yet
        self._queued: list[tuple[int, bytes]] = []
        self._taken: list[int] = []
        self._over: dict[Key, None] = {}
        self._pending: dict[Key, int] = {}  # as the table has it
        self._new_pending: dict[Key, int] | None = None
        self._pending_mono = clock.monotonic()
        self._session = self._heard_session = ""
        self._retained: dict[str, set[str]] = {}  # gateway -> topics, in this session with the broker
        self._conflicts: dict[str, Conflict] = {}  # by gateway

    @property
    def begun(self) -> bool:
        return self._book is not None

    @property
    def open(self) -> list[Alert]:
        return [] if self._book is None else self._book.open()

    def read(self, connection: Connection) -> Kept:
        return rows.read(connection, self._wards, self._now_ms())

    def begin(self, kept: Kept, told: Iterable[Report]) -> None:
        """``told`` is what presence had told."""
        mono, now_ms = self._clock.monotonic(), self._now_ms()
        self._book = Book(self._settings, kept.alerts, kept.pending, mono, now_ms)
        self._pending = dict(kept.pending)
        self._conflicts = dict(kept.conflicts)
        self._over = dict.fromkeys(kept.over[-MOST_OVER:])
        for gateway, ward, heartbeat in kept.heartbeats:
            try:
                version = read_health(heartbeat).version
            except (msgspec.DecodeError, RecursionError):  # of another version of the centre
                continue
            self._book.runs(gateway, ward, version)
        for report in told:
            self._changes += self._book.report(report, mono, now_ms)
        if self._webhook is not None:
            self._webhook.submit(kept.notifications)

    def heard(self, stored: Stored, session: str = "") -> None:
        """Of a committed batch, which came in that session with the broker."""
        if self._book is None:
            return
        if session != self._heard_session:  # the broker sends again what it retains
            self._heard_session = session
            self._retained.clear()
        mono, now_ms = self._clock.monotonic(), self._now_ms()
        for sign in stored.signs:
            if isinstance(sign, Heartbeat):
                self._changes += self._book.heartbeat(sign.gateway, sign.ward, sign.health, mono, now_ms)
        for (gateway, ward), count in stored.alarms.items():
            self._changes += self._book.alarms(gateway, ward, count, stored.received_ms, mono, now_ms)
        for gateway, topics in stored.retained.items():
            known = self._retained.setdefault(gateway, set())
            known.difference_update(topic for topic, is_there in topics.items() if not is_there)
            new = [topic for topic, is_there in topics.items() if is_there and topic not in known]
            known.update(new[: MOST_RETAINED - len(known)])
        for event in stored.views:
            self._view(self._book, event, mono, now_ms)
        for event in stored.overrides:
            self._override(self._book, event, mono, now_ms)
        for gateway, events in stored.conflicts.items():
            before = self._conflicts.get(gateway, Conflict(0, now_ms))
            self._conflicts[gateway] = Conflict(before.events + events, now_ms)
        if stored.conflicts:
            self._judge_conflicts(self._book, mono, now_ms)

    def _judge_conflicts(self, book: Book, mono: float, now_ms: int) -> None:
        for gateway, conflict in list(self._conflicts.items()):
            if now_ms - conflict.last_ms >= CONFLICT_MS:
                del self._conflicts[gateway]
        events = {gateway: conflict.events for gateway, conflict in self._conflicts.items()}
        self._changes += book.conflicts(events, mono, now_ms)

    def corrected(self, correction: Correction) -> None:
        """The database has right times now: what is open goes by them too, and is published again."""
        if self._book is None:
            return
        self._book.corrected(correction)
        self._changes = [
            replace(change, alert=change.alert.corrected(correction)) for change in self._changes
        ]
        self._conflicts = {
            gateway: replace(conflict, last_ms=correction.of(conflict.last_ms))
            for gateway, conflict in self._conflicts.items()
        }
        self._session = ""

    def missing(self, known: Known) -> None:
        """Gaps that should have closed by now; and conflicts, until they are a day old."""
        if self._book is None:
            return
        now_ms, counts = self._now_ms(), dict[str, int]()
        for stream in known.streams.values():
            for gap in stream.gaps:
                if gap.why is Why.MISSING and PATIENCE_MS <= now_ms - gap.found_ms < MISSING_FOR_MS:
                    counts[stream.gateway] = counts.get(stream.gateway, 0) + len(gap)
        mono = self._clock.monotonic()
        self._changes += self._book.counted(Measure.MISSING_EVENTS, counts, mono, now_ms)
        self._judge_conflicts(self._book, mono, now_ms)

    def centre(self, measure: Measure, trouble: str | None) -> None:
        """What is wrong with the centre itself; None: nothing."""
        if self._book is not None and self._wards:
            ward, mono = self._wards[0], self._clock.monotonic()
            self._changes += self._book.centre(ward, measure, trouble, mono, self._now_ms())

    def tick(self, reports: Iterable[Report], connected_mono: float | None) -> None:
        """``reports``: what presence has just told."""
        if self._book is None:
            return
        mono, now_ms = self._clock.monotonic(), self._now_ms()
        for report in reports:
            self._changes += self._book.report(report, mono, now_ms)
        retained = {gateway: len(topics) for gateway, topics in self._retained.items()}
        self._changes += self._book.counted(Measure.RETAINED_MESSAGES, retained, mono, now_ms)
        self._changes += self._book.tick(mono, now_ms, connected_mono)
        if mono - self._pending_mono >= PENDING_EVERY_S:
            self._pending_mono = mono
            pending = self._book.pending(PENDING_FROM_S)
            self._new_pending = pending if pending != self._pending else None
        if self._webhook is not None:
            self._taken += self._webhook.taken()

    @property
    def has_news(self) -> bool:
        return bool(self._changes or self._taken) or self._new_pending is not None

    def write(self, connection: Connection) -> None:
        """All of it, for ``written``."""
        self._queued = []
        for change in self._changes:
            rows.write(connection, change)
        if self._new_pending is not None:
            rows.write_pending(connection, self._new_pending, self._pending)
        if self._webhook is not None:
            told = [
                (each.alert.key.ward, documents.body(each.alert))
                for each in self._changes
                if each.what is not What.CHANGED
            ]
            self._queued = rows.queue(connection, told, self._now_ms())
            lost = rows.unqueue(connection, self._taken) if told or self._taken else 0
            if lost:
                log.error("webhook: %d alerts are not posted any more: too many wait, the oldest went", lost)

    def written(self, session: str | None, publish: Callable[[Message], None]) -> None:
        """That transaction is committed: tell it; ``session`` with the broker, None: there is none."""
        changes, self._changes, self._taken = self._changes, [], []
        if self._new_pending is not None:
            self._pending, self._new_pending = self._new_pending, None
        if self._webhook is not None:
            self._webhook.submit(self._queued)
        for change in changes:
            _log(change)
            self._remember(change)
            # What is open is told to a new session all together.
            if session is not None and (session == self._session or change.what is What.CLEARED):
                for message in documents.messages(change, self._topics):
                    publish(message)

    def greet(self, session: str, publish: Callable[[Message], None]) -> None:
        """A broker that was away may have forgotten what is open, and not have heard what is over."""
        if self._book is None or session == self._session:
            return  # it was told
        self._session = session
        for key in self._over:
            publish(documents.nothing(key, self._topics))
        for alert in self._book.open():
            publish(documents.standing(alert, self._topics))

    def _view(self, book: Book, event: Event, mono: float, now_ms: int) -> None:
        view = _read_fresh(event, _View, now_ms)
        if view is not None and view.data.state in TAMPER and view.data.phase in ("start", "end"):
            present = view.data.phase == "start"
            self._changes += book.view(event.gateway, event.camera, view.data.state, present, mono, now_ms)

    def _override(self, book: Book, event: Event, mono: float, now_ms: int) -> None:
        override = _read_fresh(event, _Override, now_ms)
        if override is not None:
            self._changes += book.override(event.gateway, event.camera, override.data, mono, now_ms)

    def _remember(self, change: Change) -> None:
        key = change.alert.key
        self._over.pop(key, None)
        if change.what is What.CLEARED:
            self._over[key] = None
            while len(self._over) > MOST_OVER:
                del self._over[next(iter(self._over))]

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)


def _read_fresh(event: Event, of: type[_T], now_ms: int) -> _T | None:
    """None: it is old, or of a newer agent; the heartbeat says the same."""
    if abs(now_ms - event.time_ms) > FRESH_MS:
        return None
    try:
        return msgspec.json.decode(event.payload, type=of)
    except (msgspec.DecodeError, RecursionError):
        return None


def _about(alert: Alert) -> str:
    key = alert.key
    return f"{key.gateway}/{key.camera}" if key.camera else key.gateway or f"ward {key.ward}"


def _log(change: Change) -> None:
    alert = change.alert
    if change.what is What.OPENED:
        level = _LEVELS[alert.severity]
        log.log(level, "%s: alert %s: %s", _about(alert), alert.key.rule, alert.text)
    elif change.what is What.CLEARED:
        log.info("%s: alert %s is over: %s", _about(alert), alert.key.rule, alert.cleared_text)
