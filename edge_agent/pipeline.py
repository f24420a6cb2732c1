"""One camera, one frame at a time: the spine of the agent.

    capture -> motion -> detection -> tracking -> rules -> events -> outbox -> mqtt

One frame goes in, facts come out. The call order is the architecture: no callbacks between stages,
no event bus. ``capture`` hands frames in, and ``mqtt`` takes what the outbox holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_agent.model import Frame, Looks, Motion, RuleHit, Track, Tracks


class MotionStage(Protocol):
    def update(self, frame: Frame) -> Motion:
        """Compare the frame with the background and learn from it."""
        ...


class LookStage(Protocol):
    def look(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Looks:
        """Show the detector what is worth an inference, within the budget; blocks until it is done."""
        ...


class TrackStage(Protocol):
    @property
    def tracks(self) -> tuple[Track, ...]:
        """Live tracks as of the last update."""
        ...

    def update(self, frame: Frame, motion: Motion, looks: Looks) -> Tracks: ...

    def reset(self) -> None:
        """Forget all tracks without a word; ids go on counting."""
        ...


class Rule(Protocol):
    def update(self, frame: Frame, tracks: Tracks) -> Iterable[RuleHit]: ...

    def finish(self, reason: str) -> Iterable[RuleHit]:
        """End what is open, because no more frames come; ``reason`` is the wire's ``end_reason``."""
        ...


class Sink(Protocol):
    def accept(self, hit: RuleHit, frame: Frame) -> None:
        """Make an event of the hit; it is durable when this returns."""
        ...


@dataclass(frozen=True, slots=True)
class Insight:
    """What the stages found in one frame, for whoever watches a replay."""

    motion: Motion
    looks: Looks
    tracks: Tracks


class Pipeline:
    """The stages of one camera. Not thread-safe: one thread calls ``process``."""

    def __init__(
        self,
        motion: MotionStage,
        detection: LookStage,
        tracking: TrackStage,
        rules: Sequence[Rule],
        sink: Sink,
    ) -> None:
        self.motion = motion
        self.detection = detection
        self.tracking = tracking
        self.rules = rules
        self.sink = sink
        self._latest: Frame | None = None

    def process(self, frame: Frame) -> Insight:
        self._latest = frame
        motion = self.motion.update(frame)
        looks = self.detection.look(frame, motion, self.tracking.tracks)
        tracks = self.tracking.update(frame, motion, looks)
        for rule in self.rules:
            for hit in rule.update(frame, tracks):
                self.sink.accept(hit, frame)
        return Insight(motion, looks, tracks)

    def finish(self, reason: str) -> None:
        """The camera is lost or the agent stops: end what is open. Does nothing the second time."""
        frame, self._latest = self._latest, None
        if frame is None:
            return
        self.tracking.reset()
        for rule in self.rules:
            for hit in rule.finish(reason):
                self.sink.accept(hit, frame)
