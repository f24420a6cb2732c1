"""Records of roll-outs. The playbook, which runs on the centre's machine, writes them batch by batch; after a
stop its next batch is refused.

The centre starts nothing and sends nothing to a gateway: docs/decisions/0078-the-centre-stops-roll-outs.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select, update

from edge_agent.core.errors import CentralError
from edge_central.store import tables
from edge_central.store.database import conflict_insert, insert_row
from edge_central.store.scope import Scope

MAX_TEXT = 500
MAX_LISTED = 5
_R, _G = tables.rollout.c, tables.rollout_gateway.c


class RolloutRefused(CentralError):
    """The record is refused: there is no such roll-out, or it has ended or was stopped."""


class RolloutOutcome(StrEnum):
    DONE = "done"
    FAILED = "failed"  # a gateway failed
    STOPPED = "stopped"  # a person stopped it
    INTERRUPTED = "interrupted"  # another roll-out began before the end of this one was reported


@dataclass(frozen=True, slots=True)
class BatchMember:
    """A gateway of a batch. ``failed_ms``: when the playbook reported its failure, with the reason ``why``;
    None: no failure was reported."""

    gateway: str
    failed_ms: int | None
    why: str


@dataclass(frozen=True, slots=True)
class RolloutBatch:
    number: int  # from 1
    begun_ms: int
    members: tuple[BatchMember, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRollout:
    """A roll-out with the batches that have begun. Gateways outside the scope are left out."""

    id: int
    version: str
    gateways: int  # number of gateways that get the release in total
    begun_ms: int
    begun_by: str
    ended_ms: int | None
    outcome: RolloutOutcome | None
    stopped_ms: int | None
    stopped_by: str
    reason: str
    batches: tuple[RolloutBatch, ...]

    @property
    def goes_on(self) -> bool:
        return self.ended_ms is None

    @property
    def begun_gateways(self) -> int:
        return sum(len(batch.members) for batch in self.batches)


# --- what the playbook reports ---


def begin_rollout(connection: Connection, version: str, gateways: int, by: str, now_ms: int) -> int:
    """Record a new roll-out and return its id. An earlier roll-out without an end counts as interrupted."""
    interrupted = {"ended_ms": now_ms, "outcome": RolloutOutcome.INTERRUPTED.value}
    connection.execute(update(tables.rollout).where(_R.ended_ms.is_(None)).values(interrupted))
    row = {"version": version, "gateways": gateways, "begun_ms": now_ms, "begun_by": by[:MAX_TEXT]}
    return insert_row(connection, tables.rollout, row)


def begin_batch(
    connection: Connection, version: str, gateways: Sequence[str], now_ms: int, id: int | None = None
) -> int:
    """Record the next batch and return its number. ``id`` None: the newest roll-out. Raises RolloutRefused if
    there is no such roll-out of this version, or if it has ended or was stopped."""
    found = _reported(connection, version, id)
    if found.stopped_ms is not None:
        why = f": {found.reason}" if found.reason else ""
        raise RolloutRefused(f"the roll-out of {version} was stopped by {found.stopped_by}{why}")
    newest = connection.scalar(select(func.max(_G.batch)).where(_G.rollout == found.id)) or 0
    row = {"rollout": found.id, "batch": newest + 1, "begun_ms": now_ms}
    query = conflict_insert(connection, tables.rollout_gateway).on_conflict_do_nothing()
    connection.execute(query, [row | {"gateway": gateway} for gateway in gateways])
    return int(newest) + 1


def record_failure(
    connection: Connection, version: str, gateway: str, why: str, now_ms: int, id: int | None = None
) -> None:
    """Record that the roll-out failed at this gateway, which ends it. Raises RolloutRefused if there is no
    such roll-out of this version."""
    found = _reported(connection, version, id, ended=True)
    of_gateway = (_G.rollout == found.id) & (_G.gateway == gateway)
    failure = {"failed_ms": now_ms, "why": why[:MAX_TEXT]}
    connection.execute(update(tables.rollout_gateway).where(of_gateway).values(failure))
    _end(connection, found.id, RolloutOutcome.FAILED, now_ms)


def end_rollout(connection: Connection, version: str, now_ms: int, id: int | None = None) -> None:
    """Record that the last batch is over. Raises RolloutRefused if there is no such roll-out."""
    found = _reported(connection, version, id)
    _end(connection, found.id, RolloutOutcome.DONE, now_ms)


def _reported(connection: Connection, version: str, id: int | None, *, ended: bool = False) -> Any:
    """Return the roll-out with this id (None: the newest). Raises RolloutRefused if it is of another version,
    or has ended in another way than by a stop. ``ended``: accept any ended roll-out."""
    query = select(tables.rollout).order_by(_R.id.desc()).limit(1)
    found = connection.execute(query if id is None else query.where(_R.id == id)).one_or_none()
    if found is None or found.version != version:
        raise RolloutRefused(f"no roll-out of {version} is running: begin it first")
    if found.ended_ms is not None and not ended and found.outcome != RolloutOutcome.STOPPED:
        raise RolloutRefused(f"the roll-out of {version} has ended: begin it again")
    return found


def _end(connection: Connection, id: int, outcome: RolloutOutcome, now_ms: int) -> None:
    ended = {"ended_ms": now_ms, "outcome": outcome.value}
    connection.execute(update(tables.rollout).where(_R.id == id, _R.ended_ms.is_(None)).values(ended))


# --- what people do and read ---


def stop_rollout(connection: Connection, id: int | None, by: str, why: str, now_ms: int) -> str | None:
    """Stop a roll-out (``id`` None: the running one), and return its version. None: no such roll-out is
    running. The present batch still runs to its end."""
    values = {
        "stopped_ms": now_ms,
        "stopped_by": by[:MAX_TEXT],
        "reason": why[:MAX_TEXT],
        "ended_ms": now_ms,
        "outcome": RolloutOutcome.STOPPED.value,
    }
    query = update(tables.rollout).where(_R.ended_ms.is_(None)).values(values).returning(_R.version)
    version: str | None = connection.scalar(query if id is None else query.where(_R.id == id))
    return version


def read_rollouts(connection: Connection, scope: Scope, most: int = MAX_LISTED) -> tuple[ReleaseRollout, ...]:
    """Return the newest roll-outs, newest first, with the gateways of this scope."""
    rows = connection.execute(select(tables.rollout).order_by(_R.id.desc()).limit(most)).all()
    gateway = tables.gateway.c
    query = (
        select(tables.rollout_gateway)
        .join_from(tables.rollout_gateway, tables.gateway, gateway.id == _G.gateway, isouter=True)
        .where(_G.rollout.in_([row.id for row in rows]), scope.of(gateway.ward))
        .order_by(_G.rollout, _G.batch, _G.gateway)
    )
    batches: dict[int, dict[int, list[Any]]] = {}
    for member in connection.execute(query):
        batches.setdefault(member.rollout, {}).setdefault(member.batch, []).append(member)
    return tuple(_rollout(row, batches.get(row.id, {})) for row in rows)


def _rollout(row: Any, batches: dict[int, list[Any]]) -> ReleaseRollout:
    return ReleaseRollout(
        row.id,
        row.version,
        row.gateways,
        row.begun_ms,
        row.begun_by,
        row.ended_ms,
        None if row.outcome is None else RolloutOutcome(row.outcome),
        row.stopped_ms,
        row.stopped_by or "",
        row.reason or "",
        tuple(
            RolloutBatch(
                number,
                members[0].begun_ms,
                tuple(BatchMember(each.gateway, each.failed_ms, each.why or "") for each in members),
            )
            for number, members in batches.items()
        ),
    )
