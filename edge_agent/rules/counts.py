"""How many new objects of each class a camera saw: the report of an ordinary street."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator

from edge_agent.core.facts import CountsObservation
from edge_agent.core.model import Frame, Tracks

REMEMBERED = 4096
"""Track ids already counted: more than any camera has live tracks, so each is counted once."""


class ObjectCounter:
    """``counts`` hits of one camera, every ``every_s`` seconds of frame time. One thread.

    An object counts once, in the interval in which it is confirmed and labelled, under the label it
    then has; what was parked before it was seen counts when it moves. An interval without new objects is not
    told, and begins anew.
    """

    needs_every_frame = False

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._from_mono: float | None = None
        self._last_mono = 0.0
        self._new: Counter[str] = Counter()
        self._counted: OrderedDict[str, None] = OrderedDict()

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[CountsObservation]:
        now = self._last_mono = frame.captured_mono
        if self._from_mono is None:
            self._from_mono = now
        elif now - self._from_mono >= self._every_s:
            yield from self._report(now)
        for track in (*tracks.active, *tracks.ended):
            if track.confirmed and track.label is not None and not track.parked_before:
                self._count(track.id, track.label)

    def finish(self, reason: str, kept: Collection[str] = ()) -> Iterator[CountsObservation]:
        """Tell what was counted so far, and begin anew with the next frame."""
        yield from self._report(self._last_mono)
        self._from_mono = None

    def _count(self, track_id: str, label: str) -> None:
        known = track_id in self._counted
        self._counted[track_id] = None
        self._counted.move_to_end(track_id)  # live tracks stay; the longest unseen are forgotten
        if not known:
            self._new[label] += 1
            if len(self._counted) > REMEMBERED:
                self._counted.popitem(last=False)

    def _report(self, now: float) -> Iterator[CountsObservation]:
        if self._new and self._from_mono is not None:
            yield CountsObservation(self._from_mono, now, dict(self._new))
        self._new = Counter()
        self._from_mono = now
