"""The thread that takes in what gateways send: hold, store, commit, and only then confirm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import msgspec

from edge_agent.core.worker import Loop
from edge_agent.wire.received.messages import Heartbeat, milliseconds
from edge_central.alert_rules.measures import Measure
from edge_central.alerts.desk import Desk
from edge_central.ingest.batch_writer import Intake, Stored
from edge_central.ingest.confirmations import ACK_EVERY_S, Confirmations
from edge_central.ingest.link import Delivered, Link
from edge_central.ingest.rebirth import Rebirths
from edge_central.ingest.report import GapReport, Running
from edge_central.ingest.requests import Requests
from edge_central.metrics.figures import Figures
from edge_central.presence.watch import Watch
from edge_central.retention.sweep import Sweep
from edge_central.store.batch import Batch, Store
from edge_central.store.database import StoreUnusable, size_bytes
from edge_central.store.fleet_state import Known
from edge_central.trusted_time import kept
from edge_central.trusted_time.clock import Correction, Kept, TrustedClock

log = logging.getLogger(__name__)

BEATS_EVERY_S = 1.0
"""Heartbeats wait for the commit of an event, but no longer than this for one of their own."""
RETRY_S = 3.0
"""After the database took nothing."""
CUT_S = 0.3
WATCH_EVERY_S = 1.0
NOTE_EVERY_S = 10.0
CLEAN_EVERY_S = 600.0
MOST_IN_A_BATCH = 1_000
MOST_HELD = 10_000
"""Messages in memory while the database takes nothing. The broker stops far below, at its limit of
unconfirmed ones; reconnects can bring the same ones again."""


class Ingest:
    """``trouble`` is why nothing is stored now, None while all is well. ``alone``: no other centre uses the
    database."""

    def __init__(
        self,
        link: Link,
        requests_link: Link,
        store: Store,
        intake: Intake,
        confirmations: Confirmations,
        rebirths: Rebirths,
        watch: Watch,
        requests: Requests,
        desk: Desk,
        sweep: Sweep,
        figures: Figures,
        clock: TrustedClock,
        wake: threading.Event,
        *,
        history_days: float,
        central_id: str,
        alone: bool,
    ) -> None:
        self.loop = Loop("ingest", self._run, max_silence_s=60.0)
        self.trouble: str | None = None
        self._link = link
        self._requests_link = requests_link  # the same, or the session of a user that may do nothing else
        self._store = store
        self._intake = intake
        self._confirmations = confirmations
        self._rebirths = rebirths
        self._watch = watch
        self._requests = requests
        self._desk = desk
        self._sweep = sweep
        self._figures = figures
        self._clock = clock
        self._wake = wake
        self._central_id = central_id
        self._alone = alone
        self._history_ms = round(history_days * 86_400_000)
        self._known: Known | None = None
        self._gaps = GapReport(clock)
        self._running = Running(clock)
        self._held: list[Delivered] = []
        self._beats: dict[str, Delivered] = {}
        self._retry_mono = 0.0
        self._beats_mono = self._acks_mono = self._watched_mono = clock.monotonic()
        self._noted_mono = self._beats_mono - NOTE_EVERY_S
        self._cleaned_mono = self._beats_mono - CLEAN_EVERY_S

    def start(self) -> None:
        self.loop.start()

    def stop(self) -> None:
        """Ask for the end; does not wait."""
        self.loop.stop()
        self._wake.set()

    def _run(self, loop: Loop) -> None:
        # A loop that is started again knows nothing. What it held is with the broker, which sends it again on
        # another connection only.
        self._known, self._held, self._beats = None, [], {}
        self._link.close(None, CUT_S)
        self._requests_link.close(None, CUT_S)
        while not loop.stopping:
            loop.beat()
            for delivered in self._link.step():
                self._hold(delivered)
            if self._requests_link is not self._link:
                self._requests_link.step()  # nothing arrives there
            now = self._clock.monotonic()
            if now >= self._retry_mono:
                self._work(now)
            self._wake.wait(self._patience_s())
            self._wake.clear()
        self._finish()

    def _patience_s(self) -> float:
        if self.trouble is None and len(self._held) > 0:
            return 0.0
        return self._link.patience_s(ACK_EVERY_S / 2)

    def _hold(self, delivered: Delivered) -> None:
        arrived = delivered.arrived
        if arrived.packet_id is None and arrived.topic.endswith("/up/heartbeat"):
            self._beats[arrived.topic] = delivered
            return
        if len(self._held) >= MOST_HELD:
            self._held = [each for each in self._held if each.session == delivered.session]
        if len(self._held) < MOST_HELD:
            self._held.append(delivered)

    def _work(self, now: float) -> None:
        try:
            if self._known is None:
                self._known = self._store.load()
                self._begin()
            if self._held or (self._beats and now - self._beats_mono >= BEATS_EVERY_S):
                self._beats_mono = now
                self._take()
            if now - self._watched_mono >= WATCH_EVERY_S:
                self._watched_mono = now
                self._keep_time()
                self._look()
            if now - self._noted_mono >= NOTE_EVERY_S:
                self._noted_mono = now
                self._note(now)
            if self._sweep.due:
                with self._store.batch() as batch:
                    self._sweep.step(batch.connection)
        except StoreUnusable as error:
            self._known = None
            self._sweep.abandon()
            self._retry_mono = self._clock.monotonic() + RETRY_S
            self._told(str(error))
            return
        self._told(None)
        if now - self._acks_mono >= ACK_EVERY_S and self._link.online and not self._link.confirming:
            self._acks_mono = now
            self._send_acks()

    def _begin(self) -> None:
        """With what was stored before the start."""
        if not self._clock.begun:
            of_clock = self._store.ask(lambda connection: kept.read_kept(connection, self._central_id))
            newest_ms = self._store.ask(lambda each: kept.newest_arrival_ms(each, self._intake.wards))
            self._clock.begin(of_clock, newest_ms)
            self._clock.tick(0)  # so that the first note says what is wrong
            self._gaps, self._running = GapReport(self._clock), Running(self._clock)
        if not self._desk.begun:
            told = self._store.told(self._intake.wards)
            self._watch.begin(told)
            self._desk.begin(self._store.ask(self._desk.read), told)
            self._figures.told(told)

    def _take(self) -> None:
        """Store what is held, at most so much, and confirm it."""
        self._commit([*self._beats.values(), *self._held[:MOST_IN_A_BATCH]])
        self._beats.clear()

    def _commit(self, delivered: Sequence[Delivered]) -> None:
        try:
            stored = self._write(delivered)
        except StoreUnusable:
            raise
        except Exception as error:  # noqa: BLE001 - one message must not keep the others from being stored
            log.debug("%d messages: %s: %s", len(delivered), type(error).__name__, error)
            self._one_by_one(delivered)
            return
        self._committed(delivered, stored)

    def _one_by_one(self, delivered: Sequence[Delivered]) -> None:
        """Somebody else may have written the same rows: read again what is there. Else halve the batch until
        the message is found that the database does not take."""
        self._known = self._store.load()
        try:
            stored = self._write(delivered)
        except StoreUnusable:
            raise
        except Exception as error:
            self._known = self._store.load()
            if len(delivered) > 1:
                middle = len(delivered) // 2
                self._commit(delivered[:middle])
                self._commit(delivered[middle:])
                return
            log.exception("%s: a message cannot be stored and is rejected", delivered[0].arrived.topic)
            stored = self._write_rejection(delivered[0], f"cannot be stored: {type(error).__name__}: {error}")
        self._committed(delivered, stored)

    def _write(self, delivered: Sequence[Delivered]) -> Stored:
        assert self._known is not None
        with self._store.batch() as batch:
            arrivals = [each.arrived for each in delivered]
            stored = self._intake.take(arrivals, self._known, batch, self._now_ms())
        for stream in batch.streams.values():
            stream.written()
        for gateway in batch.gateways.values():
            gateway.changes.clear()
        return stored

    def _write_rejection(self, delivered: Delivered, reason: str) -> Stored:
        with self._store.batch() as batch:
            return self._intake.reject(delivered.arrived, reason[:300], batch, self._now_ms())

    def _committed(self, delivered: Sequence[Delivered], stored: Stored) -> None:
        # At once, also of half a batch: a second PUBACK could be taken for that of another message.
        done = {id(each) for each in delivered}
        self._held = [each for each in self._held if id(each) not in done]
        self._link.confirm(delivered)
        self._confirmations.note(stored)
        self._running.count(stored)
        self._watch.heard(stored)
        self._desk.heard(stored, delivered[-1].session)
        for sign in stored.signs:
            if isinstance(sign, Heartbeat) and sign.health.clock.synced:
                self._clock.heard(sign.gateway, milliseconds(sign.health.time))
        self._figures.heard(stored, self._clock.now().timestamp())
        assert self._known is not None
        for gateway in stored.reborn:
            self._rebirths.arrived(gateway)
        for gateway in stored.heard:
            online_s = self._clock.monotonic() - self._link.since_mono if self._link.online else 0.0
            self._rebirths.heard(self._known.gateways[gateway], online_s, self._link.publish)

    def _send_acks(self) -> None:
        assert self._known is not None
        for message in self._confirmations.take(self._known):
            self._link.publish_confirmation(message)

    def _keep_time(self) -> None:
        """Where the centre's time was wrong, correct what has been stored with it."""
        assert self._known is not None
        released = self._store.ask(lambda each: kept.read_meta(each, kept.release_key(self._central_id)))
        correction = self._clock.tick(len(self._known.gateways))
        if released is not None:
            log.warning("the system's clock was released by %s: the centre goes by it from now on", released)
            correction = self._clock.believe_system()
        if correction is None:
            return
        with self._store.batch() as batch:
            kept.drop_release(batch.connection, self._central_id)
            wards, beat = self._intake.wards, self.loop.beat
            kept.shift(batch.connection, correction, wards, alone=self._alone, beat=beat)
            self._note_clock(batch, self._clock.corrected_record(correction))
        self._corrected(correction)

    def _corrected(self, correction: Correction) -> None:
        by_s = correction.by_ms / 1000
        log.warning("the centre's time was wrong and is corrected by %+.0f s, stored times with it", by_s)
        self._clock.correct(correction)
        self._watch.corrected(correction)
        self._desk.corrected(correction)
        self._gaps = GapReport(self._clock)
        self._known = self._store.load()
        self._noted_mono = self._clock.monotonic() - NOTE_EVERY_S  # the console follows at once

    def _look(self) -> None:
        """Tell who came and who went, and what somebody should look at."""
        session = self._link.session if self._link.online else None
        connected_mono = None if session is None else self._link.since_mono
        reports = self._watch.tick(self._link.session, connected_mono, self._link.publish)
        self._figures.told(reports)
        self._desk.centre(Measure.CENTRE_CLOCK, self._clock.doubt)
        self._desk.centre(Measure.DELETIONS_HELD, self._sweep.held)
        self._desk.tick(reports, connected_mono)
        if self._watch.has_news or self._desk.has_news:
            with self._store.batch() as batch:
                count = self._watch.write(batch)
                self._desk.write(batch.connection)
            self._watch.written(count)
            self._desk.written(session, self._link.publish)
        if self._requests_link.online:
            self._send_requests()
        self._figures.open(self._desk.open, len(self._held))
        if session is not None:
            self._desk.greet(session, self._link.publish)

    def _send_requests(self) -> None:
        """What somebody has asked of a gateway since a second ago."""
        if not self._store.ask(self._requests.waiting):
            return
        with self._store.batch() as batch:
            messages = self._requests.send(batch.connection)
        for message in messages:
            self._requests_link.publish(message)

    def _note(self, now: float) -> None:
        assert self._known is not None
        self._gaps.tell(self._known, self._now_ms())
        self._desk.missing(self._known)
        with self._store.batch() as batch:
            running = self._running.document(self._link.online, self._link.session)
            batch.note("running", msgspec.json.encode(running).decode())
            self._note_clock(batch, self._clock.record())
            self._requests.give_up(batch.connection)
            if now - self._cleaned_mono >= CLEAN_EVERY_S:
                self._cleaned_mono = now
                self._figures.database_bytes = size_bytes(batch.connection)
                batch.forget_health(self._clock.deletions_ms() - self._history_ms)

    def _note_clock(self, batch: Batch, record: Kept) -> None:
        batch.note(kept.record_key(self._central_id), msgspec.json.encode(record).decode())

    def _told(self, trouble: str | None) -> None:
        if trouble == self.trouble:
            return
        if trouble is not None:
            log.error("%s; nothing is confirmed until it works again, next try in %.0f s", trouble, RETRY_S)
        elif self.trouble is not None:
            log.warning("the database works again: what gateways send is stored and confirmed")
        self.trouble = trouble
        self._link.announce()

    def _finish(self) -> None:
        """What is committed is told; what is not stays with the broker."""
        if self._known is not None and self._link.online:
            self._send_acks()
        self._store.close()

    def _now_ms(self) -> int:
        return self._clock.now_ms()
