"""Tiles over the whole picture, one now and then: finds what stands still and was never seen moving."""

from __future__ import annotations

from edge_agent.model import Box

_TILES_ACROSS = 4.0  # small tiles are a quarter of the picture's width: 160 pixels of 640
_OVERLAP = 0.25  # what is up to a quarter of a tile lies whole in at least one
_ROUND_S = 60.0  # every tile once a minute when the budget allows
_FIRST_PAUSE_S = 0.4  # the first round is quicker: nothing is known yet
_SHARE = 0.1  # of the camera's own inferences, at most
_FIRST_SHARE = 0.5


class Sweep:
    """Which tile is due. Two sizes: as high as the picture for what is near, a quarter of its width."""

    def __init__(self, share_per_s: float) -> None:
        self._share_per_s = share_per_s
        self._size: tuple[int, int] | None = None
        self._tiles: tuple[Box, ...] = ()
        self._next = 0
        self._first_round = True
        self._due_mono: float | None = None

    def due(self, size: tuple[int, int], now_mono: float) -> Box | None:
        """The tile to look at now, or None. Ask ``done`` for the next one only after it was looked at."""
        if size != self._size:
            self._size, self._tiles, self._next, self._first_round = size, tiles(size), 0, True
            self._due_mono = now_mono
        if self._due_mono is None or now_mono < self._due_mono:
            return None
        return self._tiles[self._next]

    def done(self, now_mono: float) -> None:
        """The due tile was looked at."""
        self._next += 1
        if self._next >= len(self._tiles):
            self._next, self._first_round = 0, False
        self._due_mono = now_mono + self._pause_s()

    def _pause_s(self) -> float:
        if self._first_round:
            return max(_FIRST_PAUSE_S, 1 / (_FIRST_SHARE * self._share_per_s))
        return max(_ROUND_S / len(self._tiles), 1 / (_SHARE * self._share_per_s))


def tiles(size: tuple[int, int]) -> tuple[Box, ...]:
    """Large tiles first, then small ones, each from the bottom up: what is below is near."""
    width, height = size
    large = _grid(size, min(width, height))
    small = _grid(size, min(round(width / _TILES_ACROSS), height))
    return large + small if len(small) > len(large) else large


def _grid(size: tuple[int, int], side: int) -> tuple[Box, ...]:
    width, height = size
    return tuple(
        Box.from_pixels(x, y, x + side, y + side, width, height)
        for y in reversed(_starts(height, side))
        for x in _starts(width, side)
    )


def _starts(length: int, side: int) -> list[int]:
    """Evenly spaced starts so that neighbours overlap by at least ``_OVERLAP``."""
    if side >= length:
        return [0]
    steps = -int(-(length - side) // (side * (1 - _OVERLAP)))
    return [round(i * (length - side) / steps) for i in range(steps + 1)]
