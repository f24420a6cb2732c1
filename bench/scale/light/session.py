"""A light gateway's sessions with the broker, one after another, as the agent's publisher runs them.

The same client id, will, terms, order of first messages, window, and delays between attempts; but no thread.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Literal

import msgspec

from bench.scale.light import packets
from bench.scale.light.line import Line
from bench.scale.light.outbox import LightOutbox, Waiting
from bench.scale.light.packets import Packet
from edge_agent import wire
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import WaitingReply
from edge_agent.mqtt.connect_errors import ConnectError, ConnectErrorKind
from edge_agent.mqtt.publisher.sender import JSON_TYPE
from edge_agent.mqtt.publisher.window import ALARM_SLOTS, IGNORED_AFTER_S, OWN_SLOTS, SUCCESS, WINDOW
from edge_agent.mqtt.session.broker_session import SIGN_ON_TIMEOUT_S, ReconnectSchedule
from edge_agent.mqtt.session.client import GATEWAY_TERMS, MqttMessage
from edge_agent.mqtt.session.paho_client import KEEPALIVE_S
from edge_agent.tools.simulate.health_generator import SimulatedReplies
from edge_agent.wire.topics import DownKind, GatewayTopics

ROOM = WINDOW - OWN_SLOTS - ALARM_SLOTS
"""For events and replies: a light gateway does not treat alarms differently."""
REFUSED = 0x80
MOST_PACKETS = 65_535

_ACK = msgspec.json.Decoder(wire.Ack)

Sent = Waiting | WaitingReply | None
"""None: one of the gateway's own messages."""


class Session:
    """The sessions of one gateway. ``birth(session)`` makes the birth message. ``failed`` counts failed
    attempts and lost sessions by reason; other gateways share it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        context: ssl.SSLContext,
        topics: GatewayTopics,
        reconnect: ReconnectSchedule,
        outbox: LightOutbox,
        birth: Callable[[str], bytes],
        failed: Counter[str],
    ) -> None:
        self.online = False
        self.connects = 0
        self.refused = 0
        self.id = str(uuid.uuid4())
        self._loop = loop
        self._clock = clock
        self._context = context
        self._topics = topics
        self._reconnect = reconnect
        self._outbox = outbox
        self._birth = birth
        self._failed = failed
        self._answers = SimulatedReplies(topics.gateway, clock, self.fill)
        self._line: Line | None = None
        self._reader = packets.Reader()
        self._in_flight: dict[int, Sent] = {}
        self._packet_ids = itertools.cycle(range(1, MOST_PACKETS + 1))
        self._since_s = self._heard_s = self._acked_s = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._ended_by_us = False

    def start(self) -> None:
        self._loop.call_later(self._reconnect.first_delay_s(), self._attempt)

    def beat(self, payload: bytes) -> None:
        """Dropped while there is no session."""
        if self.online:
            self._send(packets.publish(MqttMessage(self._topics.heartbeat, payload, qos=0), 0))

    def fill(self) -> None:
        """Send as many events as the window allows."""
        while self.online and len(self._in_flight) < ROOM:
            numbers = [each.number for each in self._in_flight.values() if isinstance(each, WaitingReply)]
            reply = self._answers.pending(numbers)
            if reply is not None:
                topic = self._topics.reply(reply.command_id)
                self._publish(MqttMessage(topic, reply.payload, content_type=JSON_TYPE), reply)
            elif (waiting := self._outbox.take()) is not None:
                self._publish(waiting.message, waiting)
            else:
                return

    def tick(self) -> None:
        """Check every few seconds whether the broker answers, and reschedule events."""
        if not self.online:
            return
        now_s = self._loop.time()
        if now_s - self._heard_s > 2 * KEEPALIVE_S:
            self._ended("the broker is silent")
        elif self._in_flight and now_s - self._acked_s > IGNORED_AFTER_S:
            self._ended("the broker does not acknowledge what it gets")
        else:
            if now_s - self._heard_s >= KEEPALIVE_S:
                self._send(packets.PING)
            self._outbox.reschedule(now_s)
            self.fill()

    def stop(self) -> None:
        """Publish ``stopped`` and disconnect; the broker closes the connection."""
        self._ended_by_us = True
        if self.online:
            self._publish(self._state("stopped", "agent stopped"), None)
            self._send(packets.GOODBYE)
        elif self._line is not None:
            self._drop()

    @property
    def over(self) -> bool:
        """After ``stop``: whether the broker has closed."""
        return self._line is None

    # --- one attempt after another ---

    def _attempt(self) -> None:
        if self._ended_by_us:
            return
        self.id = str(uuid.uuid4())
        self._since_s = self._loop.time()
        self._reader = packets.Reader()
        broker = self._reconnect.broker
        self._line = Line(
            self._loop, self._context, broker, opened=self._opened, received=self._received, ended=self._ended
        )
        self._deadline = self._loop.call_later(SIGN_ON_TIMEOUT_S, self._ended, "timeout of the sign-on")
        self._line.open()

    def _opened(self) -> None:
        will = self._state("offline", "connection lost")
        self._send(packets.connect(self._topics.gateway, will, KEEPALIVE_S, GATEWAY_TERMS))

    def _signed_on(self, reason: int) -> None:
        if reason != SUCCESS:
            self._ended(f"the sign-on is refused with 0x{reason:02x}")
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.online = True
        self.connects += 1
        self._since_s = self._loop.time()
        self._publish(self._state("online", "connected"), None)
        self._send_birth()
        self._send(packets.subscribe(next(self._packet_ids), self._topics.subscriptions))
        self.fill()

    def _ended(self, why: str) -> None:
        was_online = self.online
        self._drop()
        if self._ended_by_us:
            return
        self._failed[why] += 1
        trouble = ConnectError(ConnectErrorKind.LOST, why)
        lasted_s = self._loop.time() - self._since_s
        if was_online:
            delay_s = self._reconnect.after_loss_s(trouble, lasted_s)
        else:
            delay_s = self._reconnect.after_failure_s(trouble)
        self._loop.call_later(delay_s, self._attempt)

    def _drop(self) -> None:
        self.online = False
        if self._deadline is not None:
            self._deadline.cancel()
        if self._line is not None:
            self._line.close()
            self._line = None
        self._outbox.lost(each for each in self._in_flight.values() if isinstance(each, Waiting))
        self._in_flight.clear()

    # --- to the broker ---

    def _send(self, packet: bytes) -> None:
        if self._line is not None:
            self._line.send(packet)

    def _publish(self, message: MqttMessage, sent: Sent) -> None:
        packet_id = next(self._packet_ids)
        while packet_id in self._in_flight:
            packet_id = next(self._packet_ids)
        if not self._in_flight:
            self._acked_s = self._loop.time()
        self._in_flight[packet_id] = sent
        self._send(packets.publish(message, packet_id))

    def _send_birth(self) -> None:
        self._publish(MqttMessage(self._topics.birth, self._birth(self.id), retain=True), None)

    def _state(self, state: Literal["online", "stopped", "offline"], reason: str) -> MqttMessage:
        document = wire.State(state=state, session=self.id, time=rfc3339(self._clock.now()), reason=reason)
        return MqttMessage(self._topics.state, msgspec.json.encode(document), retain=True)

    # --- from the broker ---

    def _received(self, data: bytes) -> None:
        self._heard_s = self._loop.time()
        try:
            for packet in self._reader.feed(data):
                if self._line is not None:
                    self._take(packet)
        except packets.NotMqtt as error:
            self._ended(str(error))

    def _take(self, packet: Packet) -> None:
        match packet.kind:
            case packets.PUBACK:
                self._acked(*packets.acknowledged(packet))
            case packets.PUBLISH:
                self._arrived(packets.published(packet))
            case packets.CONNACK:
                self._signed_on(packets.sign_on_reason(packet))
            case packets.SUBACK:
                self.refused += sum(reason >= REFUSED for reason in packets.subscription_reasons(packet))
            case packets.DISCONNECT:
                self._ended(f"the broker ends the session with 0x{(packet.body or bytes(1))[0]:02x}")
            case packets.PINGRESP:
                pass
            case other:
                raise packets.NotMqtt(f"a packet of type {other}")

    def _acked(self, packet_id: int, reason: int) -> None:
        now_s = self._acked_s = self._loop.time()
        sent = self._in_flight.pop(packet_id, None)
        self.refused += reason >= REFUSED
        if isinstance(sent, Waiting):
            self._outbox.rest(sent, now_s, at_broker=reason == SUCCESS)
        elif isinstance(sent, WaitingReply):
            self._answers.delivered(sent.number)
        self.fill()

    def _arrived(self, published: packets.Published) -> None:
        if published.packet_id is not None:
            self._send(packets.acknowledge(published.packet_id))
        message = self._topics.parse_down(published.topic, published.payload)
        if message is None:
            return
        if message.kind is DownKind.ACK:
            self._outbox.confirmed(_ACK.decode(message.payload), self._loop.time())
        elif message.kind is DownKind.COMMAND:
            self._answers.receive_command(message, self._send_birth, self.id)
