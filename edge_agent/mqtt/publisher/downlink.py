"""Messages from the centre: passed on, and acknowledged to the broker once the gateway has stored them."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from functools import partial

from edge_agent.mqtt.publisher.delivery_confirmation import DeliveryConfirmation
from edge_agent.mqtt.session.client import BrokerConnection
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.topics import DownKind, DownMessage, GatewayTopics

MAX_ACKS = 16
"""Confirmations that wait to be processed. They are cumulative and repeatable: the oldest is dropped."""


class Downlink:
    """Passes the centre's messages on, and acknowledges them to the broker. For the publisher's thread.

    Each turn processes only one confirmation: one with 10,000 numbers takes some hundredths of a second,
    and many confirmations at once must not delay an alarm.
    """

    def __init__(
        self,
        topics: GatewayTopics,
        on_down: Callable[[DownMessage], None],
        confirmation: DeliveryConfirmation | None,
        wake: Callable[[], None],
    ) -> None:
        """``on_down`` gets every message except confirmations; ``wake`` wakes the publisher."""
        self._topics = topics
        self._on_down = on_down
        self._confirmation = confirmation
        self._wake = wake
        self._safe: deque[tuple[str, int]] = deque()  # session and packet id of messages that were stored
        self._acks: deque[bytes] = deque(maxlen=MAX_ACKS)

    def receive(self, session: str, arrived: MessageReceived) -> None:
        """Pass a message on. A command is acknowledged by its receiver once it is stored; any other message
        at once, because the centre sends it again."""
        message, packet_id = self._topics.parse_down(arrived.topic, arrived.payload), arrived.packet_id
        mark_safe = partial(self._mark_safe, session, packet_id)
        if message is None or message.kind is not DownKind.COMMAND:
            mark_safe()
        if message is None:
            return
        if message.kind is not DownKind.ACK:
            expires_in_s, retained = arrived.expires_in_s, arrived.retained
            self._on_down(
                dataclasses.replace(
                    message, acknowledge=mark_safe, expires_in_s=expires_in_s, retained=retained
                )
            )
        elif self._confirmation is not None:
            self._acks.append(message.payload)
        # Without ``confirmation`` the PUBACK means delivery; ignore acks, which every gateway gets.

    def process_next_ack(self) -> None:
        """Process the oldest waiting confirmation, if any."""
        if self._confirmation is not None and self._acks:
            self._confirmation.receive_ack(self._acks.popleft())
            if self._acks:
                self._wake()

    def acknowledge(self, session: str, connection: BrokerConnection) -> None:
        """Acknowledge to the broker what is stored by now."""
        while self._safe:
            received_in, packet_id = self._safe.popleft()
            if received_in == session:
                connection.acknowledge(packet_id)

    def _mark_safe(self, session: str, packet_id: int | None) -> None:
        """Note that a command is stored, so that it can be acknowledged. Any thread may call it."""
        if packet_id is not None:
            self._safe.append((session, packet_id))
            self._wake()
