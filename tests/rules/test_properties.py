"""For every sequence of tracks, each event has one start, then updates, then one end, and none is lost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import Phase as Stage
from hypothesis import find, given, settings
from hypothesis import strategies as st

from edge_agent.config.model.settings import RuleKind
from edge_agent.core.facts import RuleObservation
from edge_agent.core.model import Frame, Track, Tracks, TrackState
from edge_agent.rules.build import watch_of
from edge_agent.rules.schedule import Arming
from tests.config.places import STEADY
from tests.events.parts import frame, track
from tests.rules.scene import OF_ZONES, foot_at

COOLDOWN_S = 2.0
KINDS = [RuleKind.LOITERING, RuleKind.STOPPED_VEHICLE, RuleKind.WRONG_WAY, RuleKind.CROWDING]


class Switch(Arming):
    """An arming that the test switches."""

    def __init__(self) -> None:
        super().__init__(None, UTC, frozenset())
        self.on = True

    def armed(self, at: datetime) -> bool:
        return self.on


@dataclass(frozen=True)
class Act:
    """What one of three tracks does for some frames."""

    frames: int
    gap_s: float
    speed: float  # widths a second, to the right
    state: TrackState | None  # None: there is none
    label: str


@dataclass(frozen=True)
class Scene:
    acts: tuple[Act, Act, Act]
    armed: bool
    taken: int  # of the observations of each frame that are stored; then the disk fails
    finish: str | None  # afterwards


acts = st.builds(
    Act,
    st.integers(1, 12),
    st.sampled_from([0.2, 0.2, 0.1, 1.0, 4.0]),
    st.sampled_from([0.0, 0.0, -0.2, -0.2, 0.2, 0.05, -2.0]),
    st.sampled_from(
        [*[TrackState.MOVING] * 4, TrackState.STATIONARY, TrackState.LOST, TrackState.TENTATIVE, None]
    ),
    st.sampled_from(["car", "car", "car", "person"]),
)
scenes = st.builds(
    Scene,
    st.tuples(acts, acts, acts),
    st.sampled_from([True, True, True, True, False]),
    st.sampled_from([99, 99, 99, 0, 1]),
    st.sampled_from([None, None, None, "camera", "reload"]),
)
plays = st.lists(scenes, min_size=1, max_size=8)


class Play:
    """Plays scenes; ``reported`` is what a sink has stored."""

    def __init__(self, kind: RuleKind) -> None:
        self.arming = Switch()
        self.reported: list[RuleObservation] = []
        self.started_mono: list[
            list[float]
        ] = []  # when a start was reported, for each time the rule was built
        self._kind = kind
        self._build()
        self.t = 0.0
        self._x = [0.8, 0.5, 0.3]
        self._lives = [0, 0, 0]

    def _build(self) -> None:
        rule = replace(OF_ZONES[self._kind], cooldown_s=COOLDOWN_S)
        self.watch = watch_of(rule, self.arming, UTC, None)
        self.started_mono.append([])

    def all(self, script: list[Scene]) -> list[RuleObservation]:
        for scene in script:
            self.scene(scene)
        self.arming.on = True
        self.finish("restart")
        return self.reported

    def scene(self, scene: Scene) -> None:
        self.arming.on = scene.armed
        for number in range(max(act.frames for act in scene.acts)):
            gap = scene.acts[0].gap_s
            self.t += gap
            tracks = [seen for n, act in enumerate(scene.acts) if (seen := self._track(n, act, number, gap))]
            moment = replace(frame(self.t), captured_at=frame().captured_at + timedelta(seconds=self.t))
            self._take(moment, tracks, scene.taken)
        if scene.finish is not None:
            self.finish(scene.finish)
        if scene.finish == "reload":
            self._build()  # while the tracks live on

    def finish(self, reason: str) -> None:
        for observation in self.watch.finish(reason):
            assert isinstance(observation, RuleObservation)
            assert (observation.phase, observation.end_reason) == ("end", reason)
            self.reported.append(observation)

    def _take(self, moment: Frame, tracks: list[Track], most: int) -> None:
        for number, observation in enumerate(self.watch.update(moment, Tracks(tuple(tracks)))):
            if number >= most:
                return  # not taken: the generator is dropped where it stands
            assert isinstance(observation, RuleObservation)
            self.reported.append(observation)
            if not self.arming.on:
                assert (observation.phase, observation.end_reason) == ("end", "disarmed")
            if observation.phase == "start":
                about = observation.track
                assert about is None or (about.confirmed, about.label) == (True, "car"), "crowds have none"
                self.started_mono[-1].append(moment.captured_mono)

    def _track(self, n: int, act: Act, number: int, gap: float) -> Track | None:
        if act.state is None or number >= act.frames:
            self._lives[n] += act.state is None and number == 0
            return None if act.state is None else self._seen(n, replace(act, speed=0.0))
        self._x[n] = min(max(self._x[n] + act.speed * gap, 0.05), 0.95)
        return self._seen(n, act)

    def _seen(self, n: int, act: Act) -> Track:
        assert act.state is not None
        return track(
            f"t{n}-{self._lives[n]}",
            label=act.label,
            state=act.state,
            confirmed=act.state is not TrackState.TENTATIVE,
            seen_now=act.state is not TrackState.LOST,
            box=foot_at(self._x[n], 0.3 + 0.2 * n, 0.06, 0.1),
        )


def phases_of(observations: list[RuleObservation]) -> dict[str, list[str]]:
    by_event: dict[str, list[str]] = defaultdict(list)
    for observation in observations:
        by_event[observation.event_id].append(observation.phase.value)
    return by_event


modest = settings(STEADY, max_examples=100)


@pytest.mark.parametrize("kind", KINDS)
def test_each_event_starts_once_and_ends_once_and_starts_keep_the_cooldown(kind: RuleKind) -> None:
    @modest
    @given(plays)
    def holds(script: list[Scene]) -> None:
        play = Play(kind)
        reported = phases_of(play.all(script))
        for order in reported.values():
            assert order[0] == "start"
            assert order[-1] == "end", "after finish nothing is open"
            assert set(order[1:-1]) <= {"update"}, "no other event has its id"
        for observation in play.reported:
            assert observation.started_mono <= observation.last_mono
            assert (observation.end_reason is not None) == (observation.phase == "end")
            assert observation.box.area > 0
        for starts in play.started_mono:
            assert all(later - earlier >= COOLDOWN_S for earlier, later in pairwise(starts))
        assert list(play.watch.finish("restart")) == []

    holds()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("phase", ["start", "end"])
def test_these_scripts_do_make_events(kind: RuleKind, phase: str) -> None:
    """Otherwise the property above would hold without any event."""

    def makes_it(script: list[Scene]) -> bool:
        return any(each.phase == phase for each in Play(kind).all(script))

    find(plays, makes_it, settings=settings(max_examples=2000, derandomize=True, phases=[Stage.generate]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_observation_that_was_not_stored_is_reported_again(kind: RuleKind) -> None:
    """The disk fails in every other frame while a car, or a crowd, comes, stands, goes on and vanishes."""
    went = [(12, -0.2, TrackState.MOVING), (16, 0.0, TrackState.MOVING), (9, -0.2, TrackState.MOVING)]
    stored = []
    for failing in (None, 0, 1):
        play = Play(kind)
        for frames, speed, state in (*went, (30, 0.0, None)):
            act = Act(1, 0.2, speed, state, "car")
            others = act if kind is RuleKind.CROWDING else replace(act, state=None)
            for number in range(frames):
                play.scene(Scene((act, others, others), True, 0 if number % 2 == failing else 99, None))
        stored.append(phases_of(play.reported))
    assert stored[0] == stored[1] == stored[2]
    assert {phase for order in stored[0].values() for phase in order} >= {"start", "end"}
