"""An unlit yard at night, in real footage: one man visits it three times.

Measured: one track for each visit in each of six runs. One run may differ on another processor.
"""

from __future__ import annotations

from pathlib import Path

from bench.tracking.__main__ import SKIPS
from bench.tracking.run import Setup, analysed, run
from bench.tracking.truth import scaled
from edge_agent.capture.replay import VideoFile
from edge_agent.core.model import Frame
from edge_agent.detection.choose import SHIPPED
from edge_agent.pipeline import FrameResult

VISITS = 3
FPS = 5


def test_a_man_is_one_track_at_each_visit_and_nothing_else_is_one(test_data: Path, tmp_path: Path) -> None:
    clip = scaled(test_data / "video/night_person_ken2190.mp4", tmp_path)
    counts = []
    for skip in SKIPS:
        groups: dict[str, str | None] = {}

        def watch(frame: Frame, result: FrameResult, groups: dict[str, str | None] = groups) -> None:
            groups.update({track.id: track.group for track in result.tracks.confirmed})

        frames = analysed(VideoFile(clip, "cam-1"), FPS, skip)
        run(frames, Setup(SHIPPED, fps=FPS, budget_ms_per_s=1e6), watch)
        assert set(groups.values()) == {"person"}
        counts.append(len(groups))
    assert counts.count(VISITS) >= len(SKIPS) - 1, counts
