"""``python -m bench.passages.rehearsal``: rules on real clips, live and rehearsed on their passages.

Needs ``EDGE_AGENT_TEST_DATA`` (video/). The rules are a grid of zones and lines over the whole picture, so
that no rule was chosen because it agrees. Live and rehearsed reports are the same if they are about the same
object, and at most ``TOLERANCE_S`` apart.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from statistics import median
from typing import Any

from bench.passages.marks import read_marks
from bench.passages.run import FPS, run
from edge_agent.cameras.build import use_one_opencv_thread
from edge_agent.config.model.settings import AnyRule, Passages
from edge_agent.core.facts import RuleObservation
from edge_agent.passages.passage import Passage
from edge_agent.passages.reader import PassageReader
from edge_agent.passages.store import PassageStore
from edge_agent.tools.rehearse.run import Rehearsal, RehearsalPlan

TOLERANCE_S = 1.0
BEGAN_AT = datetime(2026, 11, 24, 5, tzinfo=UTC)  # noon at the sites
CELLS = 3  # of the grid, on each axis


@dataclass(frozen=True, slots=True)
class TimedReport:
    """A report of a rule: seconds since the clip began, and the track; "": about several objects."""

    at_s: float
    track: str


@dataclass
class Agreement:
    """How often live and rehearsal said the same."""

    live: int = 0
    rehearsed: int = 0
    same: int = 0
    apart_s: list[float] = field(default_factory=list)

    def add(self, live: Sequence[TimedReport], rehearsed: Sequence[TimedReport]) -> None:
        left = list(rehearsed)
        self.live += len(live)
        self.rehearsed += len(rehearsed)
        for report in live:
            near = [each for each in left if each.track == report.track]
            best = min(near, key=lambda each: abs(each.at_s - report.at_s), default=None)
            if best is not None and abs(best.at_s - report.at_s) <= TOLERANCE_S:
                left.remove(best)
                self.same += 1
                self.apart_s.append(abs(best.at_s - report.at_s))


class _StandingClock:
    """Shows when the clip began."""

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return BEGAN_AT


def stored(passages: Sequence[Passage], folder: Path) -> PassageReader:
    """Write the passages of a clip as a gateway does, and return their reader."""
    store = PassageStore(folder, Passages(), 0, _StandingClock(), "bench")
    store.write(passages, synced=True)
    store.close()
    return PassageReader(folder)


def rehearsed(
    reader: PassageReader, camera_id: str, rule: AnyRule, fps: float = FPS, timezone: tzinfo = UTC
) -> list[TimedReport]:
    """What the rule reports on the stored passages."""
    first, last = BEGAN_AT - timedelta(hours=1), BEGAN_AT + timedelta(hours=1)
    plan = RehearsalPlan(camera_id, rule, None, first, last, timezone, frozenset(), fps)
    rehearsal = Rehearsal(plan)
    rehearsal.on_report = lambda report: reports.append(_timed(report, BEGAN_AT.timestamp()))
    reports: list[TimedReport] = []
    rehearsal.run(reader.in_order(camera_id, plan.from_at, plan.to_at))
    return reports


def live(reports: Sequence[RuleObservation], rule_id: str) -> list[TimedReport]:
    """What the rule reported while the clip ran."""
    return [_timed(each, 0.0) for each in reports if each.rule.id == rule_id]


def _timed(report: RuleObservation, zero_s: float) -> TimedReport:
    return TimedReport(report.last_mono - zero_s, "" if report.track is None else report.track.id)


def grid() -> dict[str, Any]:
    """Rules of all kinds over the whole picture, as keys of a camera."""
    every = {"cooldown_s": 0, "labels": ["person", "bicycle", "motorcycle", "car", "bus", "truck"]}
    step = 1 / CELLS
    cells = [(x * step, y * step) for x in range(CELLS) for y in range(CELLS)]
    zones: dict[str, Any] = {
        f"z{n}": {"polygon": [[x, y], [x + step, y], [x + step, y + step], [x, y + step]]}
        for n, (x, y) in enumerate(cells)
    }
    zones["all"] = {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    lines: dict[str, Any] = {}
    for n in range(1, 5):
        lines[f"v{n}"] = {"from": [n / 5, 0], "to": [n / 5, 1]}
        lines[f"h{n}"] = {"from": [0, n / 5], "to": [1, n / 5]}
    rules: list[dict[str, Any]] = [
        {"id": f"cross-{name}", "kind": "line-crossing", "line": name} | every for name in lines
    ]
    for zone in zones:
        rules += [
            {"id": f"in-{zone}", "kind": "zone-intrusion", "zone": zone} | every,
            {"id": f"stay-{zone}", "kind": "loitering", "zone": zone, "min_duration_s": 4} | every,
            {"id": f"stop-{zone}", "kind": "stopped-vehicle", "zone": zone, "still_s": 4} | every,
            *(
                {"id": f"crowd{count}-{zone}", "kind": "crowding", "zone": zone, "count": count} | every
                | {"min_duration_s": 2}
                for count in (2, 4)
            ),
        ]  # fmt: skip
    arrows = {"up": (0.5, 0.8, 0.5, 0.2), "down": (0.5, 0.2, 0.5, 0.8), "left": (0.8, 0.5, 0.2, 0.5),
              "right": (0.2, 0.5, 0.8, 0.5)}  # fmt: skip
    for name, (x1, y1, x2, y2) in arrows.items():
        arrow = {"from": [x1, y1], "to": [x2, y2]}
        rules.append({"id": f"way-{name}", "kind": "wrong-way", "zone": "all", "arrow": arrow} | every)
    return {"zones": zones, "lines": lines, "rules": rules}


def compare(clip: Path, to_s: float, fps: float) -> dict[str, Agreement]:
    """Agreement by kind of rule on one clip."""
    found: dict[str, Agreement] = defaultdict(Agreement)
    one = run(clip, to_s, fps, camera_keys=grid())
    assert one.camera is not None
    with tempfile.TemporaryDirectory(prefix="bench-rehearsal-") as folder:
        reader = stored(one.passages, Path(folder))
        for rule in one.camera.rules:
            found[rule.kind.value].add(
                live(one.reports, rule.id), rehearsed(reader, one.camera.id, rule, fps)
            )
    return found


def _rows(found: dict[str, Agreement]) -> Iterator[str]:
    yield (
        "kind              live  rehearsed  same  only live  only rehearsed  of all the same"
        "  apart: median  95 %"
    )
    for kind, each in sorted(found.items()):
        union = each.live + each.rehearsed - each.same
        apart = sorted(each.apart_s) or [0.0]
        yield (
            f"{kind:16}  {each.live:4}  {each.rehearsed:9}  {each.same:4}  {each.live - each.same:9}"
            f"  {each.rehearsed - each.same:14}  {each.same / max(union, 1):15.2f}"
            f"  {median(apart):11.2f} s  {apart[len(apart) * 95 // 100]:.2f} s"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.passages.rehearsal", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--fps", type=float, default=FPS)
    parser.add_argument("--only", metavar="WORD", help="clips with this word in their name")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("EDGE_AGENT_TEST_DATA", "")) / "video"
    if not folder.exists():
        print("EDGE_AGENT_TEST_DATA must point to a folder with video/")
        return 2
    use_one_opencv_thread()
    total: dict[str, Agreement] = defaultdict(Agreement)
    for clip in read_marks():
        path = folder / clip.clip
        if (arguments.only and arguments.only not in clip.clip) or not path.exists():
            continue
        found = compare(path, clip.to_s, arguments.fps)
        print(clip.clip, *_rows(found), sep="\n", flush=True)
        for kind, each in found.items():
            whole = total[kind]
            whole.live, whole.rehearsed = whole.live + each.live, whole.rehearsed + each.rehearsed
            whole.same, whole.apart_s = whole.same + each.same, whole.apart_s + each.apart_s
    print("all", *_rows(total), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
