"""Collects everything that pip needs for one kind of machine, so that the machine needs no internet.

python3 -m wheelhouse --arch aarch64 --python 3.13     (or: make wheelhouse ARCH=aarch64 PY=3.13)

makes ``dist/wheelhouse/cp313-aarch64/`` for a gateway; with ``--for centre`` ``cp313-x86_64-centre/`` for the
server of the centre. The role ``release`` copies only the wheels that a machine lacks: a new version of the
agent with the same libraries is one small file.

Every package is one of the lock file in ``locks/`` (`make lock`), checked by its SHA-256: another file with
the same name and version is refused.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wheelhouse.lock import ARCHITECTURES, EXTRAS, PYTHONS, Lock, build_lock, lock_of
from wheelhouse.resolve import SOURCE


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="wheelhouse", description=(__doc__ or "").partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument("--arch", choices=ARCHITECTURES, default="aarch64")
    parser.add_argument(
        "--python", choices=PYTHONS, default="3.13", help="version on that machine: Debian 12 has 3.11"
    )
    parser.add_argument(
        "--for",
        dest="machine",
        choices=EXTRAS,
        default="box",
        help="machine on which it is installed: box is a gateway",
    )
    parser.add_argument("--out", type=Path, default=SOURCE / "dist" / "wheelhouse")
    args = parser.parse_args(argv)
    try:
        made = make(args.arch, args.python, args.out, machine=args.machine)
    except subprocess.CalledProcessError as error:
        print(f"pip failed with {error.returncode}: the former wheelhouse is unchanged", file=sys.stderr)
        return 1
    wheels = list(made.glob("*.whl"))
    print(f"{made}: {len(wheels)} wheels, {sum(wheel.stat().st_size for wheel in wheels) / 1e6:.0f} MB")
    return 0


def make(arch: str, python: str, out: Path, source: Path = SOURCE, machine: str = "box") -> Path:
    """Build in a temporary folder and rename it, so that a folder with the final name is complete."""
    out.mkdir(parents=True, exist_ok=True)
    suffix = "" if machine == "box" else f"-{machine}"
    place = out / f"cp{python.replace('.', '')}-{arch}{suffix}"
    half = place.with_suffix(".part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    _build_own_wheel(source, half)
    download(lock_of(machine, arch, python), half, known=place if place.is_dir() else None)
    shutil.rmtree(place, ignore_errors=True)
    return half.rename(place)


def download(lock: Lock, folder: Path, known: Path | None = None) -> None:
    """Put the wheels of ``lock`` into ``folder``; those in the folder ``known`` are not fetched again.

    Raises CalledProcessError if a wheel is missing or differs from the locked one.
    """
    links = ("--find-links", known) if known else ()
    options = (*lock.target.options(), "--implementation", "cp", *links, "--dest", folder)
    _pip("download", *options, *_locked(lock))


def _build_own_wheel(source: Path, folder: Path) -> None:
    """Build with the locked build tools: pip's own isolation would fetch the newest ones without a check."""
    tools = folder / "build-tools"
    _pip("install", "--only-binary", ":all:", "--target", tools, *_locked(build_lock()))
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source, path=tools)
    shutil.rmtree(tools)


def _locked(lock: Lock) -> tuple[str | Path, ...]:
    """Return options of pip that install exactly the files of the lock, without their requirements."""
    return "--require-hashes", "--no-deps", "--requirement", lock.path


def _pip(*words: str | Path, path: Path | None = None) -> None:
    """Run pip. ``path``: a folder whose packages pip and the build prefer."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
