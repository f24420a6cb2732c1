"""Runs cases through the view stage. Cases at the same place share the learned baseline."""

from __future__ import annotations

import copy
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from bench.view.camera import Camera, Shot
from bench.view.cases import RETURN_S, Case
from bench.view.subject import make_motion, make_view
from bench.view.world import LEARN_S, Place, World
from edge_agent.core.facts import Phase, ViewObservation
from edge_agent.core.model import Frame
from edge_agent.motion import MotionDetector
from edge_agent.pipeline import ViewStage
from edge_agent.tools.replay.plot import ViewPlot

GEARS: dict[str, float] = {"full": 5.0, "idle": 0.5}
"""Frames a second: analysed in full, and keyframes only."""


@dataclass(frozen=True, slots=True)
class ReportedState:
    """A reported state; times are seconds since the event began."""

    state: str
    phase: str
    at_s: float
    event_id: str
    why: str
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    case: Case
    gear: str
    reported: tuple[ReportedState, ...]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was reported while the baseline was learned from an ordinary scene."""

    place: Place
    gear: str
    reported: tuple[ReportedState, ...]


@dataclass(slots=True)
class Results:
    outcomes: list[Outcome] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Group:
    place: Place
    gear: str
    cases: tuple[Case, ...]


@dataclass(slots=True)
class Subject:
    """The stages under test, with their state."""

    motion: MotionDetector
    view: ViewStage

    def show(self, frame: Frame) -> list[ViewObservation]:
        return list(self.view.update(frame, self.motion.update(frame)))


def grouped(cases: dict[str, list[Case]]) -> list[Group]:
    """Group the cases of each mode by place, the largest groups first."""
    found: dict[tuple[Place, str], list[Case]] = {}
    for gear, members in cases.items():
        for case in members:
            if case.kind.every_s is None or gear == "idle":  # its interval is its own: once is enough
                found.setdefault((case.place, gear), []).append(case)
    groups = [Group(place, gear, tuple(of)) for (place, gear), of in found.items()]
    return sorted(groups, key=lambda g: -len(g.cases) * GEARS[g.gear])


def run(groups: list[Group], jobs: int, plots: Path | None = None) -> Results:
    """Run a group. ``plots``: folder for a plot of each case's figures over time."""
    results = Results()
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(run_group, group, plots) for group in groups]):
            lesson, outcomes = done.result()
            results.lessons.append(lesson)
            results.outcomes += outcomes
    return results


def run_group(group: Group, plots: Path | None = None) -> tuple[Lesson, list[Outcome]]:
    cv2.setNumThreads(1)
    world = World(group.place)
    fps = GEARS[group.gear]
    camera = Camera(world, fps, group.place.seed)
    with tempfile.TemporaryDirectory(prefix="view-") as name:
        folder = Path(name)
        (folder / "learnt").mkdir()
        subject = Subject(make_motion(), make_view(folder / "learnt"))
        reported = _learn(subject, world, camera, fps)
        outcomes = []
        for case in group.cases:
            pupil = copy.deepcopy(subject)
            if case.kind.restarted:
                pupil = _restarted(pupil, folder)
            case_states = list(_plotted(case, group.gear, pupil, world, camera, plots))
            outcomes.append(Outcome(case, group.gear, tuple(case_states)))
    return Lesson(group.place, group.gear, tuple(reported)), outcomes


def _learn(subject: Subject, world: World, camera: Camera, fps: float) -> list[ReportedState]:
    reported = []
    for number in range(round(LEARN_S * fps)):
        time_s = number / fps
        hits = subject.show(camera.frame(Shot(world.at(time_s)), number + 1, time_s))
        reported += [_reported(hit, time_s) for hit in hits]
    return reported


def _restarted(subject: Subject, folder: Path) -> Subject:
    """The stages as in a new process that reads the files of the first one."""
    for _ in subject.view.finish("restart"):
        pass
    again = Path(tempfile.mkdtemp(dir=folder))
    shutil.copytree(folder / "learnt", again, dirs_exist_ok=True)
    return Subject(make_motion(), make_view(again))


def _plotted(
    case: Case, gear: str, subject: Subject, world: World, camera: Camera, plots: Path | None
) -> Iterator[ReportedState]:
    if plots is None:
        yield from _play(case, subject, world, camera, GEARS[gear], lambda frame: None)
        return
    name = re.sub(r"[^a-z0-9-]+", "-", case.name.lower())
    with ViewPlot(plots / f"{name}-{gear}.png", subject.view) as plot:
        yield from _play(case, subject, world, camera, GEARS[gear], plot.write)


def _play(
    case: Case,
    subject: Subject,
    world: World,
    camera: Camera,
    fps: float,
    watch: Callable[[Frame], None],
) -> Iterator[ReportedState]:
    rng = np.random.default_rng([case.seed, case.place.seed, len(case.kind.name)])
    effect = case.kind.make(world, rng)
    camera = camera.again(case.seed)
    every_s = case.kind.every_s or 1 / fps
    seconds = case.kind.lasts_s + (RETURN_S if case.kind.returns else 0.0)
    for number in range(round(seconds / every_s)):
        since = number * every_s
        time_s = LEARN_S + since
        frame = camera.frame(effect(time_s, since), round(LEARN_S * fps) + number + 1, time_s)
        for hit in subject.show(frame):
            yield _reported(hit, since)
        watch(frame)


def _reported(hit: ViewObservation, at_s: float) -> ReportedState:
    return ReportedState(
        str(hit.state), str(hit.phase), round(at_s, 2), hit.event_id, hit.why, dict(hit.features)
    )


def open_at_end(reported: Iterable[ReportedState]) -> set[str]:
    """The states whose end was not reported."""
    still: dict[str, str] = {}
    for hit in reported:
        if hit.phase == Phase.START:
            still[hit.event_id] = hit.state
        elif hit.phase == Phase.END:
            still.pop(hit.event_id, None)
    return set(still.values())
