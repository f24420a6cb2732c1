"""The thread ``publisher``: keeps a session with a broker and sends the outbox through it.

It is the only sender: every packet of the agent leaves from here, so nothing is sent twice at the same time.
See docs/design/mqtt.md.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Literal

from edge_agent import wire
from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import MqttError
from edge_agent.core.problems import masked_problem, optional_problem, problem_text
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.worker import SupervisedThread
from edge_agent.mqtt.connect_errors import ConnectErrorKind
from edge_agent.mqtt.publisher.delivery_confirmation import DeliveryConfirmation, ResendLimits
from edge_agent.mqtt.publisher.downlink import Downlink
from edge_agent.mqtt.publisher.part_queue import PartQueue
from edge_agent.mqtt.publisher.self_test import SelfTest
from edge_agent.mqtt.publisher.sender import OutboxPort, RepliesPort, Sender
from edge_agent.mqtt.session.broker_session import (
    BrokerSession,
    ConnectionAttempt,
    ReconnectSchedule,
    SessionEnded,
    SessionSignal,
)
from edge_agent.mqtt.session.client import BrokerConnection, MqttMessage
from edge_agent.mqtt.session.signal_queue import Connected, MessageReceived, PublishAcked, Subscribed
from edge_agent.mqtt.session.tcp_traffic import TrafficCounter
from edge_agent.mqtt.tls.rotation import CertificateRotation
from edge_agent.uplink.send_limiter import SendLimiter
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire.topics import DownMessage, GatewayTopics

log = logging.getLogger(__name__)

TICK_S = 10.0  # longest wait: deferred events that are due again and byte counts are checked this often

GOODBYE_S = 0.8  # longest wait for the PUBACK of the last state; the agent has 2 s to stop


class Publisher:
    """Delivers what ``outbox`` holds. A new event, a PUBACK and ``stop`` all end its wait in
    ``outbox.wait_for_work``.

    ``birth(session)`` makes the inventory message, on the publisher's thread, at every connect. ``on_down``
    gets the messages from the centre, on the publisher's thread; it must return soon and not raise. The
    broker keeps a command until its ``acknowledge`` is called. ``replies`` holds the answers to
    commands. ``clock_trusted`` says whether the system clock is good enough to check certificates.
    ``resend_limits`` applies only where ``mqtt.delivery`` is confirmed.

    Every public method may be called from any thread.
    """

    def __init__(
        self,
        settings: Mqtt,
        topics: GatewayTopics,
        outbox: OutboxPort,
        *,
        usage: DataUsage,
        clock: Clock,
        birth: Callable[[str], bytes],
        on_down: Callable[[DownMessage], None],
        replies: RepliesPort | None = None,
        clock_trusted: Callable[[], bool],
        reconnect: ReconnectSchedule | None = None,
        limiter: SendLimiter | None = None,
        rotation: CertificateRotation | None = None,
        resend_limits: ResendLimits | None = None,
    ) -> None:
        self.loop = SupervisedThread("publisher", self._run)
        self._topics = topics
        self._clock = clock
        self._birth = birth
        self._usage = usage
        self._outbox = outbox
        self._limiter = limiter or SendLimiter(clock)
        confirmed = settings.delivery is Delivery.CONFIRMED
        self.self_test = test = SelfTest(topics.probe, topics.foreign_probe, outbox.wake)
        limits = resend_limits or ResendLimits()
        self._parts = parts = PartQueue(outbox, clock, confirmed=confirmed)
        self._confirmation = confirmation = (
            DeliveryConfirmation(outbox, parts, clock, limits, test.confirmed) if confirmed else None
        )
        self._sender = Sender(outbox, parts, topics, usage, clock, self._limiter, replies, confirmation, test)
        self._downlink = Downlink(topics, on_down, self._confirmation, outbox.wake)
        trusted = clock_trusted
        self._rotation = rotation or CertificateRotation(settings, topics.gateway, clock_trusted=trusted)
        self._session = BrokerSession(
            topics.gateway,
            self._prepare,
            reconnect or ReconnectSchedule(settings.brokers, settings.spread_s),
            clock,
            outbox.wake,
            retry_at_once=lambda error: self._rotation.failed(error, clock.monotonic()),
            clock_trusted=trusted,
        )
        self._without_retain: set[Broker] = set()  # brokers that refused retained messages the last time
        self._traffic = TrafficCounter(usage)
        self._settled_mono = 0.0
        self._connects = 0
        self._dropped_reported = 0
        self._last_error: str | None = None
        self.certificate_refused = False
        """Whether the broker has refused the gateway's own certificate since the last session."""
        self._failed: str | None = None
        self._abrupt = False
        self._restart_wanted = False  # flags need no lock
        self._break_wanted = False
        self._birth_wanted = False  # the inventory has changed since it was sent
        self._heartbeat_lock = threading.Lock()  # protects the next line
        self._heartbeat: bytes | None = None  # the newest one, until it is sent

    def stop(self, failed: str | None = None, *, abrupt: bool = False) -> None:
        """Ask the thread to end; does not wait.

        ``stopped`` is published and the broker drops the will. When the agent ends because something
        ``failed``, ``offline`` is published instead, with that reason. ``abrupt``: end without a message,
        like a power cut; the broker publishes the will.
        """
        self._failed, self._abrupt = failed, abrupt
        self.loop.stop()
        self._outbox.wake()

    def publish_heartbeat(self, payload: bytes) -> None:
        """Send a heartbeat with QoS 0, from memory; it is dropped while there is no session."""
        if not self._session.online:
            return
        with self._heartbeat_lock:
            self._heartbeat = payload
        self._outbox.wake()

    def publish_birth(self) -> None:
        """Send the inventory again because it has changed. Without a session, the next one starts with it."""
        self._birth_wanted = True
        self._outbox.wake()

    def reconnect(self) -> None:
        """Give up the present attempt, if any, and try the next broker. An open session stays open."""
        self._restart_wanted = True
        self._outbox.wake()

    def break_connection(self) -> None:
        """Cut the open connection without a DISCONNECT, like a pulled cable; then it counts as a lost
        connection. For simulations and tests."""
        self._break_wanted = True
        self._outbox.wake()

    @property
    def online(self) -> bool:
        return self._session.online

    @property
    def session(self) -> str:
        """Id of the present or latest session, for the heartbeat."""
        return self._session.id

    @property
    def takes_parts(self) -> bool:
        """Whether the centre accepts files in parts; True until the centre has said whether it does."""
        return self._parts.taken is not False

    def health(self) -> wire.MqttHealth:
        today, month = self._usage.totals()
        confirmation = self._confirmation
        return wire.MqttHealth(
            delivery="broker" if confirmation is None else "confirmed",
            confirmed_age_s=self._confirmed_age_s(),
            resends=confirmation.resends if confirmation is not None else 0,
            ignored_acks=confirmation.ignored_acks if confirmation is not None else 0,
            reconnects=max(0, self._connects - 1),
            inflight=len(self._sender.window),
            refused=self._sender.refused,
            no_subscriber=self._sender.no_subscriber,
            no_retain=self._session.online and not self._session.retains,
            last_error=self._last_error,
            bytes_today=today,
            bytes_month=month,
        )

    def _confirmed_age_s(self) -> float | None:
        confirmed_mono = self._confirmation.confirmed_mono if self._confirmation is not None else None
        return None if confirmed_mono is None else round(self._clock.monotonic() - confirmed_mono, 1)

    # --- on the publisher's thread ---

    def _run(self, loop: SupervisedThread) -> None:
        self._session.start()
        published = False
        try:
            while not loop.stopping:
                loop.beat()
                self._advance()
                self._outbox.wait_for_work(self._wait_s())
                self._handle_signals()
            if self._session.online and not self._abrupt:
                last = self._state_message("stopped", problem_text("agent-ended"))
                if self._failed is not None:
                    failed = problem_text("agent-failed", why=masked_problem(self._failed))
                    last = self._state_message("offline", failed)
                published = self._publish_last_state(last)
        finally:
            # With a DISCONNECT the broker drops the will. Without a published last state, the gateway would
            # then look online for ever.
            self._drop_connection(say_goodbye=published)
            self._usage.save()

    def _advance(self) -> None:
        """Do all work that is possible without waiting."""
        now = self._clock.monotonic()
        self._rotation.check_files(now)
        try:
            if self._restart_wanted:
                self._restart_wanted = False
                if not self._session.online:
                    self._drop_connection(say_goodbye=False)
                    self._session.start_over()
            if self._break_wanted:
                self._break_wanted = False
                if self._session.connection is not None:
                    self._session.connection.break_connection()
            self._session.advance()
            if (connection := self._session.connection) and self._session.online and not self._session.broken:
                self._run_session(connection, now)
        except MqttError as error:
            self._session.send_failed(error)
        if now - self._settled_mono >= TICK_S:
            self._settle_traffic(self._session.connection)
        self._usage.save_if_due()

    def _wait_s(self) -> float:
        if self._session.connection is None or self._session.broken:
            return self._session.wait_s(TICK_S)
        soon_s = self._confirmation.resend_wait_s() if self._confirmation is not None else None
        return min(TICK_S, self._limiter.wait_s() or TICK_S, TICK_S if soon_s is None else soon_s)

    def _prepare(self, session: str, broker: Broker) -> ConnectionAttempt:
        self._traffic.begin_connection()
        self._session.retains = broker not in self._without_retain
        settings = self._rotation.choose(self._clock.monotonic())
        return ConnectionAttempt(settings, self._state_message("offline", problem_text("connection-lost")))

    def _handle_signals(self) -> None:
        for session, signal in self._session.signals():
            self._handle(session, signal)
        self._downlink.process_next_ack()

    def _handle(self, session: str, signal: SessionSignal) -> None:
        match signal:
            case PublishAcked():
                self._sender.acked(signal)
            case MessageReceived():
                if self._session.connection is not None and session == self._session.id:
                    self._downlink.receive(session, signal)
            case Connected():
                self._connected(signal)
            case SessionEnded():
                self._ended(signal)
            case Subscribed(reasons):
                if any(reason >= 0x80 for reason in reasons):
                    self._report(problem_text("subscription-refused"))

    def _connected(self, limits: Connected) -> None:
        connection = self._session.connection
        assert connection is not None
        self._note_retain(connection.broker, limits.retains)
        self._connects += 1
        self.certificate_refused = False
        self._rotation.connected(self._session.since_mono)
        self._sender.begin(connection, limits)
        try:
            # Subscribe first: in a new session, messages that the centre sends after the birth would be lost.
            connection.subscribe(self._topics.subscriptions)
            self._sender.send_own("state", self._state_message("online", problem_text("connected")))
            self._send_birth()
        except MqttError as error:
            self._session.send_failed(error)

    def _note_retain(self, broker: Broker, retains: bool) -> None:
        """Remember whether the broker keeps retained messages. Without them the agent works on: only late
        subscribers miss state and birth."""
        if retains:
            self._without_retain.discard(broker)
        elif broker not in self._without_retain:
            self._without_retain.add(broker)
            text = "mqtt: %s keeps no retained messages: later subscribers miss state and birth"
            log.warning(text, broker.host)

    def _ended(self, ended: SessionEnded) -> None:
        self.certificate_refused |= ended.error.kind is ConnectErrorKind.OWN_REJECTED
        if ended.error.kind is ConnectErrorKind.NO_RETAIN:
            self._note_retain(ended.connection.broker, retains=False)  # the next will is not retained
        self._forget_connection(ended.connection)
        self._sender.lost(ended.reason)
        retry = {"seconds": round(ended.delay_s), "failures": ended.failures}
        self._report(problem_text("broker-retry", why=ended.error.text, **retry), ended.log_level)

    def _report(self, text: str, level: int = logging.WARNING) -> None:
        log.log(level, "mqtt: %s", text)
        self._last_error = problem_text("broker-error-at", at=rfc3339(self._clock.now()), why=text)

    def _drop_connection(self, say_goodbye: bool) -> None:
        self._forget_connection(self._session.drop(say_goodbye))

    def _forget_connection(self, closed: BrokerConnection | None) -> None:
        with self._heartbeat_lock:
            self._heartbeat = None
        if closed is not None:
            self._settle_traffic(closed)

    def _run_session(self, connection: BrokerConnection, now: float) -> None:
        """Serve an open session. Raises MqttError when it has just ended."""
        self._downlink.acknowledge(self._session.id, connection)
        self._sender.window.observe(connection.all_received(), now)
        if self._sender.window.overdue(now):
            self._session.give_up(problem_text("session-unacknowledged", host=connection.broker.host))
        elif self._rotation.wants_change(now, idle=not len(self._sender.window)):
            self._change_certificate()
        else:
            self._send_waiting()

    def _change_certificate(self) -> None:
        """End the session in an orderly way; the next attempt uses the other certificate.

        ``offline`` is retained meanwhile, because the broker may refuse both certificates.
        """
        published = self._publish_last_state(self._state_message("offline", problem_text("next-certificate")))
        if self._session.connection is None:
            return  # the connection was lost while the last state was sent
        self._drop_connection(say_goodbye=published)
        self._sender.lost(None)
        self._session.retry_now()

    def _send_waiting(self) -> None:
        with self._heartbeat_lock:
            heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            self._sender.send_heartbeat(heartbeat)
        if self._birth_wanted:
            self._send_birth()
        self._sender.fill()
        if self._session.dropped > self._dropped_reported:
            self._dropped_reported = self._session.dropped
            log.warning(
                "mqtt: the centre sends faster than we read; %d messages dropped", self._dropped_reported
            )

    def _send_birth(self) -> None:
        self._birth_wanted = False  # cleared first: a change while the birth is made requests another one
        birth = MqttMessage(self._topics.birth, self._birth(self._session.id), retain=self._session.retains)
        self._sender.send_own("birth", birth)

    def _publish_last_state(self, message: MqttMessage) -> bool:
        """Send the waiting replies, the cameras' last events and the last state, and wait a moment for their
        PUBACKs.

        What is not sent in time stays in the outbox. Returns whether the last state was sent; if not, the
        broker has to publish the will.
        """
        deadline = self._clock.monotonic() + GOODBYE_S
        try:
            if self._session.connection is not None:
                self._downlink.acknowledge(self._session.id, self._session.connection)
            self._sender.fill_replies()
            self._sender.fill_events()
            self._sender.send_own("state", message)
            while self._session.online and len(self._sender.window):
                left_s = deadline - self._clock.monotonic()
                if left_s <= 0:
                    break
                self._outbox.wait_for_work(left_s)
                self._handle_signals()
                self._sender.fill_own()
        except MqttError as error:
            log.warning("mqtt: the last state is not published: %s", error)
            return False
        return self._session.online and not self._sender.own_waiting

    def _state_message(self, state: Literal["online", "stopped", "offline"], reason: str) -> MqttMessage:
        message = wire.State(
            state=state,
            session=self._session.id,
            time=rfc3339(self._clock.now()),
            reason=str(reason),
            problem=optional_problem(reason),
        )
        return MqttMessage(self._topics.state, encode_json(message), retain=self._session.retains)

    def _settle_traffic(self, connection: BrokerConnection | None) -> None:
        self._settled_mono = self._clock.monotonic()
        if connection is not None:
            self._traffic.count_rest(connection.traffic(), self._sender.counted_bytes)
