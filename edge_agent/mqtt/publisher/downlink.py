"""What the centre sends down: handed on, and acknowledged to the broker when it is safe with us."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from functools import partial

from edge_agent.mqtt.publisher.centre import Centre
from edge_agent.mqtt.session.client import Connection
from edge_agent.mqtt.session.inbox import Arrived
from edge_agent.wire.topics import DownKind, DownMessage, Topics

MOST_ACKS = 16
"""Confirmations that wait for their turn. They are cumulative and repeatable: the oldest goes."""


class Downlink:
    """On the publisher's thread. One confirmation a turn is looked at: 10,000 numbers take some hundredths of
    a second, and an ingest that floods us with them shall not hold up an alarm for sixteen of them."""

    def __init__(
        self,
        topics: Topics,
        on_down: Callable[[DownMessage], None],
        centre: Centre | None,
        wake: Callable[[], None],
    ) -> None:
        """``on_down`` gets all but confirmations; ``wake`` the publisher."""
        self._topics = topics
        self._on_down = on_down
        self._centre = centre
        self._wake = wake
        self._taken: deque[tuple[str, int]] = deque()  # session and packet id of what is safe with us
        self._acks: deque[bytes] = deque(maxlen=MOST_ACKS)

    def hand_down(self, session: str, arrived: Arrived) -> None:
        """Only of a command somebody has to say that it is safe: what else comes down comes again."""
        message, packet_id = self._topics.parse_down(arrived.topic, arrived.payload), arrived.packet_id
        taken = partial(self._take, session, packet_id)
        if message is None or message.kind is not DownKind.COMMAND:
            taken()
        if message is None:
            return
        if message.kind is not DownKind.ACK:
            expires_in_s, retained = arrived.expires_in_s, arrived.retained
            self._on_down(
                dataclasses.replace(message, taken=taken, expires_in_s=expires_in_s, retained=retained)
            )
        elif self._centre is not None:
            self._acks.append(message.payload)
        # Else the PUBACK has delivered it: the centre confirms to every gateway alike.

    def take_ack(self) -> None:
        """The oldest confirmation that waits, if any."""
        if self._centre is not None and self._acks:
            self._centre.take_ack(self._acks.popleft())
            if self._acks:
                self._wake()

    def acknowledge(self, session: str, connection: Connection) -> None:
        """Tell the broker of what is safe by now."""
        while self._taken:
            taken_in, packet_id = self._taken.popleft()
            if taken_in == session:
                connection.acknowledge(packet_id)

    def _take(self, session: str, packet_id: int | None) -> None:
        """Any thread."""
        if packet_id is not None:
            self._taken.append((session, packet_id))
            self._wake()
