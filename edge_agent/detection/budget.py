"""Inferences a second, shared fairly between the cameras of a box.

A token bucket a camera, and one pool behind them (after the token bucket of RFC 2697, "a single rate
three color marker": committed rate first, excess second). Time is handed in, so a replay spends what
the live run would have spent.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.allowance import Allowance


@dataclass(slots=True)
class _Bucket:
    tokens: float


class Budget:
    """``per_s`` inferences a second over all ``camera_ids``. Thread-safe.

    Each camera's bucket fills with its equal share and holds one second of it (at least one
    inference). What an idle camera's full bucket cannot take flows to the others in equal parts, and
    when all are full into a pool of at most one second of the whole budget, from which a camera that
    becomes busy may draw after its own bucket. Of all that ``allowance`` leaves a share.
    """

    def __init__(self, per_s: float, camera_ids: tuple[str, ...], allowance: Allowance | None = None) -> None:
        self.per_s = per_s
        self._allowance = allowance or Allowance()
        # Guards everything below.
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}
        self._pool = 0.0
        self.share_among(camera_ids)
        self._filled_mono: float | None = None

    @property
    def share_per_s(self) -> float:
        """What a camera gets now when all of them are busy."""
        return self._allowed_per_s / max(1, len(self._buckets))

    @property
    def _allowed_per_s(self) -> float:
        return self.per_s * self._allowance.now.inference_share

    @property
    def _depth(self) -> float:
        return max(1.0, self.share_per_s)

    def share_among(self, camera_ids: Iterable[str]) -> None:
        """These cameras from now on: who stays keeps what it has, as far as its new bucket takes it."""
        with self._lock:
            before, ids = self._buckets, tuple(camera_ids)
            self._buckets = {id_: before.get(id_, _Bucket(math.inf)) for id_ in ids}
            self._clip()

    def take(self, camera_id: str, wanted: int, now_mono: float) -> int:
        """Spend up to ``wanted`` inferences at ``now_mono``; returns how many were granted."""
        with self._lock:
            self._fill(now_mono)
            bucket = self._buckets.get(camera_id)
            if bucket is None:
                return 0  # it has just been removed from the configuration, and looks for the last time
            own = min(wanted, int(bucket.tokens))
            bucket.tokens -= own
            shared = min(wanted - own, int(self._pool))
            self._pool -= shared
            return own + shared

    def has_any(self, camera_id: str, now_mono: float) -> bool:
        """Whether ``take`` would grant any at ``now_mono``; another camera may be quicker."""
        with self._lock:
            self._fill(now_mono)
            bucket = self._buckets.get(camera_id)
            return bucket is not None and (bucket.tokens >= 1 or self._pool >= 1)

    def give_back(self, camera_id: str, unused: int) -> None:
        """Return inferences that were granted and not made."""
        with self._lock:
            bucket = self._buckets.get(camera_id)
            if bucket is None:
                return
            bucket.tokens = min(self._depth, bucket.tokens + unused)

    def _fill(self, now_mono: float) -> None:
        # Cameras' frames arrive slightly out of order, and a replayed file starts at its own zero.
        last = self._filled_mono
        self._filled_mono = now_mono if last is None else max(last, now_mono)
        elapsed = 0.0 if last is None else max(0.0, now_mono - last)
        self._clip()
        per_s = self._allowed_per_s
        self._pool = min(per_s, self._pool + self._pour(per_s * elapsed))

    def _clip(self) -> None:
        """Buckets hold less when there are more of them, or while less is allowed."""
        depth = self._depth
        for bucket in self._buckets.values():
            bucket.tokens = min(depth, bucket.tokens)

    def _pour(self, tokens: float) -> float:
        """Fill the buckets in equal parts, a full one leaving its part to the others; returns the rest."""
        open_buckets = sorted(self._buckets.values(), key=lambda bucket: -bucket.tokens)
        for position, bucket in enumerate(open_buckets):  # the fullest first: it takes least
            part = min(tokens / (len(open_buckets) - position), self._depth - bucket.tokens)
            bucket.tokens += part
            tokens -= part
        return tokens
