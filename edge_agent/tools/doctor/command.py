"""``edge-agent doctor``: runs the examination. It prints lines and a verdict for a technician, or a JSON
document for a playbook."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TextIO

from edge_agent import __version__
from edge_agent.config.board import read_board
from edge_agent.config.model.settings import Gateway, Settings
from edge_agent.config.pushed import effective
from edge_agent.core.clock import rfc3339
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK, EX_USAGE
from edge_agent.core.errors import ConfigError, EdgeAgentError
from edge_agent.core.languages import Bilingual, Lang, default_lang
from edge_agent.core.problems.problem import encode_json
from edge_agent.host.health.birth import wire_location
from edge_agent.host.system.process import become_agent
from edge_agent.tools.doctor import run
from edge_agent.tools.doctor.check import CheckLevel, CheckResult
from edge_agent.tools.doctor.run import DoctorEnvironment, Examination
from edge_agent.tools.doctor.words import level_of, said_of, todo_of
from edge_agent.tools.doctor.words.wording import ACCEPTED, MARKS, label_of
from edge_agent.wire import Doctor, DoctorLine


def run_doctor(args: argparse.Namespace, out: TextIO, environment: DoctorEnvironment | None = None) -> int:
    """Return 0 if no check is red or all red ones were accepted, 1 if a check is red, 2 for wrong usage.

    Raises ConfigError, and EdgeAgentError when a report cannot be written. A process of root continues as the
    agent's user (become_agent).
    """
    from edge_agent.cameras.build import use_one_opencv_thread
    from edge_agent.tools.doctor.checks.picture import sheet as pictures
    from edge_agent.tools.doctor.report import Photo, make_report, result_file, store_report

    use_one_opencv_thread()
    environment = environment or DoctorEnvironment()
    lang: Lang = args.lang or default_lang(os.environ)
    settings, unread = load(args.config)
    reasons = dict(args.accept)
    known = run.check_names(settings)
    for name in reasons:
        if name.partition("/")[0] not in known:
            choices = f"no such check; there are {', '.join(known)}"
            print(f"edge-agent doctor: --accept {name}: {choices}", file=sys.stderr)
            return EX_USAGE
    if args.sheet is not None and not settings.cameras:
        raise EdgeAgentError("there is no camera in the configuration: no pictures to put on a sheet")
    photo = Photo.read(args.photo) if args.photo is not None and args.report is not None else None
    with result_file(args.sheet) as sheet, result_file(args.report) as report:
        first = run.disk_before_first_start(settings, environment.sysroot)
        agent = become_agent(settings.state_dir)  # before data from cameras is decoded
        image = None if photo is None else photo.scaled()
        if sys.stderr.isatty():
            print(f"{settings.gateway.id}: up to 20 s ...", file=sys.stderr)
        found = run.accept(run.examine(settings, unread, environment, agent, first), reasons)
        summary = document(found, lang, environment.clock.now(), environment.sysroot)
        if args.json:
            out.write(json.dumps(json.loads(encode_json(summary)), indent=2, ensure_ascii=False) + "\n")
        else:
            for line in lines(found, lang, colour=has_colours(out, os.environ)):
                out.write(f"{line}\n")
        if sheet is not None:
            sheet.write(pictures({name: seen.picture for name, seen in found.measurements.items()}))
        if report is not None:
            page = make_report(found, summary, lang, photo=image, by=args.by)
            report.write(page)
            store_report(settings.state_dir, summary, page)
    return EX_FAILED if verdict(found) == "failed" else EX_OK


def load(path: Path) -> tuple[Settings, str | None]:
    """Return the settings in force, and why passwords or keys could not be read, if so. Raises ConfigError.

    The agent's own user cannot read the passwords, which systemd passes to the agent; then everything else is
    examined. Root can read every file, so a missing file is then a mistake in the configuration.
    """
    settings = effective(path, no_secrets=True)
    try:
        return effective(path), None
    except ConfigError as error:
        if os.geteuid() == 0:
            raise
        if not error.problems:
            return settings, str(error)
        first = error.problems[0]
        return settings, Bilingual(first.text("en"), first.text("vi"))


def has_colours(out: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to print colours: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return out.isatty() and not environ.get("NO_COLOR")


Verdict = Literal["passed", "accepted", "failed"]

COLOURS = {CheckLevel.GREEN: "32", CheckLevel.YELLOW: "33", CheckLevel.RED: "31", CheckLevel.SKIPPED: "2"}
"""ECMA-48, select graphic rendition."""
_WORDS = {
    "en": {"do": "do", "reason": "accepted", "ward": "ward"},
    "vi": {"do": "cần làm", "reason": "chấp nhận", "ward": "phường"},
}


def lines(found: Examination, lang: Lang, *, colour: bool) -> Iterator[str]:
    """Yield the lines of the whole text."""
    gateway, words = found.settings.gateway, _WORDS[lang]
    yield f"{_site(gateway)}, {words['ward']} {gateway.ward_shown}"
    marks = [
        ACCEPTED[lang] if result.accepted is not None else MARKS[lang][level_of(result)]
        for result in found.results
    ]
    mark_width = max(map(len, marks), default=0)
    width = max((len(result.check) for result in found.results), default=0)
    for mark, result in zip(marks, found.results, strict=True):
        level = level_of(result)
        painted = _painted(f"{mark:<{mark_width}}", level, colour and result.accepted is None)
        yield f"{painted}  {result.check:<{width}}  {said_of(result, lang)}"
        indent = " " * (mark_width + width + 4)
        if result.accepted is not None:
            yield f"{indent}{words['reason']}: {result.accepted}"
        elif todo := todo_of(result, lang):
            yield f"{indent}{words['do']}: {todo}"
    level = CheckLevel.RED if found.red else CheckLevel.YELLOW if found.accepted else CheckLevel.GREEN
    yield _painted(sentence(found, lang), level, colour)


def verdict(found: Examination) -> Verdict:
    if found.red:
        return "failed"
    return "accepted" if any(level_of(r) is CheckLevel.RED for r in found.accepted) else "passed"


def sentence(found: Examination, lang: Lang) -> str:
    """The verdict as a sentence that can be read aloud."""
    site, red, yellow = _site(found.settings.gateway), found.red, found.yellow
    defects = [r for r in found.accepted if level_of(r) is CheckLevel.RED]
    if lang == "vi":
        improve = f" Có {len(yellow)} mục cần lưu ý." if yellow else ""
        if red:
            return f"Điểm {site}: CHƯA ĐẠT, còn {len(red)} lỗi phải sửa: {_named(red, lang)}.{improve}"
        if defects:
            conditions = f"ĐẠT, CÒN TỒN TẠI {len(defects)} lỗi được chấp nhận: {_named(defects, lang)}"
            return f"Điểm {site}: {conditions}.{improve}"
        return f"Điểm {site}: ĐẠT, không có lỗi.{improve}"
    improve = f" {_count(len(yellow), 'thing')} could be better." if yellow else ""
    if red:
        return f"{site} is NOT READY: {_count(len(red), 'fault')} to correct: {_named(red, lang)}.{improve}"
    if defects:
        conditions = f"{_count(len(defects), 'defect')}: {_named(defects, lang)}"
        return f"{site} is ACCEPTED WITH {conditions}.{improve}"
    return f"{site} is READY: no faults.{improve}"


def _site(gateway: Gateway) -> str:
    return gateway.id if gateway.name == gateway.id else f"{gateway.id} ({gateway.name})"


def _named(results: Sequence[CheckResult], lang: Lang) -> str:
    return "; ".join(dict.fromkeys(label_of(result.check, lang) for result in results))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _painted(text: str, level: CheckLevel, colour: bool) -> str:
    return f"\x1b[{COLOURS[level]}m{text}\x1b[0m" if colour else text


def document(found: Examination, lang: Lang, now: datetime, sysroot: Path) -> Doctor:
    settings, gateway = found.settings, found.settings.gateway
    return Doctor(
        time=rfc3339(now),
        gateway=gateway.id,
        ward=gateway.ward,
        name=gateway.name,
        location=wire_location(gateway.location),
        version=__version__,
        profile=settings.profile.name,
        board=read_board(sysroot).name,
        config_hash=settings.config_hash,
        lang=lang,
        verdict=verdict(found),
        sentence=sentence(found, lang),
        took_s=round(found.took_s, 1),
        lines=[_line(result, lang) for result in found.results],
        cameras=[seen.measured for seen in found.measurements.values()],
    )


def _line(result: CheckResult, lang: Lang) -> DoctorLine:
    return DoctorLine(
        check=result.check,
        level=level_of(result).value,
        finding=result.finding,
        said=said_of(result, lang),
        todo=todo_of(result, lang),
        accepted=result.accepted,
    )
