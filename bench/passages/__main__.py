"""``python -m bench.passages``: the passages of real clips, compared with marks made by hand.

Needs ``EDGE_AGENT_TEST_DATA`` (video/); ``EDGE_AGENT_VTEST`` adds OpenCV's vtest.avi.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from bench.passages.marks import MarkedClip, read_marks
from bench.passages.run import FPS, run
from bench.passages.score import ClipScore, score
from edge_agent.cameras.build import use_one_opencv_thread
from edge_agent.passages.passage import Light

GOAL_FOUND, GOAL_COLOUR = 0.90, 0.80
HEAD = (
    "clip                           marks  right  recall  directed  right  wrong way  group  missed"
    "  sides  right  passages  doubled  false  parts  named  right  share  infrared"
)


def main() -> int:
    arguments = _arguments()
    folder = Path(os.environ.get("EDGE_AGENT_TEST_DATA", ""))
    if not (folder / "video").exists():
        print("EDGE_AGENT_TEST_DATA must point to a folder with video/")
        return 2
    use_one_opencv_thread()
    total = ClipScore()
    print(f"Passages at {arguments.fps:g} frames a second, against marks by hand")
    print(HEAD)
    remarks: list[str] = []
    for clip in read_marks():
        if arguments.only and arguments.only not in clip.clip:
            continue
        path = _path(folder, clip)
        if not path.exists():
            print(f"{clip.clip}: missing, not scored", file=sys.stderr)
            continue
        one = score(clip, run(path, clip.to_s, arguments.fps))
        total.add(one)
        print(_row(clip.clip, one), flush=True)
        remarks += [f"{clip.clip}: {remark}" for remark in one.remarks]
    print(_row("all", total))
    print(f"goals: recall {GOAL_FOUND:.2f}, colours {GOAL_COLOUR:.2f}, colours claimed in infrared 0")
    for light, counts in sorted(total.confusion.items()):
        _confusion(light, counts)
    if arguments.misses:
        print("\n" + "\n".join(remarks))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.passages", description=__doc__, allow_abbrev=False)
    parser.add_argument("--fps", type=float, default=FPS)
    parser.add_argument("--only", metavar="WORD", help="clips with this word in their name")
    parser.add_argument("--misses", action="store_true", help="list each one missed, doubled, misnamed")
    return parser.parse_args()


def _path(folder: Path, clip: MarkedClip) -> Path:
    path = folder / "video" / clip.clip
    vtest = os.environ.get("EDGE_AGENT_VTEST")
    return Path(vtest) if vtest and Path(vtest).name == clip.clip else path


def _row(name: str, s: ClipScore) -> str:
    return (
        f"{Path(name).stem:30} {s.marks:5}  {s.right:5}  {_share(s.right, s.marks):>6}"
        f"  {s.directed:8}  {s.directed_right:5}  {s.group_only:9}  {s.other_group:5}  {s.missed:6}"
        f"  {s.sides:5}  {s.sides_right:5}  {s.passages:8}  {s.doubled:7}  {s.false:5}"
        f"  {s.parts:5}  {s.parts_named:5}  {s.parts_right:5}  {_share(s.parts_right, s.parts):>5}"
        f"  {s.claims[Light.INFRARED]:8}"
    )


def _share(count: int, of: int) -> str:
    return f"{count / of:.2f}" if of else "-"


def _confusion(light: str, counts: Counter[tuple[str, str]]) -> None:
    """Print marked terms as rows, the program's first terms as columns."""
    columns = sorted({named for _, named in counts})
    print(f"\n{light}: marked (rows), named first (columns)")
    print(" " * 8 + "".join(f"{column:>8}" for column in columns))
    for row in sorted({marked for marked, _ in counts}):
        print(f"{row:8}" + "".join(f"{counts[row, column] or '.':>8}" for column in columns))


if __name__ == "__main__":
    sys.exit(main())
