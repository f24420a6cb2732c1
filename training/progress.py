"""Prints progress from time to time, with the remaining time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

EVERY_S = 10.0

T = TypeVar("T")


class Progress:
    """The progress of one step."""

    def __init__(self, step: str) -> None:
        self._step = step

    def over(self, things: Sequence[T]) -> Iterator[T]:
        """Iterate over the items and print progress."""
        begun = shown = time.monotonic()
        for number, thing in enumerate(things):
            now = time.monotonic()
            if number and now - shown >= EVERY_S:
                left_s = (now - begun) / number * (len(things) - number)
                print(f"{self._step}: {number} of {len(things)}, {span(left_s)} left", flush=True)
                shown = now
            yield thing


def span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
