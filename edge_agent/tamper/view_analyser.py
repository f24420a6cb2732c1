"""Analyses a picture: compares it with the baselines, judges what is wrong, and updates the baselines."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.core.facts import TAMPER, ViewState
from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Frame
from edge_agent.core.problems import problem_text
from edge_agent.tamper.baseline_comparison import (
    BaselineComparison,
    compare_with_baseline,
    matching_edges,
    structured_tiles,
)
from edge_agent.tamper.baselines import Baseline, Baselines, LightCondition, light_of
from edge_agent.tamper.frame_features import FrameFeatureExtractor, FrameFeatures
from edge_agent.tamper.history import ColourWatch, LightJump, LightWatch, ViewLossHistory
from edge_agent.tamper.occluder_features import OccluderAnalyser, RainStreaks
from edge_agent.tamper.shift import CameraShiftTracker
from edge_agent.tamper.stillness import QuickCheck, Stillness
from edge_agent.tamper.store import ViewStore
from edge_agent.tamper.verdict import GOOD, LOST, ViewEvidence, judge_view, view_metrics

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

log = logging.getLogger(__name__)

PAUSE_S, PAUSE_FACTOR = 15.0, 1.5
"""After a pause of more than ``PAUSE_S`` without an analysis the history is dropped, unless the pause is at
most ``PAUSE_FACTOR`` times the interval before it: some cameras send a keyframe only every 20 s."""
EDGE_KEPT = 0.5  # correlation of a tile's edges
NEW_BASELINE_AFTER = 10  # analyses of the same scene in another light, until a new baseline is learned for it
NOWHERE = 0.7  # share of blank tiles; above it there is no structure left to search for
TEACH_EVERY_S = 1.9
_USUAL_DROPS_SHARE = 1 / 120.0


@dataclass(frozen=True, slots=True)
class ViewVerdict:
    """The result of one analysis: states that hold, and moments; each with the reason."""

    found: dict[ViewState, str] = field(default_factory=dict)
    moments: tuple[tuple[ViewState, str], ...] = ()
    refuted: tuple[ViewState, ...] = ()  # states that certainly do not hold
    size_changed: bool = False  # the picture has a new size, so all history was dropped


class ViewAnalyser:
    """Analyses the view of one camera. For one thread, except ``features``."""

    def __init__(self, camera_id: str, masks: Sequence[Polygon], folder: Path | None) -> None:
        self._camera_id = camera_id
        self._masks = tuple(masks)
        self._store = ViewStore(folder, camera_id)
        self._shape: tuple[int, ...] = ()
        self._baselines: Baselines | None = None  # None: no picture yet, or it is too small
        self._colour = ColourWatch()
        self._reported_mono_picture: bool | None = None  # as last reported
        self._light = LightWatch()
        self._features: Mapping[str, float] = {}
        self._analysed_mono: float | None = None  # of the last analysis at this size, before a pause too
        self._interval_s = 0.0  # between the last two analyses
        self._clear_history()

    @property
    def features(self) -> Mapping[str, float]:
        return self._features

    @property
    def learning(self) -> bool:
        return self._baselines is not None and self._baselines.active is None

    def _clear_history(self) -> None:
        self._last_mono: float | None = None
        self._before: Gray | None = None
        self._view_loss = ViewLossHistory()
        self._camera_shift = CameraShiftTracker()
        self._edges = 0.0  # share of the tiles with matching edges, at the last measurement
        self._other_light = 0  # analyses in a row with matching edges and little else
        self._taught_mono: float | None = None
        self._mean = 0.0  # luma at the last full analysis

    def _prepare(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._baselines = None
        try:
            extractor = FrameFeatureExtractor(shape[1], shape[0], self._masks)
        except ValueError as error:
            log.warning("%s: %s; its view is not checked for tampering", self._camera_id, error)
            return
        self._baselines = Baselines(extractor)
        self._still = Stillness(extractor.counted)
        self._rain_streaks = RainStreaks(extractor.counted)
        self._occluder = OccluderAnalyser(extractor.counted)
        self._quick_check = QuickCheck(extractor.counted)
        self._usual_drops = 0.0
        self._usual_bright = 0.0
        self._analysed_mono = None
        self._clear_history()
        self._store.load(self._baselines, self._still)

    def forget(self, now_mono: float) -> None:
        """Forget the view, and learn it again from the next pictures."""
        if self._baselines is None:
            return
        self._baselines.forget()
        self._quick_check.forget()
        self._clear_history()
        self._store.save(self._baselines, self._still, now_mono, at_once=True)

    def save(self) -> None:
        if self._baselines is not None and self._analysed_mono is not None:
            self._store.save(self._baselines, self._still, self._analysed_mono, at_once=True)

    def pause(self) -> None:
        """Drop the history, because no frames come for a while."""
        if self._baselines is not None:
            self._still.forget_run()
            self._rain_streaks.forget()
            self._occluder.forget()
            self._quick_check.forget()
            self._baselines.stop_learning()
        self._light.forget()
        self._clear_history()

    def analyse(self, frame: Frame, reported: Collection[ViewState]) -> ViewVerdict:
        luma = frame.picture.luma()
        if luma.shape != self._shape:
            known = self._baselines is not None
            self._prepare(luma.shape)
            if known:
                return ViewVerdict(size_changed=True)
        baselines = self._baselines
        if baselines is None:
            return ViewVerdict()
        now = frame.captured_mono
        if self._last_mono is not None:
            longest_s = max(PAUSE_S, PAUSE_FACTOR * self._interval_s)
            self._interval_s = now - self._last_mono
            if not 0 <= self._interval_s <= longest_s:
                self.pause()
        small = baselines.extractor.shrink(luma)
        frozen = self._still.update(small, now)
        if not (reported or frozen) and self._quick_check_passes(baselines, small, now):
            return ViewVerdict()
        features = baselines.extractor.extract(small)
        self._colour.update(frame.picture)
        jump = self._light.update(features.mean, now)
        if TAMPER & set(reported):  # rain is measured only while the view is visible
            self._rain_streaks.add_reference(small)
        else:
            self._rain_streaks.update(small)
        baseline = self._baseline(baselines, features, small)
        before, self._before = self._before, small
        self._last_mono = self._analysed_mono = now
        if baseline is None:
            self._features = self._light_features(features)
            return ViewVerdict()
        evidence = self._evidence(baselines, baseline, small, features, frozen, now)
        found = judge_view(evidence, reported)
        if TAMPER & set(found):  # the brightness of a covered picture says nothing about the light
            self._light.forget()
        self._mean = features.mean
        settled = evidence.good and self._colour.settled and not (self._light.in_doubt or self._other_light)
        self._quick_check.remember(small, now, settled and not (found or reported))
        if before is not None:
            self._learn(baselines, evidence, small, before, found, reported, now)
        self._store.save(baselines, self._still, now)
        self._features = {**view_metrics(evidence), **self._light_features(features)}
        return ViewVerdict(found, self._moments(evidence, jump), evidence.refuted)

    def _quick_check_passes(self, baselines: Baselines, small: Gray, now: float) -> bool:
        """Whether nothing has changed; then no more is measured, and the history continues."""
        baseline = baselines.active
        if baseline is None or not self._quick_check.is_enough(
            small, structured_tiles(baseline.features, baselines.extractor.counted), self._still.live, now
        ):
            return False
        self._light.update(self._mean, now)
        self._rain_streaks.add_reference(small)
        self._view_loss.still_good(now)
        self._before, self._last_mono, self._analysed_mono = small, now, now
        self._features = {**self._features, "still_s": round(self._still.still_s, 1)}
        return True

    def _baseline(self, baselines: Baselines, features: FrameFeatures, small: Gray) -> Baseline | None:
        """Return the baseline to compare with; None while the first one is being learned."""
        if baselines.active is None:
            known = dict(baselines.others())
            if not known:
                baselines.learn_first(small, light_of(features.mean, bool(self._colour.mono), None))
                return baselines.active
            wanted = light_of(features.mean, bool(self._colour.mono), None)
            baselines.activate(wanted if wanted in known else self._best_match(baselines, features))
        return baselines.active

    def _best_match(self, baselines: Baselines, features: FrameFeatures) -> LightCondition:
        counted = baselines.extractor.counted
        matching = {
            light: compare_with_baseline(features, baseline.features, counted).matching
            for light, baseline in baselines.others()
        }
        return max(matching, key=lambda light: matching[light])

    def _evidence(
        self,
        baselines: Baselines,
        baseline: Baseline,
        small: Gray,
        features: FrameFeatures,
        frozen: bool,
        now: float,
    ) -> ViewEvidence:
        counted = baselines.extractor.counted
        comparison = compare_with_baseline(features, baseline.features, counted)
        structure = comparison.matching
        if structure < GOOD * baseline.usual_matching:
            baseline, comparison = self._try_others(baselines, baseline, features, comparison)
            if not self._camera_shift.sure:
                self._edges = matching_edges(features, baseline.features, counted, EDGE_KEPT)
            structure = max(comparison.matching, self._edges)
        lost = structure < GOOD * baseline.usual_matching
        self._view_loss.update(structure, baseline.usual_matching, features, bool(self._colour.mono), now)
        if lost and comparison.blank < NOWHERE:
            self._camera_shift.update(features, baseline.features)
        else:
            self._camera_shift.reset()
        unclear = lost and not self._camera_shift.sure
        return ViewEvidence(
            features=features,
            usual=baseline.features,
            comparison=comparison,
            usual_matching=baseline.usual_matching,
            usual_fine_energy=baseline.usual_fine_energy,
            usual_bright=self._usual_bright,
            structure=structure,
            shift=self._camera_shift.shift,
            loss_took_s=self._view_loss.duration_s,
            light_before=self._view_loss.light_before,
            own_light_before=self._view_loss.own_light_before,
            frozen=frozen,
            still_s=self._still.still_s,
            drops=self._rain_streaks.share,
            usual_drops=self._usual_drops,
            dark_s=self._view_loss.dark_s(now),
            occluder=self._occluder.update(features, baseline.features, unclear),
            plain=baselines.extractor.plain(small) if unclear else 0.0,
            settled=self._camera_shift.settled,
            swings=self._camera_shift.swings,
            structure_lately=self._view_loss.structure_lately,
        )

    def _try_others(
        self,
        baselines: Baselines,
        baseline: Baseline,
        features: FrameFeatures,
        comparison: BaselineComparison,
    ) -> tuple[Baseline, BaselineComparison]:
        """Compare with the baselines of other light conditions; activate one that matches."""
        for light, other in baselines.others():
            with_other = compare_with_baseline(features, other.features, baselines.extractor.counted)
            if with_other.matching >= GOOD * other.usual_matching:
                baselines.activate(light)
                return other, with_other
        return baseline, comparison

    def _learn(
        self,
        baselines: Baselines,
        evidence: ViewEvidence,
        small: Gray,
        before: Gray,
        found: dict[ViewState, str],
        reported: Collection[ViewState],
        now: float,
    ) -> None:
        """Learn from a good view only, so that a fault does not become usual."""
        if TAMPER & (set(found) | set(reported)) or found or not evidence.good:
            self._other_light = 0
            baselines.stop_learning()
            return
        self._usual_drops += _USUAL_DROPS_SHARE * (evidence.drops - self._usual_drops)
        self._usual_bright += _USUAL_DROPS_SHARE * (evidence.features.bright - self._usual_bright)
        active = baselines.active
        assert active is not None
        light = light_of(evidence.features.mean, bool(self._colour.mono), baselines.light)
        if evidence.comparison.matching < GOOD * active.usual_matching or light is not baselines.light:
            # The same scene in another light: learn a separate baseline once the light is stable.
            self._other_light += 1
            if self._other_light > NEW_BASELINE_AFTER:
                baselines.learn_first(small, light)
            return
        self._other_light = 0
        elapsed = TEACH_EVERY_S if self._taught_mono is None else now - self._taught_mono
        if elapsed >= TEACH_EVERY_S:
            active.learn(small, before, evidence.comparison, elapsed)
            self._taught_mono = now

    def _moments(self, evidence: ViewEvidence, jump: LightJump | None) -> tuple[tuple[ViewState, str], ...]:
        mono = self._colour.mono
        if self._reported_mono_picture is None:
            self._reported_mono_picture = mono
        # While the view is lost, the colour is that of the occluder.
        seen = evidence.structure >= LOST * evidence.usual_matching and self._colour.settled
        if mono is not self._reported_mono_picture and seen:
            self._reported_mono_picture = mono
            code, level = "view-to-mono" if mono else "view-to-colour", round(float(self._colour.level), 1)
            return ((ViewState.COLOUR_MONO_SWITCH, problem_text(code, level=level)),)
        if jump is not None and evidence.good:
            luma = {"before": round(jump.before), "after": round(jump.after)}
            why = problem_text("view-light", **luma, structure=evidence.seen)
            return ((ViewState.ILLUMINATION_CHANGE, why),)
        return ()

    def _light_features(self, features: FrameFeatures) -> dict[str, float]:
        return {
            "mean": round(features.mean, 1),
            "spread": round(features.spread, 1),
            "dark": round(features.dark, 3),
            "bright": round(features.bright, 3),
            "colour": round(self._colour.level, 1),
            "still_s": round(self._still.still_s, 1),
            "still_needs_s": round(self._still.required_s, 1),
            "drops": round(self._rain_streaks.share, 3),
        }
