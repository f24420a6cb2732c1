"""Analyses a camera's frames in the tests of decode modes, as the pipeline thread does."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.config.model.settings import Camera, GearChoice, Ring
from edge_agent.core.model import DecodeMode, Frame
from tests.capture.rig import camera
from tests.testbed.ring_feed import RingFeed


def auto(
    quiet_s: float = 2.0,
    gear: GearChoice = GearChoice.AUTO,
    fps: float = 10,
    ring: Ring | None = None,
) -> Camera:
    """A camera with ``gear: auto``, or another gear, that goes idle after ``quiet_s``."""
    made = camera("file:///clip", fps=fps, gear=gear)
    analyse = dataclasses.replace(made.analyse, quiet_s=quiet_s)
    return dataclasses.replace(made, analyse=analyse, ring=ring or made.ring)


@dataclass(frozen=True)
class AnalysedFrame:
    """An analysed frame, with the mode in which it was decoded."""

    time_s: float  # in the clip
    gear: DecodeMode
    frame: Frame
    age_s: float  # when it was read from the feed


class Viewer:
    """Stands in for the pipeline thread. ``moves(time_s)``: whether something moves. ``away(time_s)``:
    whether the thread is stuck elsewhere. ``analysis_s``: duration of one analysis."""

    def __init__(
        self,
        site: RingFeed,
        moves: Callable[[float], bool] = lambda _: False,
        analysis_s: float = 0.0,
        away: Callable[[float], bool] = lambda _: False,
    ) -> None:
        self.site = site
        self.seen: list[AnalysedFrame] = []
        self.wake_ups_s: list[float] = []
        self._moves = moves
        self._analysis_s = analysis_s
        self._away = away

    def watch(self) -> Viewer:
        """Analyse everything that the camera sends, as soon as it arrives."""
        for time_s in self.site.arrive():
            if not self._away(time_s):
                self.analyse_waiting()
        return self

    def analyse_waiting(self) -> None:
        """Analyse all frames that are due now."""
        feed, mode_control = self.site.feed, self.site.mode_control
        gear = mode_control.mode
        while (frame := feed.take(0)) is not None:
            time_s = frame.captured_mono - self.site.begin_mono
            if feed.can_escalate and self._moves(time_s):
                self.wake_ups_s.append(round(time_s, 3))
                feed.escalate()
            else:
                age_s = self.site.clock.monotonic() - frame.captured_mono
                self.seen.append(
                    AnalysedFrame(time_s, DecodeMode.CATCH_UP if frame.late else gear, frame, age_s)
                )
                self.site.spend(self._analysis_s)
                feed.frame_done(self._moves(time_s))
            gear = mode_control.mode

    def times(self, gear: DecodeMode | None = None) -> list[float]:
        return [round(seen.time_s, 2) for seen in self.seen if gear in (None, seen.gear)]

    def rises(self) -> bool:
        """Whether each frame is later than the one before it."""
        return all(a.time_s < b.time_s for a, b in itertools.pairwise(self.seen))
