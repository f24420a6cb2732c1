"""What paho's network thread tells the publisher."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.mqtt.connect_errors import ConnectError


@dataclass(frozen=True, slots=True)
class Connected:
    """CONNACK with success. Limits are the broker's; None where it names none."""

    receive_maximum: int
    maximum_packet_size: int | None
    maximum_qos: int = 2
    retains: bool = True  # whether it keeps retained messages


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """The connection is over, or never came about. ``reason`` is the broker's DISCONNECT code, if any."""

    error: ConnectError
    reason: int | None = None


@dataclass(frozen=True, slots=True)
class PublishAcked:
    """PUBACK. 0x00 is success, 0x10 success without any subscriber, 0x80 and above a refusal."""

    packet_id: int
    reason: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """SUBACK: one reason for each topic, 0x80 and above a refusal."""

    reasons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """Its sender keeps a message of QoS 1 until it is acknowledged by ``packet_id``; None: QoS 0."""

    topic: str
    payload: bytes
    packet_id: int | None = None
    expires_in_s: int | None = None  # what is left of the message's own expiry
    properties: tuple[tuple[str, str], ...] = ()  # user properties
    retained: bool = False  # the broker kept it for whoever subscribes


Signal = Connected | ConnectionEnded | PublishAcked | Subscribed | MessageReceived


class SignalQueue:
    """Signals, each tagged with the connection attempt it belongs to, so that late ones of an older attempt
    are never taken for news of the present one.

    ``Arrived`` is bounded: the newest beyond ``max_arrived`` is dropped and counted. What must be
    acknowledged is bounded by the broker, and is never dropped; the others by the window of unacknowledged
    messages. Any thread puts, which calls ``wake``; one thread takes.
    """

    def __init__(self, wake: Callable[[], None], max_arrived: int = 64) -> None:
        self.dropped = 0
        self._wake = wake
        self._max_arrived = max_arrived
        self._lock = threading.Lock()  # protects the two below
        self._signals: list[tuple[str, Signal]] = []
        self._arrived = 0

    def put(self, session: str, signal: Signal) -> None:
        with self._lock:
            if isinstance(signal, MessageReceived) and signal.packet_id is None:
                if self._arrived >= self._max_arrived:
                    self.dropped += 1
                    return
                self._arrived += 1
            self._signals.append((session, signal))
        self._wake()

    def take(self) -> list[tuple[str, Signal]]:
        """All signals so far with their session, in order; does not block."""
        with self._lock:
            taken, self._signals = self._signals, []
            self._arrived = 0
            return taken
