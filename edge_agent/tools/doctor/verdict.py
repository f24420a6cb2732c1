"""The verdict of an examination in words: one sentence, and a line for each thing to do.

The command line, the playbook that commissions a site and the page on the phone show these words: the
playbook reads them in the document of ``doctor --json`` (``sentence``, ``summary``), a page calls
``verdict_words``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_agent.config.model.settings import Gateway
from edge_agent.core.languages import Lang
from edge_agent.tools.doctor.check import CheckLevel, CheckResult
from edge_agent.tools.doctor.run import Examination
from edge_agent.tools.doctor.words import level_of, said_of, todo_of
from edge_agent.tools.doctor.words.wording import ACCEPTED, MARKS, label_of

Verdict = Literal["passed", "accepted", "pending", "failed"]
OUTSTANDING = ("broker-unconfirmed", "broker-offline", "clock-offline", "clock-not-set-offline")
"""Findings that a site may have until the centre has confirmed its claim. The technician cannot correct them
at the site."""


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """The verdict and its words, which the technician reads after the examination."""

    verdict: Verdict
    sentence: str  # to be read aloud
    lines: tuple[str, ...]  # faults first, then what could be better


def verdict_words(found: Examination, lang: Lang) -> VerdictWords:
    return VerdictWords(verdict(found), sentence(found, lang), tuple(_to_do(found, lang)))


def verdict(found: Examination) -> Verdict:
    if found.red:
        return "failed"
    if _outstanding(found):
        return "pending"
    return "accepted" if any(level_of(r) is CheckLevel.RED for r in found.accepted) else "passed"


def _outstanding(found: Examination) -> list[CheckResult]:
    return [r for r in found.yellow if r.finding in OUTSTANDING]


def sentence(found: Examination, lang: Lang) -> str:
    """Return the verdict as a sentence that can be read aloud."""
    site, red, waits = site_name(found.settings.gateway), found.red, bool(_outstanding(found))
    yellow = found.yellow  # including OUTSTANDING, because people count the yellow lines that they see
    defects = [r for r in found.accepted if level_of(r) is CheckLevel.RED]
    if lang == "vi":
        improve = f" Có {len(yellow)} mục cần lưu ý." if yellow else ""
        if red:
            return f"Điểm {site}: CHƯA ĐẠT, còn {len(red)} lỗi phải sửa: {_named(red, lang)}.{improve}"
        if waits:
            rest = f"còn {len(defects)} lỗi được chấp nhận: {_named(defects, lang)}" if defects else ""
            conclusion = "ĐẠT TẠI ĐIỂM, CHỜ TRUNG TÂM XÁC NHẬN"
            return f"Điểm {site}: {conclusion}; {rest or 'không có lỗi tại điểm'}.{improve}"
        if defects:
            conditions = f"ĐẠT, CÒN TỒN TẠI {len(defects)} lỗi được chấp nhận: {_named(defects, lang)}"
            return f"Điểm {site}: {conditions}.{improve}"
        return f"Điểm {site}: ĐẠT, không có lỗi.{improve}"
    improve = f" {_count(len(yellow), 'thing')} could be better." if yellow else ""
    if red:
        return f"{site} is NOT READY: {_count(len(red), 'fault')} to correct: {_named(red, lang)}.{improve}"
    if waits:
        rest = f"{_count(len(defects), 'accepted defect')}: {_named(defects, lang)}" if defects else ""
        conclusion = "READY AT THE SITE, NOT CONFIRMED BY THE CENTRE YET"
        return f"{site} is {conclusion}: {rest or 'no faults at the site'}.{improve}"
    if defects:
        conditions = f"{_count(len(defects), 'defect')}: {_named(defects, lang)}"
        return f"{site} is ACCEPTED WITH {conditions}.{improve}"
    return f"{site} is READY: no faults.{improve}"


def site_name(gateway: Gateway) -> str:
    return gateway.id if gateway.name == gateway.id else f"{gateway.id} ({gateway.name})"


def _to_do(found: Examination, lang: Lang) -> list[str]:
    worst_first = sorted(
        (r for r in found.results if level_of(r) in (CheckLevel.RED, CheckLevel.YELLOW)),
        key=lambda r: (r.accepted is not None, level_of(r) is not CheckLevel.RED),
    )
    return [_line(result, lang) for result in worst_first]


def _line(result: CheckResult, lang: Lang) -> str:
    """Return a line such as ``FAULT cam-2: not reached -> check power``; the name is as for --accept."""
    mark = MARKS[lang][level_of(result)]
    label = label_of(result.check, lang)
    named = result.check if label == result.check else f"{result.check} ({label})"
    said = f"{mark} {named}: {said_of(result, lang)}"
    if result.accepted is not None:
        return f"{said} ({ACCEPTED[lang]}: {result.accepted})"
    todo = todo_of(result, lang)
    return f"{said} -> {todo}" if todo else said


def _named(results: Sequence[CheckResult], lang: Lang) -> str:
    return "; ".join(dict.fromkeys(label_of(result.check, lang) for result in results))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
