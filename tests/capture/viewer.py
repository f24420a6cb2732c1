"""Analyses a camera's frames in the tests of decode modes, as the pipeline thread does."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.capture.decode.decode_mode import DecodeModeControl
from edge_agent.config.model.settings import Camera, GearChoice, Ring
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import DecodeMode, Frame
from tests.capture.rig import camera
from tests.testbed.ring_feed import RingFeed


def auto(
    quiet_s: float = 2.0, gear: GearChoice = GearChoice.AUTO, fps: float = 10, ring: Ring | None = None
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
                mode = DecodeMode.CATCH_UP if frame.late else gear
                self.seen.append(AnalysedFrame(time_s, mode, frame, age_s))
                self.site.spend(self._analysis_s)
                feed.frame_done(self._moves(time_s))
            gear = mode_control.mode

    def times(self, gear: DecodeMode | None = None) -> list[float]:
        return [round(seen.time_s, 2) for seen in self.seen if gear in (None, seen.gear)]

    def rises(self) -> bool:
        """Whether each frame is later than the one before it."""
        return all(a.time_s < b.time_s for a, b in itertools.pairwise(self.seen))


class ModeRig:
    """The decode mode of a camera with five analysed pictures a second and regular keyframes."""

    def __init__(self, quiet_s: float = 20.0, keyframe_s: float = 2.0) -> None:
        self.limiter = WorkloadLimiter()
        self.mode_control = DecodeModeControl(GearChoice.AUTO, quiet_s, self.limiter)
        self.keyframe_s = keyframe_s
        self.now_mono = 0.0

    def attend(self, seconds: float, busy: bool) -> None:
        for _ in range(round(seconds * 5)):
            if self.now_mono % self.keyframe_s < 0.1:
                self.mode_control.keyframe(self.now_mono)
            self.mode_control.frame_done(self.now_mono, busy)
            self.now_mono = round(self.now_mono + 0.2, 1)

    def until_idle_s(self, most_s: float = 60.0) -> float:
        """Let nothing move until the camera is idle; returns how long that took."""
        began_mono = self.now_mono
        while self.mode_control.mode is DecodeMode.FULL and self.now_mono < began_mono + most_s:
            self.attend(0.2, busy=False)
        return self.now_mono - began_mono

    def escalate(self) -> None:
        self.mode_control.escalate(self.now_mono)
        self.mode_control.caught_up()

    def false_alarm_s(self) -> float:
        """How long a false alarm lasts."""
        self.escalate()
        return self.until_idle_s()
