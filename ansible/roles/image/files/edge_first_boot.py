"""Makes a gateway of a copied image: grows the root, makes ssh host keys, names the machine, installs files.

edge_first_boot.py BOOT_FOLDER      as root, at each boot; what is done already is left alone

It uses only Python's standard library and none of the agent's code: a person must be able to log in, even if
the agent does not start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from edge_serial import find_serial

IMAGE_NAME = "edge-agent"
"""The host name that every image has before its first boot."""
FOLDER = "edge-agent"
"""On the boot partition."""
ETC = Path("/etc")
SERIAL = "edge-agent/serial"
"""Below /etc: edge_commission.py and the agent read it there."""
ISSUE = Path("/run/issue.d/edge-agent.issue")
"""What the console shows above the login; edge_commission.py replaces it by more."""
KEY_ISSUE = Path("/run/issue.d/edge-agent-ssh-key.issue")
ENROLMENT = "edge-agent/enrolment"
"""Below /etc: the files belong to root and the agent's group."""
TAKEN = {
    "sites.json": ("sites.json", 0o644),
    "sites.json.sig": ("sites.json.sig", 0o644),
    "enrol-*.crt": ("client.crt", 0o640),
    "enrol-*.key": ("client.key", 0o640),
}
"""Name on the boot partition -> name in ENROLMENT and mode."""
MAX_BYTES = 20_000_000
"""Of one file: the largest is the site bundle, with at most 16 MB."""
GROUP = "edge-agent"


def main(argv: list[str]) -> int:
    boot = Path(argv[1])
    failed = 0
    for step in (grow_root, make_host_keys, name_machine, lambda: take_files(boot / FOLDER, ETC)):
        # A step that fails must not prevent the next ones: without host keys no person can log in.
        try:
            step()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"edge-first-boot: {error}", file=sys.stderr)
            failed = 1
    return failed


def grow_root() -> None:
    """Let the root partition and its file system fill the card. In a container there is no partition."""
    device = _output("findmnt", "--noheadings", "--nofsroot", "--output", "SOURCE", "/")
    number = Path("/sys/class/block", Path(device).name, "partition")
    if not device.startswith("/dev/") or not number.exists():
        return
    disk = number.resolve().parent.parent.name
    done = subprocess.run(["growpart", f"/dev/{disk}", number.read_text().strip()], check=False)
    # 1: it fills the card already.
    if done.returncode == 0:
        subprocess.run(["resize2fs", device], check=True)


def make_host_keys() -> None:
    subprocess.run(["ssh-keygen", "-A"], check=True)
    # To compare with what `fleet host-key` shows before the first login.
    key = _output("ssh-keygen", "-l", "-f", str(ETC / "ssh/ssh_host_ed25519_key.pub")).split()[1]
    KEY_ISSUE.parent.mkdir(exist_ok=True)
    KEY_ISSUE.write_text(f"ssh key  {key}\n")


def name_machine() -> None:
    """Replace the image's name by one from the serial, and show both on the console."""
    name = ETC / "hostname"
    serial = read_serial()
    host = host_name(serial)
    if name.read_text().strip() == IMAGE_NAME:
        hosts = ETC / "hosts"
        hosts.write_text(hosts.read_text().replace(f" {IMAGE_NAME}\n", f" {host}\n"))
        name.write_text(f"{host}\n")
        with contextlib.suppress(OSError):  # a container may forbid it; the next start has the name
            socket.sethostname(host)
    ISSUE.parent.mkdir(exist_ok=True)
    ISSUE.write_text(f"{serial}  \\n  \\4\n")


def read_serial() -> str:
    """Return the serial of this box, which stays the same: at the first boot it is written to a file."""
    file = ETC / SERIAL
    if not file.exists():
        _install(f"{find_serial()}\n".encode(), file, 0o644)
    return file.read_text().strip()


def host_name(serial: str) -> str:
    return f"edge-{serial.removeprefix('box-')}"


def take_files(folder: Path, etc: Path) -> None:
    """Move the files of TAKEN from the boot partition to ``etc``; others stay."""
    for pattern, (name, mode) in TAKEN.items():
        for source in sorted(folder.glob(pattern)):
            size = source.stat().st_size
            if not source.is_file() or source.is_symlink() or not 0 < size <= MAX_BYTES:
                print(f"edge-first-boot: {source} has {size} bytes and stays where it is", file=sys.stderr)
                continue
            target = etc / ENROLMENT / name
            _install(source.read_bytes(), target, mode)
            source.unlink()
            print(f"edge-first-boot: {source.name} is now {target}")


def _install(content: bytes, target: Path, mode: int) -> None:
    """Replace ``target`` in one step, and return when it is on the disk: its source is deleted then."""
    if not target.parent.exists():
        target.parent.mkdir(parents=True, mode=0o750)
        _give_to_group(target.parent)
    new = target.with_name(f".{target.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _give_to_group(new)
    new.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


def _give_to_group(path: Path) -> None:
    with contextlib.suppress(LookupError):
        shutil.chown(path, group=GROUP)


def _output(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
