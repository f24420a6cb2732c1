"""Decides whether programs of this machine can work in the root of a board's image; native.sh mounts them.

An image for arm64 is made mostly by shell and Perl scripts of Debian packages, and by modules of Ansible.
Emulated, these take eight times as much processor time. All that the image contains is the root's own.
"""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from pathlib import Path

from installers.boards import SUITE, Board

SCRIPT = Path(__file__).with_suffix(".sh")
PATH = "/run/native/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PYTHON = "/run/native/python"
"""For modules of Ansible."""


def usable(board: Board, machine: str = platform.machine(), system: Mapping[str, str] | None = None) -> bool:
    """Return whether this machine is another than the board's and has the same Debian, so the same Perl."""
    if system is None:
        try:
            system = platform.freedesktop_os_release()
        except OSError:
            return False
    same_debian = system.get("ID") == "debian" and system.get("VERSION_CODENAME") == SUITE
    return (machine, board.machine) == ("x86_64", "aarch64") and same_debian


def mmdebstrap_options() -> list[str]:
    """Return the options with which mmdebstrap has the programs while it installs packages."""
    script = shlex.quote(str(SCRIPT))
    steps = (("extract", "programs"), ("essential", "shells"), ("customize", "remove"))
    hooks = [f'--{stage}-hook={script} {step} "$1"' for stage, step in steps]
    return [f'--aptopt=DPkg::Path "{PATH}"', *hooks]
