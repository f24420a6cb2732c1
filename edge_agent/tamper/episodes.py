"""States over time: one look proves nothing, and one good look does not end anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edge_agent.core.facts import ViewState

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
