"""Looks at a picture, compares it with the baselines, and says what is wrong; keeps the baselines."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.core.facts import TAMPER, ViewState
from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Frame
from edge_agent.tamper.baselines import Baseline, Baselines, LightCondition, light_of
from edge_agent.tamper.camera_shift import CameraShiftTracker
from edge_agent.tamper.features.baseline_comparison import (
    BaselineComparison,
    compare_with_baseline,
    matching_edges,
    structured_tiles,
)
from edge_agent.tamper.features.frame_features import FrameFeatureExtractor, FrameFeatures
from edge_agent.tamper.features.light import ColourWatch, LightJump, LightWatch
from edge_agent.tamper.features.occluder_features import OccluderAnalyser
from edge_agent.tamper.features.rain_streaks import RainStreaks
from edge_agent.tamper.features.stillness import Stillness
from edge_agent.tamper.quick_check import QuickCheck
from edge_agent.tamper.store import ViewStore
from edge_agent.tamper.verdict import GOOD, LOST, ViewEvidence, judge_view, view_metrics
from edge_agent.tamper.view_loss import ViewLossHistory

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

log = logging.getLogger(__name__)

PAUSE_S = 15.0  # without a look; then nothing before it counts for what is going on now
EDGE_KEPT = 0.5  # correlation of a tile's edges
RENEW_LOOKS = 10  # so long the same scene in another light, until its baseline is learnt anew
NOWHERE = 0.7  # share of blank tiles; with so many there is nothing left to search for
TEACH_EVERY_S = 1.9
_OF_USUAL_DROPS = 1 / 120.0


@dataclass(frozen=True, slots=True)
class ViewVerdict:
    """One look: what is so, and what has just happened; each with the reason."""

    found: dict[ViewState, str] = field(default_factory=dict)
    moments: tuple[tuple[ViewState, str], ...] = ()
    refuted: tuple[ViewState, ...] = ()  # what is not so after all
    size_changed: bool = False  # the picture has another size now: nothing known of the old one applies to it


class ViewAnalyser:
    """One camera. One thread, but for ``features``."""

    def __init__(self, camera_id: str, masks: Sequence[Polygon], folder: Path | None) -> None:
        self._camera_id = camera_id
        self._masks = tuple(masks)
        self._store = ViewStore(folder, camera_id)
        self._shape: tuple[int, ...] = ()
        self._baselines: Baselines | None = None  # None: no picture yet, or one that is too small
        self._colour = ColourWatch()
        self._reported_mono_picture: bool | None = None  # as it was told
        self._light = LightWatch()
        self._features: Mapping[str, float] = {}
        self._clear_history()

    @property
    def features(self) -> Mapping[str, float]:
        return self._features

    @property
    def learning(self) -> bool:
        """Whether there is no baseline yet to compare with."""
        return self._baselines is not None and self._baselines.active is None

    def _clear_history(self) -> None:
        self._last_mono: float | None = None
        self._before: Gray | None = None
        self._view_loss = ViewLossHistory()
        self._camera_shift = CameraShiftTracker()
        self._edges = 0.0  # share of the tiles that kept them, when it was measured last
        self._other_light = 0  # looks in a row that kept edges and little else
        self._taught_mono: float | None = None
        self._mean = 0.0  # luma at the last full look

    def _prepare(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._baselines = None
        try:
            sketcher = FrameFeatureExtractor(shape[1], shape[0], self._masks)
        except ValueError as error:
            log.warning("%s: %s; its view is not watched", self._camera_id, error)
            return
        self._baselines = Baselines(sketcher)
        self._still = Stillness(sketcher.counted)
        self._rain_streaks = RainStreaks(sketcher.counted)
        self._occluder = OccluderAnalyser(sketcher.counted)
        self._quick_check = QuickCheck(sketcher.counted)
        self._usual_drops = 0.0
        self._usual_bright = 0.0
        self._clear_history()
        self._store.load(self._baselines, self._still)

    def forget(self, now_mono: float) -> None:
        """Learn the view anew."""
        if self._baselines is None:
            return
        self._baselines.forget()
        self._quick_check.forget()
        self._clear_history()
        self._store.save(self._baselines, self._still, now_mono, at_once=True)

    def save(self) -> None:
        """Write what is learnt, at once."""
        if self._baselines is not None and self._last_mono is not None:
            self._store.save(self._baselines, self._still, self._last_mono, at_once=True)

    def pause(self) -> None:
        """No frames for a while."""
        if self._baselines is not None:
            self._still.forget_run()
            self._rain_streaks.forget()
            self._occluder.forget()
            self._quick_check.forget()
            self._baselines.stop_learning()
        self._light.forget()
        self._clear_history()

    def analyse(self, frame: Frame, told: Collection[ViewState]) -> ViewVerdict:
        luma = frame.picture.luma()
        if luma.shape != self._shape:
            known = self._baselines is not None
            self._prepare(luma.shape)
            if known:
                return ViewVerdict(size_changed=True)
        bank = self._baselines
        if bank is None:
            return ViewVerdict()
        now = frame.captured_mono
        if self._last_mono is not None and not 0 <= now - self._last_mono <= PAUSE_S:
            self.pause()
        small = bank.extractor.shrink(luma)
        frozen = self._still.update(small, now)
        if not (told or frozen) and self._quick_check_passes(bank, small, now):
            return ViewVerdict()
        sketch = bank.extractor.extract(small)
        self._colour.update(frame.picture)
        jump = self._light.update(sketch.mean, now)
        if TAMPER & set(told):  # rain is asked for when the view is there
            self._rain_streaks.add_reference(small)
        else:
            self._rain_streaks.update(small)
        baseline = self._baseline(bank, sketch, small)
        before, self._before, self._last_mono = self._before, small, now
        if baseline is None:
            self._features = self._light_features(sketch)
            return ViewVerdict()
        evidence = self._evidence(bank, baseline, small, sketch, frozen, now)
        found = judge_view(evidence, told)
        if TAMPER & set(found):  # the light of a hand is none to compare with
            self._light.forget()
        self._mean = sketch.mean
        settled = evidence.good and self._colour.settled and not (self._light.in_doubt or self._other_light)
        self._quick_check.remember(small, now, settled and not (found or told))
        if before is not None:
            self._learn(bank, evidence, small, before, found, told, now)
        self._store.save(bank, self._still, now)
        self._features = {**view_metrics(evidence), **self._light_features(sketch)}
        return ViewVerdict(found, self._moments(evidence, jump), evidence.refuted)

    def _quick_check_passes(self, bank: Baselines, small: Gray, now: float) -> bool:
        """Whether nothing is new; then no more is measured, and what is known of the past goes on."""
        baseline = bank.active
        if baseline is None or not self._quick_check.is_enough(
            small, structured_tiles(baseline.features, bank.extractor.counted), self._still.live, now
        ):
            return False
        self._light.update(self._mean, now)
        self._rain_streaks.add_reference(small)
        self._view_loss.still_good(now)
        self._before, self._last_mono = small, now
        self._features = {**self._features, "still_s": round(self._still.still_s, 1)}
        return True

    def _baseline(self, bank: Baselines, sketch: FrameFeatures, small: Gray) -> Baseline | None:
        """The one to compare with; None while the first one is being learnt."""
        if bank.active is None:
            known = dict(bank.others())
            if not known:
                bank.learn_first(small, light_of(sketch.mean, bool(self._colour.mono), None))
                return bank.active
            wanted = light_of(sketch.mean, bool(self._colour.mono), None)
            bank.activate(wanted if wanted in known else self._best_match(bank, sketch))
        return bank.active

    def _best_match(self, bank: Baselines, sketch: FrameFeatures) -> LightCondition:
        return max(
            bank.others(),
            key=lambda item: compare_with_baseline(sketch, item[1].features, bank.extractor.counted).matching,
        )[0]

    def _evidence(
        self,
        bank: Baselines,
        baseline: Baseline,
        small: Gray,
        sketch: FrameFeatures,
        frozen: bool,
        now: float,
    ) -> ViewEvidence:
        counted = bank.extractor.counted
        likeness = compare_with_baseline(sketch, baseline.features, counted)
        structure = likeness.matching
        if structure < GOOD * baseline.usual_matching:
            baseline, likeness = self._try_others(bank, baseline, sketch, likeness)
            if not self._camera_shift.sure:
                self._edges = matching_edges(sketch, baseline.features, counted, EDGE_KEPT)
            structure = max(likeness.matching, self._edges)
        lost = structure < GOOD * baseline.usual_matching
        self._view_loss.update(structure, baseline.usual_matching, sketch, bool(self._colour.mono), now)
        if lost and likeness.blank < NOWHERE:
            self._camera_shift.update(sketch, baseline.features)
        else:
            self._camera_shift.reset()
        unclear = lost and not self._camera_shift.sure
        return ViewEvidence(
            features=sketch,
            usual=baseline.features,
            comparison=likeness,
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
            occluder=self._occluder.update(sketch, baseline.features, unclear),
            plain=bank.extractor.plain(small) if unclear else 0.0,
            settled=self._camera_shift.settled,
            swings=self._camera_shift.swings,
            structure_lately=self._view_loss.structure_lately,
        )

    def _try_others(
        self, bank: Baselines, baseline: Baseline, sketch: FrameFeatures, likeness: BaselineComparison
    ) -> tuple[Baseline, BaselineComparison]:
        """Another light's baseline may know this view."""
        for light, other in bank.others():
            like = compare_with_baseline(sketch, other.features, bank.extractor.counted)
            if like.matching >= GOOD * other.usual_matching:
                bank.activate(light)
                return other, like
        return baseline, likeness

    def _learn(
        self,
        bank: Baselines,
        evidence: ViewEvidence,
        small: Gray,
        before: Gray,
        found: dict[ViewState, str],
        told: Collection[ViewState],
        now: float,
    ) -> None:
        """From a good view only: what is wrong must not become usual."""
        if TAMPER & (set(found) | set(told)) or found or not evidence.good:
            self._other_light = 0
            bank.stop_learning()
            return
        self._usual_drops += _OF_USUAL_DROPS * (evidence.drops - self._usual_drops)
        self._usual_bright += _OF_USUAL_DROPS * (evidence.features.bright - self._usual_bright)
        active = bank.active
        assert active is not None
        light = light_of(evidence.features.mean, bool(self._colour.mono), bank.light)
        if evidence.comparison.matching < GOOD * active.usual_matching or light is not bank.light:
            # The same scene in another light: a baseline of its own, once the light has settled.
            self._other_light += 1
            if self._other_light > RENEW_LOOKS:
                bank.learn_first(small, light)
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
        # Where the view is lost the colour is that of a bag.
        seen = evidence.structure >= LOST * evidence.usual_matching and self._colour.settled
        if mono is not self._reported_mono_picture and seen:
            self._reported_mono_picture = mono
            to = "mono" if mono else "colour"
            return (
                (ViewState.COLOUR_MONO_SWITCH, f"to {to}, {self._colour.level:.1f} grey levels of colour"),
            )
        if jump is not None and evidence.good:
            why = f"mean luma from {jump.before:.0f} to {jump.after:.0f}, {evidence.seen}"
            return ((ViewState.ILLUMINATION_CHANGE, why),)
        return ()

    def _light_features(self, sketch: FrameFeatures) -> dict[str, float]:
        return {
            "mean": round(sketch.mean, 1),
            "spread": round(sketch.spread, 1),
            "dark": round(sketch.dark, 3),
            "bright": round(sketch.bright, 3),
            "colour": round(self._colour.level, 1),
            "still_s": round(self._still.still_s, 1),
            "still_needs_s": round(self._still.required_s, 1),
            "drops": round(self._rain_streaks.share, 3),
        }
