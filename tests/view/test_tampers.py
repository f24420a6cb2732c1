"""Tampers and ordinary life made from real clips (``bench/view``): a small part of what the bench runs.

Keyframes only, one picture in two seconds, which is the least that the view stage ever gets; a few at 5
a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from bench.view.cases import KINDS, NORMALS, Case, Kind, places
from bench.view.run import Outcome, grouped, open_at_end, run_group
from bench.view.score import Verdict, summary, verdict
from bench.view.world import Light, Place
from edge_agent.hits import TAMPER

FASTER_S = 20.0
"""Between pictures of the two hours of dusk: here there is no time for more."""
AT_FULL_RATE = ("hand", "turned 10 %", "vibration 2 %")

KNOWN_MISSES = frozenset(
    {
        ("hand", "idle", Light.LAMPS),
        ("bag", "idle", Light.LAMPS),
        ("spray, all", "idle", Light.LAMPS),
        ("spray, 80 %", "idle", Light.LAMPS),
        ("spray, 80 %", "idle", Light.DAY),
        ("turned 10 %", "idle", Light.LAMPS),
        ("turned 30 %", "idle", Light.LAMPS),
    }
)
"""Class, gear and light of what is not told in time yet."""


def some_places(kind: Kind) -> list[Place]:
    """For a tamper one by day and one by night, where it may be both; for ordinary life one."""
    fitting = [
        place for place in places(held_out=False) if kind.fits(place) and place.clip in ("street", "room")
    ]
    if not kind.is_tamper:
        return fitting[:1]
    by_night = [place for place in fitting if place.night]
    by_day = [place for place in fitting if not place.night]
    return [*by_day[:1], *by_night[:1]] if by_day and by_night else fitting[:2]


def all_cases() -> Iterator[tuple[str, Case]]:
    """Gear and case."""
    for kind in KINDS:
        slow = replace(kind, every_s=FASTER_S) if kind.every_s is not None else kind
        for number, place in enumerate(some_places(kind)):
            yield "idle", Case(slow, place, seed=17 * number + 3)
        if kind.name in AT_FULL_RATE:
            yield "full", Case(kind, some_places(kind)[0], seed=3)


@cache
def outcomes() -> dict[str, list[Outcome]]:
    """Of all cases, by class: those at one place share what was learnt there."""
    planned: dict[str, list[Case]] = {"idle": [], "full": []}
    for gear, case in all_cases():
        planned[gear].append(case)
    found: dict[str, list[Outcome]] = {}
    for group in grouped(planned):
        for outcome in run_group(group)[1]:
            found.setdefault(outcome.case.kind.name, []).append(outcome)
    return found


def tamper_cases() -> Iterator[object]:
    for gear, case in all_cases():
        if case.kind.is_tamper:
            known = (case.kind.name, gear, case.place.light) in KNOWN_MISSES
            marks = (
                [pytest.mark.xfail(strict=False, reason="known: see docs/design/view.md")] if known else []
            )
            yield pytest.param(gear, case, id=f"{case.name} {gear}", marks=marks)


@pytest.mark.parametrize(("gear", "case"), list(tamper_cases()))
def test_what_is_done_to_a_camera_is_told_within_15_s_and_ends_with_it(
    gear: str, case: Case, test_data: Path
) -> None:
    (outcome,) = [one for one in outcomes()[case.kind.name] if (one.gear, one.case) == (gear, case)]
    found, delay_s, wrong = verdict(case.kind, outcome.told)
    told = summary(outcome.told)
    assert found is Verdict.RIGHT, f"after {delay_s} s; {told}"
    assert not wrong, told
    assert not open_at_end(outcome.told) & TAMPER, told


@pytest.mark.parametrize("kind", NORMALS, ids=lambda kind: kind.name)
def test_ordinary_life_is_no_tamper(kind: Kind, test_data: Path) -> None:
    assert outcomes()[kind.name]
    for outcome in outcomes()[kind.name]:
        told = f"{outcome.case.name}, {outcome.gear}: {summary(outcome.told)}"
        assert not {hit.state for hit in outcome.told} & TAMPER, told


def test_an_infrared_switch_is_told_as_one(test_data: Path) -> None:
    for outcome in outcomes()["infrared switch"]:
        switched = [hit.at_s for hit in outcome.told if hit.state == "colour-mono-switch"]
        assert len(switched) == 2, "to mono and back"
