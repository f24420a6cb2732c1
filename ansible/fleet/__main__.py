"""``python3 -m fleet COMMAND``, run in ``ansible/``; ``--help`` lists the commands.

Exit codes: 0 done; 1 failed, the sheet has mistakes (all of them are printed), or the gateway did not keep
the pushed release; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from fleet import across, host_keys
from fleet.boxes.commands import add_commands, run_bundle, run_claims, run_enrolment, run_labels
from fleet.build import build
from fleet.certificates import Authority, Lives, publish_certificates
from fleet.generate import write_generated
from fleet.problems import Problems
from fleet.publish import publish
from fleet.push import Broker, PushError, Release, connect, push
from fleet.sites import SSH_PORT, Site, read_sites, read_wards

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
            share = f"{args.percent} % of the gateways"
            print(f"{args.version} with {count} wheels is in {args.folder}, for {share}")
            return 0
        if args.command == "push":
            return _push(args)
        if args.command == "certificates":
            return _certificates(args)
        if args.command == "enrolment":
            return run_enrolment(args, Authority(args.authority, _passphrase_of(args.passphrase_file)))
        if args.command == "claims":
            authority = Authority(args.authority, _passphrase_of(args.passphrase_file))
            return run_claims(args, lambda: _good_sites(args), authority)
        if args.command == "bundle":
            return run_bundle(args, _good_sites(args), HERE)
        if args.command == "labels":
            return run_labels(args, [] if args.boxes else _good_sites(args))
        if args.command == "host-key":
            return _host_key(args)
        return _check_or_build(args)
    except (OSError, ValueError, PushError) as error:
        print(f"fleet {args.command}: {error}", file=sys.stderr)
        return 1


def _good_sites(args: argparse.Namespace) -> list[Site]:
    """The sites of the sheet. Raises OSError, and ValueError for a sheet with mistakes."""
    sites, found = load(args.csv, args.wards, args.profiles)
    if any(problems.errors for problems in found):
        raise ValueError(f"{args.csv} has mistakes: python3 -m fleet check")
    return sites


def _certificates(args: argparse.Namespace) -> int:
    sites = _good_sites(args)
    pulling = [site.id for site in sites if not site.ssh_host]
    authority = Authority(args.authority, _passphrase_of(args.passphrase_file))
    lives = Lives(args.days, args.renew_days)
    outcome = publish_certificates(authority, pulling, args.folder, args.key, lives)
    for site in outcome.unknown:
        print(f"{site} has no certificate of this CA: prepare.yml gives the first one", file=sys.stderr)
    print(
        f"{len(outcome.renewed)} renewed, {len(outcome.left)} are still valid long enough, in {args.folder}"
    )
    return 0


def _host_key(args: argparse.Namespace) -> int:
    sites, _ = load(args.csv, args.wards, args.profiles)
    site = next((each for each in sites if each.id == args.name), None)
    if site is not None and not site.ssh_host:
        raise ValueError(
            f"{site.id} has no ssh_host in {args.csv}: write its present address there, then build"
        )
    host, port = (site.ssh_host, site.ssh_port) if site else (args.name, args.port)
    # Gateways are recorded under their site's id (HostKeyAlias), servers under their address.
    name = site.id if site else host if port == SSH_PORT else f"[{host}]:{port}"
    same = host_keys.confirm(args.fingerprint, input)
    path = args.csv.parent / "known_hosts"
    print(host_keys.learn(path, name, host_keys.scan(host, port), same, replace=args.replace))
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
    broker = Broker(args.broker, args.root, args.ca_file, args.cert_file, args.key_file)
    with connect(broker, args.ward, args.gateway, args.operator) as sender:
        wait = timedelta(seconds=args.wait_s)
        good = push(sender, Release(args.folder), args.url, wait, lambda text: print(text, flush=True))
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
    """Return the sites, and the mistakes in the sheets of wards and of sites. Raises OSError."""
    of_wards, of_sites = Problems(wards), Problems(csv)
    names = read_wards(of_wards)
    boards = {path.stem for path in profiles.glob("*.yaml")}
    sites = read_sites(of_sites, names, boards)
    across.check(sites, of_sites)
    if resolve:
        across.check_names(sites, of_sites)
    return sites, (of_wards, of_sites)


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Adds the default to a help text, but not None, False and an empty one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False, "", []) else super()._get_help_string(action)


class _Renamed(argparse.Action):
    """Accept the former name of an option for one release, with a notice on stderr."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        notice = f"{option_string} is now called --{self.dest.replace('_', '-')}"
        print(f"{parser.prog}: {notice}; the next release no longer accepts {option_string}", file=sys.stderr)
        setattr(namespace, self.dest, values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fleet",
        description="Check the fleet's sheet, build the inventory from it, and release to gateways.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, about: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            allow_abbrev=False,
            formatter_class=_Help,
        )

    _add_sheet(add("check", "list all mistakes in the sheet"))
    build_ = add("build", "write sites.yml and host_vars beside the sheet")
    _add_sheet(build_)
    build_.add_argument(
        "--out", type=Path, help="inventory folder to write to; without it the folder of the sheet"
    )
    build_.add_argument("--prune", action="store_true", help="remove host_vars of sites that are gone")
    _add_host_key(add("host-key", "record a machine's ssh host key, once you have compared it"))
    made = add("generate", "write an invented sheet of any size, for tests")
    made.add_argument("folder", type=Path, help="folder for sites.csv and wards.csv")
    made.add_argument("--sites", type=int, default=465, help="number of sites")
    made.add_argument("--cameras", type=int, default=1194, help="number of cameras")
    _add_publish(add("publish", "publish wheels and a signed manifest, for gateways that pull releases"))
    _add_push(add("push", "send a published release to one gateway, through the broker"))
    _add_certificates(add("certificates", "publish renewed certificates for gateways that ssh cannot reach"))
    add_commands(add, _add_sheet, HERE / "inventory")
    return parser


def _add_sheet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "csv", type=Path, nargs="?", default=HERE / "inventory/sites.csv", help="the sheet of the sites"
    )
    _add_wards(parser)
    parser.add_argument("--resolve", action="store_true", help="query DNS for every host name too")


def _add_host_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="id of a site in the sheet, or the address of a server")
    parser.add_argument("--port", type=int, default=SSH_PORT, help="ssh port of a server")
    parser.add_argument(
        "--fingerprint",
        help="fingerprint that the machine shows (SHA256:...); without it a question on the terminal",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="replace another recorded key, after a new card or new hardware",
    )
    parser.add_argument(
        "--csv", type=Path, default=HERE / "inventory/sites.csv", help="the sheet of the sites"
    )
    _add_wards(parser)


def _add_wards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wards", type=Path, default=HERE / "inventory/wards.csv", help="the sheet of the wards"
    )
    parser.add_argument(
        "--profiles", type=Path, default=HERE.parent / "firmware_profiles", help="folder of the profiles"
    )


def _add_publish(out: argparse.ArgumentParser) -> None:
    out.add_argument("wheelhouse", type=Path, help="folder of the wheels, made by `python3 -m wheelhouse`")
    out.add_argument("folder", type=Path, help="folder that the https server serves")
    out.add_argument("--version", required=True, help="version of the release")
    _add_release_key(out)
    out.add_argument(
        "--percent", type=int, default=100, help="percent of the gateways that install the release"
    )


def _add_release_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key", type=Path, required=True, help="Ed25519 private key of releases, PEM, to sign with"
    )


def _add_push(sent: argparse.ArgumentParser) -> None:
    sent.add_argument("gateway", help="id of the gateway")
    sent.add_argument("folder", type=Path, help="folder that `publish` filled")
    sent.add_argument("--ward", required=True, help="id of the gateway's ward")
    sent.add_argument("--operator", type=Path, required=True, help="Ed25519 private key of an operator, PEM")
    sent.add_argument("--broker", required=True, help="address, such as mqtts://broker.example:8883")
    sent.add_argument("--root", default="tb/v1", help="first levels of every topic")
    for name, what in (
        ("ca", "CA certificates that verify the broker's certificate"),
        ("cert", "client certificate of a user that may send commands"),
        ("key", "private key of --cert-file"),
    ):
        sent.add_argument(f"--{name}-file", type=Path, metavar="FILE", help=what)
        sent.add_argument(
            f"--{name}", dest=f"{name}_file", type=Path, action=_Renamed, help=argparse.SUPPRESS
        )
    sent.add_argument(
        "--url",
        help="https address from which the gateway fetches the release; without it, the broker carries it",
    )
    sent.add_argument("--wait-s", type=float, default=3600.0, help="longest wait for the result, in seconds")


def _add_certificates(renew: argparse.ArgumentParser) -> None:
    renew.add_argument("authority", type=Path, help="folder of the CA, pki_directory of the role pki")
    renew.add_argument("folder", type=Path, help="folder that the https server serves")
    _add_release_key(renew)
    renew.add_argument(
        "--csv", type=Path, default=HERE / "inventory/sites.csv", help="the sheet of the sites"
    )
    _add_wards(renew)
    renew.add_argument("--days", type=int, default=Lives().days, help="lifetime of a certificate, in days")
    renew.add_argument(
        "--renew-days",
        type=int,
        default=Lives().renew_days,
        help="renew certificates that are valid for fewer days than this",
    )
    renew.add_argument(
        "--passphrase-file",
        type=Path,
        help="file with the passphrase of the CA's key; without it a question on the terminal",
    )


if __name__ == "__main__":
    sys.exit(main())
