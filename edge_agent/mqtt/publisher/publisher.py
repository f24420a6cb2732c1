"""The thread ``publisher``: keeps a session with a broker and sends the outbox through it.

It is the only sender: every packet of the agent leaves from here, so nothing is sent twice at the same time.
See docs/design/mqtt.md.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Literal

import msgspec

from edge_agent import wire
from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import MqttError
from edge_agent.core.secrets import masked
from edge_agent.core.worker import SupervisedThread
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.connect_errors import ConnectError, ConnectErrorKind
from edge_agent.mqtt.publisher.delivery_confirmation import DeliveryConfirmation, ResendLimits
from edge_agent.mqtt.publisher.downlink import Downlink
from edge_agent.mqtt.publisher.self_test import SelfTest
from edge_agent.mqtt.publisher.sender import OutboxPort, RepliesPort, Sender
from edge_agent.mqtt.session.client import BrokerConnection, MqttMessage
from edge_agent.mqtt.session.reconnect import ReconnectSchedule
from edge_agent.mqtt.session.signal_queue import (
    Connected,
    ConnectionEnded,
    MessageReceived,
    PublishAcked,
    Signal,
    SignalQueue,
    Subscribed,
)
from edge_agent.mqtt.session.tcp_traffic import TrafficCounter
from edge_agent.mqtt.tls.rotation import CertificateRotation
from edge_agent.uplink.send_limiter import SendLimiter, SendRate
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire.topics import DownMessage, GatewayTopics

log = logging.getLogger(__name__)

TICK_S = 10.0
"""Longest wait: deferred events that are due again and byte counts are checked this often."""

SIGN_ON_TIMEOUT_S = 45.0
"""For name resolution, TCP, TLS and CONNACK together."""

RESOLVE_TIMEOUT_S = 15.0
"""For the name resolution alone. glibc asks three servers in 15 s, and then starts over."""

BROKEN_S = 5.0
"""After a failed send the network thread has this long to report why."""

GOODBYE_S = 0.8
"""Longest wait for the PUBACK of the last state; the agent has 2 s to stop."""

CUT_S = 0.3


class Publisher:
    """Delivers what ``outbox`` holds. A new event, a PUBACK and ``stop`` all end its wait in
    ``outbox.wait_for_work``.

    ``birth(session)`` makes the inventory message, on the publisher's thread, at every connect. ``on_down``
    gets the messages from the centre, on the publisher's thread; it returns soon and does not raise. A
    command stays with the broker until its ``acknowledge`` is called. ``replies`` holds the answers to
    commands. ``clock_trusted`` says whether the system clock can be right. ``resend_limits`` applies only
    where ``mqtt.delivery`` is confirmed.

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
        self._settings = settings
        self._topics = topics
        self._clock = clock
        self._birth = birth
        self._clock_trusted = clock_trusted
        self._usage = usage
        self._outbox = outbox
        self._signals = SignalQueue(wake=outbox.wake)
        self._reconnect = reconnect or ReconnectSchedule(settings.brokers, settings.spread_s)
        self._limiter = limiter or SendLimiter(clock)
        confirmed = settings.delivery is Delivery.CONFIRMED
        self.self_test = test = SelfTest(topics.probe, topics.foreign_probe, outbox.wake)
        limits = resend_limits or ResendLimits()
        self._confirmation = (
            DeliveryConfirmation(outbox, clock, limits, test.confirmed) if confirmed else None
        )
        self._sender = Sender(outbox, topics, usage, clock, self._limiter, replies, self._confirmation, test)
        self._downlink = Downlink(topics, on_down, self._confirmation, outbox.wake)
        self._rotation = rotation or CertificateRotation(
            settings, topics.gateway, clock_trusted=clock_trusted
        )
        self._session = str(uuid.uuid4())
        self._connection: BrokerConnection | None = None
        self._online = False
        self._without_retain: set[Broker] = (
            set()
        )  # brokers that refused retained messages at the last contact
        self._retains = True  # state and birth are retained in the present attempt or session
        self._since_mono = 0.0  # of the present attempt or session
        self._broken_mono: float | None = (
            None  # since when sends fail and the end of the session is not reported
        )
        self._next_attempt_mono = 0.0
        self._traffic = TrafficCounter(usage)
        self._settled_mono = 0.0
        self._connects = 0
        self._dropped_reported = 0
        self._last_error: str | None = None
        self._failed: str | None = None
        self._abrupt = False
        self._restart_wanted = False  # flags need no lock
        self._break_wanted = False
        self._birth_wanted = False  # the inventory has changed since it was sent; a flag needs no lock
        self._heartbeat_lock = threading.Lock()  # protects the next line
        self._heartbeat: bytes | None = None  # the newest one, until it is sent

    def start(self) -> None:
        self.loop.start()

    def stop(self, failed: str | None = None, *, abrupt: bool = False) -> None:
        """Ask the thread to end; does not wait.

        ``stopped`` is published and the broker drops the will. When the agent ends because something
        ``failed``, ``offline`` is published instead, with that reason. ``abrupt``: end without a message,
        like a power cut; the broker publishes the will.
        """
        self._failed, self._abrupt = failed, abrupt
        self.loop.stop()
        self._outbox.wake()

    def join(self, timeout_s: float) -> bool:
        return self.loop.join(timeout_s)

    def publish_heartbeat(self, payload: bytes) -> None:
        """Send with QoS 0, from memory; dropped while there is no session."""
        if not self._online:
            return
        with self._heartbeat_lock:
            self._heartbeat = payload
        self._outbox.wake()

    def publish_birth(self) -> None:
        """Send the inventory again because it has changed. Without a session, the next one starts with it."""
        self._birth_wanted = True
        self._outbox.wake()

    def reconnect(self) -> None:
        """Give up the present attempt, if any, and start over with the next broker. An open session stays."""
        self._restart_wanted = True
        self._outbox.wake()

    def break_connection(self) -> None:
        """Cut the open connection without a DISCONNECT, like a pulled cable; then it counts as a lost
        connection. For simulations and tests."""
        self._break_wanted = True
        self._outbox.wake()

    @property
    def online(self) -> bool:
        return self._online

    @property
    def session(self) -> str:
        """Id of the present or latest session, for the heartbeat."""
        return self._session

    @property
    def resend_rate(self) -> SendRate | None:
        """The rate limit of resends; None: the PUBACK is the delivery and nothing is resent."""
        return self._confirmation.rate if self._confirmation is not None else None

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
            no_retain=self._online and not self._retains,
            last_error=self._last_error,
            bytes_today=today,
            bytes_month=month,
        )

    def _confirmed_age_s(self) -> float | None:
        confirmed_mono = self._confirmation.confirmed_mono if self._confirmation is not None else None
        return None if confirmed_mono is None else round(self._clock.monotonic() - confirmed_mono, 1)

    # --- on the publisher's thread ---

    def _run(self, loop: SupervisedThread) -> None:
        self._next_attempt_mono = self._clock.monotonic() + self._reconnect.first_delay_s()
        published = False
        try:
            while not loop.stopping:
                loop.beat()
                self._advance()
                self._outbox.wait_for_work(self._wait_s())
                self._handle_signals()
            if self._online and not self._abrupt:
                published = self._publish_last_state(self._last_state())
        finally:
            # With a DISCONNECT the broker drops the will. Without a published last state, the gateway would
            # then look online for ever.
            self._drop_connection(say_goodbye=published)
            self._usage.save()

    def _advance(self) -> None:
        """One step of what can be done without waiting."""
        now = self._clock.monotonic()
        self._rotation.check_files(now)
        try:
            if self._restart_wanted:
                self._restart_attempts(now)
            if self._break_wanted:
                self._cut_connection()
            if self._connection is None:
                if now >= self._next_attempt_mono:
                    self._attempt(now)
            elif self._online:
                self._run_session(self._connection, now)
            elif now - self._since_mono > RESOLVE_TIMEOUT_S and not self._connection.resolved:
                host = self._connection.broker.host
                text = (
                    f"the name {host} is not resolved within {RESOLVE_TIMEOUT_S:.0f} s: no DNS server answers"
                )
                self._ended(ConnectionEnded(ConnectError(ConnectErrorKind.DNS, text)))
            elif now - self._since_mono > SIGN_ON_TIMEOUT_S:
                self._give_up(f"{self._connection.broker.host} does not finish the sign-on in time")
        except MqttError as error:
            self._wait_for_end_signal(error)
        if now - self._settled_mono >= TICK_S:
            self._settle_traffic()
        self._usage.save_if_due()

    def _restart_attempts(self, now: float) -> None:
        self._restart_wanted = False
        if self._online:
            return
        self._drop_connection(say_goodbye=False)
        self._reconnect.start_over()
        self._next_attempt_mono = now

    def _cut_connection(self) -> None:
        self._break_wanted = False
        if self._connection is not None:
            self._connection.break_connection()

    def _wait_s(self) -> float:
        if self._broken_mono is not None:
            return BROKEN_S
        if self._connection is not None:
            soon_s = self._confirmation.resend_wait_s() if self._confirmation is not None else None
            return min(TICK_S, self._limiter.wait_s() or TICK_S, TICK_S if soon_s is None else soon_s)
        return min(TICK_S, max(0.0, self._next_attempt_mono - self._clock.monotonic()))

    def _attempt(self, now: float) -> None:
        # CONNECT carries the will, and the will carries the session id: each attempt has its own id.
        self._session = str(uuid.uuid4())
        self._since_mono = now
        self._traffic.begin_connection()
        broker = self._reconnect.broker
        self._retains = broker not in self._without_retain
        log.debug("mqtt: connecting to %s:%d", broker.host, broker.port)
        self._connection = BrokerConnection(
            self._rotation.choose(now),
            broker,
            self._topics.gateway,
            self._session,
            self._state_message("offline", "connection lost"),
            self._signals,
            self._clock_trusted(),
        )
        self._connection.open()

    def _handle_signals(self) -> None:
        for session, signal in self._signals.take():
            if self._connection is not None and session == self._session:
                self._handle(self._connection, signal)
        self._downlink.process_next_ack()

    def _handle(self, connection: BrokerConnection, signal: Signal) -> None:
        match signal:
            case PublishAcked():
                self._sender.acked(signal)
            case MessageReceived():
                self._downlink.receive(self._session, signal)
            case Connected():
                self._connected(connection, signal)
            case ConnectionEnded():
                self._ended(signal)
            case Subscribed(reasons):
                if any(reason >= 0x80 for reason in reasons):
                    self._report("the broker refuses a subscription to down/: commands will not arrive")

    def _connected(self, connection: BrokerConnection, signal: Connected) -> None:
        if signal.maximum_qos < 1:
            self._ended(ConnectionEnded(causes.qos_1_unsupported(connection.broker)))
            return
        self._retains = signal.retains
        self._note_retain(connection.broker, signal.retains)
        self._since_mono = self._clock.monotonic()
        self._broken_mono = None
        self._connects += 1
        self._rotation.connected(self._since_mono)
        self._sender.begin(connection, signal)
        self._online = True
        broker = connection.broker
        log.info("mqtt: connected to %s:%d as %s", broker.host, broker.port, self._topics.gateway)
        try:
            self._sender.send_own("state", self._state_message("online", "connected"))
            self._send_birth()
            connection.subscribe(self._topics.subscriptions)
        except MqttError as error:
            self._wait_for_end_signal(error)

    def _note_retain(self, broker: Broker, retains: bool) -> None:
        """Remember whether the broker keeps retained messages. Without them the agent works on: only late
        subscribers miss state and birth."""
        if retains:
            self._without_retain.discard(broker)
        elif broker not in self._without_retain:
            self._without_retain.add(broker)
            text = "mqtt: %s keeps no retained messages: later subscribers miss state and birth"
            log.warning(text, broker.host)

    def _ended(self, signal: ConnectionEnded) -> None:
        """Plan the next attempt after a failed attempt or a lost session."""
        if signal.error.kind is ConnectErrorKind.NO_RETAIN and self._connection is not None:
            self._note_retain(self._connection.broker, retains=False)  # the next will is not retained
        lasted_s = self._clock.monotonic() - self._since_mono
        if self._online:
            delay_s = self._reconnect.after_loss_s(signal.error, lasted_s)
        elif self._rotation.failed(signal.error, self._clock.monotonic()):
            delay_s = 0.0  # retry with the certificate in force, which is not to blame
        else:
            delay_s = self._reconnect.after_failure_s(signal.error)
        self._drop_connection(say_goodbye=False)
        self._sender.lost(signal.reason)
        self._next_attempt_mono = self._clock.monotonic() + delay_s
        failures = self._reconnect.failures
        # The first failures in a row are warnings; more of them would only fill the log.
        quiet = failures > len(self._settings.brokers) and not signal.error.retry_slowly
        self._report(
            f"{signal.error.text}; events are kept, next attempt in {delay_s:.0f} s "
            f"(failure {failures} in a row)",
            logging.DEBUG if quiet else logging.WARNING,
        )

    def _wait_for_end_signal(self, error: MqttError) -> None:
        """The connection has just ended, and the network thread is about to report why.

        A guess here could take a stolen client id for a lost link, and reconnect far too soon.
        """
        log.debug("mqtt: %s", error)
        if self._broken_mono is None:
            self._broken_mono = self._clock.monotonic()

    def _give_up(self, text: str) -> None:
        self._ended(ConnectionEnded(ConnectError(ConnectErrorKind.TIMEOUT, text)))

    def _report(self, text: str, level: int = logging.WARNING) -> None:
        log.log(level, "mqtt: %s", text)
        self._last_error = f"{rfc3339(self._clock.now())} {text}"

    def _drop_connection(self, say_goodbye: bool) -> None:
        self._online = False
        self._broken_mono = None
        with self._heartbeat_lock:
            self._heartbeat = None
        if self._connection is not None:
            self._connection.close(CUT_S, say_goodbye)
            self._settle_traffic()
            self._connection = None

    def _run_session(self, connection: BrokerConnection, now: float) -> None:
        """Serve an open session. Raises MqttError when it has just ended."""
        self._downlink.acknowledge(self._session, connection)
        self._sender.window.observe(connection.all_received(), now)
        if self._broken_mono is not None:
            if now - self._broken_mono > BROKEN_S:
                self._give_up(f"the connection to {connection.broker.host} takes nothing more")
        elif self._sender.window.overdue(now):
            self._give_up(f"{connection.broker.host} does not acknowledge what it gets")
        elif self._rotation.wants_change(now, idle=not len(self._sender.window)):
            self._change_certificate()
        else:
            self._send_waiting()

    def _change_certificate(self) -> None:
        """End the session in an orderly way; the next attempt uses the other certificate.

        ``offline`` is retained meanwhile, because the broker may refuse both certificates.
        """
        published = self._publish_last_state(
            self._state_message("offline", "reconnecting with the next certificate")
        )
        if self._connection is None:
            return  # lost just now
        self._drop_connection(say_goodbye=published)
        self._sender.lost(None)
        self._next_attempt_mono = self._clock.monotonic()

    def _send_waiting(self) -> None:
        with self._heartbeat_lock:
            heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            self._sender.send_heartbeat(heartbeat)
        if self._birth_wanted:
            self._send_birth()
        self._sender.fill()
        if self._signals.dropped > self._dropped_reported:
            self._dropped_reported = self._signals.dropped
            log.warning(
                "mqtt: the centre sends faster than we read; %d messages dropped", self._dropped_reported
            )

    def _send_birth(self) -> None:
        self._birth_wanted = False  # before it is made: a change meanwhile asks for another
        birth = MqttMessage(self._topics.birth, self._birth(self._session), retain=self._retains)
        self._sender.send_own("birth", birth)

    def _last_state(self) -> MqttMessage:
        if self._failed is None:
            return self._state_message("stopped", "agent stopped")
        return self._state_message("offline", f"agent failed: {masked(self._failed)}")

    def _publish_last_state(self, message: MqttMessage) -> bool:
        """Send the waiting replies, the cameras' last events and the last state, and wait a moment for their
        PUBACKs.

        What is not sent in time stays in the outbox. Returns whether the last state was sent; if not, the
        broker has to publish the will.
        """
        deadline = self._clock.monotonic() + GOODBYE_S
        try:
            if self._connection is not None:
                self._downlink.acknowledge(self._session, self._connection)
            self._sender.fill_replies()
            self._sender.fill_events()
            self._sender.send_own("state", message)
            while self._online and len(self._sender.window):
                left_s = deadline - self._clock.monotonic()
                if left_s <= 0:
                    break
                self._outbox.wait_for_work(left_s)
                self._handle_signals()
                self._sender.fill_own()
        except MqttError as error:
            log.warning("mqtt: the last state is not published: %s", error)
            return False
        return self._online and not self._sender.own_waiting

    def _state_message(self, state: Literal["online", "stopped", "offline"], reason: str) -> MqttMessage:
        message = wire.State(
            state=state, session=self._session, time=rfc3339(self._clock.now()), reason=reason
        )
        return MqttMessage(self._topics.state, msgspec.json.encode(message), retain=self._retains)

    def _settle_traffic(self) -> None:
        self._settled_mono = self._clock.monotonic()
        if self._connection is not None:
            self._traffic.count_rest(self._connection.traffic(), self._sender.counted_bytes)
