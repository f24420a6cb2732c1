"""Version of what runs before Linux, and whether it is old.

Sources: Raspberry Pi documentation, "/chosen/bootloader" (``build-timestamp``, big endian) and
``vcgencmd bootloader_version``; ``/etc/nv_tegra_release`` of Jetson Linux; Linux
``drivers/firmware/dmi-id.c``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.config.board import device_tree
from edge_agent.config.model.boards import Firmware
from edge_agent.host.board.sensors import ask_vcgencmd, read_text

_VCGENCMD = re.compile(r"^(\d{4})/(\d\d)/(\d\d) ")  # 2024/04/20 11:53:30
_JETSON = re.compile(r"^# R(\d+) \(release\), REVISION: ([\d.]+)")
_BIOS_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})")  # month first, by the DMI specification


def firmware_version(firmware: Firmware, sysroot: Path = Path("/")) -> str | None:
    """A date (``2024-04-20``) or numbers (``36.4.3``); None: this box does not tell.

    Runs vcgencmd, for at most 2 s, on a Raspberry Pi whose device tree does not tell.
    """
    match firmware.read_from:
        case "raspberry-pi-bootloader":
            return _pi_bootloader(sysroot)
        case "jetson-linux":
            found = _JETSON.match(read_text(sysroot / "etc/nv_tegra_release") or "")
            return f"{found[1]}.{found[2]}" if found else None
        case "dmi-bios":
            found = _BIOS_DATE.fullmatch(read_text(sysroot / "sys/class/dmi/id/bios_date") or "")
            return f"{found[3]}-{found[1]}-{found[2]}" if found else None
    return None


def is_older(version: str, minimum: str) -> bool:
    """By their numbers, one after the other: 36.4.3 is newer than 36.4, 2024-04-20 than 2023-10-30."""
    return _numbers(version) < _numbers(minimum)


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)]


def _pi_bootloader(sysroot: Path) -> str | None:
    try:
        stamp = int.from_bytes((device_tree(sysroot) / "chosen/bootloader/build-timestamp").read_bytes())
    except OSError:
        stamp = 0
    if stamp:
        return datetime.fromtimestamp(stamp, UTC).date().isoformat()
    if sysroot != Path("/"):
        return None  # vcgencmd speaks of this machine
    found = _VCGENCMD.match(ask_vcgencmd("bootloader_version") or "")
    return "-".join(found.groups()) if found else None
