"""Turning movements of one camera: over which line each object came, and over which it left.

All line rules with counts of a camera share one ``TurnTracker``. A movement is from the first line that a
track crosses to the last one. It is decided when the track ends, and is added to the counts of its last line.
Settings that suppress events (``cooldown_s``, ``direction``, ``each``, a mute) have no effect here.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import msgspec

from edge_agent.core.facts import Turn, TurnNumbers
from edge_agent.core.model import Track, Tracks
from edge_agent.rules.movement import CrossingDirection, LineCrossing

MAX_BETWEEN_S = 300.0
"""Seconds after its last crossing in which an object can continue its movement: more than two red lights. A
vehicle that parks and leaves later makes two movements. Larger: movements are reported later; smaller: what
waits in a queue between two lines counts as two objects that crossed one line each."""
MAX_TURNS = 64
"""Pairs of crossings that one line tells apart on one day; four lines have 16. The rest is ``others``."""


class TurnCounts(msgspec.Struct, omit_defaults=True):
    """One day's numbers, by label, of the objects that crossed a line as their last line."""

    only: dict[str, int] = {}
    turns: dict[str, dict[str, int]] = {}
    """By the first line, its direction and that of the last line: "north a-to-b b-to-a"."""
    others: dict[str, int] = {}

    def add(self, movement: LineMovement) -> None:
        numbers = self._numbers(movement)
        numbers[movement.label] = numbers.get(movement.label, 0) + 1

    def _numbers(self, movement: LineMovement) -> dict[str, int]:
        first, last = movement.first, movement.last
        if (first.line, first.direction) == (last.line, last.direction):
            return self.only
        key = f"{first.line} {first.direction} {last.direction}"
        if key not in self.turns and len(self.turns) >= MAX_TURNS:
            return self.others
        return self.turns.setdefault(key, {})

    def numbers(self) -> TurnNumbers:
        turns = tuple(_turn(key, objects) for key, objects in self.turns.items())
        return TurnNumbers(dict(self.only), turns, dict(self.others))


def _turn(key: str, objects: dict[str, int]) -> Turn:
    line, direction, to_direction = key.split(" ")
    return Turn(line, direction, to_direction, dict(objects))  # type: ignore[arg-type]  # as written above


@dataclass(frozen=True, slots=True)
class PassedLine:
    """A counted crossing of a line."""

    line: str
    direction: CrossingDirection
    mono: float


@dataclass(frozen=True, slots=True)
class LineMovement:
    """The first and the last counted crossing of one track; both may be the same crossing."""

    first: PassedLine
    last: PassedLine
    label: str  # at the last crossing


class MovementCounter(Protocol):
    """Counts the movements that end with one line."""

    def add_movement(self, movement: LineMovement) -> None: ...


class TurnTracker:
    """Holds the movements of one camera until they are decided. For the camera's thread."""

    def __init__(self) -> None:
        self.lines: frozenset[str] = frozenset()
        """Ids of the camera's counted lines, as configured now."""
        self._open: dict[str, tuple[LineMovement, MovementCounter]] = {}  # by track
        self._last_mono: float | None = None

    @property
    def has_turns(self) -> bool:
        """Whether a movement from one line to another is possible."""
        return len(self.lines) >= 2

    def begin_frame(self, tracks: Tracks, now: float) -> None:
        """Decide the movements of the tracks that ended before this frame, and those that paused for too
        long. Every line calls it; the first call in a frame does the work."""
        if not self._open or now == self._last_mono:
            return
        self._last_mono = now
        # A track that ends with this frame may still have crossings that waited for its label.
        present = {track.id for track in itertools.chain(tracks.active, tracks.ended)}
        for id_, (movement, _) in list(self._open.items()):
            if id_ not in present or now - movement.last.mono > MAX_BETWEEN_S:
                self._decide(id_)

    def crossed(
        self, track: Track, label: str, line: str, at: LineCrossing, counter: MovementCounter
    ) -> None:
        """Note that a track has crossed a line and was counted. Crossings of different lines may come in any
        order within a frame."""
        passed = PassedLine(line, at.direction, at.mono)
        movement, last_counter = self._open.get(track.id, (None, counter))
        if movement is not None and at.mono - movement.last.mono > MAX_BETWEEN_S:
            self._decide(track.id)
            movement = None
        if movement is None:
            movement, last_counter = LineMovement(passed, passed, label), counter
        elif at.mono >= movement.last.mono:
            movement, last_counter = LineMovement(movement.first, passed, label), counter
        elif at.mono < movement.first.mono:
            movement = LineMovement(passed, movement.last, movement.label)
        self._open[track.id] = movement, last_counter

    def finish(self, counter: MovementCounter, continuing: Collection[str]) -> None:
        """Decide the movements that end with the line of ``counter``, because it stops counting or no more
        frames come. Tracks whose ids are in ``continuing`` go on."""
        for id_, (_, last_counter) in list(self._open.items()):
            if last_counter is counter and id_ not in continuing:
                self._decide(id_)

    def _decide(self, track_id: str) -> None:
        movement, counter = self._open.pop(track_id)
        if self.has_turns:  # else the movement would only repeat the counts of crossings
            counter.add_movement(movement)
