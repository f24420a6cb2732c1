from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.allowance import Allowance, Limits
from edge_agent.detection.budget import Budget


def spent(budget: Budget, wants: dict[str, int], seconds: float, fps: float = 5.0) -> dict[str, int]:
    """How many inferences each camera gets when it asks for ``wants`` of them at every frame."""
    return spent_from(budget, wants, 0.0, seconds, fps)


def spent_from(
    budget: Budget, wants: dict[str, int], begin_s: float, end_s: float, fps: float = 5.0
) -> dict[str, int]:
    got = dict.fromkeys(wants, 0)
    for i in range(round(begin_s * fps), round(end_s * fps)):
        for camera_id, wanted in wants.items():
            got[camera_id] += budget.take(camera_id, wanted, i / fps)
    return got


def test_one_camera_gets_the_whole_budget() -> None:
    got = spent(Budget(10, ("a",)), {"a": 9}, 60)
    assert 590 <= got["a"] <= 620


def test_busy_cameras_share_equally() -> None:
    got = spent(Budget(10, ("a", "b", "c")), {"a": 9, "b": 9, "c": 9}, 60)
    assert 590 <= sum(got.values()) <= 620
    assert max(got.values()) - min(got.values()) <= 0.1 * max(got.values())


def test_a_camera_that_needs_little_gets_it_beside_a_greedy_one() -> None:
    got = spent(Budget(4, ("a", "b")), {"a": 9, "b": 0}, 5)
    assert got["a"] >= 4 * 5 - 2  # the idle one's share is used
    budget = Budget(4, ("a", "b"))
    spent(budget, {"a": 9}, 60)
    assert budget.take("b", 2, 60.0) == 2


def test_idle_cameras_leave_their_share_to_the_others() -> None:
    got = spent(Budget(8, ("a", "b", "c", "d")), {"a": 9, "b": 9, "c": 0, "d": 0}, 60)
    assert sum(got.values()) >= 0.95 * 8 * 60
    assert abs(got["a"] - got["b"]) <= 0.1 * max(got.values())


def test_what_was_granted_and_not_used_comes_back() -> None:
    budget = Budget(2, ("a",))
    assert budget.take("a", 2, 0.0) == 2
    budget.give_back("a", 1)
    assert budget.take("a", 2, 0.0) == 1


def test_frames_that_arrive_out_of_order_create_nothing() -> None:
    budget = Budget(1, ("a", "b"))
    assert budget.take("a", 5, 10.0) == 1
    assert budget.take("b", 5, 9.0) == 1
    assert budget.take("a", 5, 10.0) == 0


def test_the_same_frames_spend_the_same() -> None:
    wants = {"a": 3, "b": 1}
    assert spent(Budget(5, ("a", "b")), wants, 30) == spent(Budget(5, ("a", "b")), wants, 30)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 3), st.floats(0, 0.5)), max_size=40))
def test_it_has_any_exactly_when_it_would_grant_one(asks: list[tuple[str, int, float]]) -> None:
    budget, now = Budget(3, ("a", "b")), 0.0
    for camera_id, wanted, pause in asks:
        now += pause
        assert budget.has_any(camera_id, now) == (budget.take(camera_id, wanted, now) > 0)


@given(
    st.floats(0.5, 20),
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 9), st.floats(0, 0.5)), max_size=60),
)
def test_never_more_than_the_budget_and_what_had_been_saved(
    per_s: float, asks: list[tuple[str, int, float]]
) -> None:
    budget = Budget(per_s, ("a", "b", "c"))
    now, got = 0.0, 0
    for camera_id, wanted, pause in asks:
        now += pause
        granted = budget.take(camera_id, wanted, now)
        assert 0 <= granted <= wanted
        got += granted
    saved = 3 * max(1.0, per_s / 3) + per_s
    assert got <= per_s * now + saved + 1e-6


def test_while_the_box_is_hot_the_cameras_share_a_part_of_it_and_all_again_afterwards() -> None:
    allowance = Allowance()
    budget = Budget(8, ("a", "b"), allowance)
    wants = {"a": 9, "b": 9}
    full = sum(spent(budget, wants, 60).values())
    allowance.now = Limits(inference_share=0.25)
    hot = sum(spent_from(budget, wants, 60, 120).values())
    shared = budget.share_per_s
    allowance.now = Limits()
    again = sum(spent_from(budget, wants, 120, 180).values())
    assert 480 <= full <= 500
    assert 115 <= hot <= 125
    assert (shared, budget.share_per_s) == (1.0, 4.0)
    assert 470 <= again <= 490
