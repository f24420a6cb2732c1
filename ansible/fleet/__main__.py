"""``python3 -m fleet check | build | generate | publish | push | certificates``, run in ``ansible/``.

Exit codes: 0 good, 1 the sheet has mistakes (all of them are printed) or the release that was pushed is not
in force, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from fleet import across
from fleet.build import build
from fleet.certificates import Authority, Lives, publish_certificates
from fleet.generate import write_generated
from fleet.problems import Problems
from fleet.publish import publish
from fleet.push import Broker, PushError, Release, desk_at, push
from fleet.sites import Site, read_sites, read_wards

HERE = Path(__file__).resolve().parents[1]
EXAMPLE = HERE / "inventory/sites.example.csv"


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        if args.command == "generate":
            write_generated(args.folder, args.sites, args.cameras)
            return 0
        if args.command == "publish":
            count = publish(args.wheelhouse, args.version, args.key, args.folder, args.percent)
            print(
                f"{args.version} with {count} wheels is in {args.folder}, for {args.percent} % of the boxes"
            )
            return 0
        if args.command == "push":
            return _push(args)
        if args.command == "certificates":
            return _certificates(args)
        return _check_or_build(args)
    except (OSError, ValueError, PushError) as error:
        print(f"fleet {args.command}: {error}", file=sys.stderr)
        return 1


def _certificates(args: argparse.Namespace) -> int:
    sites, found = load(args.csv, args.wards, args.profiles)
    if any(problems.errors for problems in found):
        raise ValueError(f"{args.csv} has mistakes: python3 -m fleet check")
    pulling = [site.id for site in sites if not site.ssh_host]
    authority = Authority(args.authority, _passphrase_of(args.passphrase_file))
    lives = Lives(args.days, args.renew_days)
    outcome = publish_certificates(authority, pulling, args.folder, args.key, lives)
    for site in outcome.unknown:
        print(f"{site} has no certificate of this CA: depot.yml gives the first one", file=sys.stderr)
    print(f"{len(outcome.renewed)} renewed, {len(outcome.left)} are good for longer, in {args.folder}")
    return 0


def _passphrase_of(path: Path | None) -> Callable[[], str]:
    if path is None:
        return lambda: getpass.getpass("Passphrase of the CA's key: ")
    return lambda: path.read_text(encoding="utf-8").strip()


def _check_or_build(args: argparse.Namespace) -> int:
    if not args.csv.exists():
        raise ValueError(f"{args.csv} does not exist: begin with a copy of {EXAMPLE}")
    sites, found = load(args.csv, args.wards, args.profiles, resolve=args.resolve)
    for problems in found:
        for line in problems.lines():
            print(line, file=sys.stderr)
    errors = sum(problems.errors for problems in found)
    cameras = sum(len(site.cameras) for site in sites)
    if errors:
        print(f"{errors} mistakes in {args.csv}; nothing was written", file=sys.stderr)
        return 1
    print(f"{len(sites)} sites with {cameras} cameras in {len({site.ward for site in sites})} wards")
    if args.command == "build":
        _build(args.out or args.csv.parent, sites, args.prune)
    return 0


def _push(args: argparse.Namespace) -> int:
    broker = Broker(args.broker, args.root, args.ca, args.cert, args.key)
    with desk_at(broker, args.ward, args.gateway, args.operator) as desk:
        wait = timedelta(seconds=args.wait_s)
        good = push(desk, Release(args.folder), args.url, wait, lambda told: print(told, flush=True))
    return 0 if good else 1


def _build(folder: Path, sites: list[Site], prune: bool) -> None:
    changes = build(folder, sites, prune=prune)
    for name in changes.written:
        print(f"written {folder / name}")
    for name in changes.removed:
        print(f"removed {folder / name}")
    for name in changes.left_over:
        print(f"{folder / name} is of a site that is not in the sheet; --prune removes it", file=sys.stderr)
    if not changes:
        print("nothing to change")


def load(
    csv: Path, wards: Path, profiles: Path, *, resolve: bool = False
) -> tuple[list[Site], tuple[Problems, Problems]]:
    """Sites, and what is wrong in the sheets of the wards and of the sites. Raises OSError."""
    of_wards, of_sites = Problems(wards), Problems(csv)
    names = read_wards(of_wards)
    boards = {path.stem for path in profiles.glob("*.yaml")}
    sites = read_sites(of_sites, names, boards)
    across.check(sites, of_sites)
    if resolve:
        across.check_names(sites, of_sites)
    return sites, (of_wards, of_sites)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fleet", description="The fleet's sheet, checked and turned into inventory.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("check", "say everything that is wrong in the sheet"),
        ("build", "write sites.yml and host_vars beside the sheet"),
    ):
        one = commands.add_parser(name, help=what, allow_abbrev=False)
        one.add_argument("csv", type=Path, nargs="?", default=HERE / "inventory/sites.csv")
        one.add_argument("--wards", type=Path, default=HERE / "inventory/wards.csv")
        one.add_argument("--profiles", type=Path, default=HERE.parent / "firmware_profiles")
        one.add_argument("--resolve", action="store_true", help="ask for every host name too")
        if name == "build":
            one.add_argument("--out", type=Path, help="inventory folder, if not the sheet's own")
            one.add_argument("--prune", action="store_true", help="remove host_vars of sites that are gone")
    made = commands.add_parser(
        "generate", help="an invented sheet of any size, for tests", allow_abbrev=False
    )
    made.add_argument("folder", type=Path, help="sites.csv and wards.csv go there")
    made.add_argument("--sites", type=int, default=465)
    made.add_argument("--cameras", type=int, default=1194)
    out = commands.add_parser(
        "publish", help="a release for boxes that pull: wheels and a signed manifest", allow_abbrev=False
    )
    out.add_argument("wheelhouse", type=Path)
    out.add_argument("folder", type=Path, help="what an https server hands out")
    out.add_argument("--version", required=True)
    out.add_argument("--key", type=Path, required=True, help="Ed25519 private key, PEM")
    out.add_argument("--percent", type=int, default=100, help="so many of the boxes take it")
    sent = commands.add_parser(
        "push", help="a published release to one gateway, through the broker", allow_abbrev=False
    )
    sent.add_argument("gateway")
    sent.add_argument("folder", type=Path, help="what publish has filled")
    sent.add_argument("--ward", required=True, help="id of the gateway's ward")
    sent.add_argument("--operator", type=Path, required=True, help="Ed25519 private key of an operator, PEM")
    sent.add_argument("--broker", required=True, help="mqtts://broker.example:8883")
    sent.add_argument("--root", default="tb/v1", help="of the topics")
    sent.add_argument("--ca", type=Path, help="of the broker")
    sent.add_argument("--cert", type=Path, help="certificate of who may write commands, with --key")
    sent.add_argument("--key", type=Path)
    sent.add_argument("--url", help="where the gateway fetches it; else pieces through the broker")
    sent.add_argument("--wait-s", type=float, default=3600.0, help="for the verdict")
    renew = commands.add_parser(
        "certificates",
        help="renewed certificates for boxes that no ssh reaches, on the server of releases",
        allow_abbrev=False,
    )
    renew.add_argument("authority", type=Path, help="folder of the CA, pki_directory of the role pki")
    renew.add_argument("folder", type=Path, help="what an https server hands out")
    renew.add_argument("--key", type=Path, required=True, help="Ed25519 private key, PEM")
    renew.add_argument("--csv", type=Path, default=HERE / "inventory/sites.csv")
    renew.add_argument("--wards", type=Path, default=HERE / "inventory/wards.csv")
    renew.add_argument("--profiles", type=Path, default=HERE.parent / "firmware_profiles")
    renew.add_argument("--days", type=int, default=Lives().days, help="life of a certificate")
    renew.add_argument("--renew-days", type=int, default=Lives().renew_days, help="least that are left")
    renew.add_argument("--passphrase-file", type=Path, help="instead of asking for the CA's passphrase")
    return parser


if __name__ == "__main__":
    sys.exit(main())
