"""Arguments of ``edge-agent models rollout``; importing this module is cheap."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.tools.broker_arguments import (
    add_broker_argument,
    add_root_argument,
    add_tls_arguments,
    seconds,
    topic_id,
)

STAGES = "1,5,100%"


def add_command_to(commands: Commands) -> None:
    rollout = add_command(
        commands,
        "rollout",
        "bring a model release to gateways in stages, through the broker",
        "edge-agent models rollout street-20261128 --key operator.pem --broker mqtts://broker.example:8883 "
        "--url https://models.example/street.tflite --ca-file ca.crt --cert-file op.crt --key-file op.key",
        exit_codes={
            0: "every gateway runs the release",
            1: "failed or stopped: a gateway refused the release or returned to its former model",
            3: "some gateways are left: they were offline or take no model; run the same command again",
        },
    )
    rollout.add_argument("release", type=Path, metavar="FOLDER", help="release of `edge-agent learn`")
    rollout.add_argument(
        "--url",
        type=_https,
        required=True,
        help="https address from which gateways fetch the .tflite file of the release",
    )
    rollout.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="PRIVATE.pem",
        help="private key of an operator, to sign with",
    )
    add_broker_argument(rollout)
    add_root_argument(rollout)
    for name in ("ward", "gateway"):
        rollout.add_argument(
            f"--{name}",
            type=topic_id,
            action="append",
            default=[],
            metavar="ID",
            help=f"id of the {name}; may be repeated; default: all that the broker knows",
        )
    _add_pace(rollout)
    ignore = rollout.add_argument(
        "--ignore-results",
        action="store_true",
        help="switch whatever the results of shadow mode are",
    )
    rollout.rename("--force", ignore)
    rollout.add_argument(
        "--again",
        action="store_true",
        help="try again on gateways that gave this release up before; without it such a gateway stops the "
        "rollout",
    )
    add_tls_arguments(rollout)


def _add_pace(rollout: CommandParser) -> None:
    pace = rollout.add_argument_group("pace")
    pace.add_argument(
        "--stages",
        type=_stages,
        default=_stages(STAGES),
        help=f"gateways of each stage, or percent of all; the last is repeated; default: {STAGES}%",
    )
    for name, default, doc in (
        ("shadow", 86_400.0, "seconds of shadow mode"),
        ("probation", 86_400.0, "seconds in which a gateway may return to its former model by itself"),
        ("soak", 3600.0, "seconds that a stage runs the model before the next stage begins"),
        ("answer", 600.0, "longest wait for an answer, or for a gateway to come back, in seconds"),
        ("listen", 40.0, "seconds to listen; at most so long for the heartbeats of all gateways"),
    ):
        pace.add_argument(f"--{name}-s", type=seconds, default=default, metavar="SECONDS", help=doc)
    pace.add_argument(
        "--share", type=_share, default=0.1, help="share of the frames in shadow mode, 0.01 to 1"
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
