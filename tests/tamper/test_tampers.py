"""Tampering and ordinary scenes made from real clips (``bench/view``): a small part of what the bench runs.

Most cases have one picture in two seconds, the least that the view stage ever gets; a few have 5 a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from bench.view.cases import KINDS, NORMALS, TAMPERS, Case, Kind, places
from bench.view.run import Outcome, grouped, open_at_end, run_group
from bench.view.score import Verdict, summary, verdict
from bench.view.world import Place
from edge_agent.core.facts import TAMPER

FASTER_S = 20.0
"""Seconds between pictures of the two hours of dusk, to keep the test short."""
AT_FULL_RATE = ("hand", "turned 10 %", "vibration 2 %")

RIGHT_SHARE = 0.9
"""Required share of detected tampering in each mode; the bench has the figures of all cases."""


BY_DAY_AND_BY_NIGHT = pytest.mark.parametrize(
    "both", [False, pytest.param(True, marks=pytest.mark.long)], ids=["by day or night", "both"]
)


def some_places(kind: Kind, both: bool) -> list[Place]:
    """The places to test: by day, by night or ``both`` for tampering, one for ordinary scenes."""
    fitting = [each for each in places(held_out=False) if kind.fits(each) and each.clip in ("street", "room")]
    if not kind.is_tamper:
        return fitting[:1]
    by_night = [place for place in fitting if place.night]
    by_day = [place for place in fitting if not place.night]
    found = [*by_day[:1], *by_night[:1]] if by_day and by_night else fitting[:2]
    return found if both else found[KINDS.index(kind) % 2 :][:1] or found[:1]


def all_cases(both: bool) -> Iterator[tuple[str, Case]]:
    """Gear and case."""
    for kind in KINDS:
        slow = replace(kind, every_s=FASTER_S) if kind.every_s is not None else kind
        for number, place in enumerate(some_places(kind, both)):
            yield "idle", Case(slow, place, seed=17 * number + 3)
        if kind.name in AT_FULL_RATE:
            yield "full", Case(kind, some_places(kind, both=True)[0], seed=3)


@cache
def outcomes(both: bool) -> dict[str, list[Outcome]]:
    """The outcomes of all cases, by class. Cases at one place share the learned baseline."""
    planned: dict[str, list[Case]] = {"idle": [], "full": []}
    for gear, case in all_cases(both):
        planned[gear].append(case)
    found: dict[str, list[Outcome]] = {}
    for group in grouped(planned):
        for outcome in run_group(group)[1]:
            found.setdefault(outcome.case.kind.name, []).append(outcome)
    return found


def tampers(both: bool, gear: str | None = None) -> list[Outcome]:
    done = [outcome for kind in TAMPERS for outcome in outcomes(both)[kind.name]]
    return [outcome for outcome in done if gear in (None, outcome.gear)]


def line(outcome: Outcome) -> str:
    return f"{outcome.case.name}, {outcome.gear}: {summary(outcome.reported)}"


@BY_DAY_AND_BY_NIGHT
@pytest.mark.parametrize("gear", ["full", "idle"])
def test_nine_of_ten_tampers_are_reported_rightly_within_15_s(gear: str, both: bool, test_data: Path) -> None:
    done = tampers(both, gear)
    failed = [one for one in done if verdict(one.case.kind, one.reported)[0] is not Verdict.RIGHT]
    assert 1 - len(failed) / len(done) >= RIGHT_SHARE, "\n".join(map(line, failed))


@BY_DAY_AND_BY_NIGHT
def test_each_state_that_was_reported_ends_when_the_view_is_back(both: bool, test_data: Path) -> None:
    still_open = [one for one in tampers(both) if open_at_end(one.reported) & TAMPER]
    assert not still_open, "\n".join(map(line, still_open))


@pytest.mark.parametrize("kind", NORMALS, ids=lambda kind: kind.name)
def test_ordinary_life_is_no_tamper(kind: Kind, test_data: Path) -> None:
    done = outcomes(False)[kind.name]
    assert done
    for outcome in done:
        assert not {observation.state for observation in outcome.reported} & TAMPER, line(outcome)


def test_an_infrared_switch_is_reported_as_one(test_data: Path) -> None:
    for outcome in outcomes(False)["infrared switch"]:
        switched = [each.at_s for each in outcome.reported if each.state == "colour-mono-switch"]
        assert len(switched) == 2, "to mono and back"
