"""``edge-agent central proposals``: what the outcomes of alarms suggest to change in a rule."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_agent.core.clock import SystemClock, wall_ms
from edge_agent.core.errors import UsageError
from edge_agent.core.printable import printable_json

MAX_DAYS = 3660

if TYPE_CHECKING:
    from edge_agent.config.written import Written
    from edge_central.proposals.reasoning import ProposedChange


def run_proposals(args: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    """Return 0, or 1 if there is nothing to propose. Raises UsageError, ConfigError, CentralError."""
    from edge_central.config import load_for_database
    from edge_central.proposals.draft import RuleInForce, drafted
    from edge_central.proposals.outcomes import read_judged
    from edge_central.proposals.reasoning import MIN_FALSE, propose
    from edge_central.store.database import read_transaction
    from edge_central.store.scope import EVERYWHERE

    if not 1 <= args.days <= MAX_DAYS:
        raise UsageError(f"--days {args.days}: at least 1, at most {MAX_DAYS}")
    try:
        zone = ZoneInfo(args.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"--timezone {args.timezone}: no such time zone") from error
    present = None
    if args.gateway_config is not None:
        present = RuleInForce.read(args.gateway_config, args.camera, args.rule)
    since_ms = wall_ms(SystemClock()) - round(1000 * timedelta(days=args.days).total_seconds())
    with read_transaction(load_for_database(args.config).database) as connection:
        judged = read_judged(connection, EVERYWHERE, args.gateway, args.camera, args.rule, since_ms)
    found = propose(judged, zone)
    drafts = [None if present is None else drafted(present, each) for each in found]
    if args.json:
        document = [
            {"kind": each.kind, "reason": each.reason, "draft": draft}
            | {"false_removed": each.false_removed, "false_all": each.false_all}
            | {"real_lost": each.real_lost, "real_all": each.real_all}
            for each, draft in zip(found, drafts, strict=True)
        ]
        stdout.write(printable_json(document) + "\n")
        return 0 if found else 1
    false = sum(not each.is_real for each in judged)
    if not found:
        few = f"; at least {MIN_FALSE} false ones are needed" if false < MIN_FALSE else ""
        print(f"nothing to propose: {len(judged) - false} real and {false} false alarms{few}", file=stderr)
        return 1
    stdout.writelines(f"{line}\n" for line in _text(found, drafts, args))
    return 0


def _text(
    found: Sequence[ProposedChange], drafts: Sequence[Written | None], args: argparse.Namespace
) -> Iterator[str]:
    from edge_central.proposals.draft import as_yaml

    for number, (change, draft) in enumerate(zip(found, drafts, strict=True), 1):
        yield f"{number}. {change.kind}: {change.reason}"
        if draft is None:
            if args.gateway_config is not None:
                yield "   this rule cannot be changed like that: a second rule may be needed"
            continue
        lines = list(as_yaml(draft))
        if args.drafts_to is None:
            yield from (f"     {line}" for line in lines)
            continue
        path = args.drafts_to / f"{args.rule}-{number}.yaml"
        args.drafts_to.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        yield f"   {path}; at the gateway: edge-agent rehearse {args.camera} --rule {path.name}"
    yield "nothing is changed: rehearse a draft, and push the configuration with an operator's signature"
