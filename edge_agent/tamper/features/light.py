"""The light over time: jumps that last, and how bright it was before something happened."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.tamper.features.likeness import BLACK

JUMP = 1.5  # ratio of the mean luma over black, from which on a change is one
WITHIN_S = 4.5  # a jump takes no longer; idle cameras are looked at every 4 s
LASTS_S = 2.5  # lightning does not
MEMORY_S = 40.0
_OFFSET = 10.0  # one who walks by lights up a dark picture by as much, and is no lamp


@dataclass(frozen=True, slots=True)
class LightJump:
    """The light went from one level to another."""

    at_mono: float
    before: float
    after: float


class LightWatch:
    """One thread."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, float]] = deque()
        self._jump: LightJump | None = None

    def update(self, mean: float, now_mono: float) -> LightJump | None:
        """A jump, once it has lasted."""
        jump, found = self._jump, None
        if jump is None:
            self._jump = self._begun(mean, now_mono)
        elif ratio(mean, jump.before) < (1 + JUMP) / 2:
            self._jump = None
        elif now_mono - jump.at_mono >= LASTS_S:
            found = LightJump(jump.at_mono, jump.before, mean)
            self._jump = None
            self._past.clear()
        if self._jump is None:  # what may be lightning is no light to compare with
            self._past.append((now_mono, mean))
        while self._past and self._past[0][0] < now_mono - MEMORY_S:
            self._past.popleft()
        return found

    @property
    def in_doubt(self) -> bool:
        """Whether there was a jump that may not last."""
        return self._jump is not None

    def forget(self) -> None:
        self._past.clear()
        self._jump = None

    def _begun(self, mean: float, now_mono: float) -> LightJump | None:
        for at, before in self._past:
            if now_mono - at <= WITHIN_S and ratio(mean, before) >= JUMP:
                return LightJump(now_mono, before, mean)
        return None


def ratio(one: float, other: float) -> float:
    """How many times brighter the brighter of two means is."""
    a, b = max(one - BLACK, 0.0) + _OFFSET, max(other - BLACK, 0.0) + _OFFSET
    return max(a / b, b / a)
