"""The boards for which images are made: how each boots, and what it needs besides the packages of the
roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
"""Debian's own name, which leads to a server nearby."""
COMPONENTS = "main non-free-firmware"

PACKAGES = (
    # Of a system that boots and can be reached. What the agent needs comes from the roles.
    "systemd-sysv",
    "systemd-resolved",
    "dbus",
    "udev",
    "kmod",
    "iproute2",
    "initramfs-tools",
    "e2fsprogs",
    "dosfstools",
    "ca-certificates",
    "python3",
    "python3-apt",  # for Ansible's apt module
    # The root file system grows to the size of the card.
    "cloud-guest-utils",
    "fdisk",
)


@dataclass(frozen=True, slots=True)
class Board:
    """One board. ``name`` is also the file name of its profile in ``firmware_profiles/``."""

    name: str
    machine: str  # the kernel's name of the architecture: aarch64, x86_64
    architecture: str  # Debian's: arm64, amd64
    firmware: Literal["raspberry-pi", "uefi"]
    packages: tuple[str, ...]
    serial: str  # the kernel's name of the serial line
    backports_kernel: bool = False

    @property
    def consoles(self) -> tuple[str, ...]:
        """Return the kernel's consoles: a serial line, and the screen, which systemd uses."""
        return f"{self.serial},115200", "tty0"

    @property
    def boot_folder(self) -> str:
        """The mount point of the FAT partition from which the board's firmware boots."""
        return "/boot/firmware" if self.firmware == "raspberry-pi" else "/boot/efi"

    def source_lines(self, mirror: str = MIRROR) -> tuple[str, ...]:
        """Return the lines of apt's sources. ``mirror``: URL of the folder ``debian``; ``debian-security`` is
        beside it."""
        suites = [f"{mirror} {SUITE}", f"{mirror} {SUITE}-updates", f"{mirror}-security {SUITE}-security"]
        if self.backports_kernel:
            suites.append(f"{mirror} {SUITE}-backports")
        return tuple(f"deb {suite} {COMPONENTS}" for suite in suites)


_UEFI = ("systemd-boot", "systemd-boot-efi")
BOARDS = {
    board.name: board
    for board in (
        Board(
            "raspberry-pi-4",
            "aarch64",
            "arm64",
            "raspberry-pi",
            ("linux-image-arm64", "raspi-firmware"),
            serial="ttyS1",
        ),
        # Debian 13's kernel 6.12 has no driver for this board's RP1, behind which are Ethernet and USB.
        Board(
            "raspberry-pi-5",
            "aarch64",
            "arm64",
            "raspberry-pi",
            ("linux-image-arm64", "raspi-firmware"),
            serial="ttyAMA10",
            backports_kernel=True,
        ),
        Board("generic-arm64", "aarch64", "arm64", "uefi", ("linux-image-arm64", *_UEFI), serial="ttyAMA0"),
        # The firmware of Realtek's network adapters, which most small PCs have.
        Board(
            "generic-x86_64",
            "x86_64",
            "amd64",
            "uefi",
            ("linux-image-amd64", *_UEFI, "firmware-realtek"),
            serial="ttyS0",
        ),
    )
}
"""A Jetson is missing: NVIDIA's L4T brings its own root, to which docs/guide/image.md adds the package."""
