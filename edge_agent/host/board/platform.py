"""Power supply, watchdog, firmware, kernel, system and disks, compared with the board's profile.

All of these except the disks change only with a reboot.

Sources: Linux ``Documentation/ABI/testing/sysfs-class-watchdog``; Raspberry Pi documentation,
"/chosen/bootloader" (``build-timestamp``, big endian) and ``vcgencmd bootloader_version``;
``/etc/nv_tegra_release`` of Jetson Linux; Linux ``drivers/firmware/dmi-id.c``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.config.board import device_tree
from edge_agent.config.model.boards import Firmware, KernelSetting, Profile, Watchdog
from edge_agent.core.problems import problem_text
from edge_agent.host.board.sensors import ask_vcgencmd, read_cell, read_number, read_text


def supply_ma(sysroot: Path = Path("/")) -> int | None:
    """Return the current in mA that the supply offered at boot, at 5 V; None if the board does not negotiate.

    Source: Raspberry Pi documentation, "/chosen/power": ``max_current`` in mA, big endian; Pi 5 only.
    """
    return read_cell(device_tree(sysroot) / "chosen/power/max_current") or None


ADVICE = "run prepare.yml again, it has systemd arm it"


@dataclass(frozen=True, slots=True)
class WatchdogState:
    """The state of the watchdog that the profile names. A value is None if the kernel does not report it."""

    identity: str | None
    armed: bool | None
    timeout_s: int | None


def read_watchdog(wanted: Watchdog, sysroot: Path = Path("/")) -> WatchdogState | None:
    """Read the state; None where there is no such device in sysfs."""
    name = Path(wanted.device).name
    node = sysroot / "sys/class/watchdog" / (name if name != "watchdog" else "watchdog0")
    if not node.is_dir():
        return None
    state = read_text(node / "state")
    return WatchdogState(
        identity=read_text(node / "identity") or None,
        armed=None if state is None else state == "active",
        timeout_s=read_number(node / "timeout"),
    )


def is_other(wanted: Watchdog, state: WatchdogState) -> bool:
    """Return whether the device is not the board's timer. A software timer stops when the kernel hangs."""
    return None not in (wanted.identity, state.identity) and state.identity != wanted.identity


_VCGENCMD = re.compile(r"^(\d{4})/(\d\d)/(\d\d) ")  # 2024/04/20 11:53:30
_JETSON = re.compile(r"^# R(\d+) \(release\), REVISION: ([\d.]+)")
_BIOS_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})")  # month first, by the DMI specification


def firmware_version(firmware: Firmware, sysroot: Path = Path("/")) -> str | None:
    """Return a date (``2024-04-20``) or numbers (``36.4.3``); None: not known.

    On a Raspberry Pi whose device tree does not have the date, it runs vcgencmd, for at most 2 s.
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
    """Return whether ``version`` is before ``minimum``, number by number: 36.4 is before 36.4.3."""
    return _numbers(version) < _numbers(minimum)


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)]


def _pi_bootloader(sysroot: Path) -> str | None:
    stamp = read_cell(device_tree(sysroot) / "chosen/bootloader/build-timestamp")
    if stamp:
        return datetime.fromtimestamp(stamp, UTC).date().isoformat()
    if sysroot != Path("/"):
        return None  # vcgencmd would report this machine, not the one below ``sysroot``
    found = _VCGENCMD.match(ask_vcgencmd("bootloader_version") or "")
    return "-".join(found.groups()) if found else None


def platform_lines(profile: Profile, sysroot: Path = Path("/")) -> Iterator[str]:
    """Yield one line for each difference from the profile, with the remedy; skip values that cannot be read.
    May block 2 s for vcgencmd."""
    if profile.platform is None:
        return
    firmware = profile.platform.firmware
    version = firmware_version(firmware, sysroot)
    if version is not None and firmware.minimum is not None and is_older(version, firmware.minimum):
        found = {"name": firmware.name, "version": version, "minimum": firmware.minimum}
        yield problem_text("firmware-old", **found, profile=profile.name, fix=firmware.update)
    for setting in profile.platform.kernel:
        if kernel_has(setting, sysroot) is False:
            yield problem_text("kernel-setting-off", name=setting.name, why=setting.why, fix=setting.fix)
    yield from _watchdog_lines(profile.platform.watchdog, sysroot)


def _watchdog_lines(wanted: Watchdog, sysroot: Path) -> Iterator[str]:
    """Yield faults of the watchdog; none if the profile names no watchdog, as on a PC for trials."""
    state = read_watchdog(wanted, sysroot)
    if state is None or wanted.identity is None:
        return
    if is_other(wanted, state):
        found = {"found": state.identity, "wanted": wanted.identity}
        yield problem_text("watchdog-other", **found, fix=ADVICE)
    elif state.armed is False:
        yield problem_text("watchdog-off", wanted=wanted.identity, fix=ADVICE)


def kernel_has(setting: KernelSetting, sysroot: Path = Path("/")) -> bool | None:
    """Return whether the running kernel has the setting; None if this user cannot read it."""
    text = read_text(sysroot / setting.file)
    return None if text is None else setting.word in text.split()


def os_supported(profile: Profile, sysroot: Path = Path("/")) -> bool | None:
    """Return whether the profile names this operating system; None if its name and version are not known."""
    release = os_release(sysroot)
    system, version = release.get("ID"), release.get("VERSION_ID")
    if profile.platform is None or system is None or version is None:
        return None
    return f"{system} {version}" in profile.platform.systems


def os_release(sysroot: Path = Path("/")) -> dict[str, str]:
    """Return the entries of ``/etc/os-release``; empty where there is none."""
    lines = (read_text(sysroot / "etc/os-release") or "").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {key: value.strip("\"'") for key, equals, value in pairs if equals}


@dataclass(frozen=True, slots=True)
class Disk:
    """A whole disk, as the kernel calls it."""

    name: str  # mmcblk0, nvme0n1, sda
    kind: str | None
    """As in a profile's ``storage``: nvme, ssd, hdd, emmc, sd, usb, virtual; None: not known. Some bridges
    from USB to SATA hide that a disk does not rotate: then an SSD shows as hdd."""


def disk_of(folder: Path, sysroot: Path = Path("/")) -> Disk | None:
    """Return the disk of the file system with ``folder``; None if it has no block device (overlay, tmpfs).

    Raises ``OSError`` if the folder does not exist.
    """
    name = whole_disk(os.stat(folder).st_dev, sysroot)
    return None if name is None else Disk(name, _kind(name, sysroot / "sys/class/block" / name))


def whole_disk(device: int, sysroot: Path = Path("/")) -> str | None:
    """Return the name of the disk of ``device`` (an ``st_dev``), not its partition: a card wears as a whole.

    None if the file system has no block device of its own (overlay, btrfs, tmpfs).
    """
    node = sysroot / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    if not node.exists():
        return None
    place = node.resolve()
    return place.parent.name if (place / "partition").exists() else place.name


def _kind(name: str, node: Path) -> str | None:
    """Return the kind of a disk, if known. Sources: Linux ``ABI/stable/sysfs-block``, ``mmc/core/bus.c``."""
    if name.startswith("nvme"):
        return "nvme"
    if name.startswith("mmcblk"):
        return {"SD": "sd", "MMC": "emmc"}.get(read_text(node / "device/type") or "")
    if name.startswith(("vd", "xvd")):
        return "virtual"
    if not name.startswith("sd"):
        return None  # LUKS, LVM, RAID: the disks that they use are not searched
    if read_text(node / "removable") == "1":
        return "usb"
    return {"0": "ssd", "1": "hdd"}.get(read_text(node / "queue/rotational") or "")
