"""The ingest thread: buffers what gateways send, stores it, commits, and only then confirms it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from edge_agent.core.worker import SupervisedThread
from edge_agent.wire.received.messages import HeartbeatMessage, milliseconds
from edge_central.alerts.service import AlertService
from edge_central.availability.day_sums import AvailabilitySums
from edge_central.availability.recorder import AvailabilityRecorder
from edge_central.cases.keeper import CaseKeeper
from edge_central.claims.publisher import ClaimPublisher
from edge_central.ingest.batch_result import BatchResult
from edge_central.ingest.batch_writer import BatchWriter
from edge_central.ingest.broker_session import CentralBrokerSession, UnconfirmedMessage
from edge_central.ingest.gateway_messages import ACK_EVERY_S, BirthRequests, Confirmations, RequestSender
from edge_central.ingest.ingest_status import GapLogger, IngestCounters
from edge_central.measures import Measure
from edge_central.metrics.alarm_figures import AlarmFigures
from edge_central.metrics.central_metrics import CentralMetrics
from edge_central.metrics.stored_cameras import read_cameras
from edge_central.presence.presence_publisher import PresencePublisher
from edge_central.rehearsals.answers import record_replies
from edge_central.rehearsals.rule_requests import RuleRequests
from edge_central.rehearsals.sender import RehearsalSender
from edge_central.retention.sweep import RetentionSweep
from edge_central.searches.answer_queue import AnswerQueue
from edge_central.searches.sender import SearchSender
from edge_central.store.batch import Store
from edge_central.store.centres import running_key
from edge_central.store.database import DatabaseUnavailable, read_meta, size_bytes, write_meta, write_record
from edge_central.store.fleet_state import FleetState
from edge_central.traffic.rebuild import TrafficRebuild
from edge_central.trusted_time import clock_store
from edge_central.trusted_time.clock import TrustedClock

log = logging.getLogger(__name__)

HEARTBEATS_EVERY_S = 1.0  # heartbeats are stored with the next event batch, or alone after this time
RETRY_S = 3.0  # wait before the next attempt after the database failed
CLOSE_TIMEOUT_S = 0.3
TICK_EVERY_S = 1.0
SEARCHES_EVERY_S = 0.25
SEARCHES_RETRY_S = 60.0
"""After searches could not be sent, the ingest waits for this time before the next attempt."""
STATUS_EVERY_S = 10.0
CLEAN_EVERY_S = 600.0
RECENT_GATEWAY_MS = 7 * 86_400_000
"""A gateway that has sent nothing for this long need not confirm the centre's time: perhaps it was removed,
and its row stays."""
MAX_BATCH = 1_000
MAX_BUFFERED = 10_000
"""Messages that the ingest buffers while the database fails. The broker stops far earlier, at its limit of
unconfirmed messages; but after each reconnect it sends the same messages again."""


@dataclass(frozen=True, slots=True)
class CommandSenders:
    """Sends the commands that the console, searches and rehearsals have stored, requests rules, and publishes
    the claims of boxes for the control machine."""

    requests: RequestSender
    searches: SearchSender
    rehearsals: RehearsalSender
    rules: RuleRequests
    claims: ClaimPublisher


class IngestThread:
    """Owns both broker sessions and all writing to the database.

    ``problem`` says why nothing is stored at the moment, None while storing works. ``exclusive_database``: no
    other centre uses the database.
    """

    def __init__(
        self,
        broker: CentralBrokerSession,
        requests_broker: CentralBrokerSession,
        store: Store,
        writer: BatchWriter,
        confirmations: Confirmations,
        birth_requests: BirthRequests,
        presence: PresencePublisher,
        senders: CommandSenders,
        cases: CaseKeeper,
        availability: AvailabilityRecorder,
        alerts: AlertService,
        sweep: RetentionSweep,
        metrics: CentralMetrics,
        clock: TrustedClock,
        wake: threading.Event,
        *,
        history_days: float,
        central_id: str,
        exclusive_database: bool,
    ) -> None:
        self.loop = SupervisedThread("ingest", self._run, max_silence_s=60.0)
        self.problem: str | None = None
        self._broker = broker
        self._requests_broker = requests_broker  # without ``requests:`` the same object as ``broker``
        self._store = store
        self._writer = writer
        self._confirmations = confirmations
        self._birth_requests = birth_requests
        self._presence = presence
        self._senders = senders
        self._availability = availability
        day_sums = AvailabilitySums(writer.wards, writer.timezone, clock.deletions_ms)
        self._background = (cases, TrafficRebuild(writer.timezone), day_sums)
        self._answers = AnswerQueue(store, record_replies)
        self._alerts = alerts
        self._sweep = sweep
        self._metrics = metrics
        self._alarm_figures = AlarmFigures(writer.wards, metrics)
        self._clock = clock
        self._wake = wake
        self._central_id = central_id
        self._clock_key = clock_store.record_key(central_id)
        self._exclusive_database = exclusive_database
        self._history_ms = round(history_days * 86_400_000)
        self._fleet: FleetState | None = None
        self._gap_logger = GapLogger(clock)
        self._counters = IngestCounters(clock)
        self._buffered: list[UnconfirmedMessage] = []
        self._heartbeats: dict[str, UnconfirmedMessage] = {}
        self._retry_mono = 0.0
        self._heartbeats_mono = self._acks_mono = self._tick_mono = self._searches_mono = clock.monotonic()
        self._status_mono = self._heartbeats_mono - STATUS_EVERY_S
        self._cleaned_mono = self._heartbeats_mono - CLEAN_EVERY_S

    def stop(self) -> None:
        """Request the stop; does not wait."""
        self.loop.stop()
        self._wake.set()

    def _run(self, loop: SupervisedThread) -> None:
        # If the supervisor has restarted this loop: load everything from the database. The broker still has
        # the unconfirmed messages, but it sends them again only on a new connection.
        self._fleet, self._buffered, self._heartbeats = None, [], {}
        self._broker.close(None, CLOSE_TIMEOUT_S)
        self._requests_broker.close(None, CLOSE_TIMEOUT_S)
        while not loop.stopping:
            loop.beat()
            for delivered in self._broker.poll():
                self._buffer(delivered)
            if self._requests_broker is not self._broker:
                self._requests_broker.poll()  # this session has no subscriptions
            now = self._clock.monotonic()
            if now >= self._retry_mono:
                self._work(now)
            more = self.problem is None and len(self._buffered) + len(self._answers) > 0
            self._wake.wait(0.0 if more else self._broker.wait_s(SEARCHES_EVERY_S))
            self._wake.clear()
        self._finish()

    def _buffer(self, delivered: UnconfirmedMessage) -> None:
        received = delivered.message
        if received.packet_id is None and received.topic.endswith("/up/heartbeat"):
            self._heartbeats[received.topic] = delivered
            return
        if len(self._buffered) >= MAX_BUFFERED:
            self._buffered = [each for each in self._buffered if each.session == delivered.session]
        if len(self._buffered) < MAX_BUFFERED:
            self._buffered.append(delivered)

    def _work(self, now: float) -> None:
        try:
            if self._fleet is None:
                self._restore(self._load())
            if self._buffered or (self._heartbeats and now - self._heartbeats_mono >= HEARTBEATS_EVERY_S):
                self._heartbeats_mono = now
                self._commit([*self._heartbeats.values(), *self._buffered[:MAX_BATCH]])
                self._heartbeats.clear()
            if now - self._tick_mono >= TICK_EVERY_S:
                self._tick_mono = now
                self._correct_time()
                self._tick()
            if now - self._searches_mono >= SEARCHES_EVERY_S and self._requests_broker.online:
                self._searches_mono = now
                self._send_searches()
            elif self._answers:  # not both at once: an alarm that arrives meanwhile waits for one transaction
                self._answers.store_some(self._clock.now_ms())
            if now - self._status_mono >= STATUS_EVERY_S:
                self._status_mono = now
                self._write_status(now)
            self._sweep_if_due()
        except DatabaseUnavailable as error:
            self._fleet = None
            self._set_problem(str(error))
            with suppress(DatabaseUnavailable):
                self._sweep_if_due()  # a full disk may need what retention deletes
            self._retry_mono = self._clock.monotonic() + RETRY_S
            return
        self._set_problem(None)
        if (
            now - self._acks_mono >= ACK_EVERY_S
            and self._broker.online
            and not self._broker.has_unsent_confirmations
        ):
            self._acks_mono = now
            self._send_acks()

    def _sweep_if_due(self) -> None:
        """Run one batch of retention, also while nothing else can be stored."""
        if not (self._sweep.due and self._clock.restored):
            return
        try:
            with self._store.batch() as batch:
                self._sweep.run_batch(batch.connection)
        except DatabaseUnavailable:
            self._sweep.abandon()
            raise

    def _load(self) -> FleetState:
        """Read the state from the database: at the start, and after a failed transaction."""
        fleet = self._fleet = self._store.load()
        self._availability.reset()
        return fleet

    def _restore(self, fleet: FleetState) -> None:
        """Restore the clock, presence and alerts from the database, once."""
        if not self._clock.restored:
            record = self._store.query(
                lambda connection: clock_store.read_clock_record(connection, self._central_id)
            )
            newest_ms = self._store.query(
                lambda each: clock_store.newest_received_ms(each, self._writer.wards)
            )
            self._clock.restore(record, newest_ms)
            self._clock.tick(0)  # so that the first status row reports a wrong clock
            self._gap_logger, self._counters = GapLogger(self._clock), IngestCounters(self._clock)
        if not self._alerts.restored:
            reports = self._store.stored_reports(self._writer.wards)
            self._presence.restore(reports, fleet.state_sessions)
            stored_alerts = self._store.query(lambda each: self._alerts.read(each, self._central_id))
            self._alerts.restore(stored_alerts, reports)
            self._metrics.record_presence(reports)
            if self._metrics.is_served:
                cameras = self._store.query(lambda each: read_cameras(each, self._writer.wards))
                self._metrics.record_cameras(cameras)
            with self._store.batch() as batch:
                self._senders.searches.publish_key(batch.connection)

    def _commit(self, delivered: Sequence[UnconfirmedMessage]) -> None:
        """Store and confirm these messages."""
        try:
            result = self._write(delivered)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one bad message must not keep the others from being stored
            reason = f"{type(error).__name__}: {error}"
            log.debug("a batch of %d messages is not stored, trying it again: %s", len(delivered), reason)
            self._one_by_one(delivered)
            return
        self._after_commit(delivered, result)

    def _one_by_one(self, delivered: Sequence[UnconfirmedMessage]) -> None:
        """Store a batch that failed: load the state again, because another process may have written the same
        rows, and retry; if that fails too, halve the batch to find the message that the database rejects."""
        self._load()
        try:
            result = self._write(delivered)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            self._load()
            if len(delivered) > 1:
                middle = len(delivered) // 2
                self._commit(delivered[:middle])
                self._commit(delivered[middle:])
                return
            log.exception(
                "%s: a message cannot be stored; it is recorded as rejected", delivered[0].message.topic
            )
            reason = f"cannot be stored: {type(error).__name__}: {error}"[:300]
            with self._store.batch() as batch:
                result = self._writer.reject(delivered[0].message, reason, batch, self._clock.now_ms())
        self._after_commit(delivered, result)

    def _write(self, delivered: Sequence[UnconfirmedMessage]) -> BatchResult:
        assert self._fleet is not None
        with self._store.batch() as batch:
            messages = [each.message for each in delivered]
            result = self._writer.write(messages, self._fleet, batch, self._clock.now_ms())
            if result.birth_gateways:
                self._senders.searches.on_births(batch.connection, result.birth_gateways)
                self._senders.rules.on_births(batch.connection, result.configurations)
            self._availability.record(result, batch.connection, result.received_ms)
        for stream in batch.streams.values():
            stream.clear_changes()
        for gateway in batch.gateways.values():
            gateway.changes.clear()
        return result

    def _after_commit(self, delivered: Sequence[UnconfirmedMessage], result: BatchResult) -> None:
        # Remove the stored messages from the buffer at once, also after half a batch: a second PUBACK with
        # the same packet id could confirm another message.
        done = {id(each) for each in delivered}
        self._buffered = [each for each in self._buffered if id(each) not in done]
        self._broker.confirm(delivered)
        self._confirmations.add(result)
        self._counters.count(result)
        self._answers.add(result.answers)
        self._senders.claims.record_answers(result.answered_claims)
        self._presence.record(result)
        self._alerts.record(result, delivered[-1].session)
        for status in result.status_messages:
            if isinstance(status, HeartbeatMessage) and status.health.clock.synced:
                self._clock.record_gateway_time(status.gateway, milliseconds(status.health.time))
        self._metrics.record_batch(result, self._clock.now().timestamp())
        assert self._fleet is not None
        for gateway in result.birth_gateways:
            self._birth_requests.on_birth(gateway)
        for gateway in result.heartbeat_gateways:
            online_s = self._clock.monotonic() - self._broker.since_mono if self._broker.online else 0.0
            self._birth_requests.on_heartbeat(self._fleet.gateways[gateway], online_s, self._broker.publish)

    def _send_acks(self) -> None:
        assert self._fleet is not None
        for message in self._confirmations.drain(self._fleet):
            self._broker.publish_confirmation(message)

    def _correct_time(self) -> None:
        """Correct the stored times if the centre's clock was wrong."""
        assert self._fleet is not None
        released_by = self._store.query(
            lambda each: read_meta(each, clock_store.release_key(self._central_id))
        )
        recent_ms = self._clock.now_ms() - RECENT_GATEWAY_MS
        correction = self._clock.tick(self._fleet.count_gateways(self._writer.wards, recent_ms))
        if released_by is not None:
            log.warning("%s accepted the system's clock: the centre uses it from now on", released_by)
            correction = self._clock.trust_system()
        if correction is None:
            return
        with self._store.batch() as batch:
            write_meta(batch.connection, clock_store.release_key(self._central_id), None)
            wards, beat = self._writer.wards, self.loop.beat
            clock_store.shift_times(
                batch.connection, correction, wards, exclusive_database=self._exclusive_database, beat=beat
            )
            write_record(batch.connection, self._clock_key, self._clock.corrected_record(correction))
        by_s = correction.by_ms / 1000
        log.warning("the centre's time was wrong: it and the stored times are corrected by %+.0f s", by_s)
        self._clock.correct(correction)
        self._metrics.record_presence(self._presence.apply_correction(correction))
        self._alerts.apply_correction(correction)
        self._availability.apply_correction(correction)
        self._gap_logger = GapLogger(self._clock)
        self._load()
        self._status_mono = self._clock.monotonic() - STATUS_EVERY_S  # the console shows it at once

    def _tick(self) -> None:
        """Publish presence and alert changes, and send the console's requests."""
        session = self._broker.session if self._broker.online else None
        connected_mono = None if session is None else self._broker.since_mono
        reports = self._presence.tick(self._broker.session, connected_mono, self._broker.publish)
        self._metrics.record_presence(reports)
        self._alerts.judge_centre(Measure.CENTRE_CLOCK, self._clock.doubt)
        self._alerts.judge_centre(Measure.DELETIONS_HELD, self._sweep.blocked)
        self._alerts.judge_centre(Measure.DELETIONS_FAILED, self._sweep.failed)
        self._alerts.tick(reports, connected_mono)
        if self._presence.has_unwritten or self._alerts.has_unwritten:
            with self._store.batch() as batch:
                count = self._presence.write(batch.connection)
                self._alerts.write(batch.connection)
            self._presence.mark_written(count)
            self._alerts.publish_written(session, self._broker.publish)
        self._availability.follow(self._store, self._clock, connected_mono)
        if self._requests_broker.online:
            self._send_due(self._senders.requests, self._requests_broker)
        for each in self._background:
            if self._store.query(each.has_work):
                with self._store.batch() as batch:
                    each.work(batch.connection)
        self._metrics.record_alerts(self._alerts.open_alerts, len(self._buffered))
        if session is not None:
            self._send_due(self._senders.rules, self._broker)
            self._alerts.publish_open(session, self._broker.publish)
            self._store.query(lambda each: self._senders.claims.publish(each, session, self._broker.publish))

    def _send_due(self, sender: RequestSender | RuleRequests, broker: CentralBrokerSession) -> None:
        """Send the waiting messages of ``sender``: requests of the console, or requests for rules."""
        if self._store.query(sender.has_waiting):
            with self._store.batch() as batch:
                messages = sender.send(batch.connection)
            for message in messages:
                broker.publish(message)

    def _send_searches(self) -> None:
        """Sign and send a limited number of searches and rehearsals; batches of events are stored between two
        calls. After an error, wait for SEARCHES_RETRY_S."""
        try:
            if not (
                self._senders.searches.can_sign and self._store.query(self._senders.searches.has_waiting)
            ):
                return
            with self._store.batch() as batch:
                messages = self._senders.searches.send(batch.connection)
                messages += self._senders.rehearsals.send(batch.connection)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("searches cannot be sent; next attempt in %.0f s", SEARCHES_RETRY_S)
            self._searches_mono = self._clock.monotonic() + SEARCHES_RETRY_S
            return
        for message in messages:
            self._requests_broker.publish(message)
        self._searches_mono = 0.0 if messages else self._searches_mono

    def _write_status(self, now: float) -> None:
        assert self._fleet is not None
        self._gap_logger.log_open_gaps(self._fleet)
        self._alerts.check_gaps(self._fleet)
        now_ms = self._clock.now_ms()
        self._alerts.judge_wards(
            self._store.query(lambda each: self._senders.claims.measurements(each, now_ms))
        )
        with self._store.batch() as batch:
            broker, wards = self._broker, self._writer.wards
            status_row = self._counters.status(broker.online, broker.session, wards)
            write_record(batch.connection, running_key(self._central_id), status_row)
            write_record(batch.connection, self._clock_key, self._clock.record())
            self._availability.mark_alive(batch.connection, self._clock.now_ms())
            self._alarm_figures.read(batch.connection, self._clock.now_ms())
            self._senders.requests.expire(batch.connection)
            self._senders.searches.expire(batch.connection)
            if now - self._cleaned_mono >= CLEAN_EVERY_S:
                self._cleaned_mono = now
                self._metrics.database_bytes = size_bytes(batch.connection)
                batch.delete_health(self._clock.deletions_ms() - self._history_ms)
                self._availability.delete_old(batch.connection, self._clock.deletions_ms())
                self._writer.expire_parts(batch.connection, self._clock.deletions_ms())

    def _finish(self) -> None:
        """Confirm what is committed. The broker keeps all other messages."""
        if self._fleet is not None and self._broker.online:
            self._send_acks()
        self._store.close()

    def _set_problem(self, problem: str | None) -> None:
        if problem == self.problem:
            return
        if problem is not None:
            log.error(
                "%s; nothing is confirmed until it works again, next attempt in %.0f s", problem, RETRY_S
            )
        elif self.problem is not None:
            log.warning("the database works again: messages of gateways are stored and confirmed")
        self.problem = problem
        self._broker.publish_state()
