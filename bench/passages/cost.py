"""``python -m bench.passages.cost``: the CPU of passages, as a share of the pipeline, and their bytes.

Each clip is decoded and analysed several times in this process, with passages and without, in turn. The share
is the stage's own CPU time over that of the rest of the same run, so that other load on the machine hardly
counts; the ratio of both kinds of run is its check. Needs ``EDGE_AGENT_TEST_DATA`` (video/).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.clips import Clip
from bench.passages.run import ClipRun, run
from bench.plan import Plan
from edge_agent.cameras.build import use_one_opencv_thread
from edge_agent.config.model.storage import Passages
from edge_agent.core.clock import SystemClock
from edge_agent.core.facts import Observation
from edge_agent.core.model import Frame, Tracks
from edge_agent.passages.observer import PassageObserver
from edge_agent.passages.passage import FOLDER, Passage
from edge_agent.passages.recorder import NoPassages
from edge_agent.passages.store import PassageStore

DRAWN = ("ordinary", "busy")
CLIPS = (*DRAWN, "vn_junction_unlabelled.mp4", "vn_street_motorbikes.mp4")
LONGEST_S = 60.0
ROUNDS = 5


class TimedPassages:
    """The stage, and the CPU seconds that it has used."""

    def __init__(self, inner: PassageObserver) -> None:
        self.cpu_s = 0.0
        self._inner = inner

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        began_s = time.thread_time()
        self._inner.observe(frame, tracks)
        self.cpu_s += time.thread_time() - began_s

    def reported(self, observation: Observation) -> None:
        self._inner.reported(observation)

    def finish(self, continuing: Collection[str] = ()) -> None:
        began_s = time.thread_time()
        self._inner.finish(continuing)
        self.cpu_s += time.thread_time() - began_s


@dataclass(frozen=True, slots=True)
class Round:
    """A run with passages and one without."""

    share: float  # of the stage, of the rest of its run
    ratio: float  # CPU of the run with passages over that without
    stage_s: float
    clip: ClipRun


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.passages.cost", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    data = Path(os.environ.get("EDGE_AGENT_TEST_DATA", ""))
    use_one_opencv_thread()
    with tempfile.TemporaryDirectory(prefix="bench-passages-") as name:
        plan = Plan(False, Path(name), Path("build/bench/clips"), data)
        plan.cache.mkdir(parents=True, exist_ok=True)
        for clip in CLIPS:
            path = Clip(clip).file(plan) if clip in DRAWN else data / "video" / clip
            if not path.exists():
                print(f"{clip}: missing, not measured", file=sys.stderr)
                continue
            print(_row(clip, [_round(path, number) for number in range(rounds)], Path(name)), flush=True)
    return 0


def _round(path: Path, number: int) -> Round:
    """Every second round begins without passages."""
    stages: list[TimedPassages] = []

    def timed(observer: PassageObserver) -> TimedPassages:
        stages.append(TimedPassages(observer))
        return stages[-1]

    def with_passages() -> tuple[float, ClipRun]:
        began_s = time.process_time()
        clip = run(path, LONGEST_S, stage=timed)
        return time.process_time() - began_s, clip

    def without() -> float:
        began_s = time.process_time()
        run(path, LONGEST_S, stage=lambda _: NoPassages())
        return time.process_time() - began_s

    if number % 2:
        bare_s = without()
        whole_s, clip = with_passages()
    else:
        whole_s, clip = with_passages()
        bare_s = without()
    stage_s = stages[0].cpu_s
    return Round(stage_s / (whole_s - stage_s), whole_s / bare_s, stage_s, clip)


def _row(name: str, rounds: list[Round], folder: Path) -> str:
    passages = rounds[0].clip.passages
    write_ms, sizes = _stored(rounds[0].clip, folder / Path(name).stem)
    scenes = {each.scene.picture.serial: each.scene.picture.payload for each in passages if each.scene}
    served = sum(each.scene is not None for each in passages)
    scene_kb = sum(len(each) for each in scenes.values()) / max(1, len(scenes)) / 1000
    return (
        f"{name}: {len(passages)} passages; stage {_range([1e3 * each.stage_s for each in rounds])} ms, "
        f"{_range([100 * each.share for each in rounds])} % of the rest; "
        f"with / without {_range([each.ratio for each in rounds])}; "
        f"{1e3 * median(each.stage_s for each in rounds) / max(1, len(passages)):.2f} ms a passage, "
        f"writing {write_ms:.2f} ms; in the files {', '.join(f'{size:.0f}' for size in sizes)} bytes each; "
        f"{len(scenes)} whole pictures of {scene_kb:.1f} kB for {served}"
    )


def _range(values: list[float]) -> str:
    return f"{median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _stored(clip: ClipRun, folder: Path) -> tuple[float, list[float]]:
    """Store the passages again and again, as in batches of a minute: CPU ms and bytes of each."""
    settings = Passages(max_bytes=10**9, scene_max_bytes=10**9)
    store = PassageStore(folder, settings, 10_000_000, SystemClock(), "bench")
    batches = 50
    took_s = 0.0
    for batch in range(batches):
        passages = [_taken_now(each, batch) for each in clip.passages]
        began_s = time.thread_time()
        store.write(passages, synced=True)
        took_s += time.thread_time() - began_s
    store.close()
    count = max(1, batches * len(clip.passages))
    files = [folder / FOLDER / name for name in ("passages.db", "crops.db", "scenes.db")]
    return 1e3 * took_s / count, [file.stat().st_size / count for file in files if file.exists()]


def _taken_now(passage: Passage, batch: int) -> Passage:
    """The passage with a whole picture of its own batch, as if it were taken now."""
    if passage.scene is None:
        return passage
    picture = passage.scene.picture
    now = replace(picture, serial=picture.serial ^ batch, taken_mono=time.monotonic())
    return replace(passage, scene=passage.scene._replace(picture=now))


if __name__ == "__main__":
    sys.exit(main())
