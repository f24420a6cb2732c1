"""The view stage: watches the camera itself, about once a second of stream time.

States over time: one look proves nothing, and one good look does not end anything.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.core.facts import TAMPER, Phase, ViewObservation, ViewState
from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Frame, Inferences, Motion, Severity
from edge_agent.tamper.view_analyser import ViewAnalyser

FEWEST_LOOKS = 3
HOLD_S, HOLD_BEHIND_S = 4.5, 8.5
"""Looks that say otherwise for no longer than this do not interrupt what becomes a state; the longer one for
what one who walks by hides."""
HIDDEN = (ViewState.MOVED, ViewState.DEFOCUSED)

RAISE_S: dict[ViewState, float] = {
    ViewState.COVERED: 5.0,
    ViewState.DEFOCUSED: 5.0,
    ViewState.MOVED: 5.0,
    ViewState.FROZEN: 0.0,  # has its own time, see stillness.py
    ViewState.DARK: 4.0,
    ViewState.OVEREXPOSED: 4.0,
    ViewState.VISIBILITY_DEGRADED: 5.0,
}
"""How long a state has to last until it is told. Longer: fewer buses that stop right before the camera,
later alarms."""
CLEAR_S: dict[ViewState, float] = {
    ViewState.COVERED: 4.0,
    ViewState.DEFOCUSED: 4.0,
    ViewState.MOVED: 4.0,
    ViewState.FROZEN: 2.0,
    ViewState.DARK: 4.0,
    ViewState.OVEREXPOSED: 4.0,
    ViewState.VISIBILITY_DEGRADED: 15.0,
}
"""How long it has to be gone until it has ended."""


@dataclass(slots=True)
class ViewEpisode:
    """One time that a state holds, told or not yet."""

    state: ViewState
    number: int
    since_mono: float
    last_mono: float  # when it was last so
    why: str
    looks: int = 1
    reported: bool = False
    reported_mono: float = 0.0  # of the last event

    def due(self, now_mono: float) -> bool:
        """Whether it has lasted long enough to be told."""
        enough = self.state is ViewState.FROZEN or self.looks >= FEWEST_LOOKS
        lasted = self.last_mono - self.since_mono >= RAISE_S[self.state]
        return not self.reported and enough and lasted and self.last_mono == now_mono

    def over(self, now_mono: float) -> bool:
        hold = HOLD_BEHIND_S if self.state in HIDDEN else HOLD_S
        patience = CLEAR_S[self.state] if self.reported else hold
        return now_mono - self.last_mono > patience


class ViewEpisodes:
    """What is so, or may become so. One thread."""

    def __init__(self) -> None:
        self._current: dict[ViewState, ViewEpisode] = {}
        self._count = 0

    @property
    def reported(self) -> tuple[ViewEpisode, ...]:
        return tuple(episode for episode in self._current.values() if episode.reported)

    def get(self, state: ViewState) -> ViewEpisode | None:
        return self._current.get(state)

    def observe(
        self, found: dict[ViewState, str], refuted: Collection[ViewState], now_mono: float
    ) -> tuple[ViewEpisode, ...]:
        """Take one look's verdict in; returns all episodes, those that are over too: ``drop`` them.

        What was about to be told and is ``refuted`` is forgotten.
        """
        for state in refuted:
            episode = self._current.get(state)
            if episode is not None and not episode.reported:
                self.drop(episode)
        for state, why in found.items():
            episode = self._current.get(state)
            if episode is None or (not episode.reported and episode.over(now_mono)):
                self._count += 1
                self._current[state] = ViewEpisode(state, self._count, now_mono, now_mono, why)
            else:
                episode.last_mono, episode.why = now_mono, why
                episode.looks += 1
        return tuple(self._current.values())

    def drop(self, episode: ViewEpisode) -> None:
        self._current.pop(episode.state, None)

    def forget_unreported(self) -> None:
        """Frames did not come for a while: what was about to be told has to begin anew."""
        for episode in [one for one in self._current.values() if not one.reported]:
            self.drop(episode)


def states_of(episodes: Collection[ViewEpisode]) -> tuple[str, ...]:
    return tuple(sorted(episode.state.value for episode in episodes))


log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.95  # frames come in a raster; a look is due with the next one after it
RETELL_S = 3600.0
"""A state that goes on is told again so often, with its present figures."""
ADOPT_S = 24 * 3600.0
"""A camera that shows another view for so long, steadily and by day and by night, has been put there."""
DEGRADED_WEIGHT = 0.75
"""What scores are multiplied by while the view is bad. Lower: fewer objects made of rain."""


class CameraView:
    """One camera's view: what has happened to it, as hits with start and end. One thread, but for ``states``,
    ``features``, ``relearn`` and ``relearning``.

    In ``folder`` it keeps its baselines over restarts; None: nowhere.
    """

    def __init__(self, camera_id: str, masks: Sequence[Polygon] = (), folder: Path | None = None) -> None:
        self._camera_id = camera_id
        self._analyser = ViewAnalyser(camera_id, masks, folder)
        self._episodes = ViewEpisodes()
        self._boot_tag = secrets.token_hex(3)  # ids of events are unique over restarts
        self._moments = 0
        self._unreported: list[ViewObservation] = []  # moments that the sink has not taken yet
        self._next_look_mono: float | None = None
        self._relearn = False
        self._relearning = False  # ``relearn`` was called, and the new baseline is not complete
        self._states: tuple[str, ...] = ()

    @property
    def states(self) -> tuple[str, ...]:
        """What is wrong with the view now. Any thread may ask."""
        return self._states

    @property
    def features(self) -> Mapping[str, float]:
        """What the latest look measured; empty before the first. Any thread may ask."""
        return self._analyser.features

    def relearn(self) -> None:
        """Forget the usual view and learn the present one, from the next frame on. Any thread may call."""
        self._relearn = self._relearning = True

    @property
    def relearning(self) -> bool:
        """Whether the view that ``relearn`` asked for is not learned yet. Any thread may ask."""
        return self._relearning

    def update(self, frame: Frame, motion: Motion) -> Iterator[ViewObservation]:
        """What to tell now. A hit counts as told when the next one is asked for."""
        if self._relearn:
            yield from self._end_all("relearned")
            self._analyser.forget(frame.captured_mono)
            self._unreported.clear()
            self._relearn = False
        if self._is_due(frame.captured_mono):
            yield from self._analyse(frame)
            self._relearning &= self._relearn or self._analyser.learning

    def downweight(self, looks: Inferences) -> Inferences:
        """Lower scores while the view is degraded: what is seen through rain is believed later."""
        if ViewState.VISIBILITY_DEGRADED.value not in self._states:
            return looks
        weighed = tuple(
            dataclasses.replace(one, score=one.score * DEGRADED_WEIGHT) for one in looks.detections
        )
        return dataclasses.replace(looks, detections=weighed)

    def finish(self, reason: str) -> Iterator[ViewObservation]:
        """No more frames come: end what is open, keep what is learnt; on the disk unless only the camera is
        lost, which it may be all day."""
        if reason != "camera":
            self._analyser.save()
        self._analyser.pause()
        self._next_look_mono = None
        yield from self._report_moments()
        yield from self._end_all(reason)
        self._episodes.forget_unreported()

    def _is_due(self, now_mono: float) -> bool:
        due = self._next_look_mono
        # A clock that went back belongs to another stream: look at once.
        return due is None or now_mono >= due or now_mono < due - 60.0

    def _analyse(self, frame: Frame) -> Iterator[ViewObservation]:
        now = frame.captured_mono
        self._next_look_mono = now + LOOK_EVERY_S
        verdict = self._analyser.analyse(frame, {one.state for one in self._episodes.reported})
        if verdict.size_changed:
            log.info("%s: its picture has another size, the view is learnt anew", self._camera_id)
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
            log.warning("%s: it has shown another view for a day, which is learnt now", self._camera_id)
            self._relearn = True

    def _follow(self, episode: ViewEpisode, now: float) -> Iterator[ViewObservation]:
        """Start, hourly update, end. What is known of it is changed after the yield: then it is told."""
        if episode.over(now):
            if episode.reported:
                yield self._observation(Phase.END, episode, "over")
                log.info("%s: no longer %s", self._camera_id, episode.state)
            self._episodes.drop(episode)
        elif episode.due(now):
            yield self._observation(Phase.START, episode)
            episode.reported, episode.reported_mono = True, now
            log.log(
                logging.WARNING if episode.state in TAMPER else logging.INFO,
                "%s: %s: %s",
                self._camera_id,
                episode.state,
                episode.why,
            )
        elif episode.reported and now - episode.reported_mono >= RETELL_S:
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
