"""The arguments of ``edge-agent doctor``, apart from what they need: parsing imports no OpenCV."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.core.languages import add_lang


def add_arguments(doctor: argparse.ArgumentParser, default_config: Path) -> None:
    doctor.add_argument("config", type=Path, nargs="?", default=default_config, help="default: %(default)s")
    add_lang(doctor)
    doctor.add_argument("--json", action="store_true", help="for programs: edge-agent schema doctor")
    doctor.add_argument(
        "--accept",
        type=_acceptance,
        action="append",
        default=[],
        metavar="CHECK=REASON",
        help="a defect that is known and accepted, such as cam-2='not delivered'",
    )
    doctor.add_argument("--sheet", type=Path, metavar="OUT.jpg", help="write the pictures of all cameras")
    doctor.add_argument(
        "--report", type=Path, metavar="OUT.html", help="write a commissioning report, to print and sign"
    )
    doctor.add_argument("--photo", type=Path, metavar="FILE", help="of the notice sign, for the report")
    doctor.add_argument("--by", default="", metavar="NAME", help="who examines, for the report")
    doctor.add_argument(
        "--aim",
        metavar="CAMERA",
        help="examine nothing; for 15 minutes show a phone beside the box what this camera sees",
    )


def _acceptance(text: str) -> tuple[str, str]:
    check, equals, reason = text.partition("=")
    if not (equals and check.strip() and reason.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not CHECK=REASON, such as cam-2='not delivered'")
    return check.strip(), reason.strip()
