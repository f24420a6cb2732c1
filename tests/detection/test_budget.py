from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.detection.budget import InferenceBudget

MS = 20.0  # of one inference


def spend(budget: InferenceBudget, camera: str, seconds: float, fps: float, cost_ms: float = MS) -> int:
    """Number of inferences that the camera gets when each of its frames needs one."""
    return sum(budget.take(camera, cost_ms, n / fps) for n in range(round(seconds * fps)))


def together(budget: InferenceBudget, wishes: dict[str, float], seconds: float) -> dict[str, int]:
    """Number of inferences by camera, all at the same time; ``wishes``: their frames a second."""
    asks = sorted((n / fps, name) for name, fps in wishes.items() for n in range(round(seconds * fps)))
    got = dict.fromkeys(wishes, 0)
    for now, name in asks:
        got[name] += budget.take(name, MS, now)
    return got


def test_one_camera_gets_the_whole_budget() -> None:
    assert spend(InferenceBudget(200.0, ("a",)), "a", 10, fps=25) == pytest.approx(100, abs=11)


def test_an_inference_costs_what_it_takes() -> None:
    cheap, dear = (spend(InferenceBudget(200.0, ("a",)), "a", 20, fps=50, cost_ms=ms) for ms in (10.0, 40.0))
    assert cheap == pytest.approx(4 * dear, rel=0.1)


def test_busy_cameras_share_equally() -> None:
    got = together(InferenceBudget(200.0, ("a", "b")), {"a": 20.0, "b": 20.0}, 30)
    assert got["a"] == pytest.approx(got["b"], rel=0.1)


def test_a_camera_that_needs_little_gets_it_beside_a_greedy_one() -> None:
    got = together(InferenceBudget(200.0, ("a", "b")), {"a": 3.0, "b": 50.0}, 30)
    assert got["a"] == 90
    assert got["b"] >= 180


def test_idle_cameras_leave_their_share_to_the_others() -> None:
    assert spend(InferenceBudget(200.0, ("a", "b", "c")), "a", 30, fps=25) >= 0.9 * 300


def test_a_limit_in_inferences_a_second_holds_however_quick_they_are() -> None:
    budget = InferenceBudget(500.0, ("a",), per_s=3.0)
    assert spend(budget, "a", 20, fps=25, cost_ms=1.0) == pytest.approx(60, abs=4)


def test_an_inference_that_takes_longer_than_a_seconds_budget_is_made_all_the_same() -> None:
    assert spend(InferenceBudget(10.0, ("a",)), "a", 30, fps=5, cost_ms=50.0) == pytest.approx(6, abs=1)


def test_frames_that_arrive_out_of_order_create_nothing() -> None:
    budget = InferenceBudget(20.0, ("a",))
    assert budget.take("a", MS, 10.0)
    assert [budget.take("a", MS, now) for now in (9.0, 10.0, 9.5, 10.4)] == [False] * 4


def test_a_camera_that_was_removed_gets_nothing_and_leaves_its_share() -> None:
    budget = InferenceBudget(200.0, ("a", "b"))
    budget.share_among(("a",))
    assert not budget.take("b", MS, 0.0)
    assert spend(budget, "a", 10, fps=25) == pytest.approx(100, abs=11)


@pytest.mark.parametrize("spare_ms", [0.0, 150.0])  # 0: before the first inference of a new model
def test_cameras_get_as_much_beside_spare_inferences_as_without(spare_ms: float) -> None:
    """An inference of the cameras costs more than the share of one camera."""
    taken = {False: 0, True: 0}
    for spare in taken:
        budget = InferenceBudget(500.0, "abcdefgh")
        for n in range(800):
            if budget.take("abcdefgh"[n % 8], 100.0, n / 40):
                taken[spare] += 1
                if spare:
                    budget.take_spare(spare_ms, n / 40)
    assert taken[True] == taken[False] >= 95


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 0.5)), max_size=60))
def test_never_more_than_the_budget_and_what_had_been_saved(asks: list[tuple[str, float]]) -> None:
    budget, now, spent = InferenceBudget(100.0, ("a", "b")), 0.0, 0.0
    for camera, step in asks:
        now += step
        spent += MS * budget.take(camera, MS, now)
    assert spent <= 100.0 * now + 200.0 + 1e-6


def test_while_the_gateway_is_hot_the_cameras_share_a_part_of_it_and_all_again_afterwards() -> None:
    limiter = WorkloadLimiter()
    budget = InferenceBudget(200.0, ("a",), limiter)
    limiter.current = WorkloadLimits(inference_share=0.5)
    hot = spend(budget, "a", 20, fps=25)
    limiter.current = WorkloadLimits()
    cool = sum(budget.take("a", MS, 20 + n / 25) for n in range(500))
    assert hot == pytest.approx(100, abs=6)
    assert cool == pytest.approx(200, abs=11)
