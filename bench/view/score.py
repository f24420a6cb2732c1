"""Scores the outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from bench.view.cases import KINDS, Kind
from bench.view.run import Outcome, ReportedState, Results, open_at_end
from edge_agent.core.facts import TAMPER, Phase

IN_TIME_S = 15.0
TARGET_SHARE = 0.9


class Verdict(StrEnum):
    RIGHT = "right"  # the right class within 15 s, and no wrong tamper before it
    LATE = "late"
    WRONG = "wrong"  # another tampering state was reported first, or instead
    MISSED = "missed"


@dataclass(slots=True)
class TamperScore:
    """The score of one class in one mode."""

    kind: str
    gear: str
    cases: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    delays_s: list[float] = field(default_factory=list)
    also_wrong: int = 0  # right, but a wrong tampering state was reported later
    ended: int = 0  # of the reported ones: ended, with nothing open, when the case ends
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class NormalScore:
    kind: str
    gear: str
    cases: int = 0
    false_tampers: int = 0  # events
    cases_with_false: int = 0
    reported: Counter[str] = field(default_factory=Counter)  # number of cases by state that may be reported
    unexpected: Counter[str] = field(
        default_factory=Counter
    )  # number of cases by other state, except tampering
    failures: list[str] = field(default_factory=list)


def verdict(kind: Kind, reported: Iterable[ReportedState]) -> tuple[Verdict, float | None, bool]:
    """The verdict, the seconds until the right class, and whether a wrong tampering state was reported."""
    starts = [t for t in reported if t.phase == Phase.START]
    right = next((t.at_s for t in starts if t.state in kind.right), None)
    wrong = [t.at_s for t in starts if t.state in TAMPER and t.state not in kind.right]
    if right is None:
        return (Verdict.WRONG if wrong else Verdict.MISSED), None, bool(wrong)
    if wrong and wrong[0] <= right:
        return Verdict.WRONG, right, True
    return (Verdict.RIGHT if right <= IN_TIME_S else Verdict.LATE), right, bool(wrong)


def tamper_scores(results: Results) -> list[TamperScore]:
    scores: dict[tuple[str, str], TamperScore] = {}
    for outcome in _in_order(results):
        if outcome.case.kind.is_tamper:
            key = (outcome.case.kind.name, outcome.gear)
            _add_tamper(scores.setdefault(key, TamperScore(*key)), outcome)
    return list(scores.values())


def _add_tamper(score: TamperScore, outcome: Outcome) -> None:
    found, delay, wrong = verdict(outcome.case.kind, outcome.reported)
    score.cases += 1
    score.verdicts[found] += 1
    if found in (Verdict.RIGHT, Verdict.LATE) and delay is not None:
        score.delays_s.append(delay)
        score.also_wrong += wrong
    over = not open_at_end(outcome.reported) & {*TAMPER, *outcome.case.kind.right}
    score.ended += over and delay is not None
    if found is not Verdict.RIGHT or wrong or not over:
        score.failures.append(f"{outcome.case.name}: {found}; {summary(outcome.reported)}")


def normal_scores(results: Results) -> list[NormalScore]:
    scores: dict[tuple[str, str], NormalScore] = {}
    for outcome in _in_order(results):
        if not outcome.case.kind.is_tamper:
            key = (outcome.case.kind.name, outcome.gear)
            _add_normal(scores.setdefault(key, NormalScore(*key)), outcome)
    for lesson in results.lessons:
        score = scores.setdefault(("while learning", lesson.gear), NormalScore("while learning", lesson.gear))
        _count(score, lesson.place.name, lesson.reported, frozenset())
    return list(scores.values())


def _add_normal(score: NormalScore, outcome: Outcome) -> None:
    _count(score, outcome.case.name, outcome.reported, outcome.case.kind.right)


def _count(
    score: NormalScore, name: str, reported: tuple[ReportedState, ...], may_be: frozenset[str]
) -> None:
    begun = [t.state for t in reported if t.phase in (Phase.START, Phase.MOMENT)]
    false = [state for state in begun if state in TAMPER]
    score.cases += 1
    score.false_tampers += len(false)
    score.cases_with_false += bool(false)
    others = {state for state in begun if state not in TAMPER}
    score.reported.update(sorted(str(s) for s in others & may_be))
    score.unexpected.update(sorted(str(s) for s in others - may_be))
    if false or others - may_be:
        score.failures.append(f"{name}: {summary(reported)}")


def _in_order(results: Results) -> list[Outcome]:
    order = {kind.name: number for number, kind in enumerate(KINDS)}
    return sorted(results.outcomes, key=lambda o: (order[o.case.kind.name], o.gear, o.case.name))


def summary(reported: Iterable[ReportedState]) -> str:
    """All reported states, on one line."""
    return ", ".join(f"{t.at_s:g} s {t.state} {t.phase} ({t.why})" for t in reported) or "nothing reported"


def share_right(scores: Iterable[TamperScore]) -> float:
    scores = list(scores)
    return sum(s.verdicts[Verdict.RIGHT] for s in scores) / max(1, sum(s.cases for s in scores))


def percentile(values: list[float], which: float) -> float | None:
    return round(float(np.percentile(values, which)), 1) if values else None
