"""``edge-agent central console``: builds the parts of the web server, runs and stops them."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import sys
import threading
from pathlib import Path

from starlette.routing import Route

from edge_agent.core.clock import Clock, SystemClock, read_boot_id
from edge_agent.core.errors import CentralError, ConfigError
from edge_agent.core.state_file import replace_file
from edge_central.claims.boxes_file import BoxesFile
from edge_central.console.site_names import FleetSheet
from edge_central.metrics.request_metrics import RequestMetrics
from edge_central.onvif.pull_points import PullPoints
from edge_central.redaction.worker import RedactionWorker
from edge_central.settings import CentralSettings
from edge_central.store.case_folder import CaseFolder
from edge_central.store.database import DatabaseConnections
from edge_central.trusted_time.clock import FollowedClock
from edge_central.web.app import build_app
from edge_central.web.auth.access_log import MediaAccessLog
from edge_central.web.auth.oidc.pending import PendingSignIns
from edge_central.web.auth.oidc.provider import OidcProvider
from edge_central.web.auth.pending_login import PendingLogins
from edge_central.web.auth.second_factor import KEY_BYTES, KEY_FILE, SecondFactors, derived_key
from edge_central.web.auth.sessions import Cookies, LoginSessions
from edge_central.web.auth.throttle import DeviceCookies, LoginThrottle
from edge_central.web.live.follower import DatabaseFollower
from edge_central.web.live.hub import LiveHub
from edge_central.web.onvif.credentials import OnvifLogins
from edge_central.web.onvif.endpoint import OnvifService, onvif_routes
from edge_central.web.push.sender import PushSender
from edge_central.web.push.vapid import read_or_make_key
from edge_central.web.request_context import ConsoleServices
from edge_central.web.request_handler import RequestHandler
from edge_central.web.server import WebServer, listening_socket, stop_on_event
from edge_central.web.templates import templates_in
from edge_central.web.webhooks.sender import WebhookSender

log = logging.getLogger(__name__)

FOLLOWER_STOP_S = 5.0
NICE = 5  # a lower CPU priority than the ingest's
OOM_SCORE = 500  # oom_score_adj(5): when memory runs out, the kernel kills this process, not the ingest


class ConsoleServer:
    """The web server of the console. Call ``run`` once."""

    def __init__(
        self, settings: CentralSettings, stop: threading.Event, *, clock: Clock | None = None
    ) -> None:
        if settings.console is None:
            raise ConfigError("the configuration has no section console; nothing was started")
        self._settings, self._console = settings, settings.console
        self._stop = stop
        self._clock = FollowedClock(clock or SystemClock(), read_boot_id())
        self._socket: socket.socket | None = None

    def bind(self) -> int:
        """Open the listening socket and return its port. Raises CentralError."""
        self._socket = listening_socket(self._console.listen)
        return int(self._socket.getsockname()[1])

    def run(self) -> int:
        """Serve until ``stop``, and return 0. Raises CentralError."""
        if self._socket is None:
            self.bind()
        assert self._socket is not None
        connections = DatabaseConnections(self._settings.database)
        services = self._services(connections)
        front = RequestHandler(services)
        follower = DatabaseFollower(
            connections,
            services.sessions,
            services.hub,
            self._clock,
            access_days=self._console.access_days,
            central_id=self._settings.id,
        )
        server = WebServer(build_app(front, self._onvif_routes(front)), self._console, services.hub)
        senders: list[WebhookSender | PushSender] = [
            *self._webhook_senders(services),
            *self._push_senders(services),
        ]
        cases = CaseFolder(self._settings.media_dir)
        copies = [RedactionWorker(connections, cases, self._clock, clips=clips) for clips in (False, True)]
        loops = (*(worker.loop for worker in copies), *(sender.loop for sender in senders))
        follower.start()
        for loop in loops:
            loop.start()
        stop_on_event(server, self._stop)
        scheme = "https" if self._console.tls else "http"
        log.info("the console listens at %s://%s", scheme, self._console.listen)
        try:
            server.run([self._socket])
        finally:
            follower.stop()
            for loop in loops:
                loop.stop()
            for thread in (follower.loop, *loops):
                thread.join(FOLLOWER_STOP_S)
            front.close()
            connections.close()
        log.info("the console has stopped")
        return 0

    def _onvif_routes(self, front: RequestHandler) -> list[Route]:
        """Return the routes of ONVIF. Raises CentralError."""
        if not self._console.onvif_events:
            return []
        logins = OnvifLogins(console_key(self._settings.state_dir), self._clock)
        return onvif_routes(front, OnvifService(logins, PullPoints(self._clock)))

    def _webhook_senders(self, services: ConsoleServices) -> list[WebhookSender]:
        """Return the senders of webhooks. Raises CentralError."""
        return [
            WebhookSender(
                webhook,
                services.connections,
                services.sheet,
                self._clock,
                wards=self._settings.wards,
                url=self._console.url,
                timezone=self._console.timezone,
            )
            for webhook in self._console.webhooks
        ]

    def _push_senders(self, services: ConsoleServices) -> list[PushSender]:
        """Return one sender if Web Push is configured, otherwise none. Raises CentralError."""
        if self._console.push is None or services.push_key is None:
            return []
        push, key = self._console.push, services.push_key
        return [PushSender(self._console, push, key, services.connections, services.sheet, self._clock)]

    def _services(self, connections: DatabaseConnections) -> ConsoleServices:
        key = console_key(self._settings.state_dir)
        push_key = None
        if self._console.push is not None:
            push_key = read_or_make_key(self._settings.state_dir / "push.key")
        return ConsoleServices(
            settings=self._settings,
            console=self._console,
            clock=self._clock,
            connections=connections,
            sessions=LoginSessions(self._console),
            cookies=Cookies(self._console.secure),
            templates=templates_in(self._console.timezone),
            throttle=LoginThrottle(self._clock),
            devices=DeviceCookies(key),
            pending=PendingLogins(derived_key(key, "pending login")),
            second_factors=SecondFactors(derived_key(key, "second factor")),
            hub=LiveHub(),
            media_access_log=MediaAccessLog(self._clock),
            sheet=FleetSheet(self._console.sites_file, self._console.wards_file),
            boxes=BoxesFile(self._console.boxes_file),
            request_metrics=RequestMetrics(),
            push_key=push_key,
            oidc=self._oidc_provider(key),
        )

    def _oidc_provider(self, key: bytes) -> OidcProvider | None:
        """Return the provider; None: unconfigured. Raises CentralError if its library is not installed."""
        if self._console.oidc is None:
            return None
        pending = PendingSignIns(derived_key(key, "sign-in"))
        return OidcProvider(self._console.oidc, self._console.url, pending, self._clock)


def lower_priority() -> None:
    """Lower the priority of this process, if the system allows it."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")


def stop_with_parent(stop: threading.Event) -> None:
    """Stop when standard input ends, because the parent process has then ended, for whatever reason."""

    def wait() -> None:
        # Not ``sys.stdin``: its lock would be held at the end of the interpreter, which would then abort.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        stop.set()

    threading.Thread(target=wait, name="parent", daemon=True).start()


def console_key(folder: Path) -> bytes:
    """Return the key for device cookies, secrets of second factors and ONVIF passwords; it is made at the
    first start. If the file is lost, the console forgets which browsers have logged in before, second factors
    have to be reset, and ONVIF passwords change. Raises CentralError, also for a key of another length."""
    path = folder / KEY_FILE
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if path.exists():
            key = path.read_bytes()
        else:
            replace_file(path, key := secrets.token_bytes(KEY_BYTES), 0o600)
    except OSError as error:
        raise CentralError(
            f"state_dir {folder} cannot be used: {error.strerror}; nothing was started"
        ) from error
    if len(key) != KEY_BYTES:
        raise CentralError(
            f"{path} has {len(key)} bytes, {KEY_BYTES} expected: restore it from a backup, or remove it and "
            "reset all second factors; nothing was started"
        )
    return key
