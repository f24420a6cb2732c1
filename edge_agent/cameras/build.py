"""Builds the pipeline of one camera, the same way for the live agent and for a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from functools import partial
from pathlib import Path

import cv2

from edge_agent.collection.collector import Collector
from edge_agent.config.model import settings
from edge_agent.config.model.settings import AnyRule, Camera, GearChoice, LineRule, SnapshotPolicy
from edge_agent.core.delivery import EventBatchAppender
from edge_agent.core.facts import ViewObservation
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import NO_INFERENCES, Frame, Inferences, Motion, Track
from edge_agent.core.overrides import OverrideKind, Overrides
from edge_agent.detection.budget import InferenceBudget
from edge_agent.detection.detector import ObjectDetector
from edge_agent.detection.shadow import InferenceMonitor
from edge_agent.detection.stage import ObjectDetectionStage
from edge_agent.detection.worker import InferenceEngine
from edge_agent.events import ClipSource, EventFactory, EventSink, NoClips, NoSnapshots
from edge_agent.evidence.snapshots import ObjectSnapshots, PictureMaker, RuleSnapshots, SealedSnapshots
from edge_agent.motion.detector import MotionDetector
from edge_agent.passages.recorder import no_passages
from edge_agent.pipeline import DetectionStage, EvidenceStage, PassageStage, Pipeline, RuleStage, ViewStage
from edge_agent.rules.build import watch_of
from edge_agent.rules.flow import FlowSampler
from edge_agent.rules.lines import LineWatch
from edge_agent.rules.objects import ObjectCounter, ObjectReporter
from edge_agent.rules.schedule import Arming
from edge_agent.rules.turns import TurnTracker
from edge_agent.stills.recorder import CameraStills, StillRecorder
from edge_agent.tamper import CameraView
from edge_agent.tracking.tracker import Tracker
from edge_agent.wire import ModelRef


@dataclass(frozen=True, slots=True)
class DetectorAccess:
    """The detector that all cameras of a gateway share, and their budget for it."""

    inference: InferenceEngine
    budget: InferenceBudget
    monitor: InferenceMonitor | None = None  # None: no models are compared


def budget_of(
    detector: settings.Detector, camera_ids: Iterable[str], limiter: WorkloadLimiter | None = None
) -> InferenceBudget:
    return InferenceBudget(detector.budget_ms_per_s, camera_ids, limiter, detector.budget_per_s)


@dataclass(frozen=True, slots=True)
class PipelineContext:
    """What the pipelines of all cameras of a gateway share."""

    detection: DetectorAccess | None  # None: no detector
    min_score: float
    events: EventFactory
    outbox: EventBatchAppender
    timezone: tzinfo
    holidays: frozenset[date]
    seal_to: bytes | None = None  # X25519 public key of the centre
    limiter: WorkloadLimiter = field(default_factory=WorkloadLimiter)
    overrides: Overrides = field(default_factory=Overrides)
    clock_known: Callable[[], bool] = lambda: True  # whether the clock was synchronised since boot
    collector: Collector | None = None  # None: no frames are collected for training
    passages: Callable[[Camera], PassageStage] = no_passages
    stills: StillRecorder | None = None  # None: no stills are made
    detector_problem: Callable[[], str | None] = lambda: None  # why it does not work as configured

    def arming(self, camera_id: str, rule: AnyRule) -> Arming:
        override = partial(self.overrides.of, camera_id, rule.id)
        return Arming(rule.schedule, self.timezone, self.holidays, override, self.clock_known)

    def is_muted(self, camera_id: str, rule_id: str) -> bool:
        return self.overrides.of(camera_id, rule_id) is OverrideKind.MASK


def effective_settings(camera: Camera, detection: DetectorAccess | None) -> Camera:
    """Return the settings to use: without a detector, ``gear: auto`` becomes ``GearChoice.IDLE`` (keyframes
    only), because no track is ever confirmed then, and keyframes suffice to show that the camera works."""
    if detection is not None or camera.analyse.gear is not GearChoice.AUTO:
        return camera
    return replace(camera, analyse=replace(camera.analyse, gear=GearChoice.IDLE))


class NoDetection:
    """Detection stage of a gateway without a detector."""

    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Inferences:
        return NO_INFERENCES


class NoTamperDetection:
    """View stage of a camera with ``watch_view: false``."""

    states = ()
    relearning = False

    def update(self, frame: Frame, motion: Motion) -> tuple[ViewObservation, ...]:
        return ()

    def downweight(self, inferences: Inferences) -> Inferences:
        return inferences

    def finish(self, reason: str) -> tuple[ViewObservation, ...]:
        return ()

    def relearn(self) -> None:
        """Do nothing: this stage learns nothing."""


def use_one_opencv_thread() -> None:
    """Switch off OpenCV's own threads: the agent's threads use all cores already."""
    cv2.setNumThreads(1)


def use_portable_opencv() -> None:
    """Use OpenCV's own code on the calling thread, and not Intel's IPP library, which only x86 has.

    So a picture gives the same results on x86 and ARM, and 2.5 MB of IPP's functions are not resident. The
    CPU time is the same."""
    cv2.ipp.setUseIPP(False)


def build_pipeline(
    camera: Camera,
    context: PipelineContext,
    boot_tag: str,
    *,
    folder: Path | None = None,
    clips: ClipSource | None = None,
    stills: CameraStills | None = None,
) -> Pipeline:
    """Build the pipeline of a camera. Call this on the thread that runs the pipeline.

    ``boot_tag`` makes track ids unique over restarts of the agent. Stages store in ``folder`` what has to
    survive a restart; None: they store nothing. ``stills`` makes stills of the events of rules."""
    use_portable_opencv()
    pictures = pictures_of(camera, context.seal_to)
    evidence: EvidenceStage = pictures
    if context.collector is not None:
        evidence = context.collector.observing(camera, evidence)
    moments = None if stills is None else stills.observing(evidence)
    return Pipeline(
        motion=MotionDetector(camera.masks),
        view=_view_stage(camera, context, folder),
        detection=_detection_stage(camera, context.detection),
        tracking=Tracker(camera.id, boot_tag, context.min_score),
        evidence=moments or evidence,
        passages=context.passages(camera),
        rules=_rules(camera, context, folder),
        sink=EventSink(
            camera.id,
            context.events,
            context.outbox,
            pictures,
            clips or NoClips(),
            partial(context.is_muted, camera.id),
            moments,
        ),
    )


def _view_stage(camera: Camera, context: PipelineContext, folder: Path | None) -> ViewStage:
    if not camera.watch_view:
        return NoTamperDetection()
    # With a sealing key no baseline is stored, as the gateway could not open it: each start learns the view.
    masks = (*camera.masks, *camera.privacy_masks)
    return CameraView(camera.id, masks, folder if context.seal_to is None else None)


def _detection_stage(camera: Camera, access: DetectorAccess | None) -> DetectionStage:
    if access is None:
        return NoDetection()
    return ObjectDetectionStage(camera, access.inference, access.budget, access.monitor)


def pictures_of(camera: Camera, seal_to: bytes | None) -> PictureMaker:
    """Return the maker of that camera's pictures; with ``snapshots: none`` it makes none."""
    pictures = _snapshots(camera)
    return pictures if seal_to is None else SealedSnapshots(pictures, seal_to)


def _snapshots(camera: Camera) -> ObjectSnapshots | RuleSnapshots | NoSnapshots:
    match camera.report.snapshots:
        case SnapshotPolicy.NONE:
            return NoSnapshots()
        case SnapshotPolicy.RULES:
            return RuleSnapshots(camera.id, camera.privacy_masks)
        case SnapshotPolicy.OBJECTS:
            return ObjectSnapshots(camera.id, camera.privacy_masks)


def change_rules(
    pipeline: Pipeline, old: Camera, new: Camera, context: PipelineContext, folder: Path | None
) -> None:
    """Replace the rules and reports that differ between ``old`` and ``new``; the others keep their state.
    ``pipeline`` was built for ``old``; the thread of the pipeline calls this."""
    present = dict(zip(_reports(old), pipeline.rules, strict=True))
    wanted = _reports(new)
    turns = next((rule.turns for rule in pipeline.rules if isinstance(rule, LineWatch)), TurnTracker())

    def rules() -> list[RuleStage]:
        turns.lines = _counted_lines(new)
        return [
            present.get(report) or _rule_stage(new.id, report, context, folder, turns) for report in wanted
        ]

    ended = [rule for report, rule in present.items() if report not in wanted]
    pipeline.change_rules(ended, rules, "reload")


@dataclass(frozen=True, slots=True)
class _ObjectReporting:
    """The setting ``report.objects``, as a key for its rule stage."""


@dataclass(frozen=True, slots=True)
class _CountReporting:
    """The setting ``report.counts_s``, as a key for its rule stage."""

    every_s: float
    ground: settings.Ground | None


_Report = AnyRule | _ObjectReporting | _CountReporting


def _reports(camera: Camera) -> list[_Report]:
    """Return the rules and reports that become rule stages of the pipeline, in their order."""
    reports: list[_Report] = [rule for rule in camera.rules if rule.enabled]
    if camera.report.objects:
        reports.append(_ObjectReporting())
    if camera.report.counts_s > 0:
        reports.append(_CountReporting(camera.report.counts_s, camera.ground))
    return reports


def _rules(camera: Camera, context: PipelineContext, folder: Path | None) -> list[RuleStage]:
    turns = TurnTracker()
    turns.lines = _counted_lines(camera)
    return [_rule_stage(camera.id, report, context, folder, turns) for report in _reports(camera)]


def _counted_lines(camera: Camera) -> frozenset[str]:
    rules = [rule for rule in camera.rules if isinstance(rule, LineRule)]
    return frozenset(rule.line.id for rule in rules if rule.enabled and rule.counts_s > 0)


def _rule_stage(
    camera_id: str, report: _Report, context: PipelineContext, folder: Path | None, turns: TurnTracker
) -> RuleStage:
    match report:
        case _ObjectReporting():
            return ObjectReporter()
        case _CountReporting(every_s, ground):
            return ObjectCounter(every_s, FlowSampler(ground))
        case _:
            return watch_of(report, context.arming(camera_id, report), context.timezone, folder, turns)


def model_ref(detector: ObjectDetector | None) -> ModelRef:
    """Return the reference to the detector for events."""
    if detector is None:
        return ModelRef(name="none", sha256=None)
    return ModelRef(name=detector.model.name, sha256=detector.model.sha256)
