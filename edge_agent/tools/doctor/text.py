"""The output of an examination: lines and a verdict for a technician, and a JSON document for a playbook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from edge_agent import __version__
from edge_agent.config.board import read_board
from edge_agent.config.model.settings import Gateway
from edge_agent.core.clock import rfc3339
from edge_agent.core.languages import Lang
from edge_agent.host.health.birth import wire_location
from edge_agent.tools.doctor.check import CheckLevel, CheckResult
from edge_agent.tools.doctor.run import Examination
from edge_agent.tools.doctor.words import level_of, said_of, todo_of
from edge_agent.tools.doctor.words.wording import label_of
from edge_agent.wire import Doctor, DoctorLine

Verdict = Literal["passed", "accepted", "failed"]

MARKS: dict[str, dict[CheckLevel, str]] = {
    "en": {
        CheckLevel.GREEN: "ok",
        CheckLevel.YELLOW: "better",
        CheckLevel.RED: "FAULT",
        CheckLevel.SKIPPED: "-",
    },
    "vi": {
        CheckLevel.GREEN: "tốt",
        CheckLevel.YELLOW: "lưu ý",
        CheckLevel.RED: "LỖI",
        CheckLevel.SKIPPED: "-",
    },
}
ACCEPTED = {"en": "accepted", "vi": "chấp nhận"}
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
    marks = [_mark(result, lang) for result in found.results]
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


def _mark(result: CheckResult, lang: Lang) -> str:
    return ACCEPTED[lang] if result.accepted is not None else MARKS[lang][level_of(result)]


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
