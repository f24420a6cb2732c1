"""A relay between RTSP cameras and the agent that records when each picture passed.

The number of a picture is derived from its RTP timestamp, counted from the first one of the connection: the
camera need not be changed, and a lost packet shifts no number. RTSP over TCP only (RFC 2326, 10.12).
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

RTP_CLOCK_HZ = 90_000
RECEIVE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Passed:
    """Picture ``number`` (from 0, over all rounds of a looped clip) began to pass at ``mono``."""

    number: int
    mono: float


@dataclass(slots=True)
class PictureTimes:
    """Finds pictures in the bytes that an RTSP server sends on one connection."""

    fps: float
    _buffer: bytearray = field(default_factory=bytearray)
    _first: int | None = None
    _last: int | None = None

    def feed(self, data: bytes, mono: float) -> Iterator[Passed]:
        self._buffer += data
        while (packet := self._take()) is not None:
            # Even channels are RTP, odd ones RTCP; 12 bytes are the fixed head of RTP.
            if packet[0] == 0x24 and packet[1] % 2 == 0 and len(packet) >= 16:
                yield from self._picture(int.from_bytes(packet[8:12], "big"), mono)

    def _take(self) -> bytes | None:
        """The next interleaved packet or RTSP message, or None while it is not whole."""
        if self._buffer[:1] == b"$":
            size = 4 + int.from_bytes(self._buffer[2:4], "big") if len(self._buffer) >= 4 else 4
        else:
            head, found, _ = bytes(self._buffer).partition(b"\r\n\r\n")
            size = len(head) + 4 + _content_length(head) if found else len(self._buffer) + 1
        if len(self._buffer) < size:
            return None
        packet = bytes(self._buffer[:size])
        del self._buffer[:size]
        return packet

    def _picture(self, timestamp: int, mono: float) -> Iterator[Passed]:
        if timestamp == self._last:
            return
        self._last = timestamp
        if self._first is None:
            self._first = timestamp
        ticks = (timestamp - self._first) % 2**32
        yield Passed(round(ticks / RTP_CLOCK_HZ * self.fps), mono)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


class Wiretap:
    """Relays connections to ``port`` of this host as long as the ``with``. Its times are of the newest one:
    let one camera at a time go through it."""

    def __init__(self, port: int, fps: float) -> None:
        self._target = port
        self._fps = fps
        self._lock = threading.Lock()  # protects the list
        self._passed: list[Passed] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, name="wiretap", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._thread.join(5)

    def url(self, mount: str) -> str:
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}{mount}"

    @property
    def passed(self) -> list[Passed]:
        """Pictures since the newest connection, in order."""
        with self._lock:
            return list(self._passed)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                with self._lock:
                    self._passed = []
                for work in ((client, server, None), (server, client, PictureTimes(self._fps))):
                    threading.Thread(target=self._relay, args=work, name="wiretap-relay", daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, times: PictureTimes | None) -> None:
        with contextlib.suppress(OSError):  # either side has gone
            while data := source.recv(RECEIVE_BYTES):
                mono = time.monotonic()
                sink.sendall(data)
                if times is not None:
                    self._note(list(times.feed(data, mono)))
            sink.shutdown(socket.SHUT_WR)

    def _note(self, passed: list[Passed]) -> None:
        with self._lock:
            self._passed += passed
