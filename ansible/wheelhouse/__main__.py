"""Everything pip needs for one kind of box, so that the box itself needs no internet.

python3 -m wheelhouse --arch aarch64 --python 3.13     (or: make wheelhouse ARCH=aarch64 PY=3.13)

makes ``dist/wheelhouse/cp313-aarch64/``; with ``--for centre`` what the server of the centre needs, in
``cp313-x86_64-centre/``. The role ``release`` copies only what a box does not have: a new
version of the agent on the same libraries is one small file.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
EXTRAS = {"box": "cameras", "centre": "central"}
GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux2014")
"""What wheels may ask of the C library; Debian 12 has 2.36, Ubuntu 22.04 (JetPack 6) 2.35."""
ARCHITECTURES = ("aarch64", "x86_64")
PYTHONS = ("3.11", "3.13")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="wheelhouse", description=(__doc__ or "").partition("\n")[0])
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
    _pip("wheel", "--no-deps", "--wheel-dir", half, source)
    (own,) = half.glob("*.whl")
    platforms = [word for glibc in GLIBC for word in ("--platform", f"{glibc}_{arch}")]
    wanted = ("--implementation", "cp", "--python-version", python, "--only-binary", ":all:")
    known = ("--find-links", place) if place.is_dir() else ()
    _pip("download", *platforms, *wanted, *known, "--dest", half, f"{own}[{EXTRAS[machine]}]")
    shutil.rmtree(place, ignore_errors=True)
    return half.rename(place)


def _pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
