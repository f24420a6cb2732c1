"""Which sightings one frame's detections give, which label an object's sightings vote for, and which track
each is assigned to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.model import Box, Detection
from edge_agent.tracking.association import FORBIDDEN, assign
from edge_agent.tracking.sightings import GroupVote, Sighting, is_rider_on, sightings

RIDER = Box(0.40, 0.30, 0.46, 0.50)
MACHINE = Box(0.40, 0.42, 0.46, 0.56)
BOTH = RIDER.union(MACHINE)
LOW, HIGH = Box(0.405, 0.44, 0.455, 0.56), Box(0.40, 0.30, 0.46, 0.52)
WHEEL = Box(0.41, 0.47, 0.45, 0.56)


def of_any_group(box: Box, group: str | None = None) -> bool:
    """Tracks are everywhere, but none is known by its group."""
    return group is None


def seen(*detections: Detection) -> list[Sighting]:
    return sightings(detections, 9 / 16, lambda person, machine: False, of_any_group)


@pytest.mark.parametrize(
    ("detections", "box"),
    [
        ([("person", 0.6, RIDER), ("motorcycle", 0.4, MACHINE)], BOTH),
        ([("person", 0.6, RIDER), ("motorcycle", 0.2, RIDER)], RIDER),  # one box under two names
        ([("person", 0.6, RIDER), ("motorcycle", 0.2, RIDER), ("motorcycle", 0.4, MACHINE)], BOTH),
        ([("motorcycle", 0.5, WHEEL), ("motorcycle", 0.2, BOTH)], BOTH),  # a part, and all of it
        ([("motorcycle", 0.5, LOW), ("motorcycle", 0.2, HIGH)], LOW.union(HIGH)),  # mostly within it
        ([("motorcycle", 0.2, RIDER)], RIDER),
    ],
)
def test_a_rider_is_one_object_however_named(detections: Sequence[tuple[str, float, Box]], box: Box) -> None:
    (sighting,) = seen(*(Detection(*d) for d in detections))
    assert (sighting.group, sighting.label) == ("two-wheeler", "motorcycle")
    assert sighting.score == max(score for _, score, _ in detections)
    assert sighting.box == box


def test_two_riders_side_by_side_are_two() -> None:
    other = [box.shifted(0.07, 0.01) for box in (RIDER, MACHINE)]
    found = [Detection("person", 0.6, box) for box in (RIDER, other[0])]
    found += [Detection("motorcycle", 0.5, box) for box in (MACHINE, other[1])]
    assert len(seen(*found)) == 2


def test_a_person_before_another_is_a_second_one() -> None:
    child = Box(0.41, 0.38, 0.45, 0.50)
    assert len(seen(Detection("person", 0.8, RIDER), Detection("person", 0.6, child))) == 2


def test_head_and_leg_of_a_person_near_the_camera_are_no_persons() -> None:
    whole, head, leg = Box(0.51, 0.1, 0.69, 0.92), Box(0.55, 0.11, 0.63, 0.41), Box(0.58, 0.72, 0.62, 0.92)
    found = [Detection("person", score, box) for score, box in ((0.34, whole), (0.43, head), (0.4, leg))]
    assert [(one.box, one.score) for one in seen(*found)] == [(whole, 0.43)]


@pytest.mark.parametrize("tracked", [False, True])
def test_a_large_weak_box_where_nothing_is_tracked_hides_no_person(tracked: bool) -> None:
    """As around a man in a dark yard."""
    large, man = Box(0.40, 0.12, 0.61, 0.82), Box(0.43, 0.44, 0.52, 0.76)
    found = [Detection("person", 0.34, large), Detection("person", 0.44, man)]
    seen_with = sightings(found, 9 / 16, lambda person, machine: False, lambda box, group=None: tracked)
    boxes = [one.box for one in seen_with]
    assert boxes == ([large] if tracked else [man, large])


def test_two_people_near_the_camera_are_two() -> None:
    front, behind = Box(0.4, 0.1, 0.6, 0.9), Box(0.45, 0.1, 0.52, 0.72)
    assert len(seen(Detection("person", 0.6, front), Detection("person", 0.5, behind))) == 2


@pytest.mark.parametrize("group", ["vehicle", "two-wheeler"])
def test_a_box_around_an_object_and_its_neighbour_is_no_second_object(group: str) -> None:
    around = Box(0.30, 0.28, 0.47, 0.57)  # nearly as sure as the object itself
    (sighting,) = seen(Detection(group, 0.56, BOTH), Detection(group, 0.45, around))
    assert sighting.box == BOTH


def test_the_shipped_model_names_rider_and_machine_as_one_and_a_walker_beside_them_stays_a_person() -> None:
    found = seen(Detection("two-wheeler", 0.7, BOTH), Detection("person", 0.6, RIDER.shifted(0.02, 0.02)))
    assert [s.group for s in found] == ["two-wheeler", "person"]


@pytest.mark.parametrize(
    "double",
    [
        Detection("person", 0.3, Box(0.40, 0.30, 0.46, 0.40)),  # the upper half of the rider
        Detection("person", 0.3, Box(0.40, 0.30, 0.60, 0.58)),  # the rider and a neighbour in one box
        Detection("vehicle", 0.4, Box(0.40, 0.31, 0.46, 0.55)),  # the same box under another name
    ],
)
def test_a_weaker_box_on_a_surer_one_is_no_second_object(double: Detection) -> None:
    assert len(seen(Detection("person", 0.8, BOTH), double)) == 1


def vote(*inferences: dict[str, float]) -> GroupVote:
    result = GroupVote()
    for parts in inferences:
        (sighting,) = seen(*(Detection(label, score, RIDER) for label, score in parts.items()))
        result.add(sighting)
    return result


@pytest.mark.parametrize(
    ("inferences", "group"),
    [
        ([{"person": 0.6, "bicycle": 0.15}] * 3, "two-wheeler"),  # a cyclist, whose machine is hardly seen
        ([{"person": 0.8}] * 2 + [{"person": 0.5, "bicycle": 0.15}], "person"),  # a walker, once with a bag
        ([{"person": 0.5, "motorcycle": 0.4}, {"person": 0.7}], "two-wheeler"),
        ([{"person": 0.9, "motorcycle": 0.15}], "person"),
        ([{"car": 0.9}, {"motorcycle": 0.2}], "vehicle"),
        ([{"person": 0.6}] * 3 + [{"two-wheeler": 0.6}], "person"),  # the shipped model's votes count alike
        ([{"person": 0.5}] + [{"two-wheeler": 0.6}] * 2, "two-wheeler"),
    ],
)
def test_inferences_vote_with_all_that_they_name(inferences: Sequence[dict[str, float]], group: str) -> None:
    assert vote(*inferences).group == group


def test_inferences_that_agree_are_surer_together() -> None:
    assert vote({"person": 0.4, "motorcycle": 0.3}, {"motorcycle": 0.2}).evidence == pytest.approx(0.52)


def test_a_machine_without_a_rider_is_no_witness_for_a_person() -> None:
    assert vote({"person": 0.9}, {"person": 0.9}, {"motorcycle": 0.2}).evidence == pytest.approx(0.99)


costs = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(st.one_of(st.floats(0, 2), st.just(FORBIDDEN)), min_size=columns, max_size=columns),
        min_size=1,
        max_size=4,
    )
)


def least_by_trying_all(costs: list[list[float]], alone: float) -> float:
    rows, columns = len(costs), len(costs[0])
    sums = []
    for order in permutations([*range(columns), *([-1] * rows)], rows):
        chosen = [alone if column < 0 else costs[row][column] for row, column in enumerate(order)]
        sums.append(sum(chosen))
    return min(sums)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(costs, st.sampled_from([0.5, 1.0, 10.0]))
def test_the_assignment_is_as_good_as_trying_all(costs: list[list[float]], alone: float) -> None:
    pairs = assign(costs, alone)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    total = sum(costs[row][column] for row, column in pairs) + alone * (len(costs) - len(pairs))
    assert total == pytest.approx(least_by_trying_all(costs, alone))


def test_a_neighbour_keeps_its_own_although_two_pairs_could_be_made() -> None:
    """The first is not seen, and a third comes into reach of the second."""
    first, second = [0.9, FORBIDDEN], [0.1, 0.8]
    assert assign([first, second]) == [(1, 0)]


@pytest.mark.parametrize(
    ("person", "machine", "rides"),
    [
        (Box(0.40, 0.30, 0.46, 0.50), Box(0.40, 0.42, 0.47, 0.56), True),  # seen from behind
        (Box(0.42, 0.30, 0.48, 0.52), Box(0.36, 0.42, 0.54, 0.58), True),  # seen from the side
        (Box(0.40, 0.30, 0.46, 0.55), Box(0.48, 0.42, 0.55, 0.56), False),  # walks beside it
        (Box(0.40, 0.42, 0.46, 0.56), Box(0.40, 0.30, 0.47, 0.44), False),  # stands before it
        (Box(0.40, 0.10, 0.46, 0.30), Box(0.40, 0.42, 0.47, 0.56), False),  # far above it: another road
        (Box(0.40, 0.30, 0.41, 0.33), Box(0.30, 0.32, 0.52, 0.60), False),  # a child's size on a big machine
    ],
)
def test_a_rider_sits_on_the_machine(person: Box, machine: Box, rides: bool) -> None:
    assert is_rider_on(person, machine) is rides
