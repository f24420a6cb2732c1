"""One camera, one frame at a time: the spine of the agent.

    capture -> motion -> detection -> tracking -> rules -> events -> outbox -> mqtt
                                          -> passages, which stay on the gateway

One frame goes in, facts come out. The call order is the architecture: no callbacks between stages,
no event bus. ``capture`` delivers the frames, and ``mqtt`` sends the outbox.
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
        """The one small area that has moved without a pause for minutes, or None."""

    def update(self, frame: Frame) -> Motion:
        """Compare the frame with the background and learn from it."""

    def has_motion(self, frame: Frame) -> bool:
        """Return whether ``update`` would find motion or a switched scene. Learns nothing from the frame."""

    def reset(self) -> None:
        """Forget the background, and learn it again from the next frames."""


class ViewStage(Protocol):
    """Finds faults of the camera's view: covered, turned, frozen, rain on the lens."""

    @property
    def states(self) -> tuple[str, ...]:
        """The faults of the view now, as values of ``core.facts.ViewState``. Thread-safe."""

    def update(self, frame: Frame, motion: Motion) -> Iterable[ViewObservation]:
        """Yield the observations to report now, as ``RuleStage.update`` does. Called with every frame, but
        analyses only about one frame a second."""

    def downweight(self, inferences: Inferences) -> Inferences:
        """Lower the scores while the view is bad, so that objects seen through rain are confirmed later."""

    def finish(self, reason: str) -> Iterable[ViewObservation]:
        """End all open events, because no more frames come."""

    def relearn(self) -> None:
        """Learn the normal view again, from the next frames. Thread-safe."""

    @property
    def relearning(self) -> bool:
        """Whether ``relearn`` was called and the view is not learned yet. Thread-safe."""


class DetectionStage(Protocol):
    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Inferences:
        """Run the detector if the frame is worth an inference and the budget allows it. Blocks until done."""


class TrackStage(Protocol):
    @property
    def tracks(self) -> tuple[Track, ...]:
        """Live tracks as of the last update."""

    def update(self, frame: Frame, motion: Motion, inferences: Inferences) -> Tracks: ...

    def on_signal_lost(self) -> tuple[Track, ...]:
        """Forget moving tracks without ending them, because no frames come. Return the parked tracks."""


class EvidenceStage(Protocol):
    def observe(self, frame: Frame, tracks: Tracks) -> None:
        """Keep the pictures that a later event may need."""


class PassageStage(Protocol):
    """Stores a searchable row about each object once the object is gone. The rows stay on the gateway."""

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        """Note where the objects are and how they look; store the rows of objects whose track has ended."""

    def reported(self, observation: Observation) -> None:
        """Note that a rule has reported an object."""

    def finish(self, continuing: Collection[str] = ()) -> None:
        """Store the rows of all objects except tracks in ``continuing``, because no more frames come."""


class RuleStage(Protocol):
    def update(self, frame: Frame, tracks: Tracks) -> Iterable[Observation]:
        """Yield the observations to report now. An observation counts as reported when the next one is
        requested: if the sink fails, the rule yields it again with the next frame."""

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterable[Observation]:
        """End all open events, because no more frames come, except those of tracks whose ids are in
        ``continuing``. ``reason`` is the wire's ``end_reason``."""


class Sink(Protocol):
    def accept(self, observation: Observation, frame: Frame) -> None:
        """Make an event of the observation; it is durable at the latest when ``flush`` returns."""

    def flush(self) -> None:
        """Store the events of all accepted observations."""


TENTATIVE_BUSY_S = 20.0
"""Seconds for which an unconfirmed track keeps the camera busy while nothing moves. Without a limit, a tree
trunk that the detector mistakes for a person would keep it busy for ever."""


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The results of the stages for one frame, for example to show them in a replay."""

    motion: Motion
    inferences: Inferences
    tracks: Tracks
    busy: bool  # the next frames may matter: something moves, or a track is unconfirmed


class Pipeline:
    """Runs the stages of one camera. Not thread-safe: one thread calls it."""

    def __init__(
        self,
        motion: MotionStage,
        view: ViewStage,
        detection: DetectionStage,
        tracking: TrackStage,
        evidence: EvidenceStage,
        passages: PassageStage,
        rules: Sequence[RuleStage],
        sink: Sink,
    ) -> None:
        self.motion = motion
        self.view = view
        self.detection = detection
        self.tracking = tracking
        self.evidence = evidence
        self.passages = passages
        self.rules = rules
        self.sink = sink
        self._latest: Frame | None = None  # without pixels: the decoder needs the buffer for the next frame
        self._has_signal = False  # frames have come since the signal was lost

    def process(self, frame: Frame) -> FrameResult:
        self._latest, self._has_signal = frame.without_pixels(), True
        motion = self.motion.update(frame)
        for view_observation in self.view.update(frame, motion):
            self.sink.accept(view_observation, frame)
        inferences = self.view.downweight(self.detection.detect(frame, motion, self.tracking.tracks))
        tracks = self.tracking.update(frame, motion, inferences)
        self.evidence.observe(frame, tracks)
        self.passages.observe(frame, tracks)
        try:
            for rule in self.rules:
                for observation in rule.update(frame, tracks):
                    self.sink.accept(observation, frame)
                    self.passages.reported(observation)
        finally:
            self.sink.flush()
        return FrameResult(motion, inferences, tracks, self._is_busy(frame, motion, tracks))

    def _is_busy(self, frame: Frame, motion: Motion, tracks: Tracks) -> bool:
        """Return whether something moves or a track is active. Parked tracks do not count; unconfirmed tracks
        count for ``TENTATIVE_BUSY_S``."""
        if motion.regions or motion.scene is not Scene.STEADY:
            return True
        return any(_is_open(track, frame.captured_mono) for track in tracks.active)

    def on_signal_lost(self) -> None:
        """End the open events, because no frames come; events of parked tracks continue, as the objects
        presumably still stand there. A second call without frames in between ends nothing."""
        continuing = self.tracking.on_signal_lost()
        self.motion.reset()
        if self._has_signal:
            self._has_signal = False
            self._finish("camera", {track.id for track in continuing})

    def change_rules(
        self, ended: Collection[RuleStage], build: Callable[[], Sequence[RuleStage]], reason: str
    ) -> None:
        """Continue with the rules that ``build`` returns. ``build`` is called after the ``ended`` rules have
        reported their end, because a new rule may continue from what an ended rule has left on disk."""
        if (frame := self._latest) is not None:
            self._finish_rules(ended, frame, reason, ())
        self.rules = build()

    def stop(self, reason: str = "restart") -> None:
        """End all open events; ``reason`` is the wire's ``end_reason``."""
        self._finish(reason, ())

    def _finish(self, reason: str, continuing: Collection[str]) -> None:
        frame = self._latest
        if frame is None:
            return
        for view_observation in self.view.finish(reason):
            self.sink.accept(view_observation, frame)
        self._finish_rules(self.rules, frame, reason, continuing)
        self.passages.finish(continuing)

    def _finish_rules(
        self, rules: Collection[RuleStage], frame: Frame, reason: str, continuing: Collection[str]
    ) -> None:
        try:
            for rule in rules:
                for observation in rule.finish(reason, continuing):
                    self.sink.accept(observation, frame)
        finally:
            self.sink.flush()


def _is_open(track: Track, now_mono: float) -> bool:
    """Return whether the next frames may tell more about the track."""
    if track.state is TrackState.TENTATIVE:
        return now_mono - track.first_seen_mono < TENTATIVE_BUSY_S
    return track.state is not TrackState.STATIONARY
