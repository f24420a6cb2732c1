"""Options of ``python -m demo.lab``, as `make lab` passes them on."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.options import WrongUsage
from edge_agent.tools.simulate.scenario import CITY_SITES

FOLDER = Path(".cache/lab")
TEST_DATA = "EDGE_AGENT_TEST_DATA"


@dataclass(frozen=True, slots=True)
class LabOptions:
    folder: Path  # everything of the lab is in it
    gateways: int  # simulated ones
    alarms_per_day: float  # of all simulated gateways
    clips: Path | None  # folder of video files; None: drawn cameras
    duration_s: float
    webhooks: tuple[Any, ...]  # more of them, as in `console: webhooks` of the centre's configuration


def read_options(arguments: Sequence[str]) -> LabOptions:
    """Raises WrongUsage; argparse ends the program for an option that it does not know."""
    parser = argparse.ArgumentParser(prog="python -m demo.lab", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--gateways", type=int, default=CITY_SITES, metavar="N",
        help=f"simulated gateways; default: the city's {CITY_SITES}",
    )  # fmt: skip
    parser.add_argument(
        "--alarms-per-day", type=float, default=2_000.0, metavar="N",
        help="alarms of all simulated gateways in a day; default: 2000",
    )  # fmt: skip
    parser.add_argument(
        "--clips", type=Path, metavar="FOLDER",
        help=f"clips for the cameras; default: those of {TEST_DATA}, else of `make run`, else drawn ones",
    )  # fmt: skip
    parser.add_argument(
        "--webhooks", type=Path, metavar="FILE",
        help="YAML list of more webhooks of the console, as in docs/guide/alerts.md",
    )  # fmt: skip
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, metavar="FOLDER",
        help=f"folder of the lab, which is emptied at its start; default: {FOLDER}",
    )  # fmt: skip
    parser.add_argument(
        "--duration-s",
        type=float,
        default=math.inf,
        metavar="N",
        help="seconds after which the lab ends; default: it runs until Ctrl-C",
    )
    args = parser.parse_args(arguments)
    _check(args)
    clips, webhooks = _clips(args.clips), _webhooks(args.webhooks)
    return LabOptions(args.folder, args.gateways, args.alarms_per_day, clips, args.duration_s, webhooks)


def _check(args: argparse.Namespace) -> None:
    if not 1 <= args.gateways <= CITY_SITES:
        raise WrongUsage(f"--gateways {args.gateways}: 1 to {CITY_SITES}")
    if not 0 < args.alarms_per_day <= 1_000_000:
        raise WrongUsage(f"--alarms-per-day {args.alarms_per_day:g}: above 0, at most 1000000")
    if not args.duration_s > 0:
        raise WrongUsage(f"--duration-s {args.duration_s:g}: above 0")


def _clips(given: Path | None) -> Path | None:
    """The folder of the option, or of the environment."""
    if given is not None:
        if not given.is_dir():
            raise WrongUsage(f"--clips {given}: there is no such folder")
        return given
    data = os.environ.get(TEST_DATA)
    found = None if not data else Path(data) / "video"
    return found if found is not None and found.is_dir() else None


def _webhooks(file: Path | None) -> tuple[Any, ...]:
    if file is None:
        return ()
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise WrongUsage(f"--webhooks {file}: {error}") from None
    if not isinstance(found, list):
        raise WrongUsage(f"--webhooks {file}: is no list")
    return tuple(found)
