"""A light gateway's outbox in memory, with the guarantees of the agent's outbox (``delivery: confirmed``).

Omitted: the disk, pictures, order by severity, and all limits of repeated sending except a rate.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent import wire
from edge_agent.core.delivery import GENESIS_HASH, Draft, Stamp
from edge_agent.mqtt.publisher.sender import EVENT_CONTENT_TYPE
from edge_agent.mqtt.publisher.window import deferral_s
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.outbox.numbering import new_epoch
from edge_agent.tools.simulate.delivery_ledger import DeliveryCounts, bucket_of
from edge_agent.wire.topics import GatewayTopics

AGAIN_AT_ONCE = 50
"""Events that are rescheduled at each tick: 10 a second, as in the agent."""


@dataclass(slots=True, eq=False)
class Waiting:
    """An event that is not confirmed yet."""

    sequence: int
    message: MqttMessage
    stored_s: float
    attempts: int = 0
    sent: bool = False


class LightOutbox:
    """The outbox of one gateway. Times are those of the event loop, in seconds. ``counts`` is shared with
    other gateways."""

    def __init__(self, topics: GatewayTopics, counts: DeliveryCounts) -> None:
        self.epoch = new_epoch()
        self.ignored_acks = 0
        self._topics = topics
        self._counts = counts
        self._sequence = 0
        self._previous = GENESIS_HASH
        self._waiting: dict[int, Waiting] = {}  # by sequence, in order
        self._to_send: deque[Waiting] = deque()
        self._resting: list[tuple[float, int]] = []  # heap: until when, sequence

    def __len__(self) -> int:
        return len(self._waiting)

    def append(self, draft: Draft, now_s: float) -> None:
        self._sequence += 1
        payload = draft.encode(Stamp(self._sequence, self.epoch, self._previous))
        self._previous = hashlib.sha256(payload).hexdigest()
        message = MqttMessage(self._topics.event(draft.camera), payload, content_type=EVENT_CONTENT_TYPE)
        waiting = Waiting(self._sequence, message, now_s)
        self._waiting[self._sequence] = waiting
        self._to_send.append(waiting)
        self._counts.stored += 1

    def take(self) -> Waiting | None:
        """Return the next event to send, and mark it as sent."""
        while self._to_send:
            waiting = self._to_send.popleft()
            if waiting.sequence in self._waiting:
                self._counts.sent += 1
                self._counts.again += waiting.sent
                waiting.sent = True
                return waiting
        return None

    def rest(self, waiting: Waiting, now_s: float, *, at_broker: bool) -> None:
        """The event has its PUBACK. Without a confirmation it is sent again after 60 s, then after twice as
        long each time."""
        self._counts.at_broker += at_broker
        if waiting.sequence in self._waiting:
            heapq.heappush(self._resting, (now_s + deferral_s(waiting.attempts), waiting.sequence))
            waiting.attempts += 1

    def lost(self, in_flight: Iterable[Waiting]) -> None:
        """The session ended before these events had a PUBACK."""
        self._to_send.extendleft(reversed([*in_flight]))

    def reschedule(self, now_s: float) -> None:
        """Queue the events whose delay is over for sending again."""
        for _ in range(AGAIN_AT_ONCE):
            if not self._resting or self._resting[0][0] > now_s:
                return
            _, sequence = heapq.heappop(self._resting)
            if (waiting := self._waiting.get(sequence)) is not None:
                self._to_send.append(waiting)

    def confirmed(self, ack: wire.Ack, now_s: float) -> None:
        self._counts.acks += 1
        if ack.epoch != self.epoch or max([ack.upto, *ack.also]) > self._sequence:
            self.ignored_acks += 1
            return
        covered = []
        for sequence in self._waiting:
            if sequence > ack.upto:
                break
            covered.append(sequence)
        for sequence in (*covered, *ack.also):
            if (waiting := self._waiting.pop(sequence, None)) is not None:
                self._counts.confirmed += 1
                self._counts.latency[bucket_of(now_s - waiting.stored_s)] += 1

    def stats(self, now_s: float) -> wire.OutboxHealth:
        """Figures for the heartbeat."""
        oldest = next(iter(self._waiting.values()), None)
        return wire.OutboxHealth(
            depth=len(self._waiting),
            bytes=0,
            oldest_s=0.0 if oldest is None else round(now_s - oldest.stored_s, 1),
            sequence=self._sequence,
            epoch=self.epoch,
        )
