"""Arguments of ``edge-agent doctor``; importing this module is cheap: parsing needs no OpenCV."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.core.languages import add_lang


def add_command_to(commands: Commands, default_config: Path) -> None:
    doctor = add_command(
        commands,
        "doctor",
        "examine the gateway, its cameras and its broker, and say what to do",
        "sudo edge-agent doctor",
        "sudo edge-agent doctor --report site.html --by 'Nguyễn Văn An'",
        "sudo edge-agent doctor --aim cam-1",
        exit_codes={1: "failed, or a check is red and not accepted"},
    )
    add_lang(doctor)
    doctor.add_json("its schema: edge-agent schema doctor")
    doctor.add_argument(
        "--accept",
        type=_acceptance,
        action="append",
        default=[],
        metavar="CHECK=REASON",
        help="accept a known defect, such as cam-2='not delivered'; may be repeated; default: none",
    )
    doctor.add_argument(
        "--sheet",
        type=Path,
        metavar="OUT.jpg",
        help="write one sheet with the pictures of all cameras; default: not written",
    )
    doctor.add_argument(
        "--report",
        type=Path,
        metavar="OUT.html",
        help="write a commissioning report to print and sign; default: not written",
    )
    doctor.add_argument(
        "--photo", type=Path, metavar="FILE", help="photo of the notice sign, for the report; default: none"
    )
    doctor.add_argument(
        "--by", default="", metavar="NAME", help="name of the person; for the report; default: left blank"
    )
    doctor.add_argument(
        "--aim",
        metavar="CAMERA",
        help="instead of the examination, show the picture of this camera to a phone for 15 minutes; "
        "default: examine",
    )
    doctor.add_config(default_config)


def _acceptance(text: str) -> tuple[str, str]:
    check, equals, reason = text.partition("=")
    if not (equals and check.strip() and reason.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not CHECK=REASON, such as cam-2='not delivered'")
    return check.strip(), reason.strip()
