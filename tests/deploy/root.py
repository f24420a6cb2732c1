"""A Debian root that a box starts from: what an image writer leaves on a card, and nothing of this project.

Made once by mmdebstrap, in about 70 s, and kept under ``.cache/deploy/``; its name holds a digest of what
is in it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

SUITE = "trixie"
USER = "debian"
"""The user of the image, who may sudo without a password: as on cloud images and in Raspberry Pi's Imager."""

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "sudo",
    "ca-certificates",
    "iproute2",
)
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "deploy"

_SETUP = f"""
useradd --create-home --shell /bin/bash {USER}
echo '{USER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/90-image
chmod 0440 /etc/sudoers.d/90-image
systemctl enable systemd-networkd.service
systemctl mask systemd-networkd-wait-online.service console-getty.service
"""


def missing() -> str | None:
    """Why no box can be started here; None if one can."""
    if os.geteuid() != 0:
        return "boxes need root: they are booted by systemd-nspawn"
    for tool, package in (
        ("systemd-nspawn", "systemd-container"),
        ("mmdebstrap", "mmdebstrap"),
        ("ip", "iproute2"),
        ("ssh", "openssh-client"),
    ):
        if shutil.which(tool) is None:
            return f"{tool} is missing: install {package}"
    return None


def debian_root() -> Path:
    """Return the folder of the root; build it if it is missing. Several processes may call this at once."""
    made_of = "\n".join((SUITE, *PACKAGES, _SETUP))
    root = CACHE / f"{SUITE}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            _build(root)
    return root


def _build(root: Path) -> None:
    half = root.with_suffix(".part")
    shutil.rmtree(half, ignore_errors=True)
    setup = CACHE / "setup.sh"
    setup.write_text("set -eu\n" + _SETUP)
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=apt",
        f"--include={','.join(PACKAGES)}",
        f'--customize-hook=chroot "$1" sh -s < {setup}',
        SUITE,
        str(half),
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(half, ignore_errors=True)
        raise RuntimeError(f"mmdebstrap made no {SUITE}: {done.stderr[-2000:]}")
    half.rename(root)
