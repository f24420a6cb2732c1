"""The examination as a document of the wire: what ``doctor --json`` prints, and all that the report needs."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from msgspec import structs

from edge_agent import __version__
from edge_agent.config.board import read_board
from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import rfc3339
from edge_agent.core.languages import Lang
from edge_agent.host.health.birth import wire_location
from edge_agent.tools.doctor.check import CheckResult
from edge_agent.tools.doctor.checks.cameras import CameraMeasurement
from edge_agent.tools.doctor.checks.picture import jpeg
from edge_agent.tools.doctor.run import Examination
from edge_agent.tools.doctor.verdict import sentence, verdict_words
from edge_agent.tools.doctor.words import level_of, said_of, todo_of
from edge_agent.tools.doctor.words.wording import label_of
from edge_agent.wire import (
    Doctor,
    DoctorCamera,
    DoctorLine,
    DoctorParty,
    DoctorReport,
    DoctorText,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Options of the report, given by the person who examines the site. An empty text is replaced by the one
    in the configuration."""

    number: str = ""
    by: str = ""
    owner: str = ""
    contractor: str = ""
    ward: str = ""
    photo: bytes | None = None  # JPEG of the notice sign
    signatures: dict[str, bytes] = field(default_factory=dict)  # PNG, by the role of a party


def document(
    found: Examination, lang: Lang, now: datetime, sysroot: Path, serial: str | None = None
) -> Doctor:
    """Return the document without pictures. ``serial``: the board's serial number, which often only root
    may read."""
    settings, gateway = found.settings, found.settings.gateway
    words = verdict_words(found, lang)
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
        verdict=words.verdict,
        sentence=words.sentence,
        took_s=round(found.took_s, 1),
        lines=[_line(result, lang) for result in found.results],
        cameras=[_camera(found, seen) for seen in found.measurements.values()],
        ward_name=gateway.ward_shown,
        timezone=gateway.timezone.key,
        serial=serial or None,
        summary=list(words.lines),
        sentences=DoctorText(en=sentence(found, "en"), vi=sentence(found, "vi")),
    )


def with_report(summary: Doctor, found: Examination, options: ReportOptions) -> Doctor:
    """Add the pictures, and the texts of the report that are not results."""
    pictures = {name: seen.picture for name, seen in found.measurements.items()}
    cameras = [
        each
        if (picture := pictures.get(each.id)) is None
        else structs.replace(each, picture=_base64(jpeg(picture)))
        for each in summary.cameras
    ]
    return structs.replace(summary, cameras=cameras, report=_report(summary, found.settings, options))


def with_options(stored: Doctor, options: ReportOptions) -> Doctor:
    """Return a stored document with the options that are given; the others stay as they are. A party whose
    name changes loses its stored signature. Without the data of a report nothing changes."""
    report = stored.report
    if report is None:
        return stored
    return structs.replace(
        stored,
        report=structs.replace(
            report,
            number=options.number or report.number,
            by=options.by or report.by,
            parties=[_party_with(each, options) for each in report.parties],
            photo=report.photo if options.photo is None else _base64(options.photo),
        ),
    )


def _party_with(stored: DoctorParty, options: ReportOptions) -> DoctorParty:
    organisations = {"owner": options.owner, "contractor": options.contractor, "ward": options.ward}
    named = structs.replace(
        stored,
        organisation=organisations[stored.role] or stored.organisation,
        name=(options.by if stored.role == "contractor" else "") or stored.name,
    )
    drawn = options.signatures.get(stored.role)
    kept = stored.signature if named == stored else None
    return structs.replace(named, signature=kept if drawn is None else _base64(drawn))


def without_pictures(summary: Doctor) -> Doctor:
    """Return the document without its pictures, to print it: they are large, and the report has them."""
    cameras = [structs.replace(each, picture=None) for each in summary.cameras]
    report = summary.report
    if report is not None:
        parties = [structs.replace(each, signature=None) for each in report.parties]
        report = structs.replace(report, photo=None, parties=parties)
    return structs.replace(summary, cameras=cameras, report=report)


def has_clock(document: Doctor) -> bool:
    """Return whether the clock was set during the examination. Without a battery it may start in 2021."""
    return not any(line.finding in ("clock-not-set", "clock-not-set-offline") for line in document.lines)


def _report(summary: Doctor, settings: Settings, options: ReportOptions) -> DoctorReport:
    gateway, paper = settings.gateway, settings.acceptance
    local = datetime.fromisoformat(summary.time).astimezone(gateway.timezone)
    organisations = {
        "owner": options.owner or paper.owner,
        "contractor": options.contractor or paper.contractor,
        "ward": options.ward or paper.ward,
    }
    return DoctorReport(
        number=options.number or (f"{gateway.id}.{local:%d%m%Y}" if has_clock(summary) else gateway.id),
        symbol=paper.symbol,
        authority=paper.authority,
        organisation=paper.organisation,
        place=paper.place or gateway.ward_name,
        by=options.by,
        parties=list(_parties(organisations, options)),
        photo=None if options.photo is None else _base64(options.photo),
    )


def _parties(organisations: dict[str, str], options: ReportOptions) -> Iterable[DoctorParty]:
    for role in ("owner", "contractor", "ward"):
        drawn = options.signatures.get(role)
        yield DoctorParty(
            role=role,
            organisation=organisations[role],
            name=options.by if role == "contractor" else "",
            signature=None if drawn is None else _base64(drawn),
        )


def _camera(found: Examination, seen: CameraMeasurement) -> DoctorCamera:
    url = next((each.url for each in found.settings.cameras if each.id == seen.measured.id), "")
    identity = found.identities.get(seen.measured.id)
    reported = {} if identity is None else structs.asdict(identity)
    return structs.replace(seen.measured, address=urllib.parse.urlsplit(url).hostname, **reported)


def _line(result: CheckResult, lang: Lang) -> DoctorLine:
    return DoctorLine(
        check=result.check,
        level=level_of(result).value,
        finding=result.finding,
        said=said_of(result, lang),
        todo=todo_of(result, lang),
        accepted=result.accepted,
        label=DoctorText(en=label_of(result.check, "en"), vi=label_of(result.check, "vi")),
        words=DoctorText(en=said_of(result, "en"), vi=said_of(result, "vi")),
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
