"""Failed units of the gateway, one line each; and a line when the timer does not run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.host.system.systemd import FAILED_UNITS, STALE_S, FailedUnits
from tests.host.fakes import TODAY, FakeClock, plant

CHRONY = '{"unit":"chrony.service","load":"loaded","active":"failed","sub":"failed","description":"chrony"}'
LOOPING = '{"unit":"ntp.service","load":"loaded","active":"activating","sub":"auto-restart","description":""}'


def box(folder: Path, listed: str | bytes) -> FailedUnits:
    return FailedUnits(FakeClock(), plant(folder, {str(FAILED_UNITS): listed}))


@pytest.mark.parametrize(
    ("listed", "lines"),
    [
        ("[]", []),
        (f"[{CHRONY}]", ["unit chrony.service failed"]),
        (f"[{LOOPING}]", ["unit ntp.service failed and is started again"]),
        ("[" + ",".join([CHRONY] * 7) + "]", ["unit chrony.service failed"] * 5 + ["units: 2 more failed"]),
    ],
)
def test_each_failed_unit_is_a_line(tmp_path: Path, listed: str, lines: list[str]) -> None:
    assert list(box(tmp_path, listed).lines()) == lines


def test_a_box_without_the_timer_says_nothing(tmp_path: Path) -> None:
    assert list(FailedUnits(FakeClock(), tmp_path).lines()) == []


@pytest.mark.parametrize("listed", ["", "[{", "{}", '[{"unit": 3}]', b'[{"unit": "\xff"}]', "\x00" * 200_000])
def test_a_list_that_is_no_list_is_told(tmp_path: Path, listed: str | bytes) -> None:
    (line,) = box(tmp_path, listed).lines()
    assert line.endswith("cannot be read")


def test_a_timer_that_stopped_is_told_and_a_clock_that_jumps_is_no_reason(tmp_path: Path) -> None:
    clock = FakeClock()
    units = FailedUnits(clock, plant(tmp_path, {str(FAILED_UNITS): "[]"}))
    assert list(units.lines()) == []
    clock.jump(TODAY.replace(year=TODAY.year + 50))
    assert list(units.lines()) == []
    clock.advance(STALE_S + 1)
    assert list(units.lines()) == ["failed units: no longer checked, see edge-agent-units.timer"]
    os.utime(tmp_path / FAILED_UNITS, (0, 0))
    assert list(units.lines()) == []
