"""``edge-agent central searches``: who searched and rehearsed how often in a month, and why."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TextIO
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import UsageError
from edge_agent.core.printable import printable
from edge_agent.core.problems.problem import encode_json
from edge_central.console_settings import DEFAULT_TIMEZONE
from edge_central.searches.report import SearchUse, month_bounds, searches_between
from edge_central.settings import CentralSettings
from edge_central.store.database import read_transaction


def run_searches(args: argparse.Namespace, settings: CentralSettings, stdout: TextIO) -> int:
    """Print the report of one month. Raises UsageError, CentralError."""
    zone = DEFAULT_TIMEZONE if settings.console is None else settings.console.timezone
    month = args.month or f"{SystemClock().now().astimezone(zone):%Y-%m}"
    try:
        bounds = month_bounds(month, zone)
    except ValueError:
        raise UsageError(f"searches: --month {month} is not a month such as 2026-11") from None
    with read_transaction(settings.database) as connection:
        found = searches_between(connection, *bounds)
    if args.json:
        document = {"month": month, "timezone": zone.key, "users": [asdict(each) for each in found]}
        print(msgspec.json.format(encode_json(document), indent=2).decode(), file=stdout)
    else:
        print("\n".join(_table(month, zone, found)), file=stdout)
    return 0


def _table(month: str, zone: ZoneInfo, found: Sequence[SearchUse]) -> Iterator[str]:
    if not found:
        yield f"no searches in {month} ({zone.key})"
        return
    yield f"searches in {month} ({zone.key})"
    counted = f"{'searches':>8} {'rehearsals':>10} {'gateways asked':>14} {'pictures opened':>15}"
    yield f"{'user':20} {counted}  cases"
    for each in found:
        cases = printable(", ".join(each.cases))
        counts = f"{each.searches:8} {each.rehearsals:10} {each.gateways_asked:14} {each.pictures_opened:15}"
        yield f"{printable(each.account):20} {counts}  {cases}"
