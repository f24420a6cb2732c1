"""What an aarch64 box installs, found out on any machine by the pip of its Python."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SETUP = Path(__file__).parents[1] / "setup.cfg"
PIP = Path(__file__).parent / "testbed" / "pip_elsewhere.py"
NOT_ON_A_BOX = {"dev", "bench"}
OLDEST_GLIBC = 28  # 2.28; Debian 12 has 2.36, Ubuntu 22.04 (JetPack 6) 2.35
UNREACHABLE = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "NameResolutionError",
    "ProxyError",
)


class NoWheel(Exception):
    """No set of wheels fits; the message is pip's."""


class IndexUnreachable(Exception):
    """The package index did not answer; the message is pip's first complaint."""


def extras() -> set[str]:
    """Those that somebody may install on a gateway: a new one is looked at without being named here."""
    return set(_setup()["options.extras_require"]) - NOT_ON_A_BOX


def requirements(*names: str) -> list[str]:
    """As setup.cfg has them; those of extras ``names`` come on top of what every installation needs."""
    needed = _setup()["options"]["install_requires"].splitlines()
    for name in names:
        needed += _setup()["options.extras_require"][name].splitlines()
    return [line for line in needed if line.strip() and not line.startswith("#")]


def resolve(needed: Sequence[str], *, python: str, glibc: int = OLDEST_GLIBC) -> dict[str, str]:
    """Version by name of what is installed. ``glibc``: minor number, the newest that a wheel may ask for.

    Raises NoWheel or IndexUnreachable.
    """
    dry_run = ["install", "--dry-run", "--ignore-installed", "--report", "-", "--target", "unused"]
    told = json.loads(_pip(python, [*dry_run, *choice(python, glibc), *needed]))
    assert all(item["download_info"]["url"].endswith(".whl") for item in told["install"])
    return {item["metadata"]["name"].lower(): item["metadata"]["version"] for item in told["install"]}


def download(needed: Sequence[str], folder: Path, *, python: str, glibc: int = OLDEST_GLIBC) -> None:
    """The same wheels as files. Those that lie in ``folder`` are not fetched again."""
    beside = ["--find-links", str(folder), "--dest", str(folder)]
    _pip(python, ["download", *beside, *choice(python, glibc), *needed])


def choice(python: str, glibc: int) -> list[str]:
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(glibc, 16, -1)]
    return [
        "--only-binary=:all:",
        f"--python-version={python}",
        *platforms,
        "--platform=manylinux2014_aarch64",
    ]


def _pip(python: str, words: Sequence[str]) -> str:
    command = [sys.executable, str(PIP), python, *words, "--quiet", "--retries", "1", "--timeout", "15"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode == 0:
        return done.stdout
    unreachable = [line for line in done.stderr.splitlines() if any(sign in line for sign in UNREACHABLE)]
    if unreachable:
        raise IndexUnreachable(unreachable[0])
    raise NoWheel(done.stderr)


def _setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(SETUP, encoding="utf-8")
    return parser
