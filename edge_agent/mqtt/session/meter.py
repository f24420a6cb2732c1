"""Counts what TCP carried beyond the messages: TLS, sign-on, state, birth, acknowledgements, headers."""

from __future__ import annotations

from edge_agent.mqtt.session.tcp import Traffic
from edge_agent.uplink.usage import DataUsage, TrafficClass


class TrafficCounter:
    """Of one connection at a time; on the publisher's thread."""

    def __init__(self, usage: DataUsage) -> None:
        self._usage = usage
        self._other = self._received = self._headers = 0  # bytes of this connection that are counted

    def begin_connection(self) -> None:
        """Another connection, which begins at nothing."""
        self._other = self._received = self._headers = 0

    def count_rest(self, traffic: Traffic, of_messages: int) -> None:
        """Count what came on top since the last time; ``of_messages`` are counted elsewhere."""
        other = traffic.sent - of_messages
        if other > self._other:
            self._usage.sent(TrafficClass.OTHER, other - self._other)
        if traffic.received > self._received:
            self._usage.received(traffic.received - self._received)
        if traffic.headers > self._headers:
            self._usage.sent(TrafficClass.HEADERS, traffic.headers - self._headers)
        self._other = max(self._other, other)
        self._received = max(self._received, traffic.received)
        self._headers = max(self._headers, traffic.headers)
