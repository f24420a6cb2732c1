"""One mutual TLS connection on an event loop, without asyncio's TLS, which needs 256 kB per connection."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from edge_agent.config.model.settings import Broker
from edge_agent.mqtt.session.client import CONNECT_TIMEOUT_S
from edge_agent.mqtt.tls.certificates import load_certificate, trust_context

AT_ONCE = 16_384
"""Bytes; the maximum of a TLS record."""


def context_of(certificates: Path, gateway: str) -> ssl.SSLContext:
    """A TLS context like the agent's (``mqtt/tls/certificates.py``), except that it does not wait until the
    broker has verified the certificate. Raises FileTrouble."""
    context = trust_context(certificates / "ca.crt")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, certificates / f"{gateway}.crt", certificates / f"{gateway}.key")
    return context


class Line:
    """One connection; not reusable. ``ended`` is called at most once, with the reason, and not after
    ``close``."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: ssl.SSLContext,
        broker: Broker,
        *,
        opened: Callable[[], None],
        received: Callable[[bytes], None],
        ended: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._context = context
        self._broker = broker
        self._opened, self._received, self._ended = opened, received, ended
        self._plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._plain.setblocking(False)
        self._descriptor = self._plain.fileno()
        self._tls: ssl.SSLSocket | None = None
        self._unsent = bytearray()
        self._closed = False
        self._timer = loop.call_later(CONNECT_TIMEOUT_S, self._end, "timeout of the TCP connection")

    def open(self) -> None:
        self._plain.connect_ex((self._broker.host, self._broker.port))
        self._loop.add_writer(self._descriptor, self._connected)

    def send(self, data: bytes) -> None:
        """Send as much as the socket accepts now, and the rest later."""
        if self._closed:
            return
        if self._unsent:
            self._unsent += data
            return
        sent = self._write(data)
        if sent < len(data) and not self._closed:
            self._unsent += data[sent:]
            self._loop.add_writer(self._descriptor, self._write_more)

    def close(self) -> None:
        """Close without sending anything and without calling ``ended``."""
        if self._closed:
            return
        self._closed = True
        self._timer.cancel()
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        (self._tls or self._plain).close()

    def _end(self, reason: str) -> None:
        if not self._closed:
            self.close()
            self._ended(reason)

    # --- sign-on ---

    def _connected(self) -> None:
        self._loop.remove_writer(self._descriptor)
        error = self._plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._end(os.strerror(error))
            return
        try:
            self._tls = self._context.wrap_socket(
                self._plain, server_hostname=self._broker.host, do_handshake_on_connect=False
            )
        except OSError as problem:
            self._end(str(problem))
            return
        self._timer.cancel()
        self._timer = self._loop.call_later(CONNECT_TIMEOUT_S, self._end, "timeout of the TLS handshake")
        self._shake()

    def _shake(self) -> None:
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._loop.remove_writer(self._descriptor)
            self._loop.add_reader(self._descriptor, self._shake)
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._descriptor, self._shake)
        except OSError as problem:
            self._end(str(problem))
        else:
            self._timer.cancel()
            self._loop.remove_writer(self._descriptor)
            self._loop.add_reader(self._descriptor, self._readable)
            self._opened()

    # --- bytes ---

    def _readable(self) -> None:
        """Read one record at a time: data that OpenSSL has not read keeps the socket readable."""
        assert self._tls is not None
        while not self._closed:
            try:
                data = self._tls.recv(AT_ONCE)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as problem:
                self._end(str(problem))
                return
            if not data:
                self._end("the broker closed the connection")
                return
            self._received(data)
            if self._closed or not self._tls.pending():
                return

    def _write(self, data: bytes | bytearray) -> int:
        assert self._tls is not None
        try:
            return self._tls.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError as problem:
            self._loop.call_soon(self._end, str(problem))  # later, because a caller may be inside ``send``
            return 0

    def _write_more(self) -> None:
        del self._unsent[: self._write(self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._descriptor)
