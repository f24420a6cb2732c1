"""``edge-agent doctor``: runs the examination. It prints lines and a verdict for a technician, or a JSON
document for a playbook."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.config import last_good
from edge_agent.config.board import read_serial
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import effective
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK, EX_USAGE
from edge_agent.core.errors import ConfigError, EdgeAgentError, UsageError
from edge_agent.core.languages import Bilingual, Lang, lang_of, say, ward_text
from edge_agent.core.problems.problem import encode_json
from edge_agent.host.system.process import become_agent, is_writable, login_folder, make_state_dir
from edge_agent.tools.cameras.messages import CAMERAS
from edge_agent.tools.doctor import run
from edge_agent.tools.doctor.check import CheckLevel
from edge_agent.tools.doctor.checks.picture import sheet as sheet_of
from edge_agent.tools.doctor.document import (
    ReportOptions,
    document,
    with_options,
    with_report,
    without_pictures,
)
from edge_agent.tools.doctor.run import DoctorEnvironment, Examination
from edge_agent.tools.doctor.verdict import sentence, site_name, verdict
from edge_agent.tools.doctor.words import level_of, said_of, todo_of
from edge_agent.tools.doctor.words.wording import ACCEPTED, MARKS
from edge_agent.wire import Doctor

if TYPE_CHECKING:
    from edge_agent.tools.doctor.report import ResultFile


def run_doctor(args: argparse.Namespace, out: TextIO, environment: DoctorEnvironment | None = None) -> int:
    """Return 0 if the site is ready or all red results were accepted, 1 if a check is red or the centre has
    not confirmed the site yet, 2 for wrong usage.

    Raises ConfigError, and EdgeAgentError when a report cannot be written. A process of root continues as the
    agent's user (become_agent).
    """
    from edge_agent.cameras.build import use_one_opencv_thread
    from edge_agent.tools.doctor.report import result_file

    use_one_opencv_thread()
    environment = environment or DoctorEnvironment()
    lang = lang_of(args)
    if args.findings is not None:
        return _report_of_findings(args)
    settings, unread = load(args.config)
    known = run.check_names(settings)
    for name, _ in args.accept:
        if name.partition("/")[0] not in known:
            choices = _WORDS[lang]["choices"].format(known=", ".join(known))
            print(f"edge-agent doctor: --accept {name}: {choices}", file=sys.stderr)
            return EX_USAGE
    if args.sheet is not None and not settings.cameras:
        raise EdgeAgentError(
            Bilingual(
                "there is no camera in the configuration: no pictures to put on a sheet",
                "cấu hình không có camera nào nên không có hình để ghép thành một ảnh (--sheet)",
            )
        )
    paper = _ReportInput(args)
    with result_file(args.sheet) as sheet, result_file(args.report) as report:
        serial = read_serial(environment.sysroot)
        make_state_dir(settings.state_dir)
        agent = become_agent(settings.state_dir)  # before data from cameras is decoded
        warn_of_forgotten_logins(settings, lang)
        options = paper.options()
        if sys.stderr.isatty():
            print(f"{settings.gateway.id}: {_WORDS[lang]['takes']}", file=sys.stderr)
        found = run.accept(run.examine(settings, unread, environment, agent), dict(args.accept))
        summary = document(found, lang, environment.clock.now(), environment.sysroot, serial)
        if report is not None:
            summary = with_report(summary, found, options)
        _print(found, summary, lang, out, as_json=args.json)
        if sheet is not None:
            sheet.write(sheet_of({name: seen.picture for name, seen in found.measurements.items()}))
        if report is not None:
            _write_report(summary, args, report, settings.state_dir)
    return EX_OK if verdict(found) in ("passed", "accepted") else EX_FAILED


def warn_of_forgotten_logins(settings: Settings, lang: Lang) -> None:
    """Print a warning if this user can write failed logins at cameras nowhere for the next run."""
    folder = login_folder(settings.state_dir)
    if any(camera.credentials for camera in settings.cameras) and not is_writable(folder):
        print(f"edge-agent doctor: {say(CAMERAS, 'logins-forgotten', lang, folder=folder)}", file=sys.stderr)


class _ReportInput:
    """The input for the report. Its files are read with the caller's rights, and decoded with the agent's."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Read the files. Raises EdgeAgentError for a file that cannot be read."""
        from edge_agent.tools.doctor.report import Photo

        self._args = args
        wanted = args.report is not None
        self._photo = Photo.read(args.photo) if args.photo is not None and wanted else None
        signed: list[tuple[str, Path]] = args.signature if wanted else []
        self._signatures = {role: Photo.read(path, "--signature") for role, path in signed}

    def options(self) -> ReportOptions:
        """Decode the pictures. Raises EdgeAgentError for a file that is no picture."""
        args = self._args
        return ReportOptions(
            number=args.number,
            by=args.by or "",
            owner=args.owner,
            contractor=args.contractor,
            ward=args.ward,
            photo=None if self._photo is None else self._photo.scaled(),
            signatures={role: photo.signature() for role, photo in self._signatures.items()},
        )


def _print(found: Examination, summary: Doctor, lang: Lang, out: TextIO, *, as_json: bool) -> None:
    if as_json:
        printed = json.loads(encode_json(without_pictures(summary)))
        out.write(json.dumps(printed, indent=2, ensure_ascii=False) + "\n")
        return
    for line in lines(found, lang, colour=has_colours(out, os.environ)):
        out.write(f"{line}\n")


def _write_report(summary: Doctor, args: argparse.Namespace, report: ResultFile, state_dir: Path) -> None:
    from edge_agent.tools.doctor.paper import make_report
    from edge_agent.tools.doctor.report import store_report

    page = make_report(summary, lang_of(args), args.also)
    report.write(page)
    store_report(state_dir, summary, page)


def _report_of_findings(args: argparse.Namespace) -> int:
    """Make the report from stored findings, without an examination. Raises EdgeAgentError."""
    from edge_agent.tools.doctor.paper import make_report
    from edge_agent.tools.doctor.report import read_findings, result_file

    if args.report is None:
        raise UsageError(Bilingual("--findings needs --report", "--findings phải đi cùng --report"))
    examining = {"--accept": args.accept, "--sheet": args.sheet, "--json": args.json}
    if extra := ", ".join(option for option, given in examining.items() if given):
        english = f"--findings examines nothing: leave out {extra}"
        raise UsageError(Bilingual(english, f"--findings không kiểm tra lại: bỏ {extra}"))
    summary = read_findings(args.findings)
    _warn_of_other_gateway(summary, args.config)
    paper = _ReportInput(args)
    with result_file(args.report) as report:
        become_agent(last_good.state_dirs(args.config)[0])  # before pictures are decoded
        page = make_report(with_options(summary, paper.options()), args.lang or summary.lang, args.also)
        if report is not None:
            report.write(page)
    return EX_OK


def _warn_of_other_gateway(summary: Doctor, config: Path) -> None:
    """Warn if the findings are of another gateway than the configuration, if that is valid."""
    try:
        own = effective(config, no_secrets=True).gateway.id
    except ConfigError:
        return  # a control machine, for example, has no configuration
    if own != summary.gateway:
        where = f"{config} is of {own}"
        print(f"edge-agent doctor: the findings are of {summary.gateway}, but {where}", file=sys.stderr)


def load(path: Path) -> tuple[Settings, str | None]:
    """Return the settings in force, and the reason if passwords or keys could not be read, else None.

    The agent's user cannot read the passwords, which systemd passes to the agent: the doctor examines the
    rest. Root can read all files, so for root this error is a configuration mistake: raises ConfigError.
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
    """Return whether to print colours: only on a terminal, and not if NO_COLOR is set (no-color.org)."""
    return out.isatty() and not environ.get("NO_COLOR")


COLOURS = {CheckLevel.GREEN: "32", CheckLevel.YELLOW: "33", CheckLevel.RED: "31", CheckLevel.SKIPPED: "2"}
"""ECMA-48, select graphic rendition."""
_WORDS = {
    "en": {
        "do": "do",
        "reason": "accepted",
        "takes": "up to 20 s ...",
        "choices": "no such check; there are {known}",
    },
    "vi": {
        "do": "cần làm",
        "reason": "lý do chấp nhận",
        "takes": "đang kiểm tra, tối đa 20 giây ...",
        "choices": "không có mục kiểm tra này; các mục hiện có: {known}",
    },
}


def lines(found: Examination, lang: Lang, *, colour: bool) -> Iterator[str]:
    """Yield all lines that the command prints."""
    gateway, words = found.settings.gateway, _WORDS[lang]
    yield f"{site_name(gateway)}, {ward_text(gateway.ward_shown, lang)}"
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
    waits = found.accepted or verdict(found) == "pending"
    level = CheckLevel.RED if found.red else CheckLevel.YELLOW if waits else CheckLevel.GREEN
    yield _painted(sentence(found, lang), level, colour)


def _painted(text: str, level: CheckLevel, colour: bool) -> str:
    return f"\x1b[{COLOURS[level]}m{text}\x1b[0m" if colour else text
