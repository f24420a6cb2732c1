"""How often a stay is handed over to the wrong person, in a yard full of people whose tracks break."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest

from edge_agent.config.model.settings import RuleKind, ZoneRule
from edge_agent.core.model import Track, Tracks
from edge_agent.rules.zones import ZoneWatch
from tests.events.parts import frame, track
from tests.rules.scene import ALWAYS, IN_ZONE, foot_at

FPS, SECONDS, BREAKS_EVERY_S = 5, 120, 20.0
NEAR, FAR = (0.1, 0.6), (0.9, 0.95)  # corners of the yard; a person is 0.05 x 0.25
PERSONS = {**IN_ZONE, "labels": ("person",)}
RULE = ZoneRule(**PERSONS, kind=RuleKind.LOITERING, min_duration_s=0.0, grace_s=5.0)


@dataclass
class Yard:
    """People who walk about; each is hidden for ``gap_s`` now and then, and has a new track afterwards."""

    people: int
    gap_s: float
    seed: int
    breaks: int = 0
    seen_as: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))  # by event

    def run(self) -> None:
        rng, watch = np.random.default_rng(self.seed), ZoneWatch(RULE, ALWAYS)
        at, speed = rng.uniform(NEAR, FAR, (self.people, 2)), rng.normal(0, 0.03, (self.people, 2))
        back_s, lives = np.zeros(self.people), np.zeros(self.people, int)
        for number in range(SECONDS * FPS):
            t = number / FPS
            speed = 0.95 * (speed + rng.normal(0, 0.01, speed.shape))
            at = np.clip(at + speed / FPS, NEAR, FAR)
            breaks = (t >= back_s) & (rng.random(self.people) < 1 / (BREAKS_EVERY_S * FPS))
            back_s[breaks], self.breaks = t + self.gap_s, self.breaks + int(breaks.sum())
            lives[breaks] += 1
            seen = [who for who in range(self.people) if t >= back_s[who]]
            tracks = [self._track(who, int(lives[who]), at[who], float(back_s[who]), t) for who in seen]
            for observation in watch.update(frame(t), Tracks(tuple(tracks))):
                self._note(observation.event_id, observation.track)
        for observation in watch.finish("restart"):
            self._note(observation.event_id, observation.track)

    def _track(self, who: int, life: int, at: np.ndarray, first: float, now: float) -> Track:
        box = foot_at(float(at[0]), float(at[1]), 0.05, 0.25)
        name = f"{who}-{life}"
        return track(name, label="person", group="person", box=box, first=first, last=now)

    def _note(self, event_id: str, about: Track | None) -> None:
        assert about is not None
        self.seen_as[event_id].add(int(about.id.split("-")[0]))

    @property
    def taken_over(self) -> int:
        return sum(len(who) - 1 for who in self.seen_as.values())


@pytest.mark.parametrize(
    ("people", "gap_s", "most"),
    [
        (10, 0.4, 0.02),
        (5, 2.0, 0.05),
        (10, 2.0, 0.12),
        (20, 2.0, 0.15),
    ],
)
def test_few_breaks_of_tracks_let_another_person_take_over(people: int, gap_s: float, most: float) -> None:
    yards = [Yard(people, gap_s, seed) for seed in range(6)]
    for yard in yards:
        yard.run()
    breaks = sum(yard.breaks for yard in yards)
    assert breaks > 10 * people, "otherwise this says nothing"
    assert sum(yard.taken_over for yard in yards) <= most * breaks
