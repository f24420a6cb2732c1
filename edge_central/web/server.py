"""The HTTP server: uvicorn with separate sockets and signals, a TLS certificate that is renewed while the
server runs, and time limits for slow clients."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_agent.core.errors import CentralError, ConfigError
from edge_central.settings import Console, ListenAddress, Tls
from edge_central.web.live.hub import LiveHub

log = logging.getLogger(__name__)

ASK_WITHIN_S = 15.0
"""Maximum time from the connect to the end of a request's head. uvicorn itself has no such limit."""
TAKE_WITHIN_S = 60.0  # how long a client may leave 64 kB of a response unread
KEEP_ALIVE_S = 20
MOST_HEAD_BYTES = 32_768
MOST_CONNECTIONS = 1_000
STOP_WITHIN_S = 3
LOOK_AT_CERTIFICATE_S = 30.0


class _Deadline:
    """Closes a connection when its time is over. To start a deadline that is running does not change it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, transport.abort)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class TimeLimitedProtocol(H11Protocol):
    """Closes the connection of a client that sends its request or reads the response too slowly."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._asking, self._taking = _Deadline(ASK_WITHIN_S), _Deadline(TAKE_WITHIN_S)
        self._asking.begin(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._asking.end()
        self._taking.end()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._asking.end()
        elif self._request_begun():
            self._asking.begin(self.transport)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._request_begun():
            self._asking.begin(self.transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking.begin(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taking.end()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        # Without this, closing would wait without a limit until the client has read the rest.
        self._taking.begin(self.transport)

    def _request_begun(self) -> bool:
        """Whether another request has begun to arrive on a kept connection, or a body still arrives although
        its response was sent."""
        if self.conn.their_state is h11.IDLE:
            return bool(self.conn.trailing_data[0])
        return self.conn.their_state is h11.SEND_BODY and self.conn.our_state is not h11.SEND_RESPONSE


class WebServer(uvicorn.Server):
    """The web server. ``run`` blocks until ``stop``; it opens and closes ``hub``: streams must end first.
    Raises ConfigError for a certificate that cannot be used."""

    def __init__(self, app: ASGIApp, console: Console, hub: LiveHub) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=TimeLimitedProtocol,
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
        try:
            self.config.load()
        except OSError as error:  # also ssl.SSLError
            assert console.tls is not None
            files = f"{console.tls.cert_file} with {console.tls.key_file}"
            raise ConfigError(f"{files} cannot be used: {error}; nothing was started") from error
        # It logs a warning for every malformed request, so anybody could fill the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._tls = console.tls
        self._hub = hub

    def stop(self) -> None:
        """End ``run``. Any thread may call it; it returns at once."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers, because the process has its own."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.open()
        await super().startup(sockets)
        if self._tls is not None:
            self._renewal = asyncio.create_task(self._renew(self._tls))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)

    async def _renew(self, tls: Tls) -> None:
        """Use a renewed certificate for new connections. Existing connections keep theirs."""
        context = self.config.ssl
        assert context is not None
        known = _file_stamps(tls)
        while True:
            await asyncio.sleep(LOOK_AT_CERTIFICATE_S)
            found = _file_stamps(tls)
            if found != known and found is not None:
                known = found
                try:
                    context.load_cert_chain(tls.cert_file, tls.key_file)
                    log.info("%s: the new certificate is used", tls.cert_file)
                except (OSError, ssl.SSLError) as error:
                    log.error(
                        "%s: the new certificate cannot be used, the old one stays: %s", tls.cert_file, error
                    )


def listening_socket(listen: ListenAddress) -> socket.socket:
    """Open the listening socket. Port 0 means any free port. Raises CentralError."""
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


def stop_on_event(server: WebServer, stop: threading.Event) -> None:
    def wait() -> None:
        stop.wait()
        server.stop()

    threading.Thread(target=wait, name="console-stop", daemon=True).start()


def _file_stamps(tls: Tls) -> tuple[Any, ...] | None:
    """Return a value that changes with the files. None: a file is missing."""
    try:
        found = [path.stat() for path in (tls.cert_file, tls.key_file)]
    except OSError:
        return None
    return tuple((each.st_mtime_ns, each.st_ino) for each in found)
