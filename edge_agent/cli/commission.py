"""``edge-agent commission``: its arguments. Parsing them needs no OpenCV."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TextIO

from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.core.languages import add_lang

MAX_PORT = 65_535


def add_command_to(commands: Commands) -> None:
    commission = add_command(
        commands,
        "commission",
        "claim the site at which this box stands, configure and examine it",
        "sudo edge-agent commission dt-001-r --by 'Nguyễn Văn An'",
        "sudo edge-agent commission --status",
        "sudo edge-agent commission --undo",
        exit_codes={1: "failed, or a check is red"},
    )
    add_lang(commission)
    commission.add_json("with --status, --identity and --new-code")
    commission.add_argument(
        "site",
        nargs="?",
        metavar="SITE",
        help="what the label of the site says, such as dt-001-r; default: none, needed to claim",
    )
    _add_actions(commission)
    commission.add_by("for the claim and the report; default: none, needed to claim")
    commission.add_argument(
        "--cameras-password-file",
        metavar="FILE",
        help="file with the password of the cameras; default: the command asks on the terminal",
    )
    commission.add_argument(
        "--photo", type=Path, metavar="FILE", help="photo of the notice sign, for the report; default: none"
    )
    commission.add_argument(
        "--page-port", type=_port, default=443, metavar="N", help="port of the page for a phone; default: 443"
    )
    commission.add_argument(
        "--sysroot",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="root folder of the box's files, for tests; default: /",
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= MAX_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number up to {MAX_PORT}")


def _add_actions(commission: argparse.ArgumentParser) -> None:
    """Add the options that make the command do something else than claim a site."""
    one = commission.add_mutually_exclusive_group()
    one.add_argument("--status", action="store_true", help="print the state of the claim")
    one.add_argument("--undo", action="store_true", help="take back a claim that is not confirmed yet")
    one.add_argument("--identity", action="store_true", help="print serial, words and code, for boxes.csv")
    one.add_argument(
        "--new-code",
        action="store_true",
        help="make a new code for the label and print the new row for boxes.csv; use this if others "
        "have seen the old code",
    )
    one.add_argument(
        "--serve", action="store_true", help="serve the page for a phone; the systemd unit runs this"
    )
    one.add_argument(
        "--examine",
        action="store_true",
        help="examine the site again if the centre has confirmed it since the report; a timer runs this",
    )
    one.add_argument(
        "--withdrawal",
        action="store_true",
        help="check whether the centre has withdrawn this box's claim; if so, remove the site from this box. "
        "The agent runs this",
    )


def run_commission(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.commissioning import command

    return command.run_commission(args, out)
