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
from edge_agent.cli.passage_words import PASSAGES, wire_word
from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.core.errors import UsageError
from edge_agent.core.ground import KMH, compass_point, speed_classes
from edge_agent.core.languages import Lang, add_lang, both, day_text, decimal, lang_of, say
from edge_agent.core.printable import printable, printable_json
from edge_agent.core.problems.words import COLOURS, COMPASS, LABELS, PARTS
from edge_agent.passages.passage import GroundMotion, Light

if TYPE_CHECKING:
    from edge_agent.config.model.settings import Camera
    from edge_agent.passages.holds import PassageHold
    from edge_agent.passages.reader import PassageReader, StoredPassage

MAX_LIMIT = 1_000_000
WIDTHS: Mapping[Lang, tuple[int, int, int]] = {"en": (7, 5, 5), "vi": (10, 9, 6)}
"""Characters of the columns for the duration, the direction and the speed."""


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
    passages.add_by("for the record of access; default: none")
    passages.add_value("--purpose", "TEXT", "purpose of the access; for the record of access; default: none")
    passages.add_flag(
        "--held", "list the passages that are kept beyond their time for a case, and until when"
    )
    add_lang(passages)
    passages.add_json()
    passages.add_config(default_config)


def run_passages(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent import config
    from edge_agent.host.system.process import as_agent
    from edge_agent.passages.access import record_access
    from edge_agent.passages.holds import PassageHolds
    from edge_agent.passages.reader import PassageReader

    if args.pictures is not None and not (args.by and args.purpose):
        raise UsageError(both(PASSAGES, "pictures-need"))
    if not 1 <= args.limit <= MAX_LIMIT:
        raise UsageError(both(PASSAGES, "limit-range", given=args.limit, most=MAX_LIMIT))
    lang, settings = lang_of(args), config.load(args.config, no_secrets=True)
    zone = settings.gateway.timezone
    reader = PassageReader(settings.state_dir)
    pictures: dict[str, bytes] = {}
    if args.held:
        with as_agent(settings.state_dir):
            holds = PassageHolds(settings.state_dir).read()
            stored = {each.id: each for each in reader.of_ids([hold.passage for hold in holds])}
        lines = _holds_as_json(holds, stored, zone) if args.json else _hold_lines(holds, stored, zone, lang)
        out.writelines(f"{line}\n" for line in lines)
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
        out.writelines(f"{line}\n" for line in _table(found, zone, lang))
        out.writelines(f"{line}\n" for line in _hints(args, found, settings.cameras, lang))
    if args.pictures is not None:
        args.pictures.mkdir(parents=True, exist_ok=True)
        for name, content in pictures.items():
            (args.pictures / name).write_bytes(content)
        out.write(say(PASSAGES, "pictures", lang, folder=args.pictures, count=len(pictures)) + "\n")
    return 0


def _holds_as_json(
    holds: Sequence[PassageHold], stored: Mapping[int, StoredPassage], zone: tzinfo
) -> Iterator[str]:
    """Yield an object for each hold. Its passage may be missing if the file of rows was lost since."""
    for hold in holds:
        passage = stored.get(hold.passage)
        facts = {"id": hold.passage} if passage is None else _as_json(passage)
        until = rfc3339(datetime.fromtimestamp(hold.until_ms / 1000, zone))
        yield printable_json(
            facts | {"hold": {"until": until, "case": hold.case, "picture_bytes": hold.bytes}}
        )


def _hold_lines(
    holds: Sequence[PassageHold], stored: Mapping[int, StoredPassage], zone: tzinfo, lang: Lang
) -> Iterator[str]:
    """Yield a line for each hold."""
    for hold in holds:
        until = say(PASSAGES, "until", lang, time=_moment(hold.until_ms / 1000, zone, lang)[:-3])
        passage, what = stored.get(hold.passage), say(PASSAGES, "not-stored", lang)
        if passage is not None:
            began = _moment(passage.started_at.timestamp(), zone, lang)
            what = f"{began}  {printable(passage.camera):12} {_name(passage.group, lang)}"
        case = say(PASSAGES, "case", lang, case=printable(hold.case))
        yield f"{hold.passage:12}  {until}  {what}  {case}"
    if not holds:
        yield say(PASSAGES, "no-hold", lang)


def _pictures(reader: PassageReader, found: Sequence[StoredPassage]) -> dict[str, bytes]:
    """Return the pictures by file name. ``edge-agent evidence open`` opens a sealed one at the centre."""
    pictures = {}
    for passage in found:
        content = reader.crop(passage.id)
        if content is not None:
            suffix = ".sealed" if content.startswith(SEALED_MAGIC) else ""
            pictures[f"{passage.track}.jpg{suffix}"] = content
    return pictures


def _table(found: Sequence[StoredPassage], zone: tzinfo, lang: Lang) -> Iterator[str]:
    if not found:
        yield say(PASSAGES, "none", lang)
        return
    on_ground = any(each.detail.ground is not None for each in found)
    head = {name: say(PASSAGES, name, lang) for name in ("time", "for", "what", "to", "speed", "remarks")}
    km_h = f"{'km/h':>8} {'':2}  " if on_ground else ""
    wide, to, fast = WIDTHS[lang]
    yield (
        f"{head['time']:19}  {head['for']:>{wide}}  {'camera':12} {head['what']:12} {head['to']:{to}} "
        f"{head['speed']:>{fast}}  {km_h}{head['remarks']}"
    )
    for passage in found:
        mark = "" if passage.clock else f" ({say(PASSAGES, 'not-synced', lang)})"
        began = _moment(passage.started_at.timestamp(), zone, lang)
        seconds = say(PASSAGES, "seconds", lang, seconds=passage.duration_s)
        what = _name(passage.detail.label or passage.group, lang)
        yield (
            f"{began}  {seconds:>{wide}}  {printable(passage.camera):12} {what:12} "
            f"{_direction(passage.direction_deg, lang):{to}} {decimal(passage.speed, lang, 1):>{fast}}  "
            f"{_km_h(passage.detail.ground, lang) if on_ground else ''}{_remarks(passage, lang)}{mark}"
        )


def _hints(
    args: argparse.Namespace, found: Sequence[StoredPassage], cameras: Sequence[Camera], lang: Lang
) -> Iterator[str]:
    """Yield hints why rows may be missing. A removed camera may still have rows, so naming it is no error."""
    if found and len(found) == args.limit:
        yield say(PASSAGES, "limit", lang, limit=str(args.limit))
    known = [each.id for each in cameras]
    for camera in args.camera or ():
        if camera not in known and not any(each.camera == camera for each in found):
            yield say(PASSAGES, "no-camera", lang, camera=printable(camera), known=", ".join(known))
    if not found and (args.speed or args.heading) and not any(each.ground for each in cameras):
        yield say(PASSAGES, "no-ground", lang)
    if not found and not (args.from_time or args.to_time or args.camera):
        yield say(PASSAGES, "stored-later", lang)


def _moment(seconds: float, zone: tzinfo, lang: Lang) -> str:
    """Return ``2026-11-24 18:59:30``, in Vietnamese ``24/11/2026 18:59:30``. ``seconds``: of Unix time."""
    at = datetime.fromtimestamp(seconds, zone)
    return f"{day_text(at.date(), lang)} {at:%H:%M:%S}"


def _name(label: str | None, lang: Lang) -> str:
    return say(PASSAGES, "unknown", lang) if label is None else wire_word(LABELS, label, lang)


def _direction(degrees: int | None, lang: Lang) -> str:
    if degrees is None:
        return "-"
    nearest = min(DIRECTIONS, key=lambda name: abs((DIRECTIONS[name] - degrees + 180) % 360 - 180))
    return say(PASSAGES, f"direction-{nearest}", lang)


def _km_h(ground: GroundMotion | None, lang: Lang) -> str:
    """Return the speed and direction, such as ``40±3 NE``, as wide as the column."""
    if ground is None:
        return f"{'-':>8} {'':2}  "
    heading = "" if ground.heading_deg is None else compass_point(ground.heading_deg)
    speed = f"{KMH * ground.speed_m_s:.0f}±{ceil(KMH * ground.error_m_s)}"
    return f"{speed:>8} {wire_word(COMPASS, heading, lang):2}  "


def _remarks(passage: StoredPassage, lang: Lang) -> str:
    parts = []
    for part in passage.detail.colours:
        colours = "/".join(wire_word(COLOURS, share.colour, lang) for share in part.colours)
        parts.append(f"{wire_word(PARTS, part.part, lang)} {colours}")
    light = passage.detail.light
    dim = [] if light is Light.DAY else [f"({say(PASSAGES, f'light-{light}', lang)})"]
    rules = [printable(report.rule) for report in passage.detail.reports]
    return ", ".join([*parts, *dim, *(say(PASSAGES, "report", lang, rule=rule) for rule in rules)])


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
