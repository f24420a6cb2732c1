"""A whole machine in qemu, with UEFI firmware, which boots a card by the card's own boot loader and kernel.

It is emulated: on a machine that is itself virtual KVM is often missing or incomplete.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.deploy.boxes import SSH_OPTIONS

MEMORY_MIB = 1500


@dataclass(frozen=True, slots=True)
class Hardware:
    """The program of qemu, what it emulates, its UEFI firmware, and the Debian packages of both."""

    program: str
    options: tuple[str, ...]
    firmware: Path
    variables: Path
    packages: str

    def missing(self) -> str | None:
        """Why no such machine can be started here; None if one can."""
        for needed in (shutil.which(self.program), self.firmware.exists()):
            if not needed:
                return f"{self.program} or its firmware is missing: install {self.packages}"
        return None


PC = Hardware(
    "qemu-system-x86_64",
    ("-cpu", "max", "-device", "i6300esb"),
    Path("/usr/share/OVMF/OVMF_CODE_4M.fd"),
    Path("/usr/share/OVMF/OVMF_VARS_4M.fd"),
    "qemu-system-x86 and ovmf",
)
ARM64 = Hardware(
    "qemu-system-aarch64",
    ("-machine", "virt", "-cpu", "cortex-a57"),
    Path("/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd"),
    Path("/usr/share/AAVMF/AAVMF_VARS.fd"),
    "qemu-system-arm and qemu-efi-aarch64",
)


class Machine:
    def __init__(self, hardware: Hardware, card: Path, folder: Path, serial: str) -> None:
        """``serial``: of the board, as its firmware reports it. ``folder``: for the console's text."""
        self._hardware, self._card, self._folder, self._serial = hardware, card, folder, serial
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]

    def __enter__(self) -> Self:
        variables = self._folder / "variables.fd"
        shutil.copyfile(self._hardware.variables, variables)
        command = [
            self._hardware.program, *self._hardware.options, "-accel", "tcg,thread=multi", "-smp", "2",
            "-m", str(MEMORY_MIB), "-display", "none", "-no-reboot",
            "-serial", f"file:{self._folder / 'console.log'}",
            "-drive", f"if=pflash,format=raw,readonly=on,file={self._hardware.firmware}",
            "-drive", f"if=pflash,format=raw,file={variables}",
            "-drive", f"file={self._card},format=raw,if=virtio",
            "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self._port}-:22",
            "-device", "virtio-net-pci,netdev=net",
            "-smbios", f"type=1,serial={self._serial}",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def ssh(self, user: str, key: Path, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command; an exit code other than 0 does not raise."""
        words = ["ssh", *SSH_OPTIONS, "-i", str(key), "-p", str(self._port), f"{user}@127.0.0.1", command]
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
        )
