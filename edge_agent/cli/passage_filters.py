"""Options that choose passages: ``edge-agent passages``, and in part ``edge-agent search``."""

from __future__ import annotations

import argparse
import math
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from edge_agent.cli.arguments import parse_moment
from edge_agent.cli.passage_words import PASSAGES
from edge_agent.core.command_line.parser import CommandParser
from edge_agent.core.errors import UsageError
from edge_agent.core.ground import COMPASS, SpeedClass
from edge_agent.core.languages import both
from edge_agent.core.model import GROUP_OF_LABEL

if TYPE_CHECKING:
    from edge_agent.passages.filters import PassageFilter, PictureLine

DIRECTIONS = {"up": 0.0, "right": 90.0, "down": 180.0, "left": 270.0}
"""Directions in the picture, in degrees clockwise from its upper edge."""
GROUPS = tuple(dict.fromkeys(GROUP_OF_LABEL.values()))


def add_filters_to(passages: CommandParser) -> None:
    for name, old, of, which, default in (
        ("--from", "--since", "from_time", "start", "all"),
        ("--to", "--until", "to_time", "end", "now"),
    ):
        moment = passages.add_value(
            name,
            "TIME",
            f"{which} of the period; in the site's time zone, such as 2026-11-24T20:15; default: {default}",
            type=parse_moment,
            dest=of,
        )
        passages.rename(old, moment)
    passages.add_value("--camera", "ID", "id of the camera; may be repeated; default: all", action="append")
    passages.add_argument("--group", choices=GROUPS, help="group of the object; default: all")
    passages.add_value("--colour", "COLOUR", "colour of any part, such as red, or upper:red; default: all")
    passages.add_argument(
        "--direction", choices=tuple(DIRECTIONS), help="direction in the picture; default: all"
    )
    passages.add_value(
        "--line",
        "X1,Y1,X2,Y2",
        "line in 0..1 of the picture of one --camera, which the object crossed; default: none",
        type=_parse_line,
    )
    passages.add_value(
        "--for", "SECONDS", "shortest time in sight; default: none", dest="for_s", type=parse_amount
    )
    for name, metavar, what in (
        ("--min-height", "SHARE", "smallest height of the box, as a share of the picture's height"),
        ("--max-height", "SHARE", "largest height of the box, as a share of the picture's height"),
        ("--min-speed", "LENGTHS", "lowest speed, in lengths of the object per second"),
        ("--max-speed", "LENGTHS", "highest speed, in lengths of the object per second"),
        ("--still", "SECONDS", "shortest time of standing still"),
    ):
        parse = parse_share if metavar == "SHARE" else parse_amount
        passages.add_value(name, metavar, f"{what}; default: none", type=parse)
    passages.add_argument(
        "--speed",
        choices=tuple(SpeedClass),
        help="speed class on the ground plane of the camera: walking below 7 km/h, slow below 25, moderate "
        "below 50; a speed that may be in two classes, within its error, counts as both; default: all",
    )
    passages.add_argument(
        "--heading", choices=COMPASS, help="direction by the compass, within 45 degrees; default: all"
    )


def _parse_line(text: str) -> tuple[float, float, float, float]:
    try:
        x1, y1, x2, y2 = (float(each) for each in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: write four numbers, such as 0.1,0.5,0.9,0.5") from None
    if not all(0 <= each <= 1 for each in (x1, y1, x2, y2)):
        raise argparse.ArgumentTypeError(f"{text!r}: the numbers are from 0 to 1, shares of the picture")
    return x1, y1, x2, y2


def parse_amount(text: str) -> float:
    """Parse a finite number that is at least 0. Raises ArgumentTypeError."""
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: write a number, not below 0")
    return amount


def parse_share(text: str) -> float:
    """Parse a number from 0 to 1. Raises ArgumentTypeError."""
    share = parse_amount(text)
    if share > 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a share of the picture, from 0 to 1, such as 0.2")
    return share


def parse_colour(text: str | None) -> tuple[str | None, str | None]:
    """Parse ``red`` or ``upper:red`` to a part of the object and a colour; None: any. Raises UsageError."""
    from edge_agent.passages.passage import COLOURS, PARTS

    part, _, colour = (text or "").rpartition(":")
    if colour not in COLOURS and text is not None:
        raise UsageError(both(PASSAGES, "colours-are", given=colour, known=", ".join(COLOURS)))
    if part and part not in PARTS:
        raise UsageError(both(PASSAGES, "parts-are", given=text, known=", ".join(PARTS)))
    return part or None, colour or None


def filter_of(args: argparse.Namespace, zone: tzinfo) -> PassageFilter:
    """Return the filter for the options of ``add_filters_to``. Raises UsageError."""
    from edge_agent.passages.filters import PassageFilter

    part, colour = parse_colour(args.colour)
    first, last = _in_zone(args.from_time, zone), _in_zone(args.to_time, zone)
    if first is not None and last is not None and last < first:
        raise UsageError(both(PASSAGES, "to-before-from"))
    return PassageFilter(
        from_at=first,
        to_at=last,
        cameras=None if args.camera is None else tuple(args.camera),
        group=args.group,
        colour=colour,
        part=part,
        direction_deg=None if args.direction is None else DIRECTIONS[args.direction],
        line=_line(args),
        min_height=args.min_height,
        max_height=args.max_height,
        min_speed=args.min_speed,
        max_speed=args.max_speed,
        min_for_s=args.for_s,
        min_still_s=args.still,
        speed_class=None if args.speed is None else SpeedClass(args.speed),
        heading_deg=None if args.heading is None else 45.0 * COMPASS.index(args.heading),
    )


def _line(args: argparse.Namespace) -> PictureLine | None:
    from edge_agent.passages.filters import PictureLine

    if args.line is None:
        return None
    if args.camera is None or len(args.camera) != 1:
        raise UsageError(both(PASSAGES, "line-needs"))
    x1, y1, x2, y2 = args.line
    return PictureLine(args.camera[0], (x1, y1), (x2, y2))


def _in_zone(moment: datetime | None, zone: tzinfo) -> datetime | None:
    return moment.replace(tzinfo=zone) if moment is not None and moment.tzinfo is None else moment
