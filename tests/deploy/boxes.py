"""Real Debian boxes for the tests of deployment, each booted by systemd-nspawn and reached over ssh.

with Network() as network, Boxes(tmp_path, network) as boxes:
    box = boxes.start("dt-001")
    box.run("systemctl is-system-running")        # as root, through the image's user and sudo
    inventory.write_text(box.inventory_line())    # for Ansible

A box has what an image writer leaves on a card: Debian, ssh, Python, a user who may sudo. Its root is an
overlay on one cached folder, so that a new one is there in 3 s.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.deploy.network import Network
from tests.deploy.root import USER, debian_root

BOOT_S = 60.0
STOP_S = 20.0
NO_QUESTIONS = ("BatchMode=yes", "ConnectTimeout=5", "IdentitiesOnly=yes", "LogLevel=ERROR")
NO_HOST_KEYS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
SSH_OPTIONS = ("-F", "/dev/null", *(f"-o{option}" for option in (*NO_QUESTIONS, *NO_HOST_KEYS)))
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_INSTANCES = 1_024
"""A box uses about 20, and root's processes in all boxes share the kernel's default of 128: path units of
the seventh box fail."""


def wait_until(true: Callable[[], object], timeout_s: float, what: str) -> None:
    """Check once a second, because each check goes over ssh and both sides are busy."""
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not true():
        assert time.monotonic() < deadline, f"{what} not within {timeout_s} s"
        pause.wait(1.0)


@dataclass(slots=True)
class Box:
    """One box that runs. ``root`` is its file system as seen from here."""

    name: str
    address: str
    key: Path
    root: Path
    user: str = USER
    process: subprocess.Popen[bytes] | None = None

    def ssh(self, command: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command as the login user; an exit code other than 0 does not raise."""
        words = ["ssh", *SSH_OPTIONS, "-i", str(self.key), f"{self.user}@{self.address}", command]
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def run(self, command: str, timeout_s: float = 60.0) -> str:
        """Run a command as root and return its output. Raises AssertionError with the error output."""
        quoted = command.replace("'", "'\\''")
        done = self.ssh(f"sudo sh -c '{quoted}'", timeout_s)
        assert done.returncode == 0, f"{self.name}: {command}: {done.returncode}: {done.stderr}{done.stdout}"
        return done.stdout.strip()

    def status(self) -> dict[str, Any]:
        """What its agent says of itself."""
        found: dict[str, Any] = json.loads(self.run("edge-agent status --json"))
        return found

    def inventory_line(self, name: str = "") -> str:
        """``dt-001 ansible_host=...``, with which Ansible can connect. ``name``: instead of the box's own."""
        options = " ".join(SSH_OPTIONS)
        return (
            f"{name or self.name} ansible_host={self.address} ansible_user={self.user} "
            f"ansible_ssh_private_key_file={self.key} ansible_ssh_common_args='{options}'"
        )

    def wait_for_ssh(self) -> None:
        deadline, pause = time.monotonic() + BOOT_S, threading.Event()
        while (done := self.ssh("systemctl is-system-running --wait")).returncode not in (0, 1):
            assert self.process is not None, f"{self.name} was not booted"
            assert self.process.poll() is None, f"{self.name} ended while it booted: see console.log"
            assert time.monotonic() < deadline, f"{self.name} has no ssh after {BOOT_S} s: {done.stderr}"
            pause.wait(0.2)

    def power_off(self) -> None:
        """Shut down; pull the plug if that takes too long."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.pull_the_plug()

    def pull_the_plug(self) -> None:
        """Kill every process of the box at once."""
        if self.process is None:
            return
        # Kill the box's init, not nspawn: it would survive the end of nspawn.
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in children.read_text().split() if self.process.poll() is None else ():
            os.kill(int(pid), signal.SIGKILL)
        self.process.wait(STOP_S)


class Boxes:
    """Starts boxes on one network and stops all of them at the end."""

    def __init__(self, folder: Path, network: Network) -> None:
        self._folder = folder
        self._network = network
        self._boxes: dict[str, Box] = {}
        self._names: dict[str, str] = {}
        self.key = folder / "id_ed25519"
        """Private ssh key that every box lets in."""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        if int(_INOTIFY.read_text()) < _INOTIFY_INSTANCES:
            _INOTIFY.write_text(str(_INOTIFY_INSTANCES))  # until the next start of this machine
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self._names["controller"] = self._network.address(1)
        return self

    def __exit__(self, *_: object) -> None:
        for box in self._boxes.values():
            box.power_off()
            subprocess.run(["umount", str(box.root)], check=False)

    @property
    def public_key(self) -> str:
        return self.key.with_suffix(".pub").read_text().strip()

    def create(self, name: str, image: Path | None = None, user: str = USER) -> Box:
        """Create a blank card: its files can be changed before ``boot``.

        ``image``: the root of an image of this project, whose ``user`` logs in with a key that is in it."""
        base = image or debian_root()
        place = self._folder / name
        upper, work, root = place / "upper", place / "work", place / "root"
        for folder in (upper, work, root):
            folder.mkdir(parents=True)
        options = f"lowerdir={base},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
        box = Box(name, self._network.address(10 + len(self._boxes)), self.key, root, user)
        self._boxes[name] = box
        self._names[name] = box.address
        self._write_network(box)
        if image is None:
            self._write_card(box, self._network.package_proxy(base))
        return box

    def boot(self, box: Box) -> None:
        """Boot and wait until the box can be reached. It keeps its files of the last stop."""
        machine = f"{self._network.bridge}-{box.name}"
        _forget(machine)
        # In a container systemd does not see that a user's manager has ended, and the next login waits 2 min.
        _write(box.root / "etc/systemd/logind.conf.d/test.conf", "[Login]\nUserStopDelaySec=infinity\n")
        command = [
            "systemd-nspawn", "--quiet", "--boot", f"--directory={box.root}", f"--machine={machine}",
            f"--hostname={box.name}", "--register=no", "--keep-unit", "--link-journal=no",
            f"--network-bridge={self._network.bridge}", "--resolv-conf=off", "--timezone=off",
        ]  # fmt: skip
        with (box.root.parent / "console.log").open("ab") as console:
            box.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
            )
        box.wait_for_ssh()

    def start(self, name: str) -> Box:
        """Create and boot a box."""
        box = self.create(name)
        self.boot(box)
        return box

    def _write_network(self, box: Box) -> None:
        """Write the address: there is no DHCP server."""
        _write(
            box.root / "etc/systemd/network/10-wired.network",
            f"[Match]\nName=host0\n[Network]\nAddress={box.address}/24\nGateway={self._network.address(1)}\n"
            "LinkLocalAddressing=no\n",
        )

    def _write_card(self, box: Box, proxy: str) -> None:
        """Write what else differs between boxes: names, permitted logins, source of packages."""
        lines = [f"127.0.0.1 localhost {box.name}", *(f"{at} {name}" for name, at in self._names.items())]
        _write(box.root / "etc/hosts", "\n".join(lines) + "\n")
        _write(box.root / "etc/hostname", f"{box.name}\n")
        _write(box.root / "etc/apt/apt.conf.d/90proxy", f'Acquire::http::Proxy "{proxy}";\n')
        keys = box.root / f"home/{USER}/.ssh/authorized_keys"
        _write(keys, self.public_key + "\n")
        owner = (box.root / f"home/{USER}").stat()
        for path in (keys, keys.parent):
            os.chown(path, owner.st_uid, owner.st_gid)


def _forget(machine: str) -> None:
    """Remove what a killed nspawn left over, because it blocks a box with the same name."""
    for left in Path("/run/systemd/nspawn").glob(f"*/{machine}"):
        subprocess.run(["umount", "--quiet", "--lazy", str(left)], check=False)
        with contextlib.suppress(OSError):
            left.rmdir()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
