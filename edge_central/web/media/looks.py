"""What counts as one look at a picture: a player asks for a clip in many pieces, a page comes again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from edge_agent.core.clock import Clock

LOOK_S = 600
"""Whoever asks again within this is still looking; browsers may keep a picture for as long."""
MOST_KEPT = 20_000

Look = tuple[str, str, str, str]
"""Account, address, gateway, media id."""


class Looks:
    """Those that are written down. In memory: after a restart they are written down once more. Any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the one below
        self._until_mono: OrderedDict[Look, float] = OrderedDict()

    def is_new(self, look: Look) -> bool:
        with self._lock:
            return self._until_mono.get(look, 0.0) <= self._clock.monotonic()

    def add(self, look: Look) -> None:
        """It is committed."""
        with self._lock:
            self._until_mono[look] = self._clock.monotonic() + LOOK_S
            self._until_mono.move_to_end(look)
            while len(self._until_mono) > MOST_KEPT:
                self._until_mono.popitem(last=False)
