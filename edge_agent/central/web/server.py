"""uvicorn as it is used here: own sockets, own signals, TLS whose certificate is renewed under way, and an
end for connections that ask for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_agent.central.settings import Console, Listen, Tls
from edge_agent.errors import CentralError

log = logging.getLogger(__name__)

ASK_WITHIN_S = 15.0
"""From the connect to the end of the head of a request. uvicorn itself waits for ever."""
KEEP_ALIVE_S = 20
MOST_HEAD_BYTES = 32_768
MOST_CONNECTIONS = 1_000
STOP_WITHIN_S = 3
LOOK_AT_CERTIFICATE_S = 30.0


class Impatient(H11Protocol):
    """A connection on which no request is complete in time is closed: a slow one costs its sender more than
    us."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience = self.loop.call_later(ASK_WITHIN_S, self._too_slow)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._wait_no_more()
        elif self._patience is None and self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            # The head of a next request has begun on a connection that was kept.
            self._patience = self.loop.call_later(ASK_WITHIN_S, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _too_slow(self) -> None:
        self._patience = None
        self.transport.close()

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class WebServer(uvicorn.Server):
    """``run`` blocks until ``stop``. ``ending`` is called first of all then: streams without an end are to
    end."""

    def __init__(self, app: ASGIApp, console: Console, ending: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=Impatient,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(console.proxies),
                forwarded_allow_ips=[str(each) for each in console.proxies],
                limit_concurrency=MOST_CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_WITHIN_S,
                h11_max_incomplete_event_size=MOST_HEAD_BYTES,
                ssl_certfile=None if console.tls is None else console.tls.cert_file,
                ssl_keyfile=None if console.tls is None else console.tls.key_file,
            )
        )
        self._tls = console.tls
        self._ending = ending

    def stop(self) -> None:
        """From any thread; does not wait."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own business."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._tls is not None:
            self._renewal = asyncio.create_task(self._renew(self._tls))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)

    async def _renew(self, tls: Tls) -> None:
        """New connections get the new certificate; those that are there stay."""
        context = self.config.ssl
        assert context is not None
        known = _changed(tls)
        while True:
            await asyncio.sleep(LOOK_AT_CERTIFICATE_S)
            found = _changed(tls)
            if found != known and found is not None:
                known = found
                try:
                    context.load_cert_chain(tls.cert_file, tls.key_file)
                    log.info("%s: the new certificate is used", tls.cert_file)
                except (OSError, ssl.SSLError) as error:
                    log.error(
                        "%s: the new certificate cannot be used, the old one stays: %s", tls.cert_file, error
                    )


def bound(listen: Listen) -> socket.socket:
    """A socket that listens there; port 0 is any. Raises CentralError."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((listen.host, listen.port))
        opened.listen(512)
    except OSError as error:
        opened.close()
        raise CentralError(f"the console cannot listen at {listen}: {error.strerror}") from error
    return opened


def stop_with(server: WebServer, stop: threading.Event) -> None:
    """``server`` ends when ``stop`` is set."""

    def wait() -> None:
        stop.wait()
        server.stop()

    threading.Thread(target=wait, name="console-stop", daemon=True).start()


def _changed(tls: Tls) -> tuple[Any, ...] | None:
    """Another value when a file is another one; None while one is missing."""
    try:
        return tuple(_stamp(path) for path in (tls.cert_file, tls.key_file))
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino
