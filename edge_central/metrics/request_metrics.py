"""Counts the responses of the console and of the API, and how long they took."""

from __future__ import annotations

import threading
from collections import Counter

from edge_central.metrics.histogram import DurationHistogram

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

RequestRoute = tuple[str, str]
"""Method and path template, such as ``/sites/{gateway}``. The address in a request never becomes a label: an
address that matches no route is not counted."""


class RequestMetrics:
    """Counts of the responses, and their durations. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects the next two attributes
        self._durations: dict[RequestRoute, DurationHistogram] = {}
        self._responses: Counter[str] = Counter()

    def record(self, route: RequestRoute, status: int, seconds: float) -> None:
        with self._lock:
            self._responses[f"{status // 100}xx"] += 1
            durations = self._durations.get(route)
            if durations is None:
                durations = self._durations[route] = DurationHistogram(BOUNDS_S)
            durations.observe(seconds)

    def responses(self) -> dict[str, int]:
        """Return the number of responses by class of status, such as ``2xx``."""
        with self._lock:
            return dict(self._responses)

    def durations(self) -> dict[RequestRoute, tuple[list[tuple[str, float]], float]]:
        """Return the buckets and the sum of each route that has had requests."""
        with self._lock:
            return {route: (each.buckets(), each.sum_s) for route, each in sorted(self._durations.items())}
