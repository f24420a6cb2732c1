"""``edge-agent central rollout``: what rollout.yml reports of its batches, and the stop."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import TextIO

import msgspec

from edge_agent.core.clock import SystemClock, rfc3339_of_ms, wall_ms
from edge_agent.core.errors import CentralError
from edge_agent.core.printable import printable
from edge_agent.core.problems.problem import encode_json
from edge_central.config import load_for_database
from edge_central.fleet.rollouts import (
    ReleaseRollout,
    begin_batch,
    begin_rollout,
    end_rollout,
    read_rollouts,
    record_failure,
    stop_rollout,
)
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE


def run_rollout_records(args: Namespace, stdout: TextIO) -> int:
    """Run one of the actions. Raises RolloutRefused, CentralError, ConfigError."""
    connections = DatabaseConnections(load_for_database(args.config).database, upgrade=False)
    try:
        for line in _TODO[args.todo](args, connections, wall_ms(SystemClock())):
            print(printable(line), file=stdout)
    finally:
        connections.close()
    return 0


def _begin(args: Namespace, connections: DatabaseConnections, now_ms: int) -> Iterable[str]:
    with connections.writing() as connection:
        id = begin_rollout(connection, args.version, args.gateways, args.by, now_ms)
    if args.json:
        yield encode_json({"id": id}).decode()
    else:
        yield f"{args.version}: roll-out {id} to {args.gateways} gateways begins"


def _batch(args: Namespace, connections: DatabaseConnections, now_ms: int) -> Iterable[str]:
    with connections.writing() as connection:
        number = begin_batch(connection, args.version, args.gateway, now_ms, args.run)
    yield f"{args.version}: batch {number} begins, gateways: {len(args.gateway)}"


def _failed(args: Namespace, connections: DatabaseConnections, now_ms: int) -> Iterable[str]:
    with connections.writing() as connection:
        record_failure(connection, args.version, args.gateway, args.reason, now_ms, args.run)
    yield f"{args.version}: failed at {args.gateway}"


def _end(args: Namespace, connections: DatabaseConnections, now_ms: int) -> Iterable[str]:
    with connections.writing() as connection:
        end_rollout(connection, args.version, now_ms, args.run)
    yield f"{args.version}: the roll-out is complete"


def _stop(args: Namespace, connections: DatabaseConnections, now_ms: int) -> Iterable[str]:
    with connections.writing() as connection:
        version = stop_rollout(connection, None, args.by, args.reason, now_ms)
    if version is None:
        raise CentralError("no roll-out is running; nothing was changed")
    yield f"{version}: stopped, no further batch begins"


def _list(args: Namespace, connections: DatabaseConnections, now_ms: int) -> Iterable[str]:
    with connections.reading() as connection:
        found = read_rollouts(connection, EVERYWHERE)
    if args.json:
        document = encode_json([asdict(each) for each in found])
        yield from msgspec.json.format(document, indent=2).decode().splitlines()
        return
    for each in found:
        yield _rollout_line(each)
    if not found:
        yield "no roll-out was reported yet"


def _rollout_line(rollout: ReleaseRollout) -> str:
    failed = Counter(member.failed_ms is not None for batch in rollout.batches for member in batch.members)
    state = "goes on" if rollout.outcome is None else rollout.outcome.value
    by = f" by {rollout.stopped_by}" if rollout.stopped_by else ""
    return (
        f"{rfc3339_of_ms(rollout.begun_ms)} roll-out {rollout.id} of {rollout.version}: {state}{by}, "
        f"{len(rollout.batches)} batches, {rollout.begun_gateways} of {rollout.gateways} gateways, "
        f"{failed[True]} failed"
    )


_TODO = {
    "begin": _begin,
    "batch": _batch,
    "failed": _failed,
    "end": _end,
    "stop": _stop,
    "list": _list,
}
