"""``edge-agent rehearse``: run a drafted rule over the stored passages of a camera before it is armed."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.core.clock import SystemClock
from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.core.errors import UsageError
from edge_agent.core.printable import printable

if TYPE_CHECKING:
    from edge_agent.config.model.settings import AnyRule, Camera, Settings
    from edge_agent.tools.rehearse.run import RehearsalPlan
    from edge_agent.wire import RehearsalResult, RehearsedReports

MAX_DAYS, MAX_EXAMPLES = 30, 24
POLITE_SHARE = 0.25
"""Share of one core that a rehearsal uses if its priority cannot be lowered."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
BARS = " ▁▂▃▄▅▆▇█"


def add_command_to(commands: Commands, default_config: Path) -> None:
    rehearse = add_command(
        commands,
        "rehearse",
        "run a drafted rule over the stored passages of a camera, before it is armed",
        "edge-agent rehearse cam-1 --rule draft.yaml --days 14",
        "edge-agent rehearse cam-1 --rule draft.yaml --json",
    )
    rehearse.add_value("camera", "CAMERA", "id of the camera")
    rehearse.add_value(
        "--rule", "FILE", "the rule; YAML file of the draft, or - for standard input", required=True
    )
    rehearse.add_value(
        "--days", "N", "read what was stored in the last N days; at most 30", type=int, default=7
    )
    rehearse.add_value(
        "--examples", "N", "number of passages that are listed as examples, at most 24", type=int, default=12
    )
    rehearse.add_json("its schema: edge-agent schema rehearsal")
    rehearse.add_config(default_config)


def run_rehearse(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.config.draft import read_draft
    from edge_agent.config.pushed import ConfigSource
    from edge_agent.core.problems.problem import encode_json
    from edge_agent.host.system.process import as_agent
    from edge_agent.passages.reader import PassageReader
    from edge_agent.tools.rehearse.run import Pace, rehearse

    if not 1 <= args.days <= MAX_DAYS:
        raise UsageError(f"--days {args.days}: 1 to {MAX_DAYS}, because rows are stored no longer")
    if not 0 <= args.examples <= MAX_EXAMPLES:
        raise UsageError(f"--examples {args.examples}: 0 to {MAX_EXAMPLES}")
    source = ConfigSource(args.config, no_secrets=True)
    settings = source.load()
    camera = _camera(settings, args.camera)
    data = sys.stdin.buffer.read() if args.rule == "-" else Path(args.rule).read_bytes()
    draft = read_draft(source, camera.id, data, args.rule)
    for warning in draft.warnings:
        print(warning, file=sys.stderr)
    plan = _plan(settings, camera, draft.rule, args.days, args.examples)
    share = 1.0 if _lower_priority() else POLITE_SHARE
    with as_agent(settings.state_dir):
        result = rehearse(PassageReader(settings.state_dir), plan, Pace(share))
    if args.json:
        out.write(encode_json(result).decode() + "\n")
    else:
        out.writelines(f"{line}\n" for line in _report(result, settings.gateway.timezone))
    return 0


def _camera(settings: Settings, camera_id: str) -> Camera:
    for camera in settings.cameras:
        if camera.id == camera_id:
            return camera
    known = ", ".join(camera.id for camera in settings.cameras) or "none"
    raise UsageError(f"the configuration has no camera {printable(camera_id)}; it has: {known}")


def _plan(settings: Settings, camera: Camera, rule: AnyRule, days: int, examples: int) -> RehearsalPlan:
    from edge_agent.tools.rehearse.run import RehearsalPlan

    now, gateway = SystemClock().now(), settings.gateway
    return RehearsalPlan(
        camera_id=camera.id,
        draft=rule,
        in_force=next((each for each in camera.rules if each.id == rule.id and each.enabled), None),
        from_at=now - timedelta(days=days),
        to_at=now,
        timezone=gateway.timezone,
        holidays=gateway.holidays,
        fps=camera.analyse.fps,
        examples=examples,
    )


def _lower_priority() -> bool:
    """Lower the priority of this process; return whether that succeeded."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # low memory ends this process, not the agent
    with contextlib.suppress(OSError):
        os.nice(19)
        return True
    return False


def _report(result: RehearsalResult, zone: tzinfo) -> Iterator[str]:
    span = " to ".join(f"{_local(each, zone):%Y-%m-%d %H:%M}" for each in (result.from_at, result.to_at))
    yield f"{result.camera}, rule {result.rule} ({result.kind}), {span}"
    yield from _basis(result, zone)
    if not result.used:
        return
    columns = {"draft": result.draft} | ({} if result.in_force is None else {"in force": result.in_force})
    yield ""
    for name, reports in columns.items():
        yield f"{name:9} {_sum(reports)}"
    if result.both is not None:
        yield (
            f"objects   both {result.both}, only the draft {result.only_draft}, "
            f"only the rule in force {result.only_in_force}"
        )
    if result.live is not None and result.in_force is not None:
        yield f"live      {result.live} objects were reported under this id, maybe with other settings"
    yield ""
    yield f"{'hour':9} {'0     6     12    18   23'}"
    hours = [f"{hour}:00" for hour in range(24)]
    for name, reports in columns.items():
        yield f"{name:9} {_bars(reports.by_hour)}   most: {_most(reports.by_hour, hours)}"
    for name, reports in columns.items():
        days = zip(WEEKDAYS, reports.by_weekday, strict=True)
        yield f"{name:9} {'  '.join(f'{day} {count}' for day, count in days)}"
    if result.examples:
        yield ""
        yield from _examples(result, zone)


def _basis(result: RehearsalResult, zone: tzinfo) -> Iterator[str]:
    if result.first_at is None:
        yield "no passage of this camera is stored in these days: nothing can be rehearsed"
        return
    first = _local(result.first_at, zone)
    yield f"{result.passages} objects since {first:%Y-%m-%d %H:%M}, {result.used} of them could matter"
    if result.undated:
        yield f"{result.undated} objects are left out: the clock was not synchronised"
    if result.accuracy == "approximate":
        yield f"approximate: a passage does not hold all that {result.kind} judges (docs/design/rehearsal.md)"


def _sum(reports: RehearsedReports) -> str:
    groups = ", ".join(f"{count} {group}" for group, count in reports.by_group.items())
    crossed = (
        ""
        if reports.a_to_b is None
        else f"; {reports.a_to_b} crossed from A to B, {reports.b_to_a} from B to A"
    )
    return f"{reports.reports} reports{groups and f' ({groups})'}{crossed}"


def _bars(counts: Sequence[int]) -> str:
    most = max(counts) or 1
    return "".join(BARS[0 if not count else max(1, count * (len(BARS) - 1) // most)] for count in counts)


def _most(counts: Sequence[int], names: Sequence[str]) -> str:
    count = max(counts)
    return "none" if not count else f"{count} from {names[counts.index(count)]}"


def _examples(result: RehearsalResult, zone: tzinfo) -> Iterator[str]:
    yield f"{'time':19}  {'passage':>8}  {'what':12} reported by"
    for each in result.examples:
        picture = "" if each.picture else " (no picture)"
        by = "draft and rule in force" if each.by == "both" else each.by.replace("-", " ")
        time = f"{_local(each.time, zone):%Y-%m-%d %H:%M:%S}"
        yield f"{time}  {each.passage:8}  {each.group or 'several':12} {by}{picture}"


def _local(time: str, zone: tzinfo) -> datetime:
    return datetime.fromisoformat(time).astimezone(zone)
