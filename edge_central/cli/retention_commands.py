"""``edge-agent central hold|holds|release|deletions``: holds on events, and the deletions of retention."""

from __future__ import annotations

import argparse
import getpass
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TextIO

import msgspec
from sqlalchemy import Connection, Row, select

from edge_agent.core.clock import SystemClock, wall_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.wire.topics import DEFAULT_ID
from edge_central.console.documents import parse_birth
from edge_central.retention.deletion_plans import BlockedDeletions, DeletionRelease, blocked_key, release_key
from edge_central.retention.holds import (
    RetentionHold,
    count_covered,
    is_stored,
    place_hold,
    read_holds,
    release_hold,
)
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import (
    read_record,
    read_transaction,
    write_meta,
    write_record,
    write_transaction,
)
from edge_central.trusted_time import clock_store

_ID = re.compile(r"[a-z0-9-]{1,63}")
MAX_REASON = 500


class InvalidHold(Exception):
    """The text says what is wrong."""


def run_holds(
    args: argparse.Namespace, database: Database, stdout: TextIO, stderr: TextIO, central_id: str = DEFAULT_ID
) -> int:
    """Run hold, holds or release. Return 0; 1 if nothing matches; 2 for wrong usage. Raises CentralError."""
    if args.action == "holds":
        _show(args, database, stdout)
        return 0
    now_ms, who = wall_ms(SystemClock()), getpass.getuser()
    if args.action == "release" and args.id is None:
        released, text = _released(args, database, who, central_id)
        print(text, file=stdout if released else stderr)
        return 0 if released else 1
    if args.action == "release":
        with write_transaction(database) as connection:
            released = release_hold(connection, args.id, who, now_ms)
        text = "is released: what it kept is deleted when its time is over" if released else "is not in force"
        print(f"hold {args.id} {text}", file=stdout if released else stderr)
        return 0 if released else 1
    try:
        hold = _hold(args, who, now_ms)
    except InvalidHold as error:
        print(f"edge-agent central hold: {error}; nothing is held", file=stderr)
        return 2
    with write_transaction(database) as connection:
        mistake = _mistake(connection, hold)
        if mistake is not None:
            print(f"{mistake}; nothing is held", file=stderr)
            return 1
        id_, count = place_hold(connection, hold), count_covered(connection, hold)
    events = "1 event" if count == 1 else f"{count} events"
    print(f"hold {id_}: {_what(hold)} is kept until the hold is released: {events} now", file=stdout)
    return 0


def _mistake(connection: Connection, hold: RetentionHold) -> str | None:
    """Return what the hold names that is not known here: it would keep nothing, unnoticed. None: nothing."""
    if hold.event_id is not None:
        known = is_stored(connection, hold.event_id)
        return None if known else f"no event {hold.event_id} is stored here"
    rows = tuple(select(each).where(each.c.gateway == hold.gateway) for each in (tables.media, tables.event))
    births = connection.scalars(
        select(tables.gateway.c.birth).where(tables.gateway.c.id == hold.gateway)
    ).all()
    if not births and not any(connection.execute(each.limit(1)).first() for each in rows):
        return f"no gateway {hold.gateway} is known here"
    cameras = {camera.id for birth in births for camera in parse_birth(birth).cameras}
    if hold.camera is None or hold.camera in cameras:
        return None
    of_camera = (each.where(each.selected_columns.camera == hold.camera) for each in rows)
    if any(connection.execute(each.limit(1)).first() for each in of_camera):
        return None
    return f"no camera {hold.camera} of {hold.gateway} is known here"


def _released(args: argparse.Namespace, database: Database, who: str, central_id: str) -> tuple[bool, str]:
    """Release the clock or a blocked run. Return whether there was one, and the text to print."""
    with write_transaction(database) as connection:
        if args.clock:
            write_meta(connection, clock_store.release_key(central_id), who)
            now = datetime.now().astimezone().isoformat(" ", "seconds")
            return True, f"the centre goes by this machine's clock from now on: {now}"
        blocked = read_record(connection, blocked_key(central_id), BlockedDeletions)
        if blocked is None:
            return False, "no run of retention waits for a release"
        release = DeletionRelease(who=who, over=blocked.over)
        write_record(connection, release_key(central_id), release)
        counts = (f"{count} of {blocked.stored[what]} rows of {what}" for what, count in blocked.over.items())
        return True, f"released: the next run deletes {', '.join(counts)}, within minutes if the centre runs"


def _hold(args: argparse.Namespace, who: str, now_ms: int) -> RetentionHold:
    """Return the hold that the arguments describe. Raises InvalidHold."""
    why = " ".join(args.why.split())
    if not why or len(why) > MAX_REASON:
        raise InvalidHold(f"--why must have 1 to {MAX_REASON} characters")
    if args.event is not None:
        if args.camera or args.from_time or args.to_time:
            raise InvalidHold("--camera, --from and --to belong to --gateway")
        return RetentionHold(0, why, who, now_ms, event_id=args.event)
    for name, id_ in (("--gateway", args.gateway), ("--camera", args.camera)):
        if id_ is not None and _ID.fullmatch(id_) is None:
            raise InvalidHold(f"{name} must be an id of a-z, 0-9 and -")
    if not (args.from_time and args.to_time):
        raise InvalidHold("--gateway needs --from and --to")
    first, last = _milliseconds("--from", args.from_time), _milliseconds("--to", args.to_time)
    if last < first:
        raise InvalidHold("--to is before --from")
    return RetentionHold(
        0, why, who, now_ms, gateway=args.gateway, camera=args.camera, from_ms=first, to_ms=last
    )


def _milliseconds(name: str, text: str) -> int:
    """Parse a time; without an offset it is in this machine's time zone."""
    try:
        return round(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidHold(
            f"{name} must be a time such as 2026-11-24T20:15 or 2026-11-24T20:15+07:00"
        ) from None


def _show(args: argparse.Namespace, database: Database, stdout: TextIO) -> None:
    with read_transaction(database) as connection:
        holds = read_holds(connection, released=args.all)
    if args.json:
        print(msgspec.json.format(encode_json(holds), indent=2).decode(), file=stdout)
        return
    print("\n".join(_lines(holds)) or "nothing is held", file=stdout)


def _lines(holds: list[RetentionHold]) -> Iterator[str]:
    for hold in holds:
        ended = ""
        if hold.released_ms is not None:
            ended = f", released {_minutes(hold.released_ms)} by {hold.released_by}"
        placed = f"{_minutes(hold.placed_ms)} by {hold.placed_by}"
        yield f"hold {hold.id}: {_what(hold)}: {hold.why} (placed {placed}{ended})"


def _what(hold: RetentionHold) -> str:
    if hold.event_id is not None:
        return f"event {hold.event_id}"
    assert hold.from_ms is not None
    assert hold.to_ms is not None
    about = f"{hold.gateway}/{hold.camera}" if hold.camera else f"all of {hold.gateway}"
    return f"{about} from {_minutes(hold.from_ms)} to {_minutes(hold.to_ms)}"


def _minutes(milliseconds: int) -> str:
    return _local(milliseconds).isoformat(" ", "minutes")


def _local(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone()


def run_deletions(database: Database, most: int, as_json: bool, stdout: TextIO) -> int:
    """Print the newest deletions. Raises CentralError."""
    with read_transaction(database) as connection:
        query = select(tables.deletion).order_by(tables.deletion.c.id.desc()).limit(most)
        rows = connection.execute(query).all()
    if as_json:
        listed = [dict(row._mapping) for row in rows]
        print(msgspec.json.format(encode_json(listed), indent=2).decode(), file=stdout)
    else:
        print("\n".join(map(_line, rows)) or "nothing has been deleted yet", file=stdout)
    return 0


def _line(row: Row[Any]) -> str:
    what = f"{row.what} {row.kind}".strip()
    held = f"; {row.held} more are held" if row.held else ""
    return (
        f"{_minutes(row.ended_ms)}  {row.rows} of {what}, "
        f"received {_local(row.first_ms):%Y-%m-%d} to {_local(row.last_ms):%Y-%m-%d}, by {row.rule}{held}"
    )
