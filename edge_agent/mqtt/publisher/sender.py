"""Decides which message is sent next over an open connection, and what a PUBACK means for the outbox."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Collection, Sequence
from typing import Protocol

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Media, StoredEvent, WaitingReply
from edge_agent.mqtt.connect_errors import BLAMES_MESSAGE
from edge_agent.mqtt.publisher.delivery_confirmation import ConfirmPort, DeliveryConfirmation
from edge_agent.mqtt.publisher.part_queue import MediaPort, PartQueue, media_message
from edge_agent.mqtt.publisher.self_test import SelfTest
from edge_agent.mqtt.publisher.window import (
    FAILURE_PAUSE_S,
    NO_SUBSCRIBER,
    PACKET_TOO_LARGE,
    SUCCESS,
    TOPIC_INVALID,
    WINDOW,
    AccessProbe,
    CircuitBreaker,
    Sent,
    Window,
    deferral_s,
)
from edge_agent.mqtt.session.client import BrokerConnection, MqttMessage, packet_bytes
from edge_agent.mqtt.session.signal_queue import Connected, PublishAcked
from edge_agent.uplink.send_limiter import SendLimiter
from edge_agent.uplink.usage import DataUsage, TrafficClass
from edge_agent.wire.topics import GatewayTopics

log = logging.getLogger(__name__)

JSON_TYPE = "application/json"
EVENT_CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

LARGE_REPLY_BYTES = 2_000
"""A larger reply, such as that of a search, goes after the events, and one at a time: an alarm waits for one
at most on a slow link."""
REMEMBERED_PICTURES = 64
"""Number of refused pictures whose attempts are remembered; the attempts of older ones are forgotten. A
picture without remembered attempts starts again with the shortest delay."""
REMEMBERED_REPLIES = 64  # number of deferred replies that are remembered; older ones may be sent at once

REASON_TEXTS = {
    0x87: "not authorised: the broker's ACL does not let us write there",
    0x90: "topic name invalid",
    0x95: "larger than the broker takes",
    0x97: "quota used up",
    0x99: "payload format invalid",
}


class OutboxPort(ConfirmPort, MediaPort, Protocol):
    """The methods of the outbox that the sender uses. All methods except ``wake`` are called on the
    publisher's thread only."""

    def pending(
        self, limit: int, exclude: Collection[tuple[int, str]], max_resends: int = ...
    ) -> Sequence[StoredEvent]:
        """Return up to ``limit`` events that are not deferred, by priority, then oldest first.

        ``exclude``: (sequence, epoch) of the events in flight. At most ``max_resends`` events are resends.
        """

    def delivered(self, sequence: int, epoch: str) -> None: ...

    def deferred(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Do not return this event before that instant; counts an attempt."""

    def wait_for_work(self, timeout_s: float) -> bool:
        """Block until there may be something new to send, ``wake`` is called, or the timeout has passed."""

    def wake(self) -> None:
        """Let ``wait_for_work`` return, now or when it is next called. Any thread may call it."""


class RepliesPort(Protocol):
    """The store of answers to commands. Called on the publisher's thread only."""

    def pending(self, exclude: Collection[int]) -> WaitingReply | None:
        """Return the oldest reply with a number that is not in ``exclude``, or None."""

    def delivered(self, number: int) -> None: ...


class Sender:
    """Sends messages over a connection, which exists between ``begin`` and ``lost``. One thread uses it.

    Without ``confirmation`` the broker's PUBACK is the delivery.
    """

    def __init__(
        self,
        outbox: OutboxPort,
        parts: PartQueue,
        topics: GatewayTopics,
        usage: DataUsage,
        clock: Clock,
        limiter: SendLimiter,
        replies: RepliesPort | None,
        confirmation: DeliveryConfirmation | None,
        self_test: SelfTest,
    ) -> None:
        self.window = Window()
        self.refused = 0
        self.counted_bytes = 0  # of events, replies, media and heartbeats on the present connection
        self._outbox = outbox
        self._parts = parts
        self._topics = topics
        self._usage = usage
        self._replies = replies
        self._clock = clock
        self._limiter = limiter
        self._confirmation = confirmation
        self._self_test = self_test
        self._event_breaker = CircuitBreaker(after=WINDOW, every_s=60.0)
        self._media_breaker = CircuitBreaker(after=2, every_s=900.0, pause_s=FAILURE_PAUSE_S)
        self._connection: BrokerConnection | None = None
        self._maximum_packet_bytes: int | None = None
        self._own: deque[tuple[str, MqttMessage]] = deque()  # state and birth that wait for room
        self._media_attempts: dict[str, int] = {}  # in the order of their last deferral
        self._replies_not_before: dict[int, float] = {}  # deferred replies by number
        self._without_subscriber: set[str] = set()  # streams whose latest message had no subscriber
        self._reported_reasons: set[int] = set()

    @property
    def no_subscriber(self) -> bool:
        """Whether the events of some camera, or the pictures, have no subscriber. Any thread may read it."""
        return bool(self._without_subscriber)

    @property
    def own_waiting(self) -> bool:
        """Whether a message of ``send_own`` could not be sent yet."""
        return bool(self._own)

    def begin(self, connection: BrokerConnection, limits: Connected) -> None:
        self._connection = connection
        self._maximum_packet_bytes = limits.maximum_packet_size
        self.counted_bytes = 0
        self._reported_reasons.clear()
        if self._confirmation is not None:
            self._confirmation.begin_session()
        self._own.clear()
        self.window.clear()
        self.window.limit = min(WINDOW, limits.receive_maximum)

    def lost(self, reason: int | None) -> None:
        """Forget the messages in flight, so that they are pending again. If the broker ended the connection
        because of a message, the messages in flight are deferred."""
        if reason in BLAMES_MESSAGE:
            self._defer_in_flight(reason)
        for probe in self.window.in_flight(AccessProbe):
            self._self_test.lost(probe)
        self._own.clear()
        self.window.clear()
        self._connection = None
        self.counted_bytes = 0

    def send_own(self, name: str, message: MqttMessage) -> None:
        """Send state or birth: QoS 1, retained, not from the outbox.

        Without room in the window it waits for ``fill_own``, in place of an older message of that ``name``.
        """
        self._own = deque(waiting for waiting in self._own if waiting[0] != name)
        self._own.append((name, message))
        self.fill_own()

    def fill_own(self) -> None:
        """Send waiting messages of ``send_own``, as far as the window has room."""
        while self._own and self.window.free:
            assert self._connection is not None
            name, message = self._own.popleft()
            size_bytes = packet_bytes(message)
            if self._too_large(size_bytes):
                self._refused(name, PACKET_TOO_LARGE)
                continue
            packet_id = self._connection.publish(message)
            self.window.add(packet_id, name, size_bytes, self._clock.monotonic())

    def send_heartbeat(self, payload: bytes) -> None:
        assert self._connection is not None
        message = MqttMessage(self._topics.heartbeat, payload, qos=0)
        self._connection.publish(message)
        self._count(TrafficClass.HEARTBEAT, packet_bytes(message))

    def fill(self) -> None:
        """Send what the window has room for: state, birth, replies, events, large replies, then pictures."""
        self.fill_own()
        self._fill_probe()
        self.fill_replies()
        events_wait = self.fill_events()
        self._fill_large_reply()
        blocked = events_wait or self.window.in_flight(Media) or not self._limiter.allows_media()
        room = 0 if blocked else self.window.free_for_others
        if not self._media_breaker.allowed(room, 0, self._clock.monotonic()):
            return
        if self._confirmation is not None and not self._confirmation.picture_allowed():
            return
        if (media := self._parts.pending_media()) is not None:
            self._send(TrafficClass.MEDIA, media, media_message(self._topics, media))

    def _fill_probe(self) -> None:
        """Send the next probe of a self-test: a few bytes, while an operator waits for the result."""
        if not self.window.free_for_others:
            return
        if (probe := self._self_test.take_probe()) is not None:
            assert self._connection is not None
            message = MqttMessage(probe.topic, b"")
            packet_id = self._connection.publish(message)
            self.window.add(packet_id, probe, packet_bytes(message), self._clock.monotonic())

    def fill_replies(self) -> None:
        """Send waiting replies, which are few, before events, but keep the reserved slots for alarms."""
        while self.window.free_for_others and (reply := self._next_reply(is_large=False)) is not None:
            self._send_reply(reply)

    def _fill_large_reply(self) -> None:
        if not self.window.free_for_others or any(map(_is_large, self.window.in_flight(WaitingReply))):
            return
        if (reply := self._next_reply(is_large=True)) is not None:
            self._send_reply(reply)

    def _next_reply(self, *, is_large: bool) -> WaitingReply | None:
        """Return the oldest reply of that size that is not in flight, or None."""
        if self._replies is None:
            return None
        now = self._clock.monotonic()
        exclude = {number for number, mono in self._replies_not_before.items() if mono > now}
        exclude |= {sent.number for sent in self.window.in_flight(WaitingReply)}
        while (reply := self._replies.pending(exclude)) is not None and _is_large(reply) != is_large:
            exclude.add(reply.number)
        return reply

    def _send_reply(self, reply: WaitingReply) -> None:
        assert self._connection is not None
        message = MqttMessage(self._topics.reply(reply.command_id), reply.payload, content_type=JSON_TYPE)
        size_bytes = packet_bytes(message)
        if self._too_large(size_bytes):
            self._answered(reply, PACKET_TOO_LARGE)
            return
        self.window.add(self._connection.publish(message), reply, size_bytes, self._clock.monotonic())
        self._count(TrafficClass.REPLY, size_bytes)

    def acked(self, signal: PublishAcked) -> None:
        sent = self.window.take(signal.packet_id)
        if sent is None:
            return
        if isinstance(sent, StoredEvent):
            self._self_test.event_acked(sent.key, signal.reason)
        if isinstance(sent, str):
            if signal.reason >= 0x80:
                self._refused(sent, signal.reason)
        elif isinstance(sent, WaitingReply):
            self._answered(sent, signal.reason)
        elif isinstance(sent, AccessProbe):
            self._self_test.answered(sent, signal.reason)
        elif signal.reason == SUCCESS:
            self._delivered(sent)
        else:
            self._not_delivered(sent, signal.reason)

    def fill_events(self) -> bool:
        """Send events without their pictures. Returns whether events wait that could not be sent now."""
        in_flight, free = self.window.keys, self.window.free_for_alarms
        allowed = self._event_breaker.allowed(free, len(in_flight), self._clock.monotonic())
        if not allowed:
            return free == 0
        max_resends = sys.maxsize if self._confirmation is None else self._confirmation.resends_allowed()
        for number, event in enumerate(self._outbox.pending(allowed + 1, in_flight, max_resends)):
            # They are ordered by priority: if there is no room for this one, there is none for the rest.
            if number == allowed or not (self.window.accepts(event) and self._limiter.allows(event)):
                return True
            self._send(TrafficClass.EVENT, event, self._event_message(event))
        return False

    def _event_message(self, event: StoredEvent) -> MqttMessage | None:
        try:
            topic = self._topics.event(event.camera)
        except ValueError:
            return None
        return MqttMessage(topic, event.payload, content_type=EVENT_CONTENT_TYPE)

    def _send(self, kind: TrafficClass, item: StoredEvent | Media, message: MqttMessage | None) -> None:
        assert self._connection is not None
        if message is None:
            self._not_delivered(item, TOPIC_INVALID)
            return
        size_bytes = packet_bytes(message)
        if self._too_large(size_bytes):
            self._not_delivered(item, PACKET_TOO_LARGE)
            return
        packet_id = self._connection.publish(message)
        self.window.add(packet_id, item, size_bytes, self._clock.monotonic())
        self._count(kind, size_bytes)
        if self._confirmation is None:
            return
        if isinstance(item, StoredEvent):
            self._confirmation.event_sent(item)
        else:
            self._confirmation.picture_sent(item)

    def _too_large(self, size_bytes: int) -> bool:
        """Whether the broker would end the connection for a packet of this size, after each reconnect too."""
        return self._maximum_packet_bytes is not None and size_bytes > self._maximum_packet_bytes

    def _delivered(self, item: StoredEvent | Media) -> None:
        if isinstance(item, StoredEvent) or item.part is None:  # only a confirmation proves a part's arrival
            self._breaker_of(item).succeeded()
        stream = _subscription_text(item)
        if stream in self._without_subscriber:
            self._without_subscriber.discard(stream)
            log.info("mqtt: a client subscribes to the %s again", stream)
        if self._confirmation is not None:
            if isinstance(item, StoredEvent):
                self._confirmation.event_at_broker(item)
            else:
                self._confirmation.picture_at_broker(item)
        elif isinstance(item, StoredEvent):
            self._outbox.delivered(item.sequence, item.epoch)
        else:
            self._media_attempts.pop(item.media_id, None)
            self._parts.media_delivered(item.media_id)

    def _not_delivered(self, item: StoredEvent | Media, reason: int) -> None:
        if reason != NO_SUBSCRIBER:
            self._refused(item, reason)
        elif (stream := _subscription_text(item)) not in self._without_subscriber:
            self._without_subscriber.add(stream)
            log.warning("mqtt: no client subscribes to the %s; kept, next try in 60 s or more", stream)
        self._defer(item)
        self._breaker_of(item).failed(self._clock.monotonic())

    def _answered(self, reply: WaitingReply, reason: int) -> None:
        """Forget the reply. A reply that was refused or had no subscriber is not sent again, because a
        sender that still needs it asks again."""
        if reason >= 0x80:
            self._refused(reply, reason)
        self._replies_not_before.pop(reply.number, None)
        if self._replies is not None:
            self._replies.delivered(reply.number)

    def _breaker_of(self, item: StoredEvent | Media) -> CircuitBreaker:
        if isinstance(item, StoredEvent):
            return self._event_breaker
        return self._media_breaker if item.part is None else self._parts.breaker

    def _defer(self, item: StoredEvent | Media) -> None:
        now = self._clock.monotonic()
        if isinstance(item, StoredEvent):
            self._outbox.deferred(item.sequence, item.epoch, now + deferral_s(item.attempts))
            return
        attempts = self._media_attempts.pop(item.media_id, 0)
        self._media_attempts[item.media_id] = attempts + 1
        if len(self._media_attempts) > REMEMBERED_PICTURES:
            del self._media_attempts[next(iter(self._media_attempts))]
        self._parts.media_deferred(item.media_id, now + deferral_s(attempts))

    def _defer_in_flight(self, reason: int) -> None:
        """Defer the events, pictures, parts and replies in flight, one of which ended the connection.

        A reply that was in flight at two such ends is not sent again.
        """
        now = self._clock.monotonic()
        for event in self.window.in_flight(StoredEvent):
            self._defer(event)
        for media in self.window.in_flight(Media):
            self._defer(media)
            self._breaker_of(media).failed(now)
        for reply in self.window.in_flight(WaitingReply):
            if reply.number in self._replies_not_before:
                self._answered(reply, reason)
                continue
            self._replies_not_before[reply.number] = now + deferral_s(0)
            if len(self._replies_not_before) > REMEMBERED_REPLIES:
                del self._replies_not_before[next(iter(self._replies_not_before))]

    def _refused(self, item: Sent, reason: int) -> None:
        """Log a refusal once per session and reason: a broker that refuses one message mostly refuses all."""
        self.refused += 1
        level = logging.DEBUG if reason in self._reported_reasons else logging.WARNING
        self._reported_reasons.add(reason)
        words = REASON_TEXTS.get(reason, "refused")
        log.log(
            level,
            "mqtt: the broker does not take %s: %s (reason 0x%02x)%s",
            _item_text(item),
            words,
            reason,
            "; kept" if isinstance(item, StoredEvent | Media) else "",
        )

    def _count(self, kind: TrafficClass, size_bytes: int) -> None:
        self.counted_bytes += size_bytes
        self._limiter.count_sent(size_bytes)
        self._usage.sent(kind, size_bytes)


def _is_large(reply: WaitingReply) -> bool:
    return len(reply.payload) > LARGE_REPLY_BYTES


def _subscription_text(item: StoredEvent | Media) -> str:
    """Name what one subscription usually covers: the events of a camera, the pictures, or the parts."""
    if isinstance(item, StoredEvent):
        return f"events of {item.camera}"
    return "pictures" if item.part is None else "parts of files"


def _item_text(item: Sent) -> str:
    if isinstance(item, StoredEvent):
        return f"event {item.sequence} of {item.camera}"
    if isinstance(item, WaitingReply):
        return f"the reply to command {item.command_id}"
    if isinstance(item, AccessProbe):
        return item.topic
    return f"picture {item.media_id}" if isinstance(item, Media) else item
