"""The camera's side of a still: notes where each object was, and requests a still when a rule reports one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge_agent.core.facts import Phase, RuleObservation
from edge_agent.core.model import Box, Frame, Severity, Tracks
from edge_agent.evidence.clips.clips import RECORDED_SEVERITIES
from edge_agent.evidence.snapshots import quality
from edge_agent.pipeline import EvidenceStage

MAX_MOMENTS = 64
"""Noted frames of one object: 13 s at five a second, about as long as the main stream's packets are in
memory."""
RECENT_S = 8.0
"""Older moments are not used: their packets may have left the ring of the main stream."""
AROUND_S = 1.0  # moments this close to the best one may be sharper than it
NEARLY_BEST = 0.8  # ... if the object is at least this large there, compared to the best moment
MAX_CHOICES = 5


@dataclass(frozen=True, slots=True)
class ObjectMoment:
    """Where an object was in one analysed frame."""

    mono: float  # the frame's ``captured_mono``
    box: Box
    quality: float  # as of a snapshot: larger is better


@dataclass(frozen=True, slots=True)
class StillRequest:
    """A reported event that gets a still."""

    event_id: str
    severity: Severity
    group: str | None  # of the object
    moments: tuple[ObjectMoment, ...]  # the best first, at least one


class ObjectMoments:
    """An ``EvidenceStage`` around another one, which also notes the moments of all objects of one camera.

    It is also the camera's ``events.sink.StillSource``. The pipeline's thread calls all methods.
    """

    def __init__(self, pictures: EvidenceStage, request: Callable[[StillRequest], None]) -> None:
        """``request`` must return at once."""
        self._pictures = pictures
        self._request = request
        self._noted: dict[str, deque[ObjectMoment]] = {}

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        self._pictures.observe(frame, tracks)
        for track in tracks.active:
            if track.seen_now:
                noted = self._noted.get(track.id)
                if noted is None:
                    noted = self._noted[track.id] = deque(maxlen=MAX_MOMENTS)
                noted.append(ObjectMoment(frame.captured_mono, track.box, quality(track)))
        for track in tracks.ended:
            self._noted.pop(track.id, None)
        if len(self._noted) > len(tracks.active):  # tracks of a lost signal vanish without an end
            active = {track.id for track in tracks.active}
            self._noted = {each: noted for each, noted in self._noted.items() if each in active}

    def rule_reported(self, observation: RuleObservation, frame: Frame) -> None:
        """Request a still at the start of an event of severity warning or alarm.

        Other events get no still: a line that a thousand riders cross a day must not use up a SIM card."""
        if observation.phase not in (Phase.START, Phase.MOMENT):
            return
        if observation.rule.severity not in RECORDED_SEVERITIES:
            return
        track = observation.track
        noted = () if track is None else self._noted.get(track.id, ())
        now = ObjectMoment(frame.captured_mono, observation.box, 0.0)
        moments = best_moments(noted, frame.captured_mono) or (now,)
        group = None if track is None else track.group
        self._request(StillRequest(observation.event_id, observation.rule.severity, group, moments))


def best_moments(noted: Iterable[ObjectMoment], now_mono: float) -> tuple[ObjectMoment, ...]:
    """Return the best recent moment, then moments around it that are nearly as good, the best first."""
    recent = [moment for moment in noted if now_mono - moment.mono <= RECENT_S]
    if not recent:
        return ()
    best = max(recent, key=lambda moment: moment.quality)
    near = [
        moment
        for moment in recent
        if abs(moment.mono - best.mono) <= AROUND_S and moment.quality >= NEARLY_BEST * best.quality
    ]
    return tuple(sorted(near, key=lambda moment: -moment.quality)[:MAX_CHOICES])
