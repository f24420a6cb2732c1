"""The table of what the main thread runs: periods, and a task that sets its own next time."""

from __future__ import annotations

from edge_agent.agent import EVERY_ROUND_S, PeriodicTask


def rounds(task: PeriodicTask, count: int) -> None:
    for second in range(count):
        task.run_if_due(100.0 + second)


def test_a_task_without_a_period_runs_in_each_round() -> None:
    runs: list[None] = []
    rounds(PeriodicTask(EVERY_ROUND_S, lambda: runs.append(None)), 5)
    assert len(runs) == 5


def test_a_task_runs_at_once_and_then_when_its_period_has_passed() -> None:
    runs: list[None] = []
    rounds(PeriodicTask(10.0, lambda: runs.append(None)), 25)
    assert len(runs) == 3


def test_a_task_may_set_its_next_time() -> None:
    def run() -> None:
        runs.append(None)
        task.due_mono = 104.0

    runs: list[None] = []
    task = PeriodicTask(EVERY_ROUND_S, run)
    rounds(task, 4)
    assert len(runs) == 1
