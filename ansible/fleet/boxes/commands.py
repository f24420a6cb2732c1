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
from fleet.options import (
    MAX_DAYS,
    add_broker_options,
    add_release_key,
    file_path,
    mqtt_settings,
    whole_number,
)
from fleet.problems import Problems, WrongUsage, one_line, os_error_text
from fleet.sites import Site

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from edge_agent.config.model.settings import Mqtt
    from fleet.boxes.checks import FleetState
    from fleet.boxes.serials import KnownBox

AddParser = Callable[[str, str], argparse.ArgumentParser]
ENROLMENT_DAYS = 730


def add_commands(
    add: AddParser, add_sheet: Callable[[argparse.ArgumentParser], None], inventory: Path
) -> None:
    """``add`` makes the parser of a command, ``add_sheet`` adds the arguments of the sheet."""
    enrol = add("enrolment", "issue or revoke the certificate with which a batch of boxes claims sites")
    enrol.add_argument("batch", help="name of the batch, such as 2026-11")
    _add_authority(enrol)
    enrol.add_argument(
        "folder", type=file_path, nargs="?", default=Path(), help="folder for certificate and key"
    )
    days = whole_number(1, ENROLMENT_DAYS)
    enrol.add_argument("--days", type=days, default=365, help="lifetime of the certificate, in days")
    enrol.add_argument("--revoke", action="store_true", help="revoke it; then run servers.yml")
    bundle = add("bundle", "write the signed file with the configurations of all sites, for every box")
    add_sheet(bundle)
    bundle.add_argument(
        "--authority", type=file_path, required=True, help="folder of the CA that boxes trust"
    )
    add_release_key(bundle)
    bundle.add_argument(
        *("--answer-key",), type=file_path, action="append", required=True, metavar="PUBLIC_KEY",
        help="public key of `fleet claims`, whose answers boxes accept; may be repeated",
    )  # fmt: skip
    bundle.add_argument(
        "--out", type=file_path, required=True, help="folder for sites.json and sites.json.sig"
    )
    labels = add("labels", "write a page of labels with QR codes to print, for sites or for boxes")
    add_sheet(labels)
    labels.add_argument("--out", type=file_path, required=True, help="HTML file to write")
    labels.add_argument("--only", action="append", metavar="ID", help="only this one; may be repeated")
    labels.add_argument(
        "--boxes",
        type=file_path,
        help=f"list of boxes, such as {inventory / 'boxes.csv'}: labels of boxes instead",
    )

    claims = add("claims", "answer the claims of boxes: check, sign, publish")
    _add_authority(claims)
    add_sheet(claims)
    _add_claims(claims)


def _add_claims(parser: argparse.ArgumentParser) -> None:
    add_broker_options(parser, "in broker_claims_users")
    parser.add_argument(
        *("--answer-key",),
        type=file_path,
        required=True,
        help="Ed25519 private key, PEM, with which answers are signed",
    )
    parser.add_argument(
        *("--operator",), type=file_path, action="append", default=[], metavar="PUBLIC_KEY",
        help="public key, or folder of keys, of operators who may withdraw claims; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--boxes", type=file_path, help="list of boxes; the claim of another box waits for a person"
    )
    days = whole_number(1, MAX_DAYS)
    parser.add_argument("--days", type=days, default=730, help="lifetime of the certificates, in days")
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
    parser.add_argument("authority", type=file_path, help="folder of the CA, pki_directory of the role pki")
    parser.add_argument(
        *("--passphrase-file",), type=file_path,
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
        made = {serial: box_label(box) for serial, box in known_boxes(args.boxes).items()}
    else:
        made = {site.id: site_label(site) for site in sites}
    if missing := set(args.only or ()) - made.keys():
        raise WrongUsage(f"--only: '{', '.join(sorted(missing))}' is not in {args.boxes or args.csv}")
    labels = [label for name, label in made.items() if name in (args.only or made)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(label_page(labels, "Nhãn · Labels"), encoding="utf-8")
    print(f"written {args.out} with {len(labels)} labels: print it at 100 %, without margins")
    return 0


def run_claims(
    args: argparse.Namespace, read_sites: Callable[[], Sequence[Site]], authority: Authority
) -> int:
    """Exit code 1: a claim waits for a person. Raises OSError and ValueError."""
    from edge_agent.commands.signature import OperatorKeyring
    from edge_agent.core.errors import EdgeAgentError
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
            reason = os_error_text(error) if isinstance(error, OSError) else error
            say(one_line(f"{reason}: the former sheet and list stay in force"))

    def say(text: str) -> None:
        print(text, flush=True)

    files = FollowedFiles([args.csv, args.wards, *([args.boxes] if args.boxes else [])])
    state = read_state()
    mqtt, key = _check_claims(args, state, authority)
    decider = ClaimDecider(state, key, OperatorKeyring(args.operator), args.days, ask)
    try:
        counts = answer_claims(mqtt, decider, say, watch=args.watch, before_each=follow)
    except EdgeAgentError as error:
        raise ValueError(str(error)) from error
    print(f"{counts.answered} answered, {counts.waiting} wait for a person")
    return 1 if counts.waiting else 0


def _check_claims(
    args: argparse.Namespace, state: FleetState, authority: Authority
) -> tuple[Mqtt, Ed25519PrivateKey]:
    """Check all options before anything is connected. Raises WrongUsage, OSError and ValueError."""
    from fleet.boxes.public_keys import check_operator_keys
    from fleet.keys import read_ed25519_key

    if unknown := sorted(set(args.replace) - state.sites.keys()):
        raise WrongUsage(f"--replace: '{', '.join(unknown)}' is not in {args.csv}")
    mqtt, key = mqtt_settings(args), read_ed25519_key(args.answer_key)
    check_operator_keys(args.operator)
    state.records.all()
    if args.passphrase_file is not None:
        authority.unlocked()
    return mqtt, key


def known_boxes(path: Path) -> dict[str, KnownBox]:
    """The list of boxes. Raises OSError, and ValueError for a list with mistakes, which are printed."""
    from fleet.boxes.serials import read_boxes

    problems = Problems(path)
    boxes = read_boxes(problems)
    for line in problems.lines():
        print(line, file=sys.stderr)
    if problems.errors:
        raise ValueError(f"{path} has mistakes, see above: correct them there")
    return boxes
