"""The few MQTT 5 packets that a light gateway needs (MQTT 5.0, sections 2 and 3). Opens no socket.

Only for the bench: the agent itself uses paho, whose client needs a thread for each connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.mqtt.session.client import ConnectionTerms, MqttMessage

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP = 1, 2, 3, 4, 8, 9, 12, 13
DISCONNECT = 14

PING = bytes((PINGREQ << 4, 0))
GOODBYE = bytes((DISCONNECT << 4, 0))
"""A normal DISCONNECT: the broker drops the will."""

_VERSION = 5
_WILL, _WILL_RETAIN = 0x04, 0x20
_SESSION_EXPIRY, _RECEIVE_MAXIMUM, _MAXIMUM_PACKET, _CONTENT_TYPE = 0x11, 0x21, 0x27, 0x03


class NotMqtt(ValueError):
    """The received bytes are not a packet that a broker sends."""


@dataclass(frozen=True, slots=True)
class Packet:
    kind: int
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """A message from the broker. ``packet_id`` has to be acknowledged; None: QoS 0."""

    topic: str
    payload: bytes
    packet_id: int | None


# --- to the broker ---


def connect(client_id: str, will: MqttMessage, keepalive_s: int, terms: ConnectionTerms) -> bytes:
    """CONNECT without a clean start: the broker sends what it has kept for this client."""
    flags = _WILL | will.qos << 3 | (_WILL_RETAIN if will.retain else 0)
    wanted = struct.pack(
        "!BIBHBI",
        *(_SESSION_EXPIRY, terms.session_expiry_s),
        *(_RECEIVE_MAXIMUM, terms.receive_maximum),
        *(_MAXIMUM_PACKET, terms.maximum_packet_bytes),
    )
    head = _text("MQTT") + struct.pack("!BBH", _VERSION, flags, keepalive_s) + _length(len(wanted)) + wanted
    last_will = _length(0) + _text(will.topic) + struct.pack("!H", len(will.payload)) + will.payload
    return _packet(CONNECT, 0, head + _text(client_id) + last_will)


def publish(message: MqttMessage, packet_id: int) -> bytes:
    """PUBLISH. ``packet_id`` is ignored for QoS 0. User properties are not supported."""
    flags = message.qos << 1 | message.retain
    numbered = struct.pack("!H", packet_id) if message.qos else b""
    kind = message.content_type
    properties = b"" if kind is None else bytes((_CONTENT_TYPE,)) + _text(kind)
    head = _text(message.topic) + numbered + _length(len(properties)) + properties
    return _packet(PUBLISH, flags, head + message.payload)


def subscribe(packet_id: int, topics: Sequence[str]) -> bytes:
    """SUBSCRIBE with QoS 1."""
    filters = b"".join(_text(topic) + b"\x01" for topic in topics)
    return _packet(SUBSCRIBE, 0x02, struct.pack("!H", packet_id) + _length(0) + filters)


def acknowledge(packet_id: int) -> bytes:
    """PUBACK of a message that arrived."""
    return _packet(PUBACK, 0, struct.pack("!H", packet_id))


# --- from the broker ---


class Reader:
    """Splits a stream of bytes into packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> Iterator[Packet]:
        """Return the packets that are complete. Raises NotMqtt."""
        stream = self._rest + received
        at, end = 0, len(stream)
        try:
            while end - at >= 2:
                size, start = _read_length(stream, at + 1)
                if start + size > end:
                    break
                yield Packet(stream[at] >> 4, stream[at] & 0x0F, stream[start : start + size])
                at = start + size
        except IndexError:
            pass  # the length itself is not complete
        self._rest = stream[at:]


def published(packet: Packet) -> Published:
    """Parse a PUBLISH packet. Raises NotMqtt."""
    try:
        size = int.from_bytes(packet.body[:2], "big")
        topic = packet.body[2 : 2 + size].decode()
        at, packet_id = 2 + size, None
        if packet.flags & 0x06:
            packet_id = int.from_bytes(packet.body[at : at + 2], "big")
            at += 2
        properties, at = _read_length(packet.body, at)
    except (IndexError, UnicodeDecodeError) as error:
        raise NotMqtt("a PUBLISH that ends too soon, or whose topic is no UTF-8") from error
    return Published(topic, packet.body[at + properties :], packet_id)


def acknowledged(packet: Packet) -> tuple[int, int]:
    """Packet id and reason code of a PUBACK."""
    reason = packet.body[2] if len(packet.body) > 2 else 0
    return int.from_bytes(packet.body[:2], "big"), reason


def sign_on_reason(packet: Packet) -> int:
    """The reason code of a CONNACK; 0 is success. Raises NotMqtt."""
    if len(packet.body) < 2:
        raise NotMqtt("a CONNACK that ends too soon")
    return packet.body[1]


def subscription_reasons(packet: Packet) -> bytes:
    """The reason codes of a SUBACK, one per topic; 0x80 and above is a refusal. Raises NotMqtt."""
    try:
        properties, at = _read_length(packet.body, 2)
    except IndexError as error:
        raise NotMqtt("a SUBACK that ends too soon") from error
    return packet.body[at + properties :]


# --- the common parts ---


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    return bytes((kind << 4 | flags,)) + _length(len(body)) + body


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("!H", len(encoded)) + encoded


def _length(size: int) -> bytes:
    """A variable byte integer (1.5.5)."""
    found = bytearray()
    while size > 0x7F:
        found.append(size & 0x7F | 0x80)
        size >>= 7
    found.append(size)
    return bytes(found)


def _read_length(stream: bytes, at: int) -> tuple[int, int]:
    """Read a variable byte integer; returns it and where it ends. Raises IndexError if it is incomplete, and
    NotMqtt."""
    size = shift = 0
    while True:
        byte = stream[at]
        at += 1
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return size, at
        shift += 7
        if shift > 21:
            raise NotMqtt("a length of more than four bytes")
