"""When the agent asks whether its site was withdrawn: seldom, and only while the broker refuses it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_agent.control.withdrawal import ENROLMENT, EVERY_S, FIRST_S, LIMIT_S, WithdrawalCheck
from tests.outbox.parts import HandClock
from tests.testbed.mosquitto import wait_until


class Asked:
    """A box whose questions leave a line in a file. ``seconds``: how long a question takes."""

    def __init__(self, folder: Path, seconds: float = 0.0) -> None:
        self.refused, self.clock, self._file = True, HandClock(), folder / "asked"
        (folder / ENROLMENT).parent.mkdir(parents=True)
        (folder / ENROLMENT).touch()
        program = f"open({str(self._file)!r}, 'a').write('x'); import time; time.sleep({seconds})"
        command = (sys.executable, "-c", program)
        self.check = WithdrawalCheck(
            lambda: self.refused, self.clock, folder, command, lambda low, high: (low + high) / 2
        )

    def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.check.tick()

    @property
    def times(self) -> int:
        return len(self._file.read_text()) if self._file.exists() else 0

    def wait_for(self, times: int) -> None:
        wait_until(lambda: self.times == times, what="the question")


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def test_the_first_question_waits_and_the_next_one_waits_for_hours(asked: Asked) -> None:
    asked.after(0)
    asked.after(FIRST_S - 1)
    asked.after(1)
    asked.wait_for(1)
    wait_until(lambda: asked.check.is_idle, what="the end of the question")
    asked.after(EVERY_S - 1)
    assert asked.check.is_idle
    asked.after(1)
    asked.wait_for(2)
    asked.check.stop()


def test_a_broker_that_lets_the_gateway_in_is_not_asked(asked: Asked) -> None:
    asked.after(0)
    asked.refused = False
    asked.after(FIRST_S)
    asked.refused = True
    asked.after(1)
    assert asked.check.is_idle, "the time begins again"


def test_a_gateway_without_an_enrolment_certificate_asks_nobody(tmp_path: Path, asked: Asked) -> None:
    (tmp_path / ENROLMENT).unlink()
    asked.after(0)
    asked.after(FIRST_S)
    assert asked.check.is_idle


def test_a_question_that_hangs_is_ended(tmp_path: Path) -> None:
    asked = Asked(tmp_path, seconds=600.0)
    asked.after(0)
    asked.after(FIRST_S)
    asked.wait_for(1)
    assert not asked.check.is_idle
    asked.after(LIMIT_S + 1)
    assert asked.check.is_idle
