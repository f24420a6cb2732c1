"""``python -m bench.tracking``: the agent's stages on real clips, scored against hand-made truth.

Needs ``EDGE_AGENT_TEST_DATA`` (video/); ``EDGE_AGENT_VTEST`` adds OpenCV's vtest.avi.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

from bench.tracking import marks, motorway
from bench.tracking.annotate import draw
from bench.tracking.clips import STREET, STREET_NEAR, STREET_SIZE, STREET_TRUTH, Counted, counted_clips
from bench.tracking.run import CAMERA_ID, Costs, Setup, analysed, run
from bench.tracking.score import Score, Scorer, Step
from bench.tracking.street import STARTS, Street
from bench.tracking.truth import read_truth, scaled
from edge_agent.capture.replay import VideoFile
from edge_agent.core.model import TWO_WHEELER, Frame, Track
from edge_agent.detection.choose import SHIPPED
from edge_agent.pipeline import FrameResult

PICTURE = Path("docs/images/vn-street.jpg")
PICTURE_FRAME = 73
FPS = (5.0, 10.0)
SKIPS = (0, 1, 2, 3, 5, 7)
"""Frames skipped at the beginning of the other clips: each value gives another sequence of events."""


def main() -> int:
    arguments = _arguments()
    data = Path(os.environ.get("EDGE_AGENT_TEST_DATA", ""))
    model = arguments.model
    if not (data / "video").exists():
        print("EDGE_AGENT_TEST_DATA must point to a folder with video/")
        return 2
    setup = Setup(model, budget_ms_per_s=arguments.budget)
    clip = data / "video" / f"{STREET}.mp4"
    if clip.exists():
        _street(scaled(clip, arguments.cache), setup)
        if not arguments.quick:
            _streets(Street(scaled(clip, arguments.cache)), setup)
    else:
        print(f"{clip}: missing, street not scored", file=sys.stderr)
    skips = SKIPS[:1] if arguments.quick else SKIPS
    _others(data, setup, arguments.cache, skips)
    _marked_persons(setup, arguments.cache, skips)
    _motorway(data, setup, arguments.cache, skips)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tracking", description=__doc__, allow_abbrev=False)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--budget", type=float, default=500.0, help="ms of inference a second of clip time")
    parser.add_argument("--quick", action="store_true", help="each clip once, from its first frame")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "edge-agent-bench")
    return parser.parse_args()


def _street(clip: Path, setup: Setup) -> None:
    print("Vietnamese street, 640 wide, two-wheelers of the marked (nearer) part of the picture, one run")
    print(
        "fps  marked  in 2 s  found  split  merged  false  IDF1   MOTA  confirm s  looks/track"
        "  CPU ms a frame: motion  detection  tracking"
    )
    for fps in FPS:
        _one_run(clip, replace(setup, fps=fps))


def _one_run(clip: Path, setup: Setup) -> None:
    scorer = Scorer(read_truth(STREET_TRUTH, *STREET_SIZE), TWO_WHEELER, lowest_foot=STREET_NEAR)
    seen: set[str] = set()

    def watch(frame: Frame, insight: FrameResult) -> None:
        tracks = insight.tracks.confirmed
        seen.update(t.id for t in tracks)
        scorer.add(Step(frame.number, frame.captured_mono, tracks))
        if frame.number == PICTURE_FRAME and setup.fps == FPS[0]:
            draw(frame, tracks, _footer(frame, tracks, setup), PICTURE)

    costs = run(analysed(VideoFile(clip, CAMERA_ID), setup.fps), setup, watch)
    print(_row(scorer.score(), costs, setup, len(seen)))


def _streets(street: Street, setup: Setup) -> None:
    print("\nThe same from every first frame and mirrored: means a run")
    print("fps  runs  marked  in 2 s  (least, most)  split  merged  false  confirm s  inferences")
    for start in STARTS:
        print(start.name)
        for fps in FPS:
            s = street.summary(replace(setup, fps=fps), start)
            print(
                f"{fps:3g}  {s.runs:4}  {s.objects:6.1f}  {s.in_time:6.1f}  {s.least:7}, {s.most:4}"
                f"   {s.split:5.2f}  {s.merged:6.2f}  {s.false:5.2f}  {s.confirm_s:9.1f}"
                f"  {s.inferences:10.0f}"
            )


def _footer(frame: Frame, tracks: tuple[Track, ...], setup: Setup) -> str:
    return (
        f"frame {frame.number}, {frame.captured_mono:.1f} s; confirmed tracks: {len(tracks)}; "
        f"{setup.model.stem}, {setup.budget_ms_per_s:g} ms of inference/s, {setup.fps:g} fps, 640 wide"
    )


def _row(score: Score, costs: Costs, setup: Setup, tracks: int) -> str:
    confirm = f"{median(score.confirm_s):.1f}" if score.confirm_s else "-"
    inferences_per_track = costs.inferences / tracks if tracks else 0.0
    return (
        f"{setup.fps:3g}  {score.objects:6}  {score.in_time:6}  {score.found:5}"
        f"  {len(score.fragments):5}  {len(score.merges):6}  {len(score.false):5}  {score.idf1:.2f}"
        f"  {score.mota:5.2f}  {confirm:>9}  {inferences_per_track:11.1f}"
        f"  {costs.ms_a_frame(costs.motion):22.2f}  {costs.ms_a_frame(costs.detection):9.1f}"
        f"  {costs.ms_a_frame(costs.tracking):8.2f}"
    )


def _others(data: Path, setup: Setup, cache: Path, skips: Sequence[int]) -> None:
    print("\nOther clips at 5 frames a second, against a count by eye")
    for clip in counted_clips(data):
        runs = [_other(clip, setup, cache, skip) for skip in skips]
        tracks = ", ".join(str(right) for right, _, _ in runs)
        others = ", ".join(str(wrong) for _, wrong, _ in runs)
        inferences = mean(costs.inferences for _, _, costs in runs)
        motion, detection, tracking = (
            mean(costs.ms_a_frame(getattr(costs, stage)) for _, _, costs in runs)
            for stage in ("motion", "detection", "tracking")
        )
        print(
            f"{clip.path.name}: visits {clip.visits or 'not counted'}, tracks of group {clip.group} {tracks};"
            f" of other groups {others}; {inferences:.0f} inferences in {runs[0][2].frames} frames; CPU ms a"
            f" frame: motion {motion:.2f}, detection {detection:.1f}, tracking {tracking:.2f} ({clip.remark})"
        )


def _other(clip: Counted, setup: Setup, cache: Path, skip: int) -> tuple[int, int, Costs]:
    """Score one clip: confirmed tracks of its group and of others, and their cost.

    Objects that stood there before are not counted: they make no event (rules/objects.py).
    """
    groups: dict[str, str] = {}

    def watch(frame: Frame, insight: FrameResult) -> None:
        arrived = (track for track in insight.tracks.confirmed if not track.parked_before)
        groups.update((track.id, str(track.group)) for track in arrived)

    frames = analysed(VideoFile(scaled(clip.path, cache), CAMERA_ID), setup.fps, skip)
    costs = run(frames, setup, watch)
    right = sum(group == clip.group for group in groups.values())
    return right, len(groups) - right, costs


def _marked_persons(setup: Setup, cache: Path, skips: Sequence[int]) -> None:
    path = os.environ.get("EDGE_AGENT_VTEST")
    if not path:
        return
    print("\nvtest.avi, persons on every 20th frame against marks by hand: recall, precision at IoU 0.5")
    truth = read_truth(marks.TRUTH, *marks.SIZE)
    for fps in FPS:
        scores = []
        for skip in {skip // 2 * 2 for skip in skips}:  # at 5 frames a second only these meet the marks
            scorer = marks.MarkScorer(truth)
            frames = analysed(VideoFile(scaled(Path(path), cache), CAMERA_ID), fps, skip)
            run(frames, replace(setup, fps=fps), lambda f, i, s=scorer: s.add(f.number, i.tracks.active))  # type: ignore[misc]
            scores.append(scorer)
        print(f"{fps:3g} fps  {mean(s.recall for s in scores):.3f}  {mean(s.precision for s in scores):.3f}")


def _motorway(data: Path, setup: Setup, cache: Path, skips: Sequence[int]) -> None:
    clip = data / "video" / f"{motorway.CLIP}.avi"
    if not clip.exists():
        return
    print("\nThe motorway: by lane, vehicles that pass a gate, those counted, counts too many")
    for fps in FPS:
        for skip in skips[:3]:
            gates = motorway.GateCounter()
            frames = analysed(VideoFile(scaled(clip, cache), CAMERA_ID), fps, skip)
            run(frames, replace(setup, fps=fps), lambda f, i, g=gates: g.add(f.number, i.tracks.confirmed))  # type: ignore[misc]
            lanes = gates.result()
            passed, counted, extra = (sum(column) for column in zip(*lanes.values(), strict=True))
            print(f"{fps:3g} fps  {passed}  {counted}  {extra}  {lanes}")


if __name__ == "__main__":
    sys.exit(main())
