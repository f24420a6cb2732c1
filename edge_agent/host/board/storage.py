"""Which disk a folder is on, and of what kind it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_agent.host.board.sensors import read_text


@dataclass(frozen=True, slots=True)
class Disk:
    """A whole disk, as the kernel calls it."""

    name: str  # mmcblk0, nvme0n1, sda
    kind: str | None
    """A word of a profile's ``storage``: nvme, ssd, hdd, emmc, sd, usb, virtual; None: not known. Behind a
    bridge from USB to SATA an SSD shows as hdd where the bridge does not pass on that it does not turn."""


def disk_of(folder: Path, sysroot: Path = Path("/")) -> Disk | None:
    """Of the file system that holds ``folder``; None where it has no block device (overlay, tmpfs).

    Raises ``OSError`` where there is no such folder.
    """
    name = whole_disk(os.stat(folder).st_dev, sysroot)
    return None if name is None else Disk(name, _kind(name, sysroot / "sys/class/block" / name))


def whole_disk(device: int, sysroot: Path = Path("/")) -> str | None:
    """Name of the disk that holds ``device`` (an ``st_dev``): a card wears as a whole.

    None where the file system has no block device of its own (overlay, btrfs, tmpfs).
    """
    node = sysroot / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    if not node.exists():
        return None
    place = node.resolve()
    return place.parent.name if (place / "partition").exists() else place.name


def _kind(name: str, node: Path) -> str | None:
    """Sources: Linux ``Documentation/ABI/stable/sysfs-block``, ``drivers/mmc/core/bus.c``."""
    if name.startswith("nvme"):
        return "nvme"
    if name.startswith("mmcblk"):
        return {"SD": "sd", "MMC": "emmc"}.get(read_text(node / "device/type") or "")
    if name.startswith(("vd", "xvd")):
        return "virtual"
    if not name.startswith("sd"):
        return None  # LUKS, LVM, RAID: what is below it is not looked for
    if read_text(node / "removable") == "1":
        return "usb"
    return {"0": "ssd", "1": "hdd"}.get(read_text(node / "queue/rotational") or "")
