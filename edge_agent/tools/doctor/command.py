"""``edge-agent doctor``: runs the examination; output and exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import msgspec

from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import effective
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK, EX_USAGE
from edge_agent.core.errors import ConfigError, EdgeAgentError
from edge_agent.core.languages import Bilingual, Lang, default_lang
from edge_agent.host.system.process import become_agent
from edge_agent.tools.doctor import run
from edge_agent.tools.doctor.run import DoctorEnvironment
from edge_agent.tools.doctor.text import document, lines, verdict


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
            out.write(
                json.dumps(json.loads(msgspec.json.encode(summary)), indent=2, ensure_ascii=False) + "\n"
            )
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
