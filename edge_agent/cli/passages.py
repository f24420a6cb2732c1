"""``edge-agent passages``: list the objects that this gateway's cameras saw, newest first."""

from __future__ import annotations

import argparse
import getpass
import itertools
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.cli.arguments import parse_moment
from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.core.errors import UsageError
from edge_agent.core.ground import COMPASS, KMH, SpeedClass, compass_point, speed_classes
from edge_agent.core.model import GROUP_OF_LABEL
from edge_agent.core.printable import printable, printable_json
from edge_agent.passages.passage import GroundMotion, Light

if TYPE_CHECKING:
    from edge_agent.config.model.settings import Camera
    from edge_agent.passages.filters import PassageFilter, PictureLine
    from edge_agent.passages.reader import PassageReader, StoredPassage

MAX_LIMIT = 1_000_000
DIRECTIONS = {"up": 0.0, "right": 90.0, "down": 180.0, "left": 270.0}
"""Degrees clockwise from the top of the picture."""
GROUPS = tuple(dict.fromkeys(GROUP_OF_LABEL.values()))


def add_command_to(commands: Commands, default_config: Path) -> None:
    passages = add_command(
        commands,
        "passages",
        "list the objects that this gateway's cameras saw, newest first",
        "edge-agent passages --group two-wheeler --colour red --from 2026-11-27T21:00",
        "sudo edge-agent passages --camera cam-1 --pictures out --by 'Nguyễn Văn An' --purpose 'file 7/2026'",
    )
    _add_filters_to(passages)
    passages.add_argument(
        "--limit", type=int, default=50, metavar="N", help="list at most this many passages"
    )
    passages.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="write the pictures of what is listed into this folder; needs --by and --purpose; default: not "
        "written",
    )
    passages.add_argument(
        "--by", metavar="NAME", help="name of the person; for the record of access; default: none"
    )
    passages.add_argument(
        "--purpose", metavar="TEXT", help="purpose of the access; for the record of access; default: none"
    )
    passages.add_json()
    passages.add_config(default_config)


def _add_filters_to(passages: CommandParser) -> None:
    for name, old, of, which, default in (
        ("--from", "--since", "from_time", "first", "all"),
        ("--to", "--until", "to_time", "last", "now"),
    ):
        moment = passages.add_argument(
            name,
            type=parse_moment,
            dest=of,
            metavar="TIME",
            help=f"{which} moment; in the site's zone, such as 2026-11-24T20:15; default: {default}",
        )
        passages.rename(old, moment)
    passages.add_argument(
        "--camera", action="append", metavar="ID", help="id of the camera; may be repeated; default: all"
    )
    passages.add_argument("--group", choices=GROUPS, help="group of the object; default: all")
    passages.add_argument(
        "--colour", metavar="COLOUR", help="colour of any part, such as red, or upper:red; default: all"
    )
    passages.add_argument(
        "--direction", choices=tuple(DIRECTIONS), help="direction in the picture; default: all"
    )
    passages.add_argument(
        "--line",
        type=_parse_line,
        metavar="X1,Y1,X2,Y2",
        help="line in 0..1 of the picture of one --camera, which the object crossed; default: none",
    )
    passages.add_argument(
        "--for",
        dest="for_s",
        type=parse_amount,
        metavar="SECONDS",
        help="shortest time in sight; default: none",
    )
    for name, metavar, what in (
        ("--min-height", "SHARE", "smallest height of the box, as a share of the picture's height"),
        ("--max-height", "SHARE", "largest height of the box, as a share of the picture's height"),
        ("--min-speed", "LENGTHS", "lowest speed, in own lengths a second"),
        ("--max-speed", "LENGTHS", "highest speed, in own lengths a second"),
        ("--still", "SECONDS", "shortest time of standing still"),
    ):
        parse = parse_share if metavar == "SHARE" else parse_amount
        passages.add_argument(name, type=parse, metavar=metavar, help=f"{what}; default: none")
    passages.add_argument(
        "--speed",
        choices=tuple(SpeedClass),
        help="speed class on the ground plane of the camera: walking below 7 km/h, slow below 25, moderate "
        "below 50; a speed whose error touches two classes is in both; default: all",
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
    """A finite number, at least 0. Raises ArgumentTypeError."""
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: write a number, not below 0")
    return amount


def parse_share(text: str) -> float:
    """A number from 0 to 1. Raises ArgumentTypeError."""
    share = parse_amount(text)
    if share > 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a share of the picture, from 0 to 1, such as 0.2")
    return share


def parse_colour(text: str | None) -> tuple[str | None, str | None]:
    """Part of the object and colour of ``red`` or ``upper:red``; None: any. Raises UsageError."""
    from edge_agent.passages.passage import COLOURS, PARTS

    part, _, colour = (text or "").rpartition(":")
    if colour not in COLOURS and text is not None:
        raise UsageError(f"--colour {colour}: the colours are {', '.join(COLOURS)}")
    if part and part not in PARTS:
        raise UsageError(f"--colour {part}:{colour}: the parts are {', '.join(PARTS)}")
    return part or None, colour or None


def run_passages(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent import config
    from edge_agent.host.system.process import as_agent
    from edge_agent.passages.access import record_access
    from edge_agent.passages.reader import PassageReader

    if args.pictures is not None and not (args.by and args.purpose):
        raise UsageError("--pictures needs --by and --purpose: who opens pictures of people is recorded")
    if not 1 <= args.limit <= MAX_LIMIT:
        raise UsageError(f"--limit {args.limit}: at least 1, at most {MAX_LIMIT}")
    settings = config.load(args.config, no_secrets=True)
    zone = settings.gateway.timezone
    reader = PassageReader(settings.state_dir)
    pictures: dict[str, bytes] = {}
    with as_agent(settings.state_dir):
        found = list(itertools.islice(reader.find(_filter(args, zone)), args.limit))
        if args.pictures is not None:
            pictures = _pictures(reader, found)
            record_access(
                settings.state_dir,
                SystemClock(),
                by=f"{args.by} (user {getpass.getuser()})",
                purpose=args.purpose,
                what="pictures",
                ids=[each.id for each in found],
            )
    if args.json:
        out.writelines(f"{printable_json(_as_json(each))}\n" for each in found)
    else:
        out.writelines(f"{line}\n" for line in _table(found, zone))
        out.writelines(f"{line}\n" for line in _hints(args, found, settings.cameras))
    if args.pictures is not None:
        args.pictures.mkdir(parents=True, exist_ok=True)
        for name, content in pictures.items():
            (args.pictures / name).write_bytes(content)
        out.write(f"{args.pictures}: {len(pictures)} pictures\n")
    return 0


def _filter(args: argparse.Namespace, zone: tzinfo) -> PassageFilter:
    from edge_agent.passages.filters import PassageFilter

    part, colour = parse_colour(args.colour)
    first, last = _in_zone(args.from_time, zone), _in_zone(args.to_time, zone)
    if first is not None and last is not None and last < first:
        raise UsageError("--to is before --from")
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
        raise UsageError("--line needs one --camera: it is drawn on the picture of a camera")
    x1, y1, x2, y2 = args.line
    return PictureLine(args.camera[0], (x1, y1), (x2, y2))


def _in_zone(moment: datetime | None, zone: tzinfo) -> datetime | None:
    return moment.replace(tzinfo=zone) if moment is not None and moment.tzinfo is None else moment


def _pictures(reader: PassageReader, found: Sequence[StoredPassage]) -> dict[str, bytes]:
    """The pictures by file name; a sealed one is opened at the centre with ``edge-agent evidence open``."""
    pictures = {}
    for passage in found:
        content = reader.crop(passage.id)
        if content is not None:
            suffix = ".sealed" if content.startswith(SEALED_MAGIC) else ""
            pictures[f"{passage.track}.jpg{suffix}"] = content
    return pictures


def _table(found: Sequence[StoredPassage], zone: tzinfo) -> Iterator[str]:
    if not found:
        yield "no such passage is stored here"
        return
    on_ground = any(each.detail.ground is not None for each in found)
    km_h = f"{'km/h':>8} {'':2}  " if on_ground else ""
    yield f"{'time':19}  {'for':>7}  {'camera':12} {'what':12} {'to':5} {'speed':>5}  {km_h}colours, reports"
    for passage in found:
        began = passage.started_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        mark = "" if passage.clock else " (clock not synchronised)"
        what = passage.detail.label or passage.group or "unknown"
        yield (
            f"{began}  {passage.duration_s:6.0f}s  {printable(passage.camera):12} {what:12} "
            f"{_direction(passage.direction_deg):5} {passage.speed:5.1f}  "
            f"{_km_h(passage.detail.ground) if on_ground else ''}{_remarks(passage)}{mark}"
        )


def _hints(
    args: argparse.Namespace, found: Sequence[StoredPassage], cameras: Sequence[Camera]
) -> Iterator[str]:
    """Say what the list may lack. A camera that was removed may still have rows, so naming it is no error."""
    if found and len(found) == args.limit:
        yield f"there may be older ones: these are the newest {args.limit} (--limit)"
    known = [each.id for each in cameras]
    for camera in args.camera or ():
        if camera not in known and not any(each.camera == camera for each in found):
            yield f"the configuration has no camera {printable(camera)}; it has: {', '.join(known)}"
    if not found and (args.speed or args.heading) and not any(each.ground for each in cameras):
        yield "no camera has a ground plane, which --speed and --heading need (docs/guide/ground.md)"
    if not found and not (args.from_time or args.to_time or args.camera):
        yield "the agent stores an object when it has left the picture, at most a minute later"


def _direction(degrees: int | None) -> str:
    if degrees is None:
        return "-"
    return min(DIRECTIONS, key=lambda name: abs((DIRECTIONS[name] - degrees + 180) % 360 - 180))


def _km_h(ground: GroundMotion | None) -> str:
    """``40±3 NE``, as wide as its column."""
    if ground is None:
        return f"{'-':>8} {'':2}  "
    heading = "" if ground.heading_deg is None else compass_point(ground.heading_deg)
    return f"{f'{KMH * ground.speed_m_s:.0f}±{ceil(KMH * ground.error_m_s)}':>8} {heading:2}  "


def _remarks(passage: StoredPassage) -> str:
    parts = [
        f"{part.part} {'/'.join(share.colour for share in part.colours)}" for part in passage.detail.colours
    ]
    light = [] if passage.detail.light is Light.DAY else [f"({passage.detail.light})"]
    reports = [f"reported by {printable(report.rule)}" for report in passage.detail.reports]
    return ", ".join([*parts, *light, *reports])


def _as_json(passage: StoredPassage) -> dict[str, object]:
    detail = passage.detail
    ground = {} if detail.ground is None else _ground_json(detail.ground)
    return {
        "id": passage.id,
        "camera": passage.camera,
        "track": passage.track,
        "group": passage.group,
        "label": detail.label,
        "score": detail.score,
        "votes": detail.votes,
        "start": rfc3339(passage.started_at),
        "for_s": passage.duration_s,
        "clock": passage.clock.name.lower(),
        "path": [[round(value, 3) for value in point] for point in detail.path],
        "entry": detail.entry,
        "exit": detail.exit,
        "direction_deg": passage.direction_deg,
        "size": [detail.width, detail.height],
        "speed": passage.speed,
        **ground,
        "light": detail.light,
        "colours": [part._asdict() | {"colours": dict(part.colours)} for part in detail.colours],
        "standing": [each._asdict() for each in detail.standing],
        "reports": [each._asdict() for each in detail.reports],
        "picture_sha256": detail.crop_sha256,
    }


def _ground_json(ground: GroundMotion) -> dict[str, object]:
    """Keys of a passage on a ground plane."""
    return {
        "speed_m_s": ground.speed_m_s,
        "speed_error_m_s": ground.error_m_s,
        "speed_class": list(speed_classes(ground.speed_m_s, ground.error_m_s)),
        "heading_deg": ground.heading_deg,
    }
