"""One camera, one frame at a time: the spine of the agent.

    capture -> motion -> detection -> tracking -> rules -> events -> outbox -> mqtt

One frame goes in, facts come out. The call order is the architecture: no callbacks between stages,
no event bus. ``capture`` hands frames in, and ``mqtt`` takes what the outbox holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_agent.core.facts import Observation, ViewObservation
from edge_agent.core.model import Box, Frame, Inferences, Motion, Scene, Track, Tracks, TrackState


class MotionStage(Protocol):
    @property
    def persistent_motion(self) -> Box | None:
        """The one small place that has moved all the time for minutes, if there is one."""
        ...

    def update(self, frame: Frame) -> Motion:
        """Compare the frame with the background and learn from it."""
        ...

    def has_motion(self, frame: Frame) -> bool:
        """Whether ``update`` would find motion or a switched scene; nothing is learned."""
        ...

    def reset(self) -> None:
        """Learn the background anew."""
        ...


class ViewStage(Protocol):
    """Watches the camera itself, beside the path: covered, turned, frozen, rain on the lens."""

    @property
    def states(self) -> tuple[str, ...]:
        """What is wrong with the view now, words of ``core.facts.ViewState``. Any thread may ask."""
        ...

    def update(self, frame: Frame, motion: Motion) -> Iterable[ViewObservation]:
        """What to tell now, as ``Rule.update`` does. Called with every frame; looks about once a second."""
        ...

    def downweight(self, looks: Inferences) -> Inferences:
        """The same with lower scores while the view is bad: what is seen through rain is believed later."""
        ...

    def finish(self, reason: str) -> Iterable[ViewObservation]:
        """End what is open, because no more frames come."""
        ...

    def relearn(self) -> None:
        """Learn anew what the view is like, with the next frames. Any thread may ask."""
        ...

    @property
    def relearning(self) -> bool:
        """Whether that is not done yet. Any thread may ask."""
        ...


class DetectionStage(Protocol):
    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Inferences:
        """Have the frame analysed where that is worth an inference, within the budget; blocks until it is."""
        ...


class TrackStage(Protocol):
    @property
    def tracks(self) -> tuple[Track, ...]:
        """Live tracks as of the last update."""
        ...

    def update(self, frame: Frame, motion: Motion, looks: Inferences) -> Tracks: ...

    def on_signal_lost(self) -> tuple[Track, ...]:
        """No frames come: forget what moved, without a word; return what is parked and kept."""
        ...


class EvidenceStage(Protocol):
    def observe(self, frame: Frame, tracks: Tracks) -> None:
        """Keep the views that a later event may want."""
        ...


class RuleStage(Protocol):
    @property
    def needs_every_frame(self) -> bool:
        """Whether it may have something to tell even where nothing moves."""
        ...

    def update(self, frame: Frame, tracks: Tracks) -> Iterable[Observation]:
        """What to tell now. A hit counts as told when the next one is asked for: what the sink did not
        take is told again with the next frame."""
        ...

    def finish(self, reason: str, kept: Collection[str] = ()) -> Iterable[Observation]:
        """End what is open, because no more frames come, but for the tracks ``kept`` by their ids;
        ``reason`` is the wire's ``end_reason``."""
        ...


class Sink(Protocol):
    def accept(self, hit: Observation, frame: Frame) -> None:
        """Make an event of the hit; it is durable when this returns."""
        ...


UNKNOWN_S = 20.0
"""A track that is not confirmed after so long, while nothing moves, keeps no camera awake: a detector
sees a person in a tree trunk for ever."""


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What the stages found in one frame, for whoever watches a replay."""

    motion: Motion
    inferences: Inferences
    tracks: Tracks
    busy: bool  # what follows may matter: something moves, or is not yet known


class Pipeline:
    """The stages of one camera. Not thread-safe: one thread calls it."""

    def __init__(
        self,
        motion: MotionStage,
        view: ViewStage,
        detection: DetectionStage,
        tracking: TrackStage,
        evidence: EvidenceStage,
        rules: Sequence[RuleStage],
        sink: Sink,
    ) -> None:
        self.motion = motion
        self.view = view
        self.detection = detection
        self.tracking = tracking
        self.evidence = evidence
        self.rules = rules
        self.sink = sink
        self._latest: Frame | None = None  # an outline of it: decoding the next one needs its buffer
        self._has_signal = False  # frames have come since sight was lost

    def process(self, frame: Frame) -> FrameResult:
        self._latest, self._has_signal = frame.without_pixels(), True
        motion = self.motion.update(frame)
        for hit in self.view.update(frame, motion):
            self.sink.accept(hit, frame)
        looks = self.view.downweight(self.detection.detect(frame, motion, self.tracking.tracks))
        tracks = self.tracking.update(frame, motion, looks)
        self.evidence.observe(frame, tracks)
        for rule in self.rules:
            for told in rule.update(frame, tracks):
                self.sink.accept(told, frame)
        return FrameResult(motion, looks, tracks, self._is_busy(frame, motion, tracks))

    def has_motion(self, frame: Frame) -> bool:
        """Whether ``process`` would find something going on; leaves everything as it is."""
        return self.motion.has_motion(frame)

    @property
    def persistent_motion(self) -> Box | None:
        """What most likely keeps this camera busy for nothing."""
        return self.motion.persistent_motion

    def _is_busy(self, frame: Frame, motion: Motion, tracks: Tracks) -> bool:
        """Parked tracks are no reason; what nobody knows yet is one, for a while."""
        if motion.regions or motion.scene is not Scene.STEADY:
            return True
        if any(_is_open(track, frame.captured_mono) for track in tracks.active):
            return True
        return any(rule.needs_every_frame for rule in self.rules)

    def on_signal_lost(self) -> None:
        """The camera is lost: what moved has ended for us, what is parked presumably still stands there.
        Does nothing the second time."""
        kept = self.tracking.on_signal_lost()
        self.motion.reset()
        if self._has_signal:
            self._has_signal = False
            self._finish("camera", {track.id for track in kept})

    def change_rules(
        self, ended: Collection[RuleStage], build: Callable[[], Sequence[RuleStage]], reason: str
    ) -> None:
        """Go on with the rules that ``build`` gives. It is called when those that have ``ended`` have told
        so: another one may go on from what they have left on the disk."""
        if (frame := self._latest) is not None:
            self._finish_rules(ended, frame, reason, ())
        self.rules = build()

    def stop(self, reason: str = "restart") -> None:
        """The pipeline stops, and with it all that it knows."""
        self._finish(reason, ())

    def _finish(self, reason: str, kept: Collection[str]) -> None:
        frame = self._latest
        if frame is None:
            return
        for hit in self.view.finish(reason):
            self.sink.accept(hit, frame)
        self._finish_rules(self.rules, frame, reason, kept)

    def _finish_rules(
        self, rules: Collection[RuleStage], frame: Frame, reason: str, kept: Collection[str]
    ) -> None:
        for rule in rules:
            for told in rule.finish(reason, kept):
                self.sink.accept(told, frame)


def _is_open(track: Track, now_mono: float) -> bool:
    """Whether the next frames may tell more about it than those before."""
    if track.state is TrackState.TENTATIVE:
        return now_mono - track.first_seen_mono < UNKNOWN_S
    return track.state is not TrackState.STATIONARY
