"""``python -m bench.tracking``: the agent's stages on real clips, scored against hand-made truth.

Needs ``EDGE_AGENT_TEST_DATA`` (models/ and video/); ``EDGE_AGENT_VTEST`` adds OpenCV's vtest.avi.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.tracking.annotate import draw
from bench.tracking.clips import STREET, STREET_NEAR, STREET_SIZE, STREET_TRUTH, Counted, counted_clips
from bench.tracking.run import Costs, Setup, run
from bench.tracking.score import Score, Scorer, Step
from bench.tracking.truth import read_truth, scaled
from edge_agent.model import TWO_WHEELER, Frame, Track
from edge_agent.pipeline import Insight

PICTURE = Path("docs/images/vn-street.jpg")
PICTURE_FRAME = 73


def main() -> int:
    arguments = _arguments()
    data = Path(os.environ.get("EDGE_AGENT_TEST_DATA", ""))
    model = data / "models" / arguments.model
    if not model.exists():
        print(f"EDGE_AGENT_TEST_DATA must point to a folder with models/{arguments.model} and video/")
        return 2
    setup = Setup(model, budget_per_s=arguments.budget)
    _streets(data, setup, arguments.cache)
    _others(data, replace(setup, min_score=0.3), arguments.cache)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tracking", description=__doc__)
    parser.add_argument("--model", default="yolox_nano_float16_quantize.tflite")
    parser.add_argument("--budget", type=float, default=10.0, help="inferences a second of clip time")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "edge-agent-bench")
    return parser.parse_args()


def _streets(data: Path, setup: Setup, cache: Path) -> None:
    clip = data / "video" / f"{STREET}.mp4"
    if not clip.exists():
        print(f"{clip}: missing, street not scored", file=sys.stderr)
        return
    small = scaled(clip, cache)
    print("Vietnamese street, 640 wide, two-wheelers of the marked (nearer) part of the picture")
    print(
        "fps  min  marked  in 2 s  found  split  merged  false  IDF1   MOTA  confirm s  looks/track"
        "  CPU ms a frame: motion  detection  tracking"
    )
    for fps in (5.0, 10.0):
        for min_score in (0.3, 0.5):
            _street(small, replace(setup, fps=fps, min_score=min_score))


def _street(clip: Path, setup: Setup) -> None:
    scorer = Scorer(read_truth(STREET_TRUTH, *STREET_SIZE), TWO_WHEELER, lowest_foot=STREET_NEAR)
    seen: set[str] = set()

    def watch(frame: Frame, insight: Insight) -> None:
        tracks = insight.tracks.confirmed
        seen.update(t.id for t in tracks)
        scorer.add(Step(frame.number, frame.captured_mono, tracks))
        if frame.number == PICTURE_FRAME and setup.fps == 5 and setup.min_score == 0.3:
            draw(frame, tracks, _footer(frame, tracks, setup), PICTURE)

    costs = run([clip], setup, watch)
    print(_row(scorer.score(), costs, setup, len(seen)))


def _footer(frame: Frame, tracks: tuple[Track, ...], setup: Setup) -> str:
    return (
        f"frame {frame.number}, {frame.captured_mono:.1f} s; confirmed tracks: {len(tracks)}; "
        f"{setup.model.stem}, {setup.budget_per_s:g} inferences/s, {setup.fps:g} fps, 640 wide"
    )


def _row(score: Score, costs: Costs, setup: Setup, tracks: int) -> str:
    confirm = f"{median(score.confirm_s):.1f}" if score.confirm_s else "-"
    looks = costs.inferences / tracks if tracks else 0.0
    return (
        f"{setup.fps:3g}  {setup.min_score:.1f}  {score.objects:6}  {score.in_time:6}  {score.found:5}"
        f"  {len(score.fragments):5}  {len(score.merges):6}  {len(score.false):5}  {score.idf1:.2f}"
        f"  {score.mota:5.2f}  {confirm:>9}  {looks:11.1f}"
        f"  {costs.ms_a_frame(costs.motion):22.2f}  {costs.ms_a_frame(costs.detection):9.1f}"
        f"  {costs.ms_a_frame(costs.tracking):8.2f}"
    )


def _others(data: Path, setup: Setup, cache: Path) -> None:
    print("\nOther clips at 5 frames a second, minimum score 0.3, against a count by eye")
    for clip in counted_clips(data):
        _other(clip, setup, cache)


def _other(clip: Counted, setup: Setup, cache: Path) -> None:
    groups: dict[str, str] = {}
    waited: dict[str, float] = {}

    def watch(frame: Frame, insight: Insight) -> None:
        for track in insight.tracks.confirmed:
            groups[track.id] = str(track.group)
            waited.setdefault(track.id, frame.captured_mono - track.first_seen_mono)

    costs = run([scaled(clip.path, cache)], setup, watch)
    right = sum(group == clip.group for group in groups.values())
    confirm = f"{median(waited.values()):.1f} s" if waited else "-"
    print(
        f"{clip.path.name}: visits {clip.visits or 'not counted'}, tracks of group {clip.group} {right},"
        f" of other groups {len(groups) - right}; median first sign to confirmed {confirm};"
        f" {costs.inferences} inferences in {costs.frames} frames; CPU ms a frame: motion"
        f" {costs.ms_a_frame(costs.motion):.2f}, detection {costs.ms_a_frame(costs.detection):.1f},"
        f" tracking {costs.ms_a_frame(costs.tracking):.2f} ({clip.remark})"
    )


if __name__ == "__main__":
    sys.exit(main())
