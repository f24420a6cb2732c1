"""The view stage: watches the camera itself, about once a second of stream time."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edge_agent.core.facts import TAMPER, Phase, ViewHit, ViewState
from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Frame, Looks, Motion, Severity
from edge_agent.tamper.episodes import Episode, Episodes, states_of
from edge_agent.tamper.observer import Observer

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.95  # frames come in a raster; a look is due with the next one after it
RETELL_S = 3600.0
"""A state that goes on is told again so often, with its present figures."""
ADOPT_S = 24 * 3600.0
"""A camera that shows another view for so long, steadily and by day and by night, has been put there."""
BELIEF = 0.75
"""What scores are multiplied by while the view is bad. Lower: fewer objects made of rain."""


class CameraView:
    """One camera's view: what has happened to it, as hits with start and end. One thread, but for ``states``,
    ``features``, ``relearn`` and ``relearning``.

    In ``folder`` it keeps its baselines over restarts; None: nowhere.
    """

    def __init__(self, camera_id: str, masks: Sequence[Polygon] = (), folder: Path | None = None) -> None:
        self._camera_id = camera_id
        self._observer = Observer(camera_id, masks, folder)
        self._episodes = Episodes()
        self._boot_tag = secrets.token_hex(3)  # ids of events are unique over restarts
        self._moments = 0
        self._untold: list[ViewHit] = []  # moments that the sink has not taken yet
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
        return self._observer.features

    def relearn(self) -> None:
        """Forget the usual view and learn the present one, from the next frame on. Any thread may call."""
        self._relearn = self._relearning = True

    @property
    def relearning(self) -> bool:
        """Whether the view that ``relearn`` asked for is not learned yet. Any thread may ask."""
        return self._relearning

    def update(self, frame: Frame, motion: Motion) -> Iterator[ViewHit]:
        """What to tell now. A hit counts as told when the next one is asked for."""
        if self._relearn:
            yield from self._end_all("relearned")
            self._observer.forget(frame.captured_mono)
            self._untold.clear()
            self._relearn = False
        if self._is_due(frame.captured_mono):
            yield from self._look(frame)
            self._relearning &= self._relearn or self._observer.learning

    def weigh(self, looks: Looks) -> Looks:
        """Lower scores while the view is degraded: what is seen through rain is believed later."""
        if ViewState.VISIBILITY_DEGRADED.value not in self._states:
            return looks
        weighed = tuple(dataclasses.replace(one, score=one.score * BELIEF) for one in looks.detections)
        return dataclasses.replace(looks, detections=weighed)

    def finish(self, reason: str) -> Iterator[ViewHit]:
        """No more frames come: end what is open, keep what is learnt; on the disk unless only the camera is
        lost, which it may be all day."""
        if reason != "camera":
            self._observer.keep()
        self._observer.pause()
        self._next_look_mono = None
        yield from self._tell_moments()
        yield from self._end_all(reason)
        self._episodes.forget_untold()

    def _is_due(self, now_mono: float) -> bool:
        due = self._next_look_mono
        # A clock that went back belongs to another stream: look at once.
        return due is None or now_mono >= due or now_mono < due - 60.0

    def _look(self, frame: Frame) -> Iterator[ViewHit]:
        now = frame.captured_mono
        self._next_look_mono = now + LOOK_EVERY_S
        verdict = self._observer.look(frame, {one.state for one in self._episodes.told})
        if verdict.anew:
            log.info("%s: its picture has another size, the view is learnt anew", self._camera_id)
            yield from self._end_all("relearned")
            self._episodes.forget_untold()
            return
        for state, why in verdict.moments:
            self._moments += 1
            self._untold.append(self._moment(state, why, now))
        yield from self._tell_moments()
        for episode in self._episodes.observe(verdict.found, verdict.refuted, now):
            yield from self._follow(episode, now)
        moved = self._episodes.get(ViewState.MOVED)
        if moved is not None and moved.told and now - moved.since_mono >= ADOPT_S:
            log.warning("%s: it has shown another view for a day, which is learnt now", self._camera_id)
            self._relearn = True

    def _follow(self, episode: Episode, now: float) -> Iterator[ViewHit]:
        """Start, hourly update, end. What is known of it is changed after the yield: then it is told."""
        if episode.over(now):
            if episode.told:
                yield self._hit(Phase.END, episode, "over")
                log.info("%s: no longer %s", self._camera_id, episode.state)
            self._episodes.drop(episode)
        elif episode.due(now):
            yield self._hit(Phase.START, episode)
            episode.told, episode.told_mono = True, now
            log.log(
                logging.WARNING if episode.state in TAMPER else logging.INFO,
                "%s: %s: %s",
                self._camera_id,
                episode.state,
                episode.why,
            )
        elif episode.told and now - episode.told_mono >= RETELL_S:
            yield self._hit(Phase.UPDATE, episode)
            episode.told_mono = now
        self._states = states_of(self._episodes.told)

    def _end_all(self, reason: str) -> Iterator[ViewHit]:
        for episode in self._episodes.told:
            yield self._hit(Phase.END, episode, reason)
            self._episodes.drop(episode)
            self._states = states_of(self._episodes.told)

    def _tell_moments(self) -> Iterator[ViewHit]:
        while self._untold:
            yield self._untold[0]
            del self._untold[0]

    def _moment(self, state: ViewState, why: str, now: float) -> ViewHit:
        event_id = f"view-{self._camera_id}-{self._boot_tag}-m{self._moments}"
        features = dict(self._observer.features)
        return ViewHit(Phase.MOMENT, event_id, state, Severity.INFO, why, now, now, features)

    def _hit(self, phase: Phase, episode: Episode, end_reason: str | None = None) -> ViewHit:
        return ViewHit(
            phase,
            f"view-{self._camera_id}-{self._boot_tag}-{episode.number}",
            episode.state,
            Severity.WARNING if episode.state in TAMPER else Severity.INFO,
            episode.why,
            episode.since_mono,
            episode.last_mono,
            dict(self._observer.features),
            end_reason,
        )
