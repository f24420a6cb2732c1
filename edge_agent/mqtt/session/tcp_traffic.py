"""What the kernel knows about a TCP connection (``TCP_INFO``).

Offsets in ``struct tcp_info`` (linux/tcp.h, append-only): tcpi_options 5; tcpi_unacked 24;
tcpi_bytes_received 128 since Linux 4.1; tcpi_segs_out 136 and tcpi_segs_in 140 since 4.2; tcpi_notsent_bytes
144 since 4.6; tcpi_bytes_sent 200 since 4.19.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from edge_agent.uplink.usage import DataUsage, TrafficClass

INFO_BYTES = 208
TCP_HEADER_BYTES, TIMESTAMPS_BYTES, TIMESTAMPS = 20, 12, 1  # the last: TCPI_OPT_TIMESTAMPS
IP_HEADER_BYTES = {socket.AF_INET: 20, socket.AF_INET6: 40}
"""Without IP options, which are rare on the internet."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes on one TCP connection, retransmissions and TLS included.

    ``headers``: bytes of IP and TCP headers, both ways, from the kernel's count of segments; ``sent`` and
    ``received`` do not include them.
    """

    sent: int
    received: int
    headers: int = 0


def tcp_traffic(sock: socket.socket) -> Traffic | None:
    """Return the kernel's count for ``sock``; None once it is closed, or if the kernel is too old."""
    info = _info(sock)
    if info is None:
        return None
    segments = sum(struct.unpack_from("=II", info, 136))
    of_tcp = TCP_HEADER_BYTES + (TIMESTAMPS_BYTES if info[5] & TIMESTAMPS else 0)
    return Traffic(
        sent=struct.unpack_from("=Q", info, 200)[0],
        received=struct.unpack_from("=Q", info, 128)[0],
        headers=segments * (of_tcp + IP_HEADER_BYTES.get(sock.family, 0)),
    )


def peer_received_all(sock: socket.socket) -> bool:
    """Whether the peer's kernel has acknowledged every byte that was sent so far: the link works."""
    info = _info(sock)
    if info is None:
        return False
    segments, unsent_bytes = struct.unpack_from("=I", info, 24)[0], struct.unpack_from("=I", info, 144)[0]
    return bool(segments == 0 and unsent_bytes == 0)


def _info(sock: socket.socket) -> bytes | None:
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
    except OSError:
        return None
    return info if len(info) == INFO_BYTES else None


class TrafficCounter:
    """Counts what TCP carried beyond the messages: TLS, sign-on, state, birth, acknowledgements, headers.

    For one connection at a time; on the publisher's thread.
    """

    def __init__(self, usage: DataUsage) -> None:
        self._usage = usage
        self._other = self._received = self._headers = 0  # bytes of this connection counted so far

    def begin_connection(self) -> None:
        """Start at zero for a new connection."""
        self._other = self._received = self._headers = 0

    def count_rest(self, traffic: Traffic, of_messages: int) -> None:
        """Count the bytes since the last call that belong to no message. ``of_messages``: bytes of messages
        on this connection so far, which are counted elsewhere."""
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
