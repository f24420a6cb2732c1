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

from edge_agent.cli.passage_words import REHEARSE, wire_word
from edge_agent.core.clock import SystemClock
from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.core.errors import UsageError
from edge_agent.core.languages import Lang, add_lang, both, day_text, lang_of, say
from edge_agent.core.printable import printable
from edge_agent.core.problems.words import LABELS

if TYPE_CHECKING:
    from edge_agent.config.model.settings import AnyRule, Camera, Settings
    from edge_agent.tools.rehearse.run import RehearsalPlan
    from edge_agent.wire import RehearsalResult, RehearsedReports

MAX_DAYS, MAX_EXAMPLES = 30, 24
POLITE_SHARE = 0.25
"""Share of one core that a rehearsal uses if its priority cannot be lowered."""
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
    add_lang(rehearse)
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
        raise UsageError(both(REHEARSE, "days-range", given=args.days, most=MAX_DAYS))
    if not 0 <= args.examples <= MAX_EXAMPLES:
        raise UsageError(both(REHEARSE, "examples-range", given=args.examples, most=MAX_EXAMPLES))
    lang, source = lang_of(args), ConfigSource(args.config, no_secrets=True)
    settings = source.load()
    camera = _camera(settings, args.camera)
    data = sys.stdin.buffer.read() if args.rule == "-" else Path(args.rule).read_bytes()
    draft = read_draft(source, camera.id, data, args.rule)
    for warning in draft.warnings:
        print(warning.text(lang), file=sys.stderr)
    plan = _plan(settings, camera, draft.rule, args.days, args.examples)
    share = 1.0 if _lower_priority() else POLITE_SHARE
    with as_agent(settings.state_dir):
        result = rehearse(PassageReader(settings.state_dir), plan, Pace(share))
    if args.json:
        out.write(encode_json(result).decode() + "\n")
    else:
        out.writelines(f"{line}\n" for line in _report(result, settings.gateway.timezone, lang))
    return 0


def _camera(settings: Settings, camera_id: str) -> Camera:
    for camera in settings.cameras:
        if camera.id == camera_id:
            return camera
    known = ", ".join(camera.id for camera in settings.cameras) or both(REHEARSE, "known-none")
    raise UsageError(both(REHEARSE, "no-camera", camera=printable(camera_id), known=known))


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


def _report(result: RehearsalResult, zone: tzinfo, lang: Lang) -> Iterator[str]:
    first, last = (_moment(each, zone, lang) for each in (result.from_at, result.to_at))
    names = {"camera": result.camera, "rule": result.rule, "kind": result.kind}
    yield say(REHEARSE, "head", lang, first=first, last=last, **names)
    yield from _basis(result, zone, lang)
    if not result.used:
        return
    columns = {"draft": result.draft} | ({} if result.in_force is None else {"in-force": result.in_force})
    head = {name: f"{say(REHEARSE, name, lang):9}" for name in (*columns, "objects", "live", "hour")}
    yield ""
    for name, reports in columns.items():
        yield f"{head[name]} {_sum(reports, lang)}"
    if result.both is not None:
        only = {"draft": result.only_draft, "in_force": result.only_in_force}
        yield f"{head['objects']} {say(REHEARSE, 'compared', lang, both=result.both, **only)}"
    if result.live is not None and result.in_force is not None:
        yield f"{head['live']} {say(REHEARSE, 'reported-live', lang, count=result.live)}"
    yield ""
    yield f"{head['hour']} {'0     6     12    18   23'}"
    for name, reports in columns.items():
        most = say(REHEARSE, "most", lang, most=_most(reports.by_hour, lang))
        yield f"{head[name]} {_bars(reports.by_hour)}   {most}"
    weekdays = say(REHEARSE, "weekdays", lang).split()
    for name, reports in columns.items():
        days = zip(weekdays, reports.by_weekday, strict=True)
        yield f"{head[name]} {'  '.join(f'{day} {count}' for day, count in days)}"
    if result.examples:
        yield ""
        yield from _examples(result, zone, lang)


def _basis(result: RehearsalResult, zone: tzinfo, lang: Lang) -> Iterator[str]:
    if result.first_at is None:
        yield say(REHEARSE, "none", lang)
        return
    counts = {"passages": result.passages, "used": result.used}
    yield say(REHEARSE, "passages", lang, first=_moment(result.first_at, zone, lang), **counts)
    if result.undated:
        yield say(REHEARSE, "undated", lang, count=result.undated)
    if result.accuracy == "approximate":
        yield say(REHEARSE, "approximate", lang, kind=result.kind)


def _sum(reports: RehearsedReports, lang: Lang) -> str:
    groups = ", ".join(
        f"{count} {wire_word(LABELS, group, lang)}" for group, count in reports.by_group.items()
    )
    text = say(REHEARSE, "reports", lang, count=reports.reports) + (groups and f" ({groups})")
    if reports.a_to_b is None:
        return text
    return f"{text}; {say(REHEARSE, 'crossed', lang, a_to_b=reports.a_to_b, b_to_a=reports.b_to_a)}"


def _bars(counts: Sequence[int]) -> str:
    most = max(counts) or 1
    return "".join(BARS[0 if not count else max(1, count * (len(BARS) - 1) // most)] for count in counts)


def _most(counts: Sequence[int], lang: Lang) -> str:
    """Return the highest count, and the hour that has it."""
    count = max(counts)
    if not count:
        return say(REHEARSE, "most-none", lang)
    return say(REHEARSE, "most-from", lang, count=count, hour=f"{counts.index(count)}:00")


def _examples(result: RehearsalResult, zone: tzinfo, lang: Lang) -> Iterator[str]:
    time, number, what, by = (
        say(REHEARSE, name, lang) for name in ("time", "passage", "what", "reported-by")
    )
    yield f"{time:19}  {number:>12}  {what:12} {by}"
    for each in result.examples:
        picture = "" if each.picture else f" ({say(REHEARSE, 'no-picture', lang)})"
        group = wire_word(LABELS, each.group, lang) if each.group else say(REHEARSE, "several", lang)
        by = say(REHEARSE, f"by-{each.by}", lang)
        yield f"{_moment(each.time, zone, lang, '%H:%M:%S')}  {each.passage:12}  {group:12} {by}{picture}"


def _moment(time: str, zone: tzinfo, lang: Lang, form: str = "%H:%M") -> str:
    """Return ``2026-11-24 18:59``, in Vietnamese ``24/11/2026 18:59``. ``form``: of the time of day."""
    at = datetime.fromisoformat(time).astimezone(zone)
    return f"{day_text(at.date(), lang)} {at.strftime(form)}"
