"""Finds out why the gateway last booted.

``decide`` combines three sources: the marker file of the agent, the kernel's records of a panic (pstore),
and the reset register of the board. The result may be ``unknown``.

Sources: the Raspberry Pi documentation on ``/proc/device-tree/chosen`` (``bootloader/rsts``,
``power/power_reset``) and raspberrypi/linux issue 1586 (an ordered reboot *is* a watchdog reset
there); ``drivers/soc/tegra/pmc.c`` for the names in ``reset_reason``; ``linux/watchdog.h`` for
``bootstatus``; systemd-pstore(8), which moves pstore's files to ``/var/lib/systemd/pstore``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, structs

from edge_agent.config.board import device_tree
from edge_agent.core.state_file import read_record, write_record
from edge_agent.host.board.sensors import (
    Vcgencmd,
    is_raspberry_pi,
    parse_number,
    read_cell,
    read_number,
    read_text,
    run_vcgencmd,
)

RSTS_POWER_ON = 0x1000  # HADPOR
RSTS_WATCHDOG_FULL = 0x20  # HADWRF; the boot partition's number uses the other watchdog bits
PMIC_WATCHDOG = 1 << 4
WDIOF_POWERUNDER = 0x10
WDIOF_CARDRESET = 0x20
SYSTEMCTL_TIMEOUT_S = 0.3  # limit for systemctl; a whole stop may take two seconds


class BootReason(StrEnum):
    POWER = "power"  # power came, or came back
    WATCHDOG = "watchdog"  # the hardware watchdog reset a gateway that hung
    PANIC = "panic"  # the kernel left a panic record
    COMMAND = "command"  # a reboot or a shutdown was requested
    UPDATE = "update"  # the agent rebooted to update, as older agents did
    UNKNOWN = "unknown"


class ResetCause(StrEnum):
    """The cause of a reset as the board's registers show it."""

    POWER = "power"
    WATCHDOG = "watchdog"
    WARM = "warm"  # a reset without loss of power: reboot, panic or watchdog, the register cannot tell which


class BootRecord(Struct, frozen=True):
    """The content of the marker file, which the last run of the agent wrote."""

    boot_id: str
    reason: str
    stopped: str | None = None  # agent | command | update (older agents); None: it still ran, or was killed
    panics: tuple[str, ...] = ()


def decide(last: BootRecord | None, reset: ResetCause | None, new_panic: bool) -> BootReason:
    """Return the reason for this boot. ``last``: the marker that an earlier boot left."""
    if new_panic:
        return BootReason.PANIC
    if last is not None and last.stopped in (BootReason.COMMAND, BootReason.UPDATE):
        return BootReason(last.stopped)
    if reset is ResetCause.POWER:
        return BootReason.POWER
    if reset is ResetCause.WATCHDOG:
        return BootReason.WATCHDOG
    if reset is ResetCause.WARM and last is not None and last.stopped is None:
        return BootReason.WATCHDOG  # a reset without loss of power that nothing requested while the agent ran
    return BootReason.UNKNOWN


class BootHistory:
    """Reads and writes the marker. ``reason`` stays the same when the agent restarts within one boot."""

    def __init__(
        self,
        path: Path,
        boot_id: str,
        sysroot: Path = Path("/"),
        vcgencmd: Vcgencmd = run_vcgencmd,
        system_stopping: Callable[[], bool] | None = None,
    ) -> None:
        self._path = path
        self._system_stopping = system_stopping or (lambda: is_system_stopping(sysroot))
        last = read_record(path, BootRecord)
        panics = _panic_records(sysroot)
        if last is not None and last.boot_id == boot_id and last.reason in set(BootReason):
            self.reason = BootReason(last.reason)
        else:
            # Without a marker, archived panics may be years old, but those in pstore itself are new.
            seen = set(last.panics) if last is not None else {p for p in panics if p.startswith("archive/")}
            self.reason = decide(last, hardware_reset(sysroot, vcgencmd), bool(set(panics) - seen))
        self._record = BootRecord(boot_id, self.reason, None, panics)

    def mark_running(self) -> None:
        """Mark the agent as running: a boot that finds the mark was not requested. Blocks for an fsync."""
        write_record(self._path, self._record)

    def mark_stopped(self) -> None:
        """Write a clean stop of the agent. Asks systemd (at most 0.3 s) whether the whole system stops."""
        stopped = BootReason.COMMAND.value if self._system_stopping() else "agent"
        write_record(self._path, structs.replace(self._record, stopped=stopped))


def hardware_reset(sysroot: Path, vcgencmd: Vcgencmd = run_vcgencmd) -> ResetCause | None:
    """Return the cause by the board's registers; None if they do not show one."""
    return (
        _pmic_reset(sysroot)
        or _pi_reset(sysroot, vcgencmd)
        or _tegra_reset(sysroot)
        or _watchdog_status(sysroot)
    )


def is_system_stopping(sysroot: Path = Path("/")) -> bool:
    """Return whether the whole system stops, not only the agent."""
    if not (sysroot / "run/systemd/system").is_dir():
        return False
    command = ["systemctl", "is-system-running"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SYSTEMCTL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == "stopping"


def _pmic_reset(sysroot: Path) -> ResetCause | None:
    """Return why the power management chip of a Pi 5 cut the power; None if it did not."""
    bits = read_cell(device_tree(sysroot) / "chosen/power/power_reset")
    if not bits:
        return None
    return ResetCause.WATCHDOG if bits & PMIC_WATCHDOG else ResetCause.POWER


def _pi_reset(sysroot: Path, vcgencmd: Vcgencmd) -> ResetCause | None:
    if not is_raspberry_pi(sysroot):
        return None
    rsts = read_cell(device_tree(sysroot) / "chosen/bootloader/rsts")
    if rsts is None:
        rsts = parse_number(vcgencmd("get_rsts"), 16) or 0
    if rsts & RSTS_WATCHDOG_FULL:
        return ResetCause.WARM
    return ResetCause.POWER if rsts & RSTS_POWER_ON else None


def _tegra_reset(sysroot: Path) -> ResetCause | None:
    platform = sysroot / "sys/devices/platform"
    # The path differs between two kernels; a recursive search would visit ten thousand nodes.
    for node in [*platform.glob("*.pmc/reset_reason"), *platform.glob("bus@0/*.pmc/reset_reason")]:
        name = read_text(node) or ""
        if "WDT" in name:
            return ResetCause.WATCHDOG
        if "SWRST" in name or "SWREST" in name:
            return ResetCause.WARM
        if name in ("SYS_RESET_N", "SYS_RESET", "VREFRO_POWERBAD", "VMON"):
            return ResetCause.POWER
    return None


def _watchdog_status(sysroot: Path) -> ResetCause | None:
    bits = read_number(sysroot / "sys/class/watchdog/watchdog0/bootstatus", 0) or 0
    if bits & WDIOF_CARDRESET:
        return ResetCause.WATCHDOG
    return ResetCause.POWER if bits & WDIOF_POWERUNDER else None


def _panic_records(sysroot: Path) -> tuple[str, ...]:
    """Return the names of kernel panic records, in pstore and in the archive of systemd-pstore."""
    found: list[str] = []
    for label, folder in (("pstore", "sys/fs/pstore"), ("archive", "var/lib/systemd/pstore")):
        try:
            found += [f"{label}/{name}" for name in sorted(os.listdir(sysroot / folder))]
        except OSError:
            continue
    return tuple(found)
