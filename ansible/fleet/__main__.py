"""``python3 -m fleet COMMAND``, run in ``ansible/``; ``--help`` lists the commands.

Exit codes: 0 done; 1 failed, the sheet has mistakes (`check` lists all of them), or the gateway did not keep
the pushed release; 2 wrong usage, nothing was done.
"""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from fleet import across, host_keys
from fleet.boxes.commands import add_commands, run_bundle, run_claims, run_enrolment, run_labels
from fleet.build import build
from fleet.certificates import Authority, Lives, publish_certificates
from fleet.generate import write_generated
from fleet.keys import ask_passphrase
from fleet.options import (
    MAX_DAYS,
    OneLineParser,
    add_broker_options,
    add_release_key,
    file_path,
    fingerprint,
    host_name,
    https_url,
    mqtt_settings,
    seconds,
    topic_id,
    whole_number,
)
from fleet.problems import Problems, WrongUsage, one_line, os_error_text, read_text
from fleet.publish import publish
from fleet.push import PushError, Release, connect, push, signer
from fleet.sites import SSH_PORT, Site, read_sites, read_wards

HERE = Path(__file__).resolve().parents[1]
EXAMPLE = HERE / "inventory/sites.example.csv"
SHEET, WARDS = HERE / "inventory/sites.csv", HERE / "inventory/wards.csv"
PROFILES = HERE.parent / "firmware_profiles"


def main(argv: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name of a file may be no text
    command, code = "", 1
    try:
        args = _parser().parse_args(argv)
        command = f" {args.command}"
        return _run(args)
    except BrokenPipeError:  # the reader of our output has ended, as with `| head`
        sys.stderr.close()
        return 0
    except OSError as error:
        text = os_error_text(error)
    except KeyboardInterrupt:
        text = "interrupted"
    except ModuleNotFoundError as error:
        text = f"{error.name} is not installed here: run it as ../.venv/bin/python -m fleet"
    except (ValueError, PushError) as error:
        text, code = str(error), 2 if isinstance(error, WrongUsage) else 1
    print(one_line(f"fleet{command}: {text}"), file=sys.stderr)
    return code


def _run(args: argparse.Namespace) -> int:
    match args.command:
        case "generate":
            write_generated(args.folder, args.sites, args.cameras)
            return 0
        case "publish":
            count = publish(args.wheelhouse, args.version, args.key, args.folder, args.percent)
            share = f"{args.percent} % of the gateways"
            print(f"{args.version} with {count} wheels is in {args.folder}, for {share}")
            return 0
        case "push":
            return _push(args)
        case "certificates":
            return _certificates(args)
        case "enrolment":
            return run_enrolment(args, _authority(args))
        case "claims":
            return run_claims(args, lambda: _good_sites(args), _authority(args))
        case "bundle":
            return run_bundle(args, _good_sites(args), HERE)
        case "labels":
            return run_labels(args, [] if args.boxes else _good_sites(args))
        case "host-key":
            return _host_key(args)
        case _:
            return _check_or_build(args)


def _authority(args: argparse.Namespace) -> Authority:
    path: Path | None = args.passphrase_file
    if path is None:
        return Authority(args.authority, lambda: ask_passphrase("the CA's key"))
    passphrase = read_text(path).strip()
    return Authority(args.authority, lambda: passphrase)


def _good_sites(args: argparse.Namespace) -> list[Site]:
    """The sites of the sheet. Raises OSError, and ValueError for a sheet with mistakes."""
    _require_sheet(args)
    sites, found = load(args.csv, args.wards, args.profiles)
    for problems in found:
        if problems.errors:
            first = min(each for each in problems.found if each.stops)
            raise ValueError(
                f"{problems.path}:{first.line}: {one_line(first.text, 120)}: {first.remedy}. "
                f"`{_check_command(args)}` lists every mistake"
            )
    return sites


def _check_command(args: argparse.Namespace) -> str:
    """The command that checks the same sheet."""
    given = [] if args.csv == SHEET else [str(args.csv)]
    given += [] if args.wards == WARDS else ["--wards", str(args.wards)]
    given += [] if args.profiles == PROFILES else ["--profiles", str(args.profiles)]
    return shlex.join(["python3", "-m", "fleet", "check", *given])


def _require_sheet(args: argparse.Namespace) -> None:
    if not args.csv.exists():
        raise ValueError(f"{args.csv} does not exist: begin with a copy of {EXAMPLE}")


def _certificates(args: argparse.Namespace) -> int:
    sites = _good_sites(args)
    pulling = [site.id for site in sites if not site.ssh_host]
    lives = Lives(args.days, args.renew_days)
    outcome = publish_certificates(_authority(args), pulling, args.folder, args.key, lives)
    for site in outcome.unknown:
        print(f"{site} has no certificate of this CA: prepare.yml gives the first one", file=sys.stderr)
    print(
        f"{len(outcome.renewed)} renewed, {len(outcome.left)} are still valid long enough, in {args.folder}"
    )
    return 0


def _host_key(args: argparse.Namespace) -> int:
    sites = _good_sites(args)
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


def _check_or_build(args: argparse.Namespace) -> int:
    _require_sheet(args)
    sites, found = load(args.csv, args.wards, args.profiles, resolve=args.resolve)
    for problems in found:
        for line in problems.lines():
            print(line, file=sys.stderr)
    errors = sum(problems.errors for problems in found)
    cameras = sum(len(site.cameras) for site in sites)
    if errors:
        files = " and ".join(one_line(str(each.path), 200) for each in found if each.errors)
        print(f"{errors} mistakes in {files}; nothing was written", file=sys.stderr)
        return 1
    print(f"{len(sites)} sites with {cameras} cameras in {len({site.ward for site in sites})} wards")
    if args.command == "build":
        _build(args.out or args.csv.parent, sites, args.prune)
    return 0


def _push(args: argparse.Namespace) -> int:
    from edge_agent.core.errors import EdgeAgentError

    release = Release(args.folder)
    release.arguments(args.url)  # a folder without a release is refused before the connection
    mqtt, sign = mqtt_settings(args), signer(args.operator)
    try:
        with connect(mqtt, args.ward, args.gateway, sign) as sender:
            wait = timedelta(seconds=args.wait_s)
            good = push(sender, release, args.url, wait, lambda text: print(text, flush=True))
    except EdgeAgentError as error:
        raise ValueError(str(error)) from error
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
    """Return the sites, and the mistakes in the sheets of wards and of sites. Raises OSError and
    WrongUsage."""
    of_wards, of_sites = Problems(wards), Problems(csv)
    boards = {path.stem for path in profiles.glob("*.yaml")}
    if not boards:
        raise WrongUsage(f"--profiles: {profiles} has no profile *.yaml: the checkout has them in {PROFILES}")
    names = read_wards(of_wards)
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
    parser = OneLineParser(
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
        "--out", type=file_path, help="inventory folder to write to; without it the folder of the sheet"
    )
    build_.add_argument("--prune", action="store_true", help="remove host_vars of sites that are gone")
    _add_host_key(add("host-key", "record a machine's ssh host key, once you have compared it"))
    made = add("generate", "write an invented sheet of any size, for tests")
    made.add_argument("folder", type=file_path, help="folder for sites.csv and wards.csv")
    made.add_argument("--sites", type=whole_number(1, 100_000), default=465, help="number of sites")
    made.add_argument("--cameras", type=whole_number(1, 800_000), default=1194, help="number of cameras")
    _add_publish(add("publish", "publish wheels and a signed manifest, for gateways that pull releases"))
    _add_push(add("push", "send a published release to one gateway, through the broker"))
    _add_certificates(add("certificates", "publish renewed certificates for gateways that ssh cannot reach"))
    add_commands(add, _add_sheet, HERE / "inventory")
    return parser


def _add_sheet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("csv", type=file_path, nargs="?", default=SHEET, help="the sheet of the sites")
    _add_wards(parser)
    parser.add_argument("--resolve", action="store_true", help="query DNS for every host name too")


def _add_host_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", type=host_name, help="id of a site in the sheet, or the address of a server")
    port = whole_number(1, 65_535)
    parser.add_argument("--port", type=port, default=SSH_PORT, help="ssh port of a server")
    parser.add_argument(
        "--fingerprint",
        type=fingerprint,
        help="fingerprint that the machine shows (SHA256:...); without it a question on the terminal",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="replace another recorded key, after a new card or new hardware",
    )
    parser.add_argument("--csv", type=file_path, default=SHEET, help="the sheet of the sites")
    _add_wards(parser)


def _add_wards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wards", type=file_path, default=WARDS, help="the sheet of the wards")
    parser.add_argument("--profiles", type=file_path, default=PROFILES, help="folder of the profiles")


def _add_publish(out: argparse.ArgumentParser) -> None:
    out.add_argument(
        "wheelhouse", type=file_path, help="folder of the wheels, made by `python3 -m wheelhouse`"
    )
    out.add_argument("folder", type=file_path, help="folder that the https server serves")
    out.add_argument("--version", required=True, help="version of the release")
    add_release_key(out)
    percent = whole_number(0, 100)
    out.add_argument(
        "--percent", type=percent, default=100, help="percent of the gateways that install the release"
    )


def _add_push(sent: argparse.ArgumentParser) -> None:
    sent.add_argument("gateway", type=topic_id, help="id of the gateway")
    sent.add_argument("folder", type=file_path, help="folder that `publish` filled")
    sent.add_argument("--ward", type=topic_id, required=True, help="id of the gateway's ward")
    sent.add_argument(
        "--operator", type=file_path, required=True, help="Ed25519 private key of an operator, PEM"
    )
    add_broker_options(sent, "that may send commands")
    for name in ("ca", "cert", "key"):
        sent.add_argument(
            f"--{name}", dest=f"{name}_file", type=file_path, action=_Renamed, help=argparse.SUPPRESS
        )
    sent.add_argument(
        "--url",
        type=https_url,
        help="https address from which the gateway fetches the release; without it, the broker carries it",
    )
    sent.add_argument(
        "--wait-s", type=seconds, default=3600.0, help="longest wait for the result, in seconds"
    )


def _add_certificates(renew: argparse.ArgumentParser) -> None:
    renew.add_argument("authority", type=file_path, help="folder of the CA, pki_directory of the role pki")
    renew.add_argument("folder", type=file_path, help="folder that the https server serves")
    add_release_key(renew)
    renew.add_argument("--csv", type=file_path, default=SHEET, help="the sheet of the sites")
    _add_wards(renew)
    days = whole_number(1, MAX_DAYS)
    renew.add_argument("--days", type=days, default=Lives().days, help="lifetime of a certificate, in days")
    renew.add_argument(
        "--renew-days",
        type=days,
        default=Lives().renew_days,
        help="renew certificates that are valid for fewer days than this",
    )
    renew.add_argument(
        "--passphrase-file",
        type=file_path,
        help="file with the passphrase of the CA's key; without it a question on the terminal",
    )


if __name__ == "__main__":
    sys.exit(main())
