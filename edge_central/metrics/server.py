"""The listener: ``GET /metrics``, without a login, so for loopback or a network of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CentralError
from edge_central.metrics.collector import CentralCollector, IngestHealth
from edge_central.metrics.figures import CentralMetrics
from edge_central.settings import ListenAddress

log = logging.getLogger(__name__)


class MetricsServer:
    """Answers from ``start`` to ``stop``, each question on a thread of its own."""

    def __init__(
        self,
        listen: ListenAddress,
        figures: CentralMetrics,
        now: Callable[[], IngestHealth],
        wards: Sequence[str],
        clock: Clock,
    ) -> None:
        self._listen = listen
        self._registry = CollectorRegistry()
        self._registry.register(CentralCollector(figures, now, wards, lambda: clock.now().timestamp()))
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Raises CentralError where somebody else listens there."""
        try:
            self._server, self._thread = start_http_server(
                self._listen.port, self._listen.host, self._registry
            )
        except OSError as error:
            raise CentralError(
                f"metrics.listen {self._listen} cannot be used: {error.strerror}; nothing was started"
            ) from error
        log.info("metrics: http://%s/metrics", self._listen)

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
