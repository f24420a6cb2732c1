"""Proposals of a mask and of a least score: what false alarms in the middle of a zone, and uncertain ones,
suggest, and when they suggest nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from typing import Any

import pytest

from edge_central.proposals import mask as masks
from edge_central.proposals.draft import RuleInForce, drafted
from edge_central.proposals.mask import MaskedRectangle, best_rectangle
from edge_central.proposals.outcomes import JudgedReport
from edge_central.proposals.reasoning import ChangeKind, ProposedChange, propose

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
STATUE = (0.52, 0.57)
ZONE = {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]}
RULE = {"id": "yard", "kind": "loitering", "zone": "yard"}


def reports(
    count: int, *, real: bool, at: tuple[float, float] | None = None, score: tuple[float, float] = (0.5, 0.9)
) -> list[JudgedReport]:
    """Reports near a place, or (None) anywhere but at the statue, with a score in that range."""
    rng = random.Random(f"{count} {real} {at} {score}")
    found: list[JudgedReport] = []
    while len(found) < count:
        place = (rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9))
        if at is not None:
            place = (at[0] + rng.uniform(-0.04, 0.04), at[1] + rng.uniform(-0.04, 0.04))
        elif max(abs(place[0] - STATUE[0]), abs(place[1] - STATUE[1])) < 0.1:
            continue
        number, moment = len(found), NOON + timedelta(hours=rng.uniform(0, 24))
        time_ms, label = round(moment.timestamp() * 1000), rng.choice(("person", "motorcycle"))
        lasted_s = rng.uniform(20, 90)
        name = f"{real}-{at}-{number}"
        found.append(JudgedReport(name, real, time_ms, place, label, lasted_s, rng.uniform(*score)))
    return found


def proposed(judged: Sequence[JudgedReport]) -> dict[ChangeKind, ProposedChange]:
    return {each.kind: each for each in propose(judged, UTC)}


# --- masks ---


def test_false_alarms_in_the_middle_of_a_zone_propose_a_mask() -> None:
    found = proposed([*reports(14, real=False, at=STATUE), *reports(30, real=True)])
    assert list(found) == [ChangeKind.MASK], "no straight cut separates them"
    change = found[ChangeKind.MASK]
    assert (change.false_removed, change.false_all, change.real_lost, change.real_all) == (14, 14, 0, 30)
    assert change.mask is not None
    assert change.mask.covers(STATUE)
    assert (change.mask.x2 - change.mask.x1) * (change.mask.y2 - change.mask.y1) <= 0.04
    assert "of 14 false alarms 14 lie between x = 0.45 and 0.55, y = 0.50 and 0.65" in change.reason


def test_no_mask_is_proposed_where_real_alarms_would_be_lost() -> None:
    beside = [*reports(14, real=False, at=STATUE), *reports(30, real=True)]
    assert ChangeKind.MASK not in proposed([*beside, *reports(14, real=True, at=STATUE)])


def test_a_straight_cut_that_removes_as_much_is_simpler() -> None:
    found = proposed([*reports(20, real=False, at=(0.15, 0.5)), *reports(20, real=True, at=(0.6, 0.5))])
    assert ChangeKind.AREA in found
    assert ChangeKind.MASK not in found


def test_few_alarms_prove_no_mask() -> None:
    """All five at one place, and four real ones elsewhere: that happens by chance."""
    assert ChangeKind.MASK not in proposed([*reports(5, real=False, at=STATUE), *reports(4, real=True)])


@pytest.mark.parametrize("seed", range(6))
def test_alarms_without_a_pattern_propose_neither(seed: int) -> None:
    rng = random.Random(seed)
    judged = reports(40 + seed, real=False)
    real = rng.sample(range(len(judged)), 24)
    mixed = [
        JudgedReport(each.event_id, n in real, each.time_ms, each.foot, "person", 30.0, each.score)
        for n, each in enumerate(judged)
    ]
    assert not {ChangeKind.MASK, ChangeKind.SCORE} & proposed(mixed).keys()


def test_a_crowd_has_no_place_and_no_score() -> None:
    judged = [*reports(14, real=False, at=STATUE), *reports(30, real=True)]
    crowds = [
        JudgedReport(each.event_id, each.is_real, each.time_ms, each.foot, None, None) for each in judged
    ]
    assert not {ChangeKind.MASK, ChangeKind.SCORE} & proposed(crowds).keys()


@pytest.mark.parametrize("seed", range(8))
def test_no_other_rectangle_is_worth_more(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "CELLS", 5)
    monkeypatch.setattr(masks, "CELL_COST", 1 / 125)
    rng = random.Random(seed)
    places = [((rng.random(), rng.random()), rng.choice((1.0, 1.0, 1.0, -5.0))) for _ in range(30)]

    def worth(rectangle: MaskedRectangle) -> float:
        area = (rectangle.x2 - rectangle.x1) * (rectangle.y2 - rectangle.y1)
        return sum(value for place, value in places if rectangle.covers(place)) - area * 25 / 125

    spans = [(first / 5, last / 5) for first, last in combinations(range(6), 2)]
    all_ = [MaskedRectangle(x1, y1, x2, y2) for (x1, x2), (y1, y2) in product(spans, spans)]
    best = best_rectangle(places)
    assert best is not None
    assert worth(best) == pytest.approx(max(map(worth, all_)))


def test_the_border_of_the_picture_belongs_to_it() -> None:
    assert MaskedRectangle(0.9, 0.9, 1.0, 1.0).covers((1.0, 1.0))
    assert best_rectangle([((1.0, 1.0), 3.0), ((0.0, 0.0), 1.0), ((0.5, 0.5), -9.0)]) == MaskedRectangle(
        0.95, 0.95, 1.0, 1.0
    )
    assert best_rectangle([((0.5, 0.5), -5.0)]) is None


# --- scores ---


def test_uncertain_false_alarms_propose_a_least_score() -> None:
    found = proposed([*reports(14, real=False, score=(0.5, 0.6)), *reports(12, real=True, score=(0.7, 0.95))])
    change = found[ChangeKind.SCORE]
    assert 0.6 <= (change.score or 0) <= 0.71
    assert (change.false_removed, change.real_lost) == (14, 0)
    assert f"of 14 false alarms 14 had a score below {change.score:g}" in change.reason


def test_no_score_is_proposed_where_real_alarms_are_as_uncertain() -> None:
    judged = [*reports(14, real=False, score=(0.5, 0.6)), *reports(14, real=True, score=(0.5, 0.6))]
    assert ChangeKind.SCORE not in proposed(judged)


# --- drafts ---


def draft(change: ProposedChange, rule: dict[str, Any] = RULE, zone: dict[str, Any] = ZONE) -> Any:
    present = RuleInForce.of(
        rule, {"zones": {"yard": zone}, "lines": {"gate": {"from": [0, 0], "to": [1, 1]}}}
    )
    assert present is not None
    return drafted(present, change)


MASK = ProposedChange(ChangeKind.MASK, mask=MaskedRectangle(0.5, 0.5, 0.6, 0.65))
SCORE = ProposedChange(ChangeKind.SCORE, score=0.62)


def test_a_masks_draft_keeps_what_the_zone_excludes_already() -> None:
    before, corners = [[0.2, 0.2], [0.3, 0.2], [0.3, 0.3]], [[0.5, 0.5], [0.6, 0.5], [0.6, 0.65], [0.5, 0.65]]
    assert draft(MASK, zone=ZONE | {"name": "Sân", "exclude": [before]}) == {
        "zones": {"yard-cut": ZONE | {"name": "Sân", "exclude": [before, corners]}},
        "rules": [RULE | {"zone": "yard-cut"}],
    }


def test_what_cannot_be_masked_is_no_draft() -> None:
    assert draft(MASK, rule={"id": "gate", "kind": "line-crossing", "line": "gate"}) is None
    assert draft(MASK, zone=ZONE | {"exclude": [[[0, 0], [1, 0], [1, 1]]] * 16}) is None
    assert draft(MASK, zone=ZONE | {"exclude": "all"}) is None
    assert draft(ProposedChange(ChangeKind.MASK, mask=MaskedRectangle(0.0, 0.0, 1.0, 1.0))) is None


def test_a_scores_draft_never_lowers_the_score() -> None:
    assert draft(SCORE) == {"rules": [RULE | {"min_score": 0.62}]}
    assert draft(SCORE, rule=RULE | {"min_score": 0.5}) == {"rules": [RULE | {"min_score": 0.62}]}
    assert draft(SCORE, rule=RULE | {"min_score": 0.62}) is None
    assert draft(SCORE, rule=RULE | {"min_score": "high"}) is None
