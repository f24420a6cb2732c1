"""A camera's packets through the real ring to a clip, without waiting: the clock follows the stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.config.model.settings import Camera, Clip, ClipPolicy
from edge_agent.core.delivery import Media, ReportedEvent
from edge_agent.core.facts import Phase
from edge_agent.core.model import Severity
from edge_agent.evidence.clips.clips import CameraClips, FinishedClip
from edge_agent.evidence.clips.mux import ClipFile, mux_clip
from tests.capture.rig import camera
from tests.testbed.ring_feed import START, RingFeed

if TYPE_CHECKING:
    from tests.testbed.ring_feed import Edit


def camera_with_clips(
    clip: Clip | None = None, policy: ClipPolicy = ClipPolicy.RULES, **changes: object
) -> Camera:
    """Return the settings of a camera with clips."""
    plain = camera("file:///clip")
    report = dataclasses.replace(plain.report, clips=policy)
    return dataclasses.replace(plain, report=report, clip=clip or Clip(), **changes)  # type: ignore[arg-type]


class FakeRecorder:
    """A fake of the recorder."""

    def __init__(self) -> None:
        self.woken = 0
        self.pictures: list[Media] = []

    def wake(self) -> None:
        self.woken += 1

    def store_picture(self, picture: Media, severity: Severity) -> None:
        self.pictures.append(picture)


class ClipScene:
    """One camera, its ring and its clips. Times are seconds of the video that the camera plays."""

    def __init__(
        self, *clips: Path, settings: Camera | None = None, edit: Edit = lambda _, packet: packet
    ) -> None:
        self.camera = settings or camera_with_clips()
        self.site = RingFeed(self.camera, *clips, edit=edit)
        self.recorder = FakeRecorder()
        self.clips = CameraClips(self.camera, self.site.ring, None, self.recorder, self.site.clock)
        self.cuts: list[FinishedClip] = []

    def report(
        self,
        phase: Phase,
        at_s: float,
        *,
        event_id: str = "zone-1",
        severity: Severity = Severity.ALARM,
        picture: Media | None = None,
    ) -> None:
        mono = self.site.begin_mono + at_s
        self.clips.event_reported(ReportedEvent(event_id, phase, severity, mono, mono, picture))

    def run(self, script: dict[float, Callable[[], None]]) -> list[FinishedClip]:
        """Play the whole stream and run each action at its time; return the finished clips."""
        waiting = sorted(script.items())
        for now_s in self.site.arrive():
            while waiting and waiting[0][0] <= now_s:
                waiting.pop(0)[1]()
            self.cuts += self.clips.take_finished()
        assert not waiting, "the stream ended before the script"
        return self.cuts

    def wait(self, seconds: float) -> list[FinishedClip]:
        """Advance the clock without packets."""
        self.site.clock.mono += seconds
        self.cuts += self.clips.take_finished()
        return self.cuts

    def event(
        self, begin_s: float, end_s: float, *, reported_s: float | None = None, **more: Any
    ) -> list[FinishedClip]:
        """Report one event while the stream plays; ``reported_s``: long after it began."""
        return self.run(
            {
                reported_s or begin_s: lambda: self.report(Phase.START, begin_s, **more),
                end_s: lambda: self.report(Phase.END, end_s, **more),
            }
        )

    def pre_roll_s(self, cut: FinishedClip, film: ClipFile) -> float:
        return cut.started_mono - film.began_mono


def clip_file(cut: FinishedClip, path: Path) -> tuple[ClipFile, Path]:
    """Return the clip as a file."""
    assert cut.parameters is not None
    made = mux_clip(list(cut.packets), cut.parameters, START)
    path.write_bytes(made.payload)
    return made, path
