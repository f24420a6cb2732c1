"""Finds out, on any machine, which wheels pip installs on a machine of the fleet.

pip and not uv: docs/decisions/0016-aarch64-without-a-board.md.
"""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PIP = Path(__file__).parent / "pip_elsewhere.py"
OLDEST_GLIBC = 28
"""2.28, the newest C library that wheels may require; Debian 12 has 2.36, Ubuntu 22.04 (JetPack 6) has
2.35."""
UNREACHABLE = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "NameResolutionError",
    "ProxyError",
)


class NoWheel(Exception):
    """No set of wheels fits; the text is pip's message."""


class IndexUnreachable(Exception):
    """The package index did not answer; the text is pip's first error."""


@dataclass(frozen=True)
class Target:
    """The machine that the wheels are for."""

    python: str  # "3.13"
    arch: str = "aarch64"
    glibc: int = OLDEST_GLIBC  # minor number, the newest that a wheel may require

    def options(self) -> list[str]:
        """Options of pip that choose wheels for this machine."""
        platforms = [f"--platform=manylinux_2_{minor}_{self.arch}" for minor in range(self.glibc, 16, -1)]
        return [
            "--only-binary=:all:",
            f"--python-version={self.python}",
            *platforms,
            f"--platform=manylinux2014_{self.arch}",
        ]


@dataclass(frozen=True)
class Pin:
    """A chosen wheel."""

    name: str  # in lower case
    version: str
    sha256: str


def extras() -> set[str]:
    """Names of all extras in setup.cfg."""
    return set(_setup()["options.extras_require"])


def requirements(*names: str) -> list[str]:
    """Return requirement lines of setup.cfg: those of every installation, and of the extras ``names``."""
    needed = _setup()["options"]["install_requires"].splitlines()
    for name in names:
        needed += _setup()["options.extras_require"][name].splitlines()
    return [line for line in needed if line.strip() and not line.startswith("#")]


def build_requirements() -> list[str]:
    """Return the build tools of the agent's wheel: ``build-system.requires`` of pyproject.toml."""
    document = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))
    return [str(line) for line in document["build-system"]["requires"]]


def resolve(needed: Sequence[str], target: Target, constraints: Path | None = None) -> list[Pin]:
    """Return the wheels that pip would install, by name. ``constraints``: a file with fixed versions.

    Raises NoWheel or IndexUnreachable.
    """
    dry_run = ["install", "--dry-run", "--ignore-installed", "--report", "-", "--target", "unused"]
    if constraints:
        dry_run += ["--constraint", str(constraints)]
    report = json.loads(_pip(target, [*dry_run, *target.options(), *needed]))
    return sorted((_pin(item) for item in report["install"]), key=lambda pin: pin.name)


def _pin(item: dict[str, dict[str, dict[str, dict[str, str]]]]) -> Pin:
    """Return the pin for an entry of pip's installation report."""
    name, version = str(item["metadata"]["name"]), str(item["metadata"]["version"])
    if not str(item["download_info"]["url"]).endswith(".whl"):
        raise NoWheel(f"{name} {version} has no wheel")
    return Pin(name.lower(), version, item["download_info"]["archive_info"]["hashes"]["sha256"])


def _pip(target: Target, words: Sequence[str]) -> str:
    command = [sys.executable, str(PIP), target.python, target.arch, *words]
    patience = ["--quiet", "--retries", "1", "--timeout", "15"]
    done = subprocess.run([*command, *patience], capture_output=True, text=True, timeout=900, check=False)
    if done.returncode == 0:
        return done.stdout
    unreachable = [line for line in done.stderr.splitlines() if any(sign in line for sign in UNREACHABLE)]
    if unreachable:
        raise IndexUnreachable(unreachable[0])
    raise NoWheel(done.stderr)


def _setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(SOURCE / "setup.cfg", encoding="utf-8")
    return parser
