"""Recognises the board by what its firmware reports."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

DEVICE_TREES = ("sys/firmware/devicetree/base", "proc/device-tree")
"""/proc/device-tree is a link to the folder in /sys; systemd's ProcSubset=pid hides the link."""


@dataclass(frozen=True, slots=True)
class BoardIdentity:
    """What the firmware and the kernel report about the board."""

    model: str  # device-tree model, "" where there is no device tree
    machine: str  # as `uname -m` prints it
    dmi: str = ""  # vendor and product as DMI has them, "" where there is none

    @property
    def name(self) -> str:
        """Name of the board for people."""
        return self.model or self.dmi or "unknown"


def read_board(sysroot: Path = Path("/")) -> BoardIdentity:
    """Return the board that this process runs on."""
    dmi = sysroot / "sys/class/dmi/id"
    words = (_text(dmi / "sys_vendor"), _text(dmi / "product_name"))
    model = _text(device_tree(sysroot) / "model")
    return BoardIdentity(model, platform.machine(), " ".join(word for word in words if word))


def read_serial(sysroot: Path = Path("/")) -> str:
    """Return the serial number of the gateway. It is the one on the label, else the board's; "" if the
    firmware has none or only root may read it."""
    labelled = _text(sysroot / "etc/edge-agent/serial")
    board = _text(device_tree(sysroot) / "serial-number")
    return labelled or board or _text(sysroot / "sys/class/dmi/id/product_serial")


def device_tree(sysroot: Path = Path("/")) -> Path:
    """Return the folder of the device tree; where there is none, the first of ``DEVICE_TREES``."""
    places = [sysroot / place for place in DEVICE_TREES]
    return next((place for place in places if place.is_dir()), places[0])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n\t")
    except OSError:  # no device tree on a PC, no DMI on most ARM boards
        return ""
