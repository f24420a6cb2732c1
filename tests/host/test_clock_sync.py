"""A gateway that boots with an old time: the report when its clock jumps, and when the clock is trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.host.health.clock_sync import STEADY_S, ClockSync, KernelSync, read_kernel_sync
from tests.host.fakes import TODAY, FakeClock, plant

IN_2024 = datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC)
UNSYNCED = KernelSync(False, 0.0)
SYNCED = KernelSync(True, 0.0)


class Kernel:
    """The kernel's state, set by the test."""

    def __init__(self, answer: KernelSync | None = UNSYNCED) -> None:
        self.answer = answer

    def __call__(self) -> KernelSync | None:
        return self.answer


def sync(tmp_path: Path, clock: FakeClock, kernel: Kernel, boot: str = "boot-1") -> ClockSync:
    return ClockSync(tmp_path / "clock.json", clock, boot, tmp_path, kernel)


def test_step_from_2024_to_now_is_reported_with_its_offset(tmp_path: Path) -> None:
    plant(tmp_path, {"run/systemd/timesync/synchronized": ""})
    clock, kernel = FakeClock(IN_2024, mono=5.0), Kernel()
    follower = sync(tmp_path, clock, kernel)
    clock.advance(60.0)
    assert follower.update() is None
    clock.jump(TODAY)
    kernel.answer = SYNCED
    correction = follower.update()
    assert correction is not None
    assert correction.offset_ms == (TODAY - (IN_2024 + timedelta(seconds=60))) / timedelta(milliseconds=1)
    assert (correction.source, correction.corrected_at) == ("systemd-timesyncd", TODAY)


def test_correction_is_repeated_until_it_is_durable_and_never_after(tmp_path: Path) -> None:
    clock, kernel = FakeClock(IN_2024), Kernel()
    follower = sync(tmp_path, clock, kernel)
    clock.jump(TODAY)
    kernel.answer = SYNCED
    first = follower.update()
    assert first is not None
    assert follower.update() == first
    follower.confirm_correction()
    assert follower.update() is None
    assert sync(tmp_path, clock, kernel).update() is None, "a restart of the agent within the boot"


def test_event_of_the_second_after_the_jump_already_counts_as_synchronised(tmp_path: Path) -> None:
    clock, kernel = FakeClock(IN_2024), Kernel()
    follower = sync(tmp_path, clock, kernel)
    clock.jump(TODAY)
    kernel.answer = SYNCED
    assert follower.synced, "without waiting for the next update"


def test_agent_killed_before_the_step_corrects_after_its_restart(tmp_path: Path) -> None:
    clock, kernel = FakeClock(IN_2024), Kernel()
    sync(tmp_path, clock, kernel)
    clock.advance(20.0)
    clock.jump(IN_2024 + timedelta(hours=7))
    kernel.answer = SYNCED
    correction = sync(tmp_path, clock, kernel).update()
    assert correction is not None
    assert correction.offset_ms == 7 * 3_600_000 - 20_000


def test_clock_right_from_the_first_look_needs_no_correction(tmp_path: Path) -> None:
    follower = sync(tmp_path, FakeClock(), Kernel(SYNCED))
    assert follower.update() is None
    assert follower.synced


def test_new_boot_corrects_again(tmp_path: Path) -> None:
    clock, kernel = FakeClock(IN_2024), Kernel(SYNCED)
    sync(tmp_path, clock, kernel)
    kernel.answer = UNSYNCED
    second = sync(tmp_path, clock, kernel, "boot-2")
    clock.jump(IN_2024 - timedelta(milliseconds=1500))
    kernel.answer = SYNCED
    correction = second.update()
    assert correction is not None
    assert correction.offset_ms == -1500


def test_small_offset_that_the_kernel_slews_counts_too(tmp_path: Path) -> None:
    kernel = Kernel()
    follower = sync(tmp_path, FakeClock(), kernel)
    kernel.answer = KernelSync(True, 230.4)
    correction = follower.update()
    assert correction is not None
    assert correction.offset_ms == 230


def test_the_clock_is_steady_after_an_hour_without_a_jump(tmp_path: Path) -> None:
    clock, kernel = FakeClock(), Kernel()
    follower = sync(tmp_path, clock, kernel)

    def passed(seconds: float) -> bool:
        clock.advance(seconds)
        follower.update()
        return follower.steady

    assert not passed(2 * STEADY_S), "not synchronised yet"
    kernel.answer = SYNCED
    assert not passed(1), "synchronised now"
    assert not passed(STEADY_S - 1)
    assert passed(1)
    clock.jump(clock.now() + timedelta(days=2000))
    assert not follower.steady, "without waiting for the next update"
    assert not passed(300)
    clock.jump(clock.now() - timedelta(days=2000))
    assert not passed(1)
    assert not passed(STEADY_S - 1)
    assert passed(1)
    kernel.answer = UNSYNCED
    assert not passed(1)
    kernel.answer = SYNCED
    assert passed(1), "the clock has not jumped meanwhile"


def test_a_clock_that_is_years_ahead_at_the_start_is_not_steady_at_once(tmp_path: Path) -> None:
    sync(tmp_path, FakeClock(), Kernel(SYNCED))
    clock = FakeClock(TODAY + timedelta(days=2000))
    follower = sync(tmp_path, clock, Kernel(SYNCED), "boot-2")
    follower.update()
    assert not follower.steady
    clock.advance(600)
    clock.jump(TODAY)
    clock.advance(STEADY_S - 600)
    follower.update()
    assert not follower.steady


@pytest.mark.parametrize(
    ("known", "now", "synced", "trusted"),
    [
        (None, TODAY, False, True),  # first boot, with a plausible clock
        (None, IN_2024, False, False),  # before the year of this code
        (TODAY, TODAY + timedelta(days=2), False, True),
        (TODAY, TODAY - timedelta(minutes=5), False, False),  # before the last known time
        (TODAY, TODAY - timedelta(minutes=5), True, True),  # a wrong last time must not lock the box out
        (TODAY, IN_2024, True, False),  # no server can be right about 2024
    ],
)
def test_trust_in_the_clock(
    tmp_path: Path, known: datetime | None, now: datetime, synced: bool, trusted: bool
) -> None:
    if known is not None:
        sync(tmp_path, FakeClock(known), Kernel(SYNCED), "earlier boot")
    follower = sync(tmp_path, FakeClock(now), Kernel(SYNCED if synced else UNSYNCED))
    assert follower.trusted() is trusted


def test_unsynchronised_clock_never_becomes_the_floor(tmp_path: Path) -> None:
    wild = sync(tmp_path, FakeClock(datetime(2099, 1, 1, tzinfo=UTC)), Kernel(), "boot-0")
    wild.save()
    assert sync(tmp_path, FakeClock(TODAY), Kernel()).trusted()


def test_last_known_time_is_written_every_ten_minutes_at_most(tmp_path: Path) -> None:
    clock = FakeClock()
    follower = sync(tmp_path, clock, Kernel(SYNCED))
    written: set[bytes] = set()
    for _ in range(3600):
        clock.advance(1.0)
        follower.update()
        written.add((tmp_path / "clock.json").read_bytes())
    assert len(written) == 7  # one at the start, and six in an hour


@pytest.mark.parametrize(
    ("files", "folder", "source"),
    [
        ({"run/systemd/timesync/synchronized": ""}, None, "systemd-timesyncd"),
        ({}, "run/chrony", "chrony"),
        ({"run/ntpd.pid": "12"}, None, "ntpd"),
        ({}, None, "kernel"),
    ],
)
def test_source_is_named_by_its_traces(
    tmp_path: Path, files: dict[str, str | bytes], folder: str | None, source: str
) -> None:
    plant(tmp_path, files)
    if folder:
        (tmp_path / folder).mkdir(parents=True)
    health = sync(tmp_path, FakeClock(), Kernel(KernelSync(True, 0.25))).health()
    assert (health.synced, health.source, health.offset_ms) == (True, source, 0.25)


def test_unsynchronised_clock_names_no_source(tmp_path: Path) -> None:
    plant(tmp_path, {"run/ntpd.pid": "12"})
    health = sync(tmp_path, FakeClock(), Kernel()).health()
    assert (health.synced, health.source, health.offset_ms) == (False, None, None)


def test_sandbox_without_adjtimex_falls_back_to_the_marker_of_timesyncd(tmp_path: Path) -> None:
    follower = sync(tmp_path, FakeClock(), Kernel(None))
    assert not follower.synced
    plant(tmp_path, {"run/systemd/timesync/synchronized": ""})
    follower.update()
    assert follower.synced


def test_this_kernel_answers_without_privilege() -> None:
    answer = read_kernel_sync()
    assert answer is not None
    assert abs(answer.offset_ms) <= 500, "MAXPHASE: the most that a kernel slews"
