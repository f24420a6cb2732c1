"""Everything pip needs for one kind of box, so that the box itself needs no internet.

python3 -m wheelhouse --arch aarch64 --python 3.13     (or: make wheelhouse ARCH=aarch64 PY=3.13)

makes ``dist/wheelhouse/cp313-aarch64/``; with ``--for centre`` what the server of the centre needs, in
``cp313-x86_64-centre/``. The role ``release`` copies only what a box does not have: a new
version of the agent on the same libraries is one small file.

Every package is one of the lock file in ``locks/`` (`make lock`), checked by its SHA-256: what an index
hands out under the same name and version does not get in.
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
    parser.add_argument("--python", choices=PYTHONS, default="3.13", help="of the box: Debian 12 has 3.11")
    parser.add_argument(
        "--for", dest="machine", choices=EXTRAS, default="box", help="what it is installed on"
    )
    parser.add_argument("--out", type=Path, default=SOURCE / "dist" / "wheelhouse")
    args = parser.parse_args(argv)
    try:
        made = make(args.arch, args.python, args.out, machine=args.machine)
    except subprocess.CalledProcessError as error:
        print(f"pip failed with {error.returncode}: what was there before is untouched", file=sys.stderr)
        return 1
    wheels = list(made.glob("*.whl"))
    print(f"{made}: {len(wheels)} wheels, {sum(wheel.stat().st_size for wheel in wheels) / 1e6:.0f} MB")
    return 0


def make(arch: str, python: str, out: Path, source: Path = SOURCE, machine: str = "box") -> Path:
    """Builds in a folder beside and renames it: what has the name is complete."""
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

    Raises CalledProcessError where a wheel is missing or is another one than the locked one.
    """
    links = ("--find-links", known) if known else ()
    options = (*lock.target.options(), "--implementation", "cp", *links, "--dest", folder)
    _pip("download", *options, *_locked(lock))


def _build_own_wheel(source: Path, folder: Path) -> None:
    """Build with the locked build tools: pip's own isolation would fetch the newest ones, unchecked."""
    tools = folder / "build-tools"
    _pip("install", "--only-binary", ":all:", "--target", tools, *_locked(build_lock()))
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source, path=tools)
    shutil.rmtree(tools)


def _locked(lock: Lock) -> tuple[str | Path, ...]:
    """Options of pip: exactly the files of the lock, and nothing that they would ask for beside them."""
    return "--require-hashes", "--no-deps", "--requirement", lock.path


def _pip(*words: str | Path, path: Path | None = None) -> None:
    """``path``: a folder whose packages pip and the build find before all others."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
