"""The commands of ``fleet`` for boxes without a site: ``enrolment``, ``bundle``, ``labels`` and ``claims``.

The functions import what they need: the sheet is also checked where neither the agent nor segno is installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.certificates import Authority
from fleet.problems import Problems
from fleet.sites import Site

if TYPE_CHECKING:
    from fleet.boxes.serials import KnownBox

AddParser = Callable[[str, str], argparse.ArgumentParser]


def add_commands(
    add: AddParser, add_sheet: Callable[[argparse.ArgumentParser], None], inventory: Path
) -> None:
    """``add`` makes the parser of a command, ``add_sheet`` adds the arguments of the sheet."""
    enrol = add("enrolment", "issue or revoke the certificate with which a batch of boxes claims sites")
    enrol.add_argument("batch", help="name of the batch, such as 2026-11")
    _add_authority(enrol)
    enrol.add_argument("folder", type=Path, nargs="?", default=Path(), help="folder for certificate and key")
    enrol.add_argument("--days", type=int, default=365, help="lifetime of the certificate, in days")
    enrol.add_argument("--revoke", action="store_true", help="revoke it; then run servers.yml")
    bundle = add("bundle", "write the signed file with the configurations of all sites, for every box")
    add_sheet(bundle)
    bundle.add_argument("--authority", type=Path, required=True, help="folder of the CA that boxes trust")
    bundle.add_argument(
        "--key", type=Path, required=True, help="Ed25519 private key of releases, PEM, to sign with"
    )
    bundle.add_argument(
        *("--answer-key",), type=Path, action="append", required=True, metavar="PUBLIC_KEY",
        help="public key of `fleet claims`, whose answers boxes accept; may be repeated",
    )  # fmt: skip
    bundle.add_argument("--out", type=Path, required=True, help="folder for sites.json and sites.json.sig")
    labels = add("labels", "write a page of labels with QR codes to print, for sites or for boxes")
    add_sheet(labels)
    labels.add_argument("--out", type=Path, required=True, help="HTML file to write")
    labels.add_argument("--only", action="append", metavar="SITE", help="only this site; may be repeated")
    labels.add_argument(
        "--boxes",
        type=Path,
        help=f"list of boxes, such as {inventory / 'boxes.csv'}: labels of boxes instead",
    )

    claims = add("claims", "answer the claims of boxes: check, sign, publish")
    _add_authority(claims)
    add_sheet(claims)
    _add_claims(claims)


def _add_claims(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--broker", required=True, help="address, such as mqtts://broker.example:8883")
    parser.add_argument("--root", default="tb/v1", help="first levels of every topic")
    for name, what in (
        ("ca", "CA certificates that verify the broker's certificate"),
        ("cert", "client certificate of a user in broker_claims_users"),
        ("key", "private key of --cert-file"),
    ):
        parser.add_argument(f"--{name}-file", type=Path, metavar="FILE", help=what)
    parser.add_argument(
        *("--answer-key",), type=Path, required=True, help="private key, PEM, with which answers are signed"
    )
    parser.add_argument(
        *("--operator",), type=Path, action="append", default=[], metavar="PUBLIC_KEY",
        help="public key, or folder of keys, of operators who may withdraw claims; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--boxes", type=Path, help="list of boxes; the claim of another box waits for a person"
    )
    parser.add_argument("--days", type=int, default=730, help="lifetime of the certificates, in days")
    parser.add_argument(
        "--confirm-matching",
        action="store_true",
        help="confirm claims that fit sheet and list without asking; the others wait for a person",
    )
    parser.add_argument("--watch", action="store_true", help="keep running, and answer each new claim")
    parser.add_argument(
        *("--replace",), action="append", default=[], metavar="SITE",
        help="revoke the former box of this site when another one claims it; may be repeated",
    )  # fmt: skip


def _add_authority(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("authority", type=Path, help="folder of the CA, pki_directory of the role pki")
    parser.add_argument(
        *("--passphrase-file",), type=Path,
        help="file with the passphrase of the CA's key; without it a question on the terminal",
    )  # fmt: skip


def run_enrolment(args: argparse.Namespace, authority: Authority) -> int:
    from fleet.boxes.enrolment import issue_enrolment, revoke_enrolment

    if args.revoke:
        count = revoke_enrolment(authority, args.batch)
        print(f"{count} revoked; the broker refuses the batch after `ansible-playbook servers.yml`")
        return 0
    certificate, key = issue_enrolment(authority, args.batch, args.folder, args.days)
    print(f"written {certificate} and {key}: they belong on the boxes of batch {args.batch}")
    print(f"add '{args.batch}' to broker_enrolment_batches, then `ansible-playbook servers.yml`")
    return 0


def run_bundle(args: argparse.Namespace, sites: Sequence[Site], playbooks: Path) -> int:
    from fleet.boxes.bundle import FILE, BundleTrust, FleetFiles, write_bundle

    trust = BundleTrust(Authority(args.authority, lambda: "").bundle(), args.answer_key)
    size = write_bundle(sites, FleetFiles(args.csv.parent, playbooks), trust, args.key, args.out)
    print(f"written {args.out / FILE} with {len(sites)} sites, {size} bytes, and its signature")
    return 0


def run_labels(args: argparse.Namespace, sites: Sequence[Site]) -> int:
    """Raises OSError and ValueError."""
    from fleet.boxes.labels import box_label, label_page, site_label

    if args.boxes:
        labels = [box_label(box) for box in known_boxes(args.boxes).values()]
    else:
        wanted = set(args.only or [site.id for site in sites])
        if missing := wanted - {site.id for site in sites}:
            raise ValueError(f"not in the sheet: {', '.join(sorted(missing))}")
        labels = [site_label(site) for site in sites if site.id in wanted]
    args.out.write_text(label_page(labels, "Nhãn · Labels"), encoding="utf-8")
    print(f"written {args.out} with {len(labels)} labels: print it at 100 %, without margins")
    return 0


def run_claims(
    args: argparse.Namespace, read_sites: Callable[[], Sequence[Site]], authority: Authority
) -> int:
    """Exit code 1: a claim waits for a person. Raises OSError and ValueError."""
    from edge_agent.commands.signature import OperatorKeyring, read_private
    from edge_agent.config.fields.schema_types import InvalidValue
    from edge_agent.core.errors import EdgeAgentError
    from edge_agent.tools.broker_arguments import broker_of, mqtt_of
    from fleet.boxes.answers import ClaimDecider
    from fleet.boxes.checks import FleetState
    from fleet.boxes.claim_records import DecidedClaims
    from fleet.boxes.followed_files import FollowedFiles
    from fleet.boxes.session import answer_claims, ask_on_terminal

    records = DecidedClaims(args.authority / "claims")
    ask = None if args.confirm_matching else ask_on_terminal

    def read_state() -> FleetState:
        by_id = {site.id: site for site in read_sites()}
        boxes = None if args.boxes is None else known_boxes(args.boxes)
        return FleetState(by_id, boxes, records, authority, frozenset(args.replace))

    def follow() -> None:
        if not files.have_changed():
            return
        try:
            decider.state = read_state()
            say("sheet and list of boxes are read again")
        except (OSError, ValueError) as error:
            say(f"{error}: the former sheet and list stay in force")

    def say(text: str) -> None:
        print(text, flush=True)

    files = FollowedFiles([args.csv, args.wards, *([args.boxes] if args.boxes else [])])
    state = read_state()
    login = argparse.Namespace(username=None, password_file=None, **vars(args))
    try:
        key = read_private(args.answer_key)
        mqtt = mqtt_of(login, broker_of(args.broker))
        decider = ClaimDecider(state, key, OperatorKeyring(args.operator), args.days, ask)
        counts = answer_claims(mqtt, decider, say, watch=args.watch, before_each=follow)
    except InvalidValue as error:
        raise ValueError(f"--broker {error}") from error
    except EdgeAgentError as error:
        raise ValueError(str(error)) from error
    print(f"{counts.answered} answered, {counts.waiting} wait for a person")
    return 1 if counts.waiting else 0


def known_boxes(path: Path) -> dict[str, KnownBox]:
    """The list of boxes. Raises OSError, and ValueError for a list with mistakes, which are printed."""
    from fleet.boxes.serials import read_boxes

    problems = Problems(path)
    boxes = read_boxes(problems)
    for line in problems.lines():
        print(line, file=sys.stderr)
    if problems.errors:
        raise ValueError(f"{path} has mistakes")
    return boxes
