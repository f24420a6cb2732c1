"""Runs the Vietnamese street many times, with small variations.

The clip is 2.9 s long, its first 0.6 s are one frozen picture, and the motion stage learns during the first
second of a start: a single run says little about a camera that runs for months. So the same 2.9 s are scored
from several first frames, mirrored, without the frozen part, and after an empty street.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median

import numpy as np

from bench.tracking.clips import STREET_NEAR, STREET_SIZE, STREET_TRUTH
from bench.tracking.run import Costs, Setup, analysed, run
from bench.tracking.score import Score, Scorer, Step
from bench.tracking.truth import Marked, read_truth
from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.capture.replay import ReplayFrame, VideoFile
from edge_agent.core.model import TWO_WHEELER, Box, Frame, Picture
from edge_agent.pipeline import FrameResult

FROZEN = 18  # frames at the beginning that show the same picture


@dataclass(frozen=True, slots=True)
class Start:
    """How a run begins: at the clip's frame ``first``, after ``empty_s`` of an empty street."""

    name: str
    first: int
    empty_s: float = 0.0


STARTS = (
    Start("agent just started, whole clip", 0),
    Start("agent just started, frozen part left out", FROZEN),
    Start("running for 12 s, frozen part left out", FROZEN, 12.0),
)


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean values per run, over ``runs``."""

    runs: int
    objects: float
    in_time: float
    least: int
    most: int
    split: float
    merged: float
    false: float
    confirm_s: float  # median over all that were found
    inferences: float


class Street:
    """The clip's pictures, decoded once."""

    def __init__(self, clip: Path) -> None:
        video = VideoFile(clip, "bench")
        self._fps = video.fps
        self._pictures = {False: list(video)}
        self._pictures[True] = [replace(p, picture=_mirror(p.picture)) for p in self._pictures[False]]
        self._empty = {mirrored: _without_traffic(p[FROZEN:]) for mirrored, p in self._pictures.items()}

    def summary(self, setup: Setup, start: Start) -> Summary:
        """Run from every first frame that gives other frames at ``setup.fps``, unchanged and mirrored."""
        step = round(self._fps / setup.fps)
        runs = [
            self.score(setup, start, offset, mirrored) for mirrored in (False, True) for offset in range(step)
        ]
        scores = [score for score, _ in runs]
        return Summary(
            runs=len(runs),
            objects=mean(s.objects for s in scores),
            in_time=mean(s.in_time for s in scores),
            least=min(s.in_time for s in scores),
            most=max(s.in_time for s in scores),
            split=mean(len(s.fragments) for s in scores),
            merged=mean(len(s.merges) for s in scores),
            false=mean(len(s.false) for s in scores),
            confirm_s=median(wait for s in scores for wait in s.confirm_s),
            inferences=mean(costs.inferences for _, costs in runs),
        )

    def score(self, setup: Setup, start: Start, offset: int, mirrored: bool) -> tuple[Score, Costs]:
        scorer = Scorer(_truth(mirrored), TWO_WHEELER, lowest_foot=STREET_NEAR)

        def watch(frame: Frame, insight: FrameResult) -> None:
            if frame.number:
                scorer.add(Step(frame.number, frame.captured_mono, insight.tracks.confirmed))

        costs = run(self._frames(setup.fps, start, offset, mirrored), setup, watch)
        return scorer.score(), costs

    def _frames(self, fps: float, start: Start, offset: int, mirrored: bool) -> Iterator[Frame]:
        count = round(start.empty_s * fps)
        yield from analysed((ReplayFrame(0, i / fps, self._empty[mirrored]) for i in range(count)), fps)
        yield from analysed(self._pictures[mirrored], fps, start.first + offset, begin_s=count / fps)


def _mirror(picture: Picture) -> Picture:
    return ArrayPicture(np.ascontiguousarray(picture.bgr()[:, ::-1]))


def _without_traffic(pictures: Sequence[ReplayFrame]) -> Picture:
    """The street without traffic: the median over time."""
    stack = np.stack([p.picture.bgr() for p in pictures[::2]])
    return ArrayPicture(np.median(stack, axis=0).astype(np.uint8))


def _truth(mirrored: bool) -> Mapping[int, Sequence[Marked]]:
    truth = read_truth(STREET_TRUTH, *STREET_SIZE)
    if not mirrored:
        return truth
    return {
        number: [
            Marked(m.number, Box(1 - m.box.x2, m.box.y1, 1 - m.box.x1, m.box.y2), m.demanded) for m in marked
        ]
        for number, marked in truth.items()
    }
