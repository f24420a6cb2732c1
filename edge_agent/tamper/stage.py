"""The view stage: watches the camera itself, about once a second of stream time."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edge_agent.core.facts import TAMPER, Phase, ViewObservation, ViewState
from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Frame, Inferences, Motion, Severity
from edge_agent.tamper.episodes import ViewEpisode, ViewEpisodes, states_of
from edge_agent.tamper.observer import ViewAnalyser

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
