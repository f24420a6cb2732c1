"""The view stage: analyses the camera's view about once a second of stream time, and reports its states.

A state starts and ends only after several analyses: a single one proves nothing.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.core.facts import TAMPER, Phase, ViewObservation, ViewState
from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Frame, Inferences, Motion, Severity
from edge_agent.tamper.view_analyser import ViewAnalyser

MIN_ANALYSES = 3
HOLD_S, LONG_HOLD_S = 4.5, 8.5
"""How long a state that is not reported yet may be missing in analyses without starting again; the longer
time is for states that a passer-by can hide."""
LONG_HOLD_STATES = (ViewState.MOVED, ViewState.DEFOCUSED)

RAISE_S: dict[ViewState, float] = {
    ViewState.COVERED: 5.0,
    ViewState.DEFOCUSED: 5.0,
    ViewState.MOVED: 5.0,
    ViewState.FROZEN: 0.0,  # ``tamper/stillness.py`` has its own duration
    ViewState.DARK: 4.0,
    ViewState.OVEREXPOSED: 4.0,
    ViewState.VISIBILITY_DEGRADED: 5.0,
}
"""How long a state has to last until it is reported. Longer: fewer alarms for buses that stop right in front
of the camera, but later alarms."""
CLEAR_S: dict[ViewState, float] = {
    ViewState.COVERED: 4.0,
    ViewState.DEFOCUSED: 4.0,
    ViewState.MOVED: 4.0,
    ViewState.FROZEN: 2.0,
    ViewState.DARK: 4.0,
    ViewState.OVEREXPOSED: 4.0,
    ViewState.VISIBILITY_DEGRADED: 15.0,
}
"""How long a state has to be absent until it ends."""


@dataclass(slots=True)
class ViewEpisode:
    """One period in which a state holds, reported or not yet."""

    state: ViewState
    number: int
    since_mono: float
    last_mono: float  # when the state was last found
    why: str
    analyses: int = 1
    reported: bool = False
    reported_mono: float = 0.0  # of the last event

    def due(self, now_mono: float) -> bool:
        """Whether the episode has lasted long enough to be reported now."""
        enough = self.state is ViewState.FROZEN or self.analyses >= MIN_ANALYSES
        lasted = self.last_mono - self.since_mono >= RAISE_S[self.state]
        return not self.reported and enough and lasted and self.last_mono == now_mono

    def over(self, now_mono: float) -> bool:
        hold = LONG_HOLD_S if self.state in LONG_HOLD_STATES else HOLD_S
        patience = CLEAR_S[self.state] if self.reported else hold
        return now_mono - self.last_mono > patience


class ViewEpisodes:
    """The states that hold or may start. For one thread."""

    def __init__(self) -> None:
        self._current: dict[ViewState, ViewEpisode] = {}
        self._count = 0
        self._observed_mono: float | None = None  # of the last analysis

    @property
    def reported(self) -> tuple[ViewEpisode, ...]:
        return tuple(episode for episode in self._current.values() if episode.reported)

    def get(self, state: ViewState) -> ViewEpisode | None:
        return self._current.get(state)

    def observe(
        self, found: dict[ViewState, str], refuted: Collection[ViewState], now_mono: float
    ) -> tuple[ViewEpisode, ...]:
        """Add the verdict of one analysis and return all episodes; the caller drops those that are over.

        Unreported episodes of states in ``refuted`` are dropped here.
        """
        before_mono, self._observed_mono = self._observed_mono, now_mono
        for state in refuted:
            episode = self._current.get(state)
            if episode is not None and not episode.reported:
                self.drop(episode)
        for state, why in found.items():
            episode = self._current.get(state)
            # Keyframes may be further apart than the hold: then the state was missing in no analysis.
            missing = episode is not None and not episode.reported and episode.last_mono != before_mono
            if episode is None or (missing and episode.over(now_mono)):
                self._count += 1
                self._current[state] = ViewEpisode(state, self._count, now_mono, now_mono, why)
            else:
                episode.last_mono, episode.why = now_mono, why
                episode.analyses += 1
        return tuple(self._current.values())

    def drop(self, episode: ViewEpisode) -> None:
        self._current.pop(episode.state, None)

    def forget_unreported(self) -> None:
        """Drop the episodes that are not reported yet, because no frames came for a while."""
        for episode in [one for one in self._current.values() if not one.reported]:
            self.drop(episode)


def states_of(episodes: Collection[ViewEpisode]) -> tuple[str, ...]:
    return tuple(sorted(episode.state.value for episode in episodes))


log = logging.getLogger(__name__)

ANALYSE_EVERY_S = 0.95  # an analysis is due with the first frame after it
UPDATE_EVERY_S = 3600.0  # interval of updates while a state lasts, with its present figures
ADOPT_S = 24 * 3600.0
"""A camera that shows another view for this long, by day and by night, was turned on purpose."""
DEGRADED_WEIGHT = 0.75
"""Factor for scores while the view is bad. Lower: fewer false objects in rain."""


class CameraView:
    """The view stage of one camera: makes observations with start and end. For one thread, but ``states``,
    ``features``, ``relearn`` and ``relearning`` are thread-safe.

    Baselines are stored in ``folder`` and survive restarts; None: they are not stored.
    """

    def __init__(self, camera_id: str, masks: Sequence[Polygon] = (), folder: Path | None = None) -> None:
        self._camera_id = camera_id
        self._analyser = ViewAnalyser(camera_id, masks, folder)
        self._episodes = ViewEpisodes()
        self._boot_tag = secrets.token_hex(3)  # ids of events are unique over restarts
        self._moments = 0
        self._unreported: list[ViewObservation] = []  # moments that the sink has not stored yet
        self._next_look_mono: float | None = None
        self._relearn = False
        self._relearning = False  # ``relearn`` was called, and the new baseline is not complete
        self._states: tuple[str, ...] = ()

    @property
    def states(self) -> tuple[str, ...]:
        return self._states

    @property
    def features(self) -> Mapping[str, float]:
        """The figures of the last analysis; empty before the first. Thread-safe."""
        return self._analyser.features

    def relearn(self) -> None:
        """Forget the usual view and learn the present one, from the next frame on. Thread-safe."""
        self._relearn = self._relearning = True

    @property
    def relearning(self) -> bool:
        return self._relearning

    def update(self, frame: Frame, motion: Motion) -> Iterator[ViewObservation]:
        """Yield what to report now. An observation counts as reported when the next one is requested."""
        if self._relearn:
            yield from self._end_all("relearned")
            self._analyser.forget(frame.captured_mono)
            self._unreported.clear()
            self._relearn = False
        if self._is_due(frame.captured_mono):
            yield from self._analyse(frame)
            self._relearning &= self._relearn or self._analyser.learning

    def downweight(self, inferences: Inferences) -> Inferences:
        if ViewState.VISIBILITY_DEGRADED.value not in self._states:
            return inferences
        weighed = (replace(one, score=one.score * DEGRADED_WEIGHT) for one in inferences.detections)
        return replace(inferences, detections=tuple(weighed))

    def finish(self, reason: str) -> Iterator[ViewObservation]:
        """End open events because no more frames come, and keep the baselines. The baselines are written to
        disk, unless only the camera is lost, which may happen often."""
        if reason != "camera":
            self._analyser.save()
        self._analyser.pause()
        self._next_look_mono = None
        yield from self._report_moments()
        yield from self._end_all(reason)
        self._episodes.forget_unreported()

    def _is_due(self, now_mono: float) -> bool:
        due = self._next_look_mono
        # If time went back, this is another stream: analyse at once.
        return due is None or now_mono >= due or now_mono < due - 60.0

    def _analyse(self, frame: Frame) -> Iterator[ViewObservation]:
        now = frame.captured_mono
        self._next_look_mono = now + ANALYSE_EVERY_S
        verdict = self._analyser.analyse(frame, {one.state for one in self._episodes.reported})
        if verdict.size_changed:
            log.info("%s: the picture has a new size; the view is learned again", self._camera_id)
            yield from self._end_all("relearned")
            self._episodes.forget_unreported()
            return
        for state, why in verdict.moments:
            self._moments += 1
            self._unreported.append(self._moment(state, why, now))
        yield from self._report_moments()
        for episode in self._episodes.observe(verdict.found, verdict.refuted, now):
            yield from self._follow(episode, now)
        moved = self._episodes.get(ViewState.MOVED)
        if moved is not None and moved.reported and now - moved.since_mono >= ADOPT_S:
            log.warning("%s: it has shown another view for a day; this view is learned now", self._camera_id)
            self._relearn = True

    def _follow(self, episode: ViewEpisode, now: float) -> Iterator[ViewObservation]:
        """Yield start, hourly update, or end. The episode changes after the yield, when the sink has stored
        the observation."""
        if episode.over(now):
            if episode.reported:
                yield self._observation(Phase.END, episode, "over")
                log.info("%s: no longer %s", self._camera_id, episode.state)
            self._episodes.drop(episode)
        elif episode.due(now):
            yield self._observation(Phase.START, episode)
            episode.reported, episode.reported_mono = True, now
            level = logging.WARNING if episode.state in TAMPER else logging.INFO
            log.log(level, "%s: %s: %s", self._camera_id, episode.state, episode.why)
        elif episode.reported and now - episode.reported_mono >= UPDATE_EVERY_S:
            yield self._observation(Phase.UPDATE, episode)
            episode.reported_mono = now
        self._states = states_of(self._episodes.reported)

    def _end_all(self, reason: str) -> Iterator[ViewObservation]:
        for episode in self._episodes.reported:
            yield self._observation(Phase.END, episode, reason)
            self._episodes.drop(episode)
            self._states = states_of(self._episodes.reported)

    def _report_moments(self) -> Iterator[ViewObservation]:
        while self._unreported:
            yield self._unreported[0]
            del self._unreported[0]

    def _moment(self, state: ViewState, why: str, now: float) -> ViewObservation:
        event_id = f"view-{self._camera_id}-{self._boot_tag}-m{self._moments}"
        features = dict(self._analyser.features)
        return ViewObservation(Phase.MOMENT, event_id, state, Severity.INFO, why, now, now, features)

    def _observation(
        self, phase: Phase, episode: ViewEpisode, end_reason: str | None = None
    ) -> ViewObservation:
        return ViewObservation(
            phase,
            f"view-{self._camera_id}-{self._boot_tag}-{episode.number}",
            episode.state,
            Severity.WARNING if episode.state in TAMPER else Severity.INFO,
            episode.why,
            episode.since_mono,
            episode.last_mono,
            dict(self._analyser.features),
            end_reason,
        )
