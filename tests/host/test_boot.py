"""The reason of a boot, from marker, panic records and reset registers."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.host.board.boot import (
    BootHistory,
    BootReason,
    BootRecord,
    ResetCause,
    decide,
    hardware_reset,
    is_system_stopping,
)
from edge_agent.host.board.sensors import run_vcgencmd
from tests.host.fakes import JETSON_ORIN, PI_4, PI_5, X86, Board, plant

RUNNING = BootRecord("boot-1", "unknown")
RSTS = "proc/device-tree/chosen/bootloader/rsts"
POWER_RESET = "proc/device-tree/chosen/power/power_reset"
RESET_REASON = "sys/devices/platform/bus@0/c360000.pmc/reset_reason"


def stopped(why: str) -> BootRecord:
    return BootRecord("boot-1", "unknown", why)


@pytest.mark.parametrize(
    ("last", "reset", "panic", "reason"),
    [
        (None, None, False, BootReason.UNKNOWN),  # first start, a board without registers
        (None, ResetCause.POWER, False, BootReason.POWER),
        (None, ResetCause.WARM, False, BootReason.UNKNOWN),
        (RUNNING, ResetCause.POWER, False, BootReason.POWER),  # power cut
        (RUNNING, ResetCause.WATCHDOG, False, BootReason.WATCHDOG),
        (RUNNING, ResetCause.WARM, False, BootReason.WATCHDOG),  # the power stayed on; nobody asked for it
        (RUNNING, None, False, BootReason.UNKNOWN),  # a PC that lost power looks like a PC that hung
        (RUNNING, ResetCause.WARM, True, BootReason.PANIC),
        (stopped("command"), ResetCause.WARM, False, BootReason.COMMAND),
        (stopped("command"), ResetCause.POWER, False, BootReason.COMMAND),  # shut down, later switched on
        (stopped("update"), ResetCause.WARM, False, BootReason.UPDATE),
        (stopped("agent"), ResetCause.WARM, False, BootReason.UNKNOWN),  # only the agent was stopped before
        (stopped("agent"), ResetCause.POWER, False, BootReason.POWER),
    ],
)
def test_reason_of_a_boot(
    last: BootRecord | None, reset: ResetCause | None, panic: bool, reason: BootReason
) -> None:
    assert decide(last, reset, panic) is reason


@pytest.mark.parametrize(
    ("board", "nodes", "reset"),
    [
        (PI_4, {RSTS: b"\x00\x00\x10\x00"}, ResetCause.POWER),
        (PI_4, {RSTS: b"\x00\x00\x00\x20"}, ResetCause.WARM),
        (PI_4, {RSTS: b"\x00\x00\x10\x20"}, ResetCause.WARM),  # the power-on bit may stay set
        (PI_5, {POWER_RESET: b"\x00\x00\x00\x02"}, ResetCause.POWER),
        (PI_5, {POWER_RESET: b"\x00\x00\x00\x10"}, ResetCause.WATCHDOG),
        (PI_5, {POWER_RESET: bytes(4), RSTS: b"\0\0\x10\0"}, ResetCause.POWER),
        (JETSON_ORIN, {"sys/devices/platform/c360000.pmc/reset_reason": "SYS_RESET_N"}, ResetCause.POWER),
        (JETSON_ORIN, {RESET_REASON: "BCCPLEXWDT"}, ResetCause.WATCHDOG),
        (JETSON_ORIN, {RESET_REASON: "MAINSWRST"}, ResetCause.WARM),
        (JETSON_ORIN, {RESET_REASON: "FSI_THERM"}, None),
        (X86, {"sys/class/watchdog/watchdog0/bootstatus": "32"}, ResetCause.WATCHDOG),
        (X86, {"sys/class/watchdog/watchdog0/bootstatus": "0"}, None),
        (X86, {}, None),
    ],
)
def test_board_registers(tmp_path: Path, board: Board, nodes: Board, reset: ResetCause | None) -> None:
    plant(tmp_path, {**board, **nodes})
    assert hardware_reset(tmp_path, lambda word: None) is reset


def test_vcgencmd_stands_in_for_a_missing_device_tree_node(tmp_path: Path) -> None:
    assert hardware_reset(plant(tmp_path, PI_4), {"get_rsts": "1000"}.get) is ResetCause.POWER


def history(tmp_path: Path, boot: str, *, going_down: bool = False, board: Board = X86) -> BootHistory:
    plant(tmp_path / "root", board)
    return BootHistory(tmp_path / "boot.json", boot, tmp_path / "root", lambda word: None, lambda: going_down)


def test_ordered_reboot_is_told_from_a_stop_of_the_agent_alone(tmp_path: Path) -> None:
    history(tmp_path, "boot-1", going_down=True).mark_stopped()
    second = history(tmp_path, "boot-2", going_down=False)
    second.mark_stopped()
    third = history(tmp_path, "boot-3")
    assert [second.reason, third.reason] == [BootReason.COMMAND, BootReason.UNKNOWN]


def test_power_cut_leaves_the_marker_of_a_running_agent(tmp_path: Path) -> None:
    on: Board = {**PI_4, RSTS: b"\0\0\x10\0"}
    first = history(tmp_path, "boot-1", board=on)
    first.mark_running()
    assert history(tmp_path, "boot-2", board=on).reason is BootReason.POWER


def test_restarted_agent_gives_the_same_reason_within_a_boot(tmp_path: Path) -> None:
    history(tmp_path, "boot-1", going_down=True).mark_stopped()
    first = history(tmp_path, "boot-2")
    first.mark_running()
    assert first.reason is BootReason.COMMAND
    assert history(tmp_path, "boot-2").reason is BootReason.COMMAND


def test_panic_record_counts_once(tmp_path: Path) -> None:
    history(tmp_path, "boot-1").mark_running()
    plant(tmp_path / "root", {"sys/fs/pstore/dmesg-ramoops-0": "Oops"})
    second = history(tmp_path, "boot-2")
    second.mark_running()
    assert second.reason is BootReason.PANIC
    assert history(tmp_path, "boot-3").reason is BootReason.UNKNOWN


def test_first_start_ignores_the_archive_of_old_panics_but_not_pstore(tmp_path: Path) -> None:
    plant(tmp_path / "root", {"var/lib/systemd/pstore/1700000000/dmesg.txt": "old"})
    assert history(tmp_path, "boot-1").reason is BootReason.UNKNOWN
    plant(tmp_path / "root", {"sys/fs/pstore/dmesg-efi-1": "new"})
    assert history(tmp_path, "boot-1").reason is BootReason.PANIC


def test_damaged_marker_is_no_marker(tmp_path: Path) -> None:
    (tmp_path / "boot.json").write_bytes(b'{"boot_id": 3')
    assert history(tmp_path, "boot-1").reason is BootReason.UNKNOWN


def test_state_directory_that_cannot_be_written_does_not_stop_the_agent(tmp_path: Path) -> None:
    lost = BootHistory(tmp_path / "gone" / "boot.json", "boot-1", tmp_path, lambda word: None, lambda: False)
    lost.mark_running()
    assert not (tmp_path / "gone").exists()


def program(folder: Path, name: str, script: str) -> None:
    """A fake of the board's program, first on the PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("script", "stopping"),
    [
        ("echo stopping; exit 1", True),
        ("echo running", False),
        ("echo degraded; exit 1", False),
        ("exec sleep 30", False),  # no answer: the agent's stop must not wait for it
    ],
)
def test_systemd_is_asked_whether_the_whole_box_goes_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, stopping: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program(tmp_path, "systemctl", script)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert is_system_stopping(tmp_path) is stopping


def test_without_systemd_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program(tmp_path, "systemctl", "echo stopping")
    assert not is_system_stopping(tmp_path)


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ('[ "$1" = get_rsts ] && echo get_rsts=1020', "1020"),
        ("echo VCHI initialization failed; exit 255", None),  # no rights on /dev/vcio
        ("echo error=1 error_msg=; exit 1", None),
    ],
)
def test_vcgencmd_answers_or_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, answer: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program(tmp_path, "vcgencmd", script)
    assert run_vcgencmd("get_rsts") == answer
