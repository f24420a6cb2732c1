"""What the centre sends down: handed on, and acknowledged to the broker when it is safe with us."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from functools import partial

from edge_agent.mqtt.publisher.delivery_confirmation import DeliveryConfirmation
from edge_agent.mqtt.session.client import BrokerConnection
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.topics import DownKind, DownMessage, GatewayTopics

MOST_ACKS = 16
"""Confirmations that wait for their turn. They are cumulative and repeatable: the oldest goes."""


class Downlink:
    """On the publisher's thread. One confirmation a turn is looked at: 10,000 numbers take some hundredths of
    a second, and an ingest that floods us with them shall not hold up an alarm for sixteen of them."""

    def __init__(
        self,
        topics: GatewayTopics,
        on_down: Callable[[DownMessage], None],
        centre: DeliveryConfirmation | None,
        wake: Callable[[], None],
    ) -> None:
        """``on_down`` gets all but confirmations; ``wake`` the publisher."""
        self._topics = topics
        self._on_down = on_down
        self._confirmation = centre
        self._wake = wake
        self._safe: deque[tuple[str, int]] = deque()  # session and packet id of what is safe with us
        self._acks: deque[bytes] = deque(maxlen=MOST_ACKS)

    def receive(self, session: str, arrived: MessageReceived) -> None:
        """Only of a command somebody has to say that it is safe: what else comes down comes again."""
        message, packet_id = self._topics.parse_down(arrived.topic, arrived.payload), arrived.packet_id
        taken = partial(self._mark_safe, session, packet_id)
        if message is None or message.kind is not DownKind.COMMAND:
            taken()
        if message is None:
            return
        if message.kind is not DownKind.ACK:
            expires_in_s, retained = arrived.expires_in_s, arrived.retained
            self._on_down(
                dataclasses.replace(message, acknowledge=taken, expires_in_s=expires_in_s, retained=retained)
            )
        elif self._confirmation is not None:
            self._acks.append(message.payload)
        # Else the PUBACK has delivered it: the centre confirms to every gateway alike.

    def process_next_ack(self) -> None:
        """The oldest confirmation that waits, if any."""
        if self._confirmation is not None and self._acks:
            self._confirmation.receive_ack(self._acks.popleft())
            if self._acks:
                self._wake()

    def acknowledge(self, session: str, connection: BrokerConnection) -> None:
        """Tell the broker of what is safe by now."""
        while self._safe:
            taken_in, packet_id = self._safe.popleft()
            if taken_in == session:
                connection.acknowledge(packet_id)

    def _mark_safe(self, session: str, packet_id: int | None) -> None:
        """Any thread."""
        if packet_id is not None:
            self._safe.append((session, packet_id))
            self._wake()
