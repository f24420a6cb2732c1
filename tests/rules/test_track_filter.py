"""``min_score`` of a rule and ``exclude`` of a zone hold for all kinds of rules alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest

from edge_agent.config.model.settings import AnyRule, Line, LineRule, RuleKind
from edge_agent.core.facts import Phase
from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Track
from edge_agent.rules.build import watch_of
from tests.rules.scene import ALWAYS, EVERY, EVERYWHERE, OF_ZONES, Actor, going, played

LINE = Line("lane", (0.7, 0.0), (0.7, 1.0))
ALL: tuple[AnyRule, ...] = (*OF_ZONES.values(), LineRule(**EVERY, kind=RuleKind.LINE_CROSSING, line=LINE))


def scored(actor: Actor, score: float) -> Actor:
    def at(t: float) -> Track | None:
        track = actor(t)
        return None if track is None else replace(track, score=score)

    return at


def reports(rule: AnyRule, score: float = 0.6) -> int:
    """Of two cars that come from the right, against the arrow and over the line, and stand in the middle."""
    cars = [
        scored(going((0, 0.95, y), (4, 0.5, y), (14, 0.5, y), name=f"car-{y}"), score) for y in (0.4, 0.8)
    ]
    found = played(watch_of(rule, ALWAYS, UTC, None), 14, *cars)  # type: ignore[arg-type]
    return sum(getattr(each, "phase", None) in (Phase.START, Phase.MOMENT) for each in found)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.kind.value)
def test_a_rule_reports_objects_with_its_least_score_and_no_others(rule: AnyRule) -> None:
    assert reports(rule) > 0
    assert reports(replace(rule, min_score=0.6)) == reports(rule)
    assert reports(replace(rule, min_score=0.61)) == 0


@pytest.mark.parametrize("rule", OF_ZONES.values(), ids=lambda rule: rule.kind.value)
def test_objects_in_an_excluded_part_are_not_in_the_zone(rule: AnyRule) -> None:
    assert not isinstance(rule, LineRule)

    def without(*parts: Polygon) -> AnyRule:
        return replace(rule, zone=replace(EVERYWHERE, exclude=parts))

    elsewhere = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2))
    upper, lower = (((0.0, y), (1.0, y), (1.0, y + 0.2), (0.0, y + 0.2)) for y in (0.3, 0.7))
    assert reports(without(elsewhere)) == reports(rule)
    assert reports(without(upper)) < reports(rule)
    assert reports(without(elsewhere, upper, lower)) == 0


def test_a_score_that_rises_is_reported_then() -> None:
    """The mean of the first inferences is low: the far car is small."""
    far, near = (scored(going((0, 0.95, 0.5), (14, 0.5, 0.5)), score) for score in (0.5, 0.7))
    rule = replace(OF_ZONES[RuleKind.ZONE_INTRUSION], min_score=0.6)
    found = played(watch_of(rule, ALWAYS, UTC, None), 14, lambda t: (far if t < 6 else near)(t))  # type: ignore[arg-type]
    assert [(each.phase, round(each.last_mono)) for each in found] == [(Phase.START, 6)]
