"""Who looks at a camera's frames in the gear tests: as the lane does, with the eyes of a test."""

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
    """A camera in ``auto`` gear, or another one, that rests after ``quiet_s``."""
    made = camera("file:///clip", fps=fps, gear=gear)
    analyse = dataclasses.replace(made.analyse, quiet_s=quiet_s)
    return dataclasses.replace(made, analyse=analyse, ring=ring or made.ring)


@dataclass(frozen=True)
class Seen:
    """A frame that was looked at, in the gear that it was decoded for."""

    time_s: float  # in the clip
    gear: DecodeMode
    frame: Frame
    age_s: float  # when it was taken


class Viewer:
    """``moves(time_s)`` is whether there is something to see, ``away(time_s)`` whether nobody looks. A look
    takes ``look_s``."""

    def __init__(
        self,
        site: RingFeed,
        moves: Callable[[float], bool] = lambda _: False,
        look_s: float = 0.0,
        away: Callable[[float], bool] = lambda _: False,
    ) -> None:
        self.site = site
        self.seen: list[Seen] = []
        self.woke_s: list[float] = []
        self._moves = moves
        self._look_s = look_s
        self._away = away

    def watch(self) -> Viewer:
        """Everything that the camera sends, as soon as it is there."""
        for time_s in self.site.arrive():
            if not self._away(time_s):
                self.look()
        return self

    def look(self) -> None:
        """At all that there is now."""
        feed, mode_control = self.site.feed, self.site.mode_control
        gear = mode_control.mode
        while (frame := feed.take(0)) is not None:
            time_s = frame.captured_mono - self.site.begin_mono
            if feed.can_escalate and self._moves(time_s):
                self.woke_s.append(round(time_s, 3))
                feed.escalate()
            else:
                age_s = self.site.clock.monotonic() - frame.captured_mono
                self.seen.append(Seen(time_s, DecodeMode.CATCH_UP if frame.late else gear, frame, age_s))
                self.site.spend(self._look_s)
                feed.frame_done(self._moves(time_s))
            gear = mode_control.mode

    def times(self, gear: DecodeMode | None = None) -> list[float]:
        return [round(seen.time_s, 2) for seen in self.seen if gear in (None, seen.gear)]

    def rises(self) -> bool:
        """Whether each frame is later than the one before it."""
        return all(a.time_s < b.time_s for a, b in itertools.pairwise(self.seen))
