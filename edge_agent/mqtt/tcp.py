"""What the kernel knows about a TCP connection (``TCP_INFO``).

Offsets in ``struct tcp_info`` (linux/tcp.h, append-only): tcpi_unacked 24; tcpi_bytes_received 128 since
Linux 4.1; tcpi_notsent_bytes 144 since 4.6; tcpi_bytes_sent 200 since 4.19.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

INFO_BYTES = 208


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes both ways on one TCP connection, retransmissions and TLS included, TCP/IP headers not."""

    sent: int
    received: int


def tcp_traffic(sock: socket.socket) -> Traffic | None:
    """The kernel's count for ``sock``; None once it is closed."""
    info = _info(sock)
    if info is None:
        return None
    return Traffic(
        sent=struct.unpack_from("=Q", info, 200)[0], received=struct.unpack_from("=Q", info, 128)[0]
    )


def peer_has_everything(sock: socket.socket) -> bool:
    """Whether the other machine has confirmed every byte that was sent so far: the link works."""
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
