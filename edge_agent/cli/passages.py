"""``edge-agent passages``: list the objects that this gateway's cameras saw, newest first."""

from __future__ import annotations

import argparse
import getpass
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.cli.passage_filters import DIRECTIONS, add_filters_to, filter_of
from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.core.errors import UsageError
from edge_agent.core.ground import KMH, compass_point, speed_classes
from edge_agent.core.printable import printable, printable_json
from edge_agent.passages.passage import GroundMotion, Light

if TYPE_CHECKING:
    from edge_agent.config.model.settings import Camera
    from edge_agent.passages.holds import PassageHold
    from edge_agent.passages.reader import PassageReader, StoredPassage

MAX_LIMIT = 1_000_000


def add_command_to(commands: Commands, default_config: Path) -> None:
    passages = add_command(
        commands,
        "passages",
        "list the objects that this gateway's cameras saw, newest first",
        "edge-agent passages --group two-wheeler --colour red --from 2026-11-27T21:00",
        "sudo edge-agent passages --camera cam-1 --pictures out --by 'Nguyễn Văn An' --purpose 'file 7/2026'",
    )
    add_filters_to(passages)
    passages.add_value("--limit", "N", "list at most this many passages", type=int, default=50)
    passages.add_path(
        "--pictures",
        "DIR",
        "write the pictures of what is listed into this folder; needs --by and --purpose; default: not "
        "written",
    )
    passages.add_value("--by", "NAME", "name of the person; for the record of access; default: none")
    passages.add_value("--purpose", "TEXT", "purpose of the access; for the record of access; default: none")
    passages.add_flag(
        "--held", "list the passages that are kept beyond their time for a case, and until when"
    )
    passages.add_json()
    passages.add_config(default_config)


def run_passages(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent import config
    from edge_agent.host.system.process import as_agent
    from edge_agent.passages.access import record_access
    from edge_agent.passages.holds import PassageHolds
    from edge_agent.passages.reader import PassageReader

    if args.pictures is not None and not (args.by and args.purpose):
        raise UsageError("--pictures needs --by and --purpose: who opens pictures of people is recorded")
    if not 1 <= args.limit <= MAX_LIMIT:
        raise UsageError(f"--limit {args.limit}: at least 1, at most {MAX_LIMIT}")
    settings = config.load(args.config, no_secrets=True)
    zone = settings.gateway.timezone
    reader = PassageReader(settings.state_dir)
    pictures: dict[str, bytes] = {}
    if args.held:
        with as_agent(settings.state_dir):
            holds = PassageHolds(settings.state_dir).read()
            stored = {each.id: each for each in reader.of_ids([hold.passage for hold in holds])}
        out.writelines(f"{line}\n" for line in _hold_lines(holds, stored, zone, as_json=args.json))
        return 0
    with as_agent(settings.state_dir):
        found = list(itertools.islice(reader.find(filter_of(args, zone)), args.limit))
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


def _hold_lines(
    holds: Sequence[PassageHold], stored: Mapping[int, StoredPassage], zone: tzinfo, *, as_json: bool
) -> Iterator[str]:
    """Return a line for each hold. The passage of a hold may be missing if the file of rows was lost
    since."""
    for hold in holds:
        until = datetime.fromtimestamp(hold.until_ms / 1000, zone)
        passage = stored.get(hold.passage)
        if as_json:
            facts = {"id": hold.passage} if passage is None else _as_json(passage)
            more = {"until": rfc3339(until), "case": hold.case, "picture_bytes": hold.bytes}
            yield printable_json(facts | {"hold": more})
            continue
        what = "not stored any more"
        if passage is not None:
            began = passage.started_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
            what = f"{began}  {printable(passage.camera):12} {passage.group or 'unknown'}"
        yield f"{hold.passage:8}  until {until:%Y-%m-%d %H:%M}  {what}  case {printable(hold.case)}"
    if not holds and not as_json:
        yield "no passage is kept beyond its time"


def _pictures(reader: PassageReader, found: Sequence[StoredPassage]) -> dict[str, bytes]:
    """Return the pictures by file name. ``edge-agent evidence open`` opens a sealed one at the centre."""
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
    """Yield hints why rows may be missing. A removed camera may still have rows, so naming it is no error."""
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
    """Return the speed and direction, such as ``40±3 NE``, as wide as the column."""
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
    """Return the keys that a passage on a ground plane has in addition."""
    return {
        "speed_m_s": ground.speed_m_s,
        "speed_error_m_s": ground.error_m_s,
        "speed_class": list(speed_classes(ground.speed_m_s, ground.error_m_s)),
        "heading_deg": ground.heading_deg,
    }
