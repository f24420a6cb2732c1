"""Signals of paho's network thread to the thread that owns the connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from edge_agent.mqtt.connect_errors import ConnectError


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted the connection (CONNACK). Limits are the broker's; None: the broker names none."""

    receive_maximum: int
    maximum_packet_size: int | None
    maximum_qos: int = 2
    retains: bool = True  # whether the broker keeps retained messages


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """The connection ended, or was never established. ``reason`` is the broker's DISCONNECT code, if any."""

    error: ConnectError
    reason: int | None = None


class PublishAcked(msgspec.Struct, frozen=True, gc=False):
    """PUBACK. 0x00 is success, 0x10 success without any subscriber, 0x80 and above a refusal."""

    packet_id: int
    reason: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """SUBACK: one reason for each topic, 0x80 and above a refusal."""

    reasons: tuple[int, ...]


class MessageReceived(msgspec.Struct, frozen=True, gc=False):
    """A received message. The broker keeps a QoS 1 message until ``packet_id`` (QoS 0: None) is acknowledged.
    A struct, as there is one for each message: making a frozen dataclass takes ten times as long."""

    topic: str
    payload: bytes
    packet_id: int | None = None
    expires_in_s: int | None = None  # remaining time of the message's expiry; None: it has none
    properties: tuple[tuple[str, str], ...] = ()  # user properties
    retained: bool = False  # the broker had stored it for new subscribers


Signal = Connected | ConnectionEnded | PublishAcked | Subscribed | MessageReceived


class SignalQueue:
    """Signals, each tagged with the connection attempt it belongs to, so that late signals of an older
    attempt are not mistaken for signals of the present one.

    Messages of QoS 0 are bounded: the newest beyond ``max_qos_0`` is dropped and counted. Messages of QoS 1
    are never dropped: the broker bounds them. The window of unacknowledged messages bounds the other signals.
    Any thread puts signals, which calls ``wake``; one thread takes them.
    """

    def __init__(self, wake: Callable[[], None], max_qos_0: int = 64) -> None:
        self.dropped = 0
        self._wake = wake
        self._max_qos_0 = max_qos_0
        self._lock = threading.Lock()  # protects the next two attributes
        self._signals: list[tuple[str, Signal]] = []
        self._qos_0_count = 0

    def put(self, session: str, signal: Signal) -> None:
        with self._lock:
            if isinstance(signal, MessageReceived) and signal.packet_id is None:
                if self._qos_0_count >= self._max_qos_0:
                    self.dropped += 1
                    return
                self._qos_0_count += 1
            self._signals.append((session, signal))
        self._wake()

    def take(self) -> list[tuple[str, Signal]]:
        """Return all signals so far with their session, in order; does not block."""
        with self._lock:
            taken, self._signals = self._signals, []
            self._qos_0_count = 0
            return taken
