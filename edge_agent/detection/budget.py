"""Shares the milliseconds of inference a second fairly between the cameras of a gateway.

One token bucket per camera, and one shared pool (after RFC 2697, "a single rate three color marker":
committed rate first, excess second). Time is the stamp of the frames.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable

from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits


class InferenceBudget:
    """A budget of ``ms_per_s`` for all ``camera_ids`` together. Thread-safe.

    Each camera's bucket fills with an equal share of the budget. It holds one second of that share, or one
    inference if that is more. What a full bucket cannot hold flows into the pool, which holds one second of
    the whole budget. A camera uses the pool when its own bucket is empty. ``limiter`` scales the budget.
    ``per_s``, if given, limits the inferences a second: each then costs at least ``1 / per_s`` of the budget.
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
        # Protects everything below.
        self._lock = threading.Lock()
        self._buckets = dict.fromkeys(camera_ids, math.inf)  # milliseconds; the first fill limits them
        self._pool = 0.0
        self._cost_ms = 0.0  # of the cameras' last inference
        self._filled_mono: float | None = None

    def share_among(self, camera_ids: Iterable[str]) -> None:
        """Share the budget among these cameras; those that had a share before keep their tokens."""
        with self._lock:
            self._buckets = {id_: self._buckets.get(id_, math.inf) for id_ in camera_ids}

    def take(self, camera_id: str, cost_ms: float, now_mono: float) -> bool:
        """Spend one inference at ``now_mono``. Returns False when there is not enough budget."""
        cost_ms = max(cost_ms, self._least_ms)
        with self._lock:
            self._cost_ms = cost_ms
            self._fill(now_mono)
            own = self._buckets.get(camera_id)
            if own is None:
                return False  # the camera has just been removed from the configuration
            if own >= cost_ms:
                self._buckets[camera_id] = own - cost_ms
            elif self._pool >= cost_ms:
                self._pool -= cost_ms
            else:
                return False
            return True

    def take_spare(self, cost_ms: float, now_mono: float) -> bool:
        """Spend one inference; False under a load limit or if < 0.5 s of budget would remain for cameras."""
        cost_ms = max(cost_ms, self._least_ms)
        if self._limiter.current != WorkloadLimits():
            return False
        with self._lock:
            self._fill(now_mono)
            if self._pool - cost_ms < self._ms_per_s / 2:
                return False
            self._pool -= cost_ms
            return True

    def _fill(self, now_mono: float) -> None:
        # Cameras' frames arrive slightly out of order, and a replayed file starts at its own zero.
        last = self._filled_mono
        self._filled_mono = now_mono if last is None else max(last, now_mono)
        elapsed_s = 0.0 if last is None else max(0.0, now_mono - last)
        allowed = self._ms_per_s * self._limiter.current.inference_share
        share = allowed / max(1, len(self._buckets))
        depth = max(share, self._cost_ms)
        for camera_id, tokens_ms in self._buckets.items():
            filled = min(tokens_ms, depth) + share * elapsed_s
            self._buckets[camera_id] = min(depth, filled)
            self._pool += max(0.0, filled - depth)
        self._pool = min(self._pool, max(allowed, self._cost_ms))
