"""What counts as one look at a picture: a player asks for a clip in many pieces, a page comes again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from edge_agent.core.clock import Clock

SAME_ACCESS_S = 600
"""Whoever asks again within this is still looking; browsers may keep a picture for as long."""
MOST_ENTRIES = 20_000

MediaAccessKey = tuple[str, str, str, str]
"""Account, address, gateway, media id."""


class MediaAccessLog:
    """Those that are written down. In memory: after a restart they are written down once more. Any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the one below
        self._until_mono: OrderedDict[MediaAccessKey, float] = OrderedDict()

    def is_new(self, look: MediaAccessKey) -> bool:
        with self._lock:
            return self._until_mono.get(look, 0.0) <= self._clock.monotonic()

    def add(self, look: MediaAccessKey) -> None:
        """It is committed."""
        with self._lock:
            self._until_mono[look] = self._clock.monotonic() + SAME_ACCESS_S
            self._until_mono.move_to_end(look)
            while len(self._until_mono) > MOST_ENTRIES:
                self._until_mono.popitem(last=False)
