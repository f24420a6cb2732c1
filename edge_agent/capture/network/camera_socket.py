"""A connection to a camera. Each read is bounded in time and in bytes, whatever the camera sends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from edge_agent.capture.failures import CameraFault, Fault, fault_of_errno

RECEIVE_BYTES = 65_536
MAX_LINE_BYTES = 1024


class BoundedReader(ABC):
    """Reads received bytes, and keeps no more of them in memory than the caller requests.

    Raises ``CameraFault``."""

    def __init__(self) -> None:
        self.buffer = b""  # received bytes; read from ``at`` on
        self.at = 0

    @abstractmethod
    def _more(self) -> bytes:
        """Wait for the next bytes: at least one, at most ``RECEIVE_BYTES``."""

    def receive(self) -> None:
        """Wait for more bytes and append them to the unread rest of ``buffer``."""
        data = self._more()
        self.buffer = self.buffer[self.at :] + data
        self.at = 0

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes without consuming them."""
        while len(self.buffer) - self.at < size:
            self.receive()
        return self.buffer[self.at : self.at + size]

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes. The caller limits ``size``."""
        if size <= len(self.buffer) - self.at:
            self.at += size
            return self.buffer[self.at - size : self.at]
        whole = bytearray()  # a list of small parts would take many times their bytes
        while size > len(whole):
            if self.at == len(self.buffer):
                self.receive()
            part = self.buffer[self.at : self.at + size - len(whole)]
            self.at += len(part)
            whole += part
        return bytes(whole)

    def take_until(self, end: bytes, most_bytes: int) -> bytes:
        """Return all bytes before ``end``, and skip ``end``. Raises ``CameraFault`` when more than
        ``most_bytes`` come before it."""
        found = self.buffer.find(end, self.at)
        if found >= 0:
            part = self.buffer[self.at : found]
            self.at = found + len(end)
            return part
        # Appending to ``buffer`` would copy all of it for each few bytes that a camera sends.
        whole, searched = bytearray(self.buffer[self.at :]), 0
        while (found := whole.find(end, searched)) < 0:
            if len(whole) > most_bytes:
                raise CameraFault(Fault.TOO_MUCH)
            searched = max(0, len(whole) - len(end) + 1)
            whole += self._more()
        self.buffer, self.at = bytes(whole[found + len(end) :]), 0
        return bytes(whole[:found])

    def line(self) -> bytes:
        return self.take_until(b"\n", MAX_LINE_BYTES).strip()


class CameraSocket(BoundedReader):
    """A TCP or TLS connection. Certificates are not verified, because cameras sign their own."""

    def __init__(self, host: str, port: int, *, tls: bool, until_mono: float) -> None:
        super().__init__()
        self.until_mono = until_mono  # deadline of every read and write
        self._socket = _connected(host, port, tls=tls, until_mono=until_mono)

    def send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._left_s())
            self._socket.sendall(data)
        except TimeoutError:
            raise CameraFault(Fault.SILENT) from None
        except OSError:
            raise CameraFault(Fault.CLOSED) from None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _more(self) -> bytes:
        try:
            self._socket.settimeout(self._left_s())
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            raise CameraFault(Fault.SILENT) from None
        except OSError:
            data = b""
        if not data:
            raise CameraFault(Fault.CLOSED)
        return data

    def _left_s(self) -> float:
        left_s = self.until_mono - time.monotonic()
        if left_s <= 0:
            raise CameraFault(Fault.SILENT)
        return left_s


class ChunkedBody(BoundedReader):
    """The body of an HTTP answer in chunked transfer coding (RFC 9112, 7.1)."""

    def __init__(self, connection: CameraSocket) -> None:
        super().__init__()
        self._connection = connection
        self._left_bytes = 0  # of the chunk

    def _more(self) -> bytes:
        connection = self._connection
        if not self._left_bytes:
            size = connection.line() or connection.line()  # each chunk but the first follows an empty line
            try:
                self._left_bytes = int(size.partition(b";")[0], 16)
            except ValueError:
                raise CameraFault(Fault.FOREIGN) from None
            if self._left_bytes <= 0:
                raise CameraFault(Fault.CLOSED)
        waiting = len(connection.buffer) - connection.at
        if not waiting:
            connection.receive()
            waiting = len(connection.buffer)
        data = connection.take(min(waiting, self._left_bytes))
        self._left_bytes -= len(data)
        return data


class ReadLimiter:
    """Limits how much is read from one camera, so that the others get their share of time.

    The limit is four times what 3840x2160 at 25 Mbit/s needs."""

    def __init__(self, wait: Callable[[float], bool]) -> None:
        self._wait = wait
        self._spent = 0.0
        self._until_mono = 0.0

    def spend(self, *, packets: int = 0, size_bytes: int = 0, pictures: int = 0) -> None:
        """Count what was read. If it exceeds the limit of one second, wait until that second is over."""
        self._spent += packets / 20_000 + size_bytes / 40_000_000 + pictures / 500
        if self._spent < 1:
            return
        left_s = self._until_mono - time.monotonic()
        if left_s > 0:
            self._wait(left_s)
        self._spent, self._until_mono = 0.0, time.monotonic() + 1


def _connected(host: str, port: int, *, tls: bool, until_mono: float) -> socket.socket:
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CameraFault(Fault.NO_ADDRESS) from None
    fault = Fault.NO_CONNECTION
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError:  # a kernel without IPv6, although the name has such an address
            continue
        try:
            # An address that does not answer leaves the others their share of the time.
            left_s = (until_mono - time.monotonic()) / (len(addresses) - tried)
            connection.settimeout(max(0.001, left_s))
            connection.connect(address)
        except OSError as error:
            connection.close()
            fault = fault_of_errno(error.errno)
            continue
        return _secured(connection, host, until_mono) if tls else connection
    raise CameraFault(fault)


def _secured(connection: socket.socket, host: str, until_mono: float) -> socket.socket:
    try:
        connection.settimeout(max(0.001, until_mono - time.monotonic()))
        return _context().wrap_socket(connection, server_hostname=host)
    except TimeoutError:
        fault = Fault.SILENT
    except OSError:
        fault = Fault.NO_TLS
    connection.close()
    raise CameraFault(fault)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLError):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # old cameras have keys of 1024 bits
    return context
