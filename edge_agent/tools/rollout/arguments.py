"""Options of ``edge-agent models rollout``; importing it costs nothing."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from edge_agent.tools.broker_arguments import (
    BROKER_HELP,
    add_root_argument,
    add_tls_arguments,
    broker_url,
    seconds,
    topic_id,
)

STAGES = "1,5,100%"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", type=Path, metavar="FOLDER", help="of a release of `edge-agent learn`")
    parser.add_argument(
        "--url", type=_https, required=True, help="https address at which gateways fetch its .tflite"
    )
    parser.add_argument("--key", type=Path, required=True, metavar="PEM", help="an operator's private key")
    parser.add_argument("--broker", type=broker_url, metavar="URL", required=True, help=BROKER_HELP)
    add_root_argument(parser)
    which = parser.add_argument_group("which gateways; without these all that the broker knows")
    which.add_argument("--ward", type=topic_id, action="append", default=[], help="may be repeated")
    which.add_argument("--gateway", type=topic_id, action="append", default=[], help="may be repeated")
    _add_pace(parser)
    parser.add_argument("--force", action="store_true", help="switch whatever the figures say")
    parser.add_argument(
        "--again", action="store_true", help="try it again where it was given up before; else that stops"
    )
    add_tls_arguments(parser)


def _add_pace(parser: argparse.ArgumentParser) -> None:
    pace = parser.add_argument_group("how fast")
    pace.add_argument(
        "--stages",
        type=_stages,
        default=_stages(STAGES),
        help=f"gateways of each stage, or percent of all; the last again and again; default: {STAGES}",
    )
    pace.add_argument(
        "--shadow-s", type=seconds, default=86_400.0, help="of shadow mode; default: %(default)g, a day"
    )
    pace.add_argument("--share", type=_share, default=0.1, help="of the frames in shadow mode; default: 0.1")
    pace.add_argument(
        "--probation-s",
        type=seconds,
        default=86_400.0,
        help="how long a gateway may go back by itself; default: %(default)g",
    )
    pace.add_argument(
        "--soak-s",
        type=seconds,
        default=3600.0,
        help="how long a stage runs the model before the next begins; default: %(default)g",
    )
    pace.add_argument(
        "--answer-s",
        type=seconds,
        default=600.0,
        help="longest wait for an answer, or for a gateway to come back; default: %(default)g",
    )
    pace.add_argument(
        "--listen-s", type=seconds, default=40.0, help="wait for all heartbeats first; default: %(default)g"
    )


def _https(text: str) -> str:
    if re.fullmatch(r"https://[!-~]{3,490}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no https address")
    return text


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0.01 to 1")
    return value


def _stages(text: str) -> tuple[str, ...]:
    stages = tuple(text.split(","))
    if not all(re.fullmatch(r"[1-9]\d{0,4}|[1-9]\d?%|100%", stage) for stage in stages):
        raise argparse.ArgumentTypeError(f"{text!r}: write stages such as {STAGES}")
    return stages
