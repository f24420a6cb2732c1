"""Makes the Debian package, its apt repository, or an image of a card.

python3 -m installers deb --arch aarch64          (or: make deb ARCH=aarch64)
python3 -m installers repository --key KEY        (or: make apt-repository KEY=...)
python3 -m installers image --board raspberry-pi-4 --ssh-keys FILE    (or: make image BOARD=... SSH_KEYS=...)
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from installers import deb, image, repository, root
from installers.boards import BOARDS, MIRROR
from installers.roles import CHECKOUT, version
from installers.root import Content, NoImage
from wheelhouse.__main__ import make as make_wheelhouse

DIST = CHECKOUT / "dist"
PYTHON = "3.13"
"""Of Debian 13, the only system for which packages and images are made."""


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} failed with {error.returncode}", file=sys.stderr)
        return 1
    except (NoImage, repository.NoSigningKey) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="installers", description=(__doc__ or "").partition("\n")[0], allow_abbrev=False
    )
    commands = parser.add_subparsers(required=True)
    package = commands.add_parser("deb", help="the Debian package of this checkout", allow_abbrev=False)
    package.add_argument(
        "--arch",
        choices=sorted(deb.ARCHITECTURES),
        default="aarch64",
        help="processor of the gateway; default: %(default)s",
    )
    package.add_argument(
        "--maintainer", default=deb.MAINTAINER, help="maintainer that the package names, as 'name <address>'"
    )
    package.set_defaults(run=_deb)
    apt = commands.add_parser(
        "repository", help="a signed apt repository of the packages in dist/deb", allow_abbrev=False
    )
    apt.add_argument("--key", required=True, help="secret key in your GnuPG keyring: fingerprint or address")
    apt.add_argument(
        "--out", type=Path, default=DIST / "apt", help="folder of the repository; default: %(default)s"
    )
    apt.set_defaults(run=_repository)
    card = commands.add_parser("image", help="an image of a card; as root", allow_abbrev=False)
    card.add_argument("--board", choices=sorted(BOARDS), required=True, help="board for which the image is")
    card.add_argument(
        "--ssh-keys", type=_path, required=True, help="public keys of the people who may log in"
    )
    card.add_argument(
        "--settings", type=_path, help="YAML file with variables for all gateways, such as gateways.yml"
    )
    card.add_argument(
        "--release-key", type=_path, help="public key that verifies releases and the site bundle"
    )
    card.add_argument("--bundle", type=_path, help="folder with sites.json and sites.json.sig")
    card.add_argument("--enrolment", type=_path, help="folder with enrol-<batch>.crt and .key")
    card.add_argument(
        "--mirror",
        type=_mirror,
        default=MIRROR,
        help="URL of a mirror of Debian; debian-security is beside it",
    )
    card.set_defaults(run=_image)
    return parser


def _path(text: str) -> Path:
    """Not every shell expands ~ in `make image SSH_KEYS=~/keys`."""
    return Path(text).expanduser()


def _mirror(text: str) -> str:
    """It becomes a line of apt's sources."""
    if re.fullmatch(r"https?://[A-Za-z0-9.:_\[\]/~-]{1,200}", text):
        return text.rstrip("/")
    raise argparse.ArgumentTypeError(f"{text[:80]!r} is not a mirror, such as {MIRROR}")


def _deb(args: argparse.Namespace) -> int:
    wheels = make_wheelhouse(args.arch, PYTHON, DIST / "wheelhouse")
    made = deb.build(wheels, version(), args.arch, DIST / "deb", args.maintainer)
    print(f"{made}: {made.stat().st_size / 1e6:.0f} MB")
    return 0


def _repository(args: argparse.Namespace) -> int:
    packages = sorted((DIST / "deb").glob("edge-agent_*.deb"))
    if not packages:
        print("dist/deb has no package: make deb ARCH=aarch64", file=sys.stderr)
        return 1
    repository.add(args.out, packages, args.key)
    print(f"{args.out}: {len(packages)} packages; the public key is {repository.KEYRING}")
    return 0


def _image(args: argparse.Namespace) -> int:
    board = BOARDS[args.board]
    root.require(board)
    content = Content(
        wheelhouse=Path(),
        release=version(),
        ssh_keys=image.read_keys(args.ssh_keys),
        settings=args.settings,
        release_key=args.release_key,
        bundle=args.bundle,
        enrolment=args.enrolment,
        mirror=args.mirror,
    )
    content.check()
    content = replace(content, wheelhouse=make_wheelhouse(board.machine, PYTHON, DIST / "wheelhouse"))
    made = image.make(board, content, CHECKOUT / ".cache/images", DIST / "images")
    image.give_to_caller(DIST)
    print(f"{made}: {made.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
