"""An arm64 Debian on this machine: a root made by mmdebstrap, run by qemu-user through binfmt_misc.

On an arm64 machine the same root runs without emulation. Root and wheels stay in ``.cache/arm64``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from wheelhouse.__main__ import make

PROJECT = Path(__file__).parents[2]
CACHE = PROJECT / ".cache" / "arm64"
SUITE, PYTHON = "trixie", "3.13"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
RULES = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
IN_ROOT = "/opt/edge-agent"
SUDO = [] if os.geteuid() == 0 else ["sudo", "-n"]

# In a mount namespace of its own: what it mounts is gone with it, however it ends.
ENTER = """
mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp" || exit 125
mount --bind "$1" "$0/mnt" || exit 125
root=$0; shift
exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 "$@"
"""


class NoEmulation(Exception):
    """This machine cannot run arm64 programs; the message says what is missing."""


def make_ready() -> None:
    """Lets the kernel start arm64 programs. Raises NoEmulation."""
    for tool in ("mmdebstrap", "arch-test", "unshare"):
        if shutil.which(tool) is None:
            raise NoEmulation(f"{tool} is not installed")
    if _run([*SUDO, "true"]).returncode:
        raise NoEmulation("no root here, and sudo asks for a password")
    if not _starts_arm64():
        _register()
    if not _starts_arm64():
        raise NoEmulation("the kernel does not start arm64 programs through qemu-user (binfmt_misc)")


def _starts_arm64() -> bool:
    return _run(["arch-test", "arm64"]).returncode == 0


def _register() -> None:
    """What systemd-binfmt does at boot, on machines that have no systemd."""
    if not RULES.exists():
        raise NoEmulation(f"{RULES} is missing: install qemu-user-binfmt")
    if not (BINFMT / "register").exists():
        mounted = _run([*SUDO, "mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)])
        if mounted.returncode:
            raise NoEmulation(f"binfmt_misc cannot be mounted: {mounted.stderr.strip()}")
    _run([*SUDO, "tee", str(BINFMT / "register")], RULES.read_text(encoding="utf-8"))


def debian_root() -> Path:
    """A minimal Debian with Python, made once."""
    root = CACHE / f"{SUITE}-root"
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = root.with_suffix(".part")
        _must([*SUDO, "rm", "-rf", str(part)])
        packages = "--include=python3,python3-venv"
        _must([*SUDO, "mmdebstrap", "--arch=arm64", "--variant=minbase", packages, SUITE, str(part)])
        _must([*SUDO, "mv", str(part), str(root)])
    return root


def wheelhouse() -> Path:
    """The wheel of this checkout, and every wheel that an arm64 box needs beside it; nothing else."""
    return make("aarch64", PYTHON, CACHE / "wheelhouse", source=_clean_copy())


def _clean_copy() -> Path:
    """Of the files that git knows or would know: setuptools packs whatever lies in an old ``build/``."""
    copy = CACHE / "source"
    shutil.rmtree(copy, ignore_errors=True)
    listed = _must(
        ["git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    )
    for name in filter(None, listed.split("\0")):
        file = PROJECT / name
        if file.is_symlink() or file.exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy / name, follow_symlinks=False)
    return copy


def install(root: Path, house: Path) -> None:
    """As on a box without internet: pip on the box, from the wheels that were brought along."""
    if not (root / IN_ROOT.lstrip("/") / "bin" / "pip").exists():
        inside(root, house, ["python3", "-m", "venv", IN_ROOT])
    pip = [f"{IN_ROOT}/bin/pip", "install", "--quiet", "--no-index", "--find-links", "/mnt", "--no-compile"]
    wheel = next(house.glob("edge_agent-*.whl"))
    inside(root, house, [*pip, f"/mnt/{wheel.name}"])  # what it depends on, where that is not there yet
    inside(root, house, [*pip, "--force-reinstall", "--no-deps", f"/mnt/{wheel.name}"])


def inside(root: Path, folder: Path, command: Sequence[str], timeout_s: float = 900) -> str:
    """Runs ``command`` in the root, where ``folder`` is seen as /mnt; returns what it printed."""
    namespace = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return _must([*SUDO, *namespace, "sh", "-c", ENTER, str(root), str(folder), *command], timeout_s)


def _must(command: Sequence[str], timeout_s: float = 1800) -> str:
    done = _run(command, timeout_s=timeout_s)
    assert done.returncode == 0, f"{' '.join(command)[:200]}\n{done.stderr[-4000:]}"
    return done.stdout


def _run(
    command: Sequence[str], stdin: str | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
    )
