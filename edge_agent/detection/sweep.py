"""Tiles over the whole picture, one now and then: finds what stands still and was never seen moving."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.model import Box, Motion, Scene

_TILES_ACROSS = 4.0  # small tiles are a quarter of the picture's width: 160 pixels of 640
_OVERLAP = 0.25  # what is up to a quarter of a tile lies whole in at least one
_ROUND_S = 60.0  # every tile that changed once a minute when the budget allows
_FIRST_PAUSE_S = 0.4  # the first round is quicker: nothing is known yet
_SHARE = 0.1  # of the camera's own inferences, at most
_FIRST_SHARE = 0.5
_UNCHANGED_PAUSE_S = 60.0
"""Between tiles in which nothing moved since the last look: only another light shows something new there.
A quiet scene would spend more on looking at the same tiles than on everything but decoding."""


class Sweep:
    """Which tile is due. Two sizes: as high as the picture for what is near, a quarter of its width."""

    def __init__(self, share_per_s: Callable[[], float]) -> None:
        """``share_per_s``: inferences a second that are the camera's own now; cameras come and go."""
        self._share_per_s = share_per_s
        self._size: tuple[int, int] | None = None
        self._tiles: tuple[Box, ...] = ()
        self._changed: list[bool] = []  # by tile: something moved in it since it was looked at
        self._next = 0
        self._first_round = True
        self._looked_mono = 0.0
        self._pause_s = 0.0

    def due(self, size: tuple[int, int], motion: Motion, now_mono: float) -> Box | None:
        """The tile to look at now, or None; ``done`` says that it was looked at. Call it every frame: it
        remembers where ``motion`` was."""
        if size != self._size:
            self._begin(size, now_mono)
        self._note(motion)
        passed_s = now_mono - self._looked_mono
        if passed_s < self._pause_s:
            return None
        count = len(self._tiles)
        order = [(self._next + step) % count for step in range(count)]
        self._next = next((number for number in order if self._changed[number]), self._next)
        if not self._changed[self._next] and passed_s < _UNCHANGED_PAUSE_S:
            return None
        return self._tiles[self._next]

    def done(self, now_mono: float) -> None:
        """The due tile was looked at."""
        self._changed[self._next] = False
        self._next += 1
        if self._next >= len(self._tiles):
            self._next, self._first_round = 0, False
        self._looked_mono = now_mono
        self._pause_s = self._pause_between_s()

    def _begin(self, size: tuple[int, int], now_mono: float) -> None:
        self._size, self._tiles = size, tiles(size)
        self._changed = [True] * len(self._tiles)
        self._next, self._first_round = 0, True
        self._looked_mono, self._pause_s = now_mono, 0.0

    def _note(self, motion: Motion) -> None:
        if motion.scene is Scene.SWITCHED:
            self._changed = [True] * len(self._tiles)  # another light shows other things
            return
        for region in motion.regions:
            for number, tile in enumerate(self._tiles):
                if not self._changed[number] and tile.intersection(region.box) > 0:
                    self._changed[number] = True

    def _pause_between_s(self) -> float:
        if self._first_round:
            return max(_FIRST_PAUSE_S, 1 / (_FIRST_SHARE * self._share_per_s()))
        return max(_ROUND_S / len(self._tiles), 1 / (_SHARE * self._share_per_s()))


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
