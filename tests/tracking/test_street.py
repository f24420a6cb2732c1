"""The Vietnamese street with the real stages; skipped where footage is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.tracking.clips import STREET, STREET_NEAR, STREET_SIZE, STREET_TRUTH
from bench.tracking.run import Setup, analysed, run
from bench.tracking.score import Scorer, Step
from bench.tracking.truth import read_truth, scaled
from edge_agent.capture.replay import VideoFile
from edge_agent.core.model import TWO_WHEELER
from edge_agent.detection.choose import SHIPPED

DATA = os.environ.get("EDGE_AGENT_TEST_DATA")


@pytest.mark.skipif(not DATA, reason="EDGE_AGENT_TEST_DATA does not point to footage")
def test_riders_of_the_street_are_one_track_each_within_two_seconds(tmp_path: Path) -> None:
    data = Path(str(DATA))
    clip = scaled(data / "video" / f"{STREET}.mp4", tmp_path)
    setup = Setup(SHIPPED, fps=5)
    scorer = Scorer(read_truth(STREET_TRUTH, *STREET_SIZE), TWO_WHEELER, lowest_foot=STREET_NEAR)
    costs = run(
        analysed(VideoFile(clip, "street"), setup.fps),
        setup,
        lambda frame, insight: scorer.add(Step(frame.number, frame.captured_mono, insight.tracks.confirmed)),
    )
    score = scorer.score()
    assert score.objects == 14
    assert score.in_time >= 10
    assert len(score.fragments) <= 1
    assert len(score.merges) <= 1
    assert costs.inferences <= costs.frames
