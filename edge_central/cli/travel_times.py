"""``edge-agent central travel-times list|learn``."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO
from zoneinfo import ZoneInfo

from edge_agent.commands.signature import KeyUnusable, read_private
from edge_agent.core.clock import SystemClock, rfc3339_of_ms
from edge_agent.core.errors import CentralError
from edge_agent.core.printable import printable, printable_json
from edge_central.console.site_names import Names, read_names
from edge_central.console_settings import DEFAULT_TIMEZONE
from edge_central.journey_settings import LearningSettings
from edge_central.journeys.travel_times import TravelTime, all_travel_times
from edge_central.settings import CentralSettings
from edge_central.store.database import read_transaction

MAX_SHOWN = 10
"""How many gateways a message names of those that were not asked or sent no times."""


def run_travel_times(
    args: argparse.Namespace, settings: CentralSettings, stdout: TextIO, stderr: TextIO
) -> int:
    """Run ``list`` or ``learn``. Return 0, or 1 if nothing could be learnt. Raises CentralError,
    MqttError."""
    if args.todo == "list":
        with read_transaction(settings.database) as connection:
            found = all_travel_times(connection)
        lines = [_json(found)] if args.json else _table(found, _zone(settings))
        print("\n".join(lines), file=stdout)
        return 0
    learning = settings.journeys.learn
    if learning is None:
        print(
            "edge-agent central travel-times: journeys.learn is not configured; nothing is asked", file=stderr
        )
        return 1
    return _learn(args, settings, learning, stdout, stderr)


def _learn(
    args: argparse.Namespace,
    settings: CentralSettings,
    learning: LearningSettings,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    from edge_central.journeys.learning.run import TimesAsker, learn_and_store, plan_run, record_run

    assert settings.search is not None  # the configuration was checked: ``learn`` needs ``search``
    run = plan_run(
        settings.database, settings.wards, learning, _zone(settings), _names(settings), SystemClock()
    )
    hours = sum(end - begin for begin, end in run.windows) / 3_600_000
    kilobytes = run.bytes_a_gateway / 1000
    print(
        f"{len(run.gateways)} gateways are asked for {len(run.windows)} windows, {hours:g} hours together; "
        f"each sends at most {kilobytes:.0f} kB, 11 bytes a passage",
        file=stdout,
        flush=True,
    )
    if run.offline:
        print(f"offline, not asked: {_some(run.offline)}", file=stdout)
    if args.dry_run:
        return 0
    if not run.gateways:
        print("no gateway with a neighbour is online; nothing is learnt", file=stderr)
        return 1
    try:
        key = read_private(settings.search.key_file)
    except (KeyUnusable, OSError) as error:
        raise CentralError(f"{settings.search.key_file}: {error}; nothing was asked") from error
    who = f"travel-times ({getpass.getuser()})"
    record_run(settings.database, run, who)
    user = learning.user
    mqtt = settings.mqtt if user is None else user.mqtt(settings.mqtt)
    client_id = f"{settings.id}-travel-times" if user is None else user.id
    collection = TimesAsker(mqtt, client_id, key, SystemClock()).collect(run, who)
    summary = collection.summary()
    print(
        f"{sum(rows for _, rows, _, _ in summary)} passages came, "
        f"{sum(size for _, _, size, _ in summary) / 1000:.0f} kB",
        file=stdout,
        flush=True,
    )
    for gateway, _, _, why in summary:
        if why:
            print(f"{gateway.id}: {printable(why)}", file=stdout)
    learnt = learn_and_store(settings.database, run, collection, learning.reach_m)
    print(f"{len(learnt)} travel times are certain and stored", file=stdout)
    return 0


def _names(settings: CentralSettings) -> Names:
    console = settings.console
    if console is None:
        return Names()
    try:
        return read_names(console.sites_file, console.wards_file)
    except (OSError, ValueError) as error:
        raise CentralError(f"the sheet of the fleet cannot be read: {error}; nothing was asked") from error


def _zone(settings: CentralSettings) -> ZoneInfo:
    return DEFAULT_TIMEZONE if settings.console is None else settings.console.timezone


def _some(ids: Sequence[str]) -> str:
    more = len(ids) - MAX_SHOWN
    return ", ".join(ids[:MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _json(found: Sequence[TravelTime]) -> str:
    rows = [asdict(each) for each in found]
    return printable_json(
        [row | {"learnt_at": rfc3339_of_ms(row.pop("learnt_ms"))} for row in rows], indent=2
    )


def _table(found: Sequence[TravelTime], zone: ZoneInfo) -> Iterator[str]:
    if not found:
        yield "nothing is learnt yet: `edge-agent central travel-times learn`"
        return
    head = f"{'from':28} {'to':28} {'group':11} {'median':>8} {'10-90 %':>13} {'share':>6}"
    yield f"{head} {'certain':>8}  learnt"
    for each in found:
        at = datetime.fromtimestamp(each.learnt_ms / 1000, UTC).astimezone(zone)
        start, end = f"{each.from_gateway}/{each.from_camera}", f"{each.to_gateway}/{each.to_camera}"
        span = f"{each.low_s:.0f}-{each.high_s:.0f} s"
        yield (
            f"{printable(start):28} {printable(end):28} {each.group:11} {each.median_s:6.0f} s {span:>13} "
            f"{each.share:6.2f} {each.certainty:8.1f}  {at:%Y-%m-%d}"
        )
