"""A whole PC in qemu, with UEFI firmware, which boots a card by the card's own boot loader and kernel.

It is emulated: on a machine that is itself virtual KVM is often missing or incomplete.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.deploy.boxes import SSH_OPTIONS

FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
MEMORY_MIB = 1500


def missing() -> str | None:
    """Why no machine can be started here; None if one can."""
    if shutil.which("qemu-system-x86_64") is None:
        return "qemu-system-x86_64 is missing: install qemu-system-x86"
    return None if FIRMWARE.exists() else f"{FIRMWARE} is missing: install ovmf"


class Machine:
    def __init__(self, card: Path, folder: Path, serial: str) -> None:
        """``serial``: of the board, as its firmware reports it. ``folder``: for the console's text."""
        self._card, self._folder, self._serial = card, folder, serial
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]

    def __enter__(self) -> Self:
        variables = self._folder / "variables.fd"
        shutil.copyfile(VARIABLES, variables)
        command = [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", str(MEMORY_MIB), "-display", "none", "-no-reboot",
            "-serial", f"file:{self._folder / 'console.log'}",
            "-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}",
            "-drive", f"if=pflash,format=raw,file={variables}",
            "-drive", f"file={self._card},format=raw,if=virtio",
            "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self._port}-:22",
            "-device", "virtio-net-pci,netdev=net",
            "-smbios", f"type=1,serial={self._serial}", "-device", "i6300esb",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def ssh(self, user: str, key: Path, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command; an exit code other than 0 does not raise."""
        words = ["ssh", *SSH_OPTIONS, "-i", str(key), "-p", str(self._port), f"{user}@127.0.0.1", command]
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
        )
