"""Milliseconds of inference a second, shared fairly between the cameras of a gateway.

A token bucket a camera, and one pool behind them (after the token bucket of RFC 2697, "a single rate
three color marker": committed rate first, excess second). Time is handed in as the frames' own.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable

from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits


class InferenceBudget:
    """``ms_per_s`` over all ``camera_ids``. Thread-safe.

    Each camera's bucket fills with its equal share and holds one second of it, at least one inference. What a
    full bucket cannot take flows into a pool of at most one second of the whole, from which a busy camera
    draws after its own bucket. Of all that ``limiter`` leaves a share. ``per_s``, where given, is the most
    inferences a second: each then costs at least so large a part of the budget.
    """

    def __init__(
        self,
        ms_per_s: float,
        camera_ids: Iterable[str],
        limiter: WorkloadLimiter | None = None,
        per_s: float | None = None,
    ) -> None:
        self._ms_per_s = ms_per_s
        self._least_ms = ms_per_s / per_s if per_s is not None else 0.0
        self._limiter = limiter or WorkloadLimiter()
        # Guards everything below.
        self._lock = threading.Lock()
        self._buckets = dict.fromkeys(camera_ids, math.inf)  # milliseconds; the first fill clips them
        self._pool = 0.0
        self._filled_mono: float | None = None

    def share_among(self, camera_ids: Iterable[str]) -> None:
        """These cameras from now on: who stays keeps what it has, as far as its new bucket takes it."""
        with self._lock:
            self._buckets = {id_: self._buckets.get(id_, math.inf) for id_ in camera_ids}

    def take(self, camera_id: str, cost_ms: float, now_mono: float) -> bool:
        """Spend one inference at ``now_mono``; False when there is not enough."""
        cost_ms = max(cost_ms, self._least_ms)
        with self._lock:
            self._fill(now_mono, cost_ms)
            own = self._buckets.get(camera_id)
            if own is None:
                return False  # it has just been removed from the configuration
            if own >= cost_ms:
                self._buckets[camera_id] = own - cost_ms
            elif self._pool >= cost_ms:
                self._pool -= cost_ms
            else:
                return False
            return True

    def take_spare(self, cost_ms: float, now_mono: float) -> bool:
        """Spend one inference of what the cameras leave: while the gateway holds nothing back, and half of
        the pool remains for them."""
        cost_ms = max(cost_ms, self._least_ms)
        if self._limiter.current != WorkloadLimits():
            return False
        with self._lock:
            self._fill(now_mono, cost_ms)
            if self._pool - cost_ms < self._ms_per_s / 2:
                return False
            self._pool -= cost_ms
            return True

    def _fill(self, now_mono: float, cost_ms: float) -> None:
        # Cameras' frames arrive slightly out of order, and a replayed file starts at its own zero.
        last = self._filled_mono
        self._filled_mono = now_mono if last is None else max(last, now_mono)
        elapsed_s = 0.0 if last is None else max(0.0, now_mono - last)
        allowed = self._ms_per_s * self._limiter.current.inference_share
        share = allowed / max(1, len(self._buckets))
        depth = max(share, cost_ms)
        for camera_id, held in self._buckets.items():
            filled = min(held, depth) + share * elapsed_s
            self._buckets[camera_id] = min(depth, filled)
            self._pool += max(0.0, filled - depth)
        self._pool = min(self._pool, max(allowed, cost_ms))
