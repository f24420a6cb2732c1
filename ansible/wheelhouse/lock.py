"""Write the lock files of the wheelhouse: the version and the SHA-256 of each wheel that a machine installs.

python3 -m wheelhouse.lock     (or: make lock) takes the newest versions that setup.cfg allows.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wheelhouse.resolve import (
    IndexUnreachable,
    NoWheel,
    Pin,
    Target,
    build_requirements,
    requirements,
    resolve,
)

LOCKS = Path(__file__).parent / "locks"
EXTRAS = {"box": "cameras", "centre": "central"}
"""The extra of setup.cfg that is installed on each kind of machine."""
ARCHITECTURES = ("aarch64", "x86_64")
PYTHONS = ("3.11", "3.12", "3.13")
"""The versions of Debian 12, Ubuntu 24.04 (Jetson) and Debian 13."""
HEADER = "# Written by `make lock`. `make wheelhouse` takes exactly these files: pip's --require-hashes.\n"
PIN = re.compile(
    r"^(?P<name>[a-z0-9._-]+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})$", re.MULTILINE
)


@dataclass(frozen=True)
class Lock:
    """One lock file."""

    path: Path
    target: Target
    needed: tuple[str, ...]  # requirement lines

    def pins(self) -> list[Pin]:
        """Read the pins of the file. Raises OSError."""
        return [Pin(**found.groupdict()) for found in PIN.finditer(self.path.read_text(encoding="utf-8"))]


def lock_of(machine: str, arch: str, python: str) -> Lock:
    """``machine``: a key of EXTRAS."""
    path = LOCKS / f"{machine}-cp{python.replace('.', '')}-{arch}.txt"
    return Lock(path, Target(python, arch), tuple(requirements(EXTRAS[machine])))


def build_lock() -> Lock:
    """Return the lock of the tools that build the agent's wheel; pure Python, so it serves all machines."""
    return Lock(LOCKS / "build.txt", Target(PYTHONS[0]), tuple(build_requirements()))


def all_locks() -> Iterator[Lock]:
    for machine, arch, python in itertools.product(EXTRAS, ARCHITECTURES, PYTHONS):
        yield lock_of(machine, arch, python)
    yield build_lock()


def text_of(pins: Sequence[Pin]) -> str:
    return HEADER + "".join(f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n" for pin in pins)


def main() -> int:
    locks = list(all_locks())
    try:
        with ThreadPoolExecutor(4) as pool:
            resolved = list(pool.map(lambda lock: resolve(lock.needed, lock.target), locks))
    except (NoWheel, IndexUnreachable) as error:
        print(f"no lock file was changed: {error}", file=sys.stderr)
        return 1
    LOCKS.mkdir(exist_ok=True)
    for lock, pins in zip(locks, resolved, strict=True):
        lock.path.write_text(text_of(pins), encoding="utf-8")
        print(f"{lock.path.name}: {len(pins)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
