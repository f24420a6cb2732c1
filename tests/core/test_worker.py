"""Real threads that fail, end and hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from edge_agent.core.worker import SupervisedThread, Supervisor
from tests.testbed.agent import wait_until

Body = Callable[[SupervisedThread], None]


@pytest.fixture
def started() -> Iterator[Callable[..., SupervisedThread]]:
    """Starts threads and ends them after the test."""
    loops: list[SupervisedThread] = []

    def start(name: str, body: Body, max_silence_s: float = 30.0) -> SupervisedThread:
        loop = SupervisedThread(name, body, max_silence_s)
        loops.append(loop)
        loop.start()
        return loop

    yield start
    for loop in loops:
        loop.stop()
    for loop in loops:
        assert loop.join(5.0)


def works(loop: SupervisedThread) -> None:
    while not loop.wait(0.01):
        pass


def dies(loop: SupervisedThread) -> None:
    raise OSError("no such camera")


def ends(loop: SupervisedThread) -> None:
    return


def test_working_loops_feed_the_watchdog(started: Callable[..., SupervisedThread]) -> None:
    supervisor = Supervisor([started("a", works), started("b", works)])
    assert supervisor.check() is None
    assert supervisor.all_progressing()


@pytest.mark.parametrize(("body", "why"), [(dies, "died of OSError"), (ends, "ended without being asked")])
def test_dead_loop_is_restarted_three_times_and_then_ends_the_agent(
    started: Callable[..., SupervisedThread], caplog: pytest.LogCaptureFixture, body: Body, why: str
) -> None:
    loop = started("capture-gate1", body)
    supervisor = Supervisor([loop])
    verdicts = []
    for _ in range(4):
        assert loop.join(5.0)
        assert not supervisor.all_progressing()
        verdicts.append(supervisor.check())
    assert verdicts == [None, None, None, f"capture-gate1 {why} too often"]
    assert f"capture-gate1: {why}, starting it again (2 of 3)" in caplog.text


def test_restarts_that_are_long_ago_are_forgiven(started: Callable[..., SupervisedThread]) -> None:
    now = [0.0]
    loop = started("capture-gate1", dies)
    supervisor = Supervisor([loop], restarts=1, within_s=300.0, monotonic=lambda: now[0])
    for _ in range(4):
        assert loop.join(5.0)
        assert supervisor.check() is None
        now[0] += 301.0


def test_loop_that_was_restarted_works_again(started: Callable[..., SupervisedThread]) -> None:
    attempts: list[int] = []

    def recovers(loop: SupervisedThread) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("first time only")
        works(loop)

    loop = started("publisher", recovers)
    supervisor = Supervisor([loop])
    assert loop.join(5.0)
    assert supervisor.check() is None
    assert supervisor.all_progressing()


def test_hanging_loop_starves_the_watchdog_and_is_not_doubled(
    started: Callable[..., SupervisedThread], caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    runs: list[int] = []

    def hangs(loop: SupervisedThread) -> None:
        runs.append(1)
        release.wait(10.0)
        works(loop)

    loop = started("detector", hangs, max_silence_s=0.05)
    supervisor = Supervisor([loop])
    wait_until(lambda: loop.since_beat_s() > 0.05)
    assert supervisor.check() is None
    assert supervisor.check() is None
    assert not supervisor.all_progressing()
    assert caplog.text.count("detector: no progress") == 1
    assert runs == [1]
    release.set()
    wait_until(supervisor.all_progressing)
    assert supervisor.check() is None
    assert "detector: makes progress again" in caplog.text


def test_loop_that_hangs_for_good_ends_the_agent(started: Callable[..., SupervisedThread]) -> None:
    release = threading.Event()

    def hangs(loop: SupervisedThread) -> None:
        release.wait(10.0)

    loop = started("detector", hangs, max_silence_s=0.02)
    supervisor = Supervisor([loop], stuck_after_s=0.05)
    wait_until(lambda: loop.since_beat_s() > 0.1)
    assert supervisor.check() == "detector hangs"
    release.set()


def test_loop_stopped_on_purpose_is_no_death(started: Callable[..., SupervisedThread]) -> None:
    loop = started("capture-gate1", works)
    supervisor = Supervisor([loop])
    loop.stop()
    assert loop.join(5.0)
    assert supervisor.check() is None
    assert supervisor.all_progressing()
