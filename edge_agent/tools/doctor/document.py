"""An examination as the JSON document that a playbook reads."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from edge_agent import __version__
from edge_agent.config.board import read_board
from edge_agent.core.clock import rfc3339
from edge_agent.core.languages import Lang
from edge_agent.host.health.birth import wire_location
from edge_agent.tools.doctor.check import CheckResult
from edge_agent.tools.doctor.run import Examination
from edge_agent.tools.doctor.text import sentence, verdict
from edge_agent.tools.doctor.words import level_of, said_of, todo_of
from edge_agent.wire import Doctor, DoctorLine


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
