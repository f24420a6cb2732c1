"""Stores claims within bounds, records answers and withdrawals, and reads claims."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, case, delete, func, insert, or_, select, update

from edge_agent.core.problems import CodedProblem
from edge_agent.wire import Claim, ClaimAnswer
from edge_agent.wire.received.messages import MalformedMessage
from edge_central.claims.model import (
    NO_LIST,
    BoxList,
    ClaimWithdrawal,
    StoredClaim,
    StoredClaimState,
    decode_jws,
)
from edge_central.store import tables
from edge_central.store.scope import Scope

MAX_PENDING = 500
"""Limit for pending claims of boxes that are not listed. A box with an enrolment certificate can send any
serial number; claims beyond the limit are rejected, and the rejection is recorded."""
MAX_KEYS_OF_SERIAL = 3
"""Pending claims under one serial with different keys: an honest box has one key."""
MAX_ANSWERED = 5_000
"""Answered claims that are stored, the newest ones."""
MAX_LISTED = 1_500
_C = tables.claim.c


def store_claim(
    connection: Connection, claim: Claim, jws: bytes, now_ms: int, boxes: BoxList = NO_LIST
) -> None:
    """Store a claim, and replace a pending claim of the same box for another site. If the claim is already
    stored, note that it was received again, and add the verdict if the box has examined the site since.
    Raises MalformedMessage if too many claims are pending; a box that is listed with its key is always
    stored."""
    own = and_(_C.serial == claim.serial, _C.key == claim.key_sha256)
    same = own & (_C.claim_id == claim.claim_id)
    stored = connection.scalar(select(_C.jws).where(same))
    if stored is not None:
        values = {"last_ms": now_ms} | ({"jws": jws} if _adds_verdict(stored, claim) else {})
        connection.execute(update(tables.claim).where(same).values(values))
        return
    replaced = own & (_C.state == StoredClaimState.PENDING.value) & _C.withdrawal.is_(None)
    connection.execute(update(tables.claim).where(replaced).values(state=StoredClaimState.REPLACED.value))
    if boxes.keys.get(claim.serial) != claim.key_sha256:
        _require_place(connection, claim, boxes)
    row = {
        "serial": claim.serial,
        "claim_id": claim.claim_id,
        "key": claim.key_sha256,
        "site": claim.site,
        "ward": claim.ward,
        "jws": jws,
        "received_ms": now_ms,
        "last_ms": now_ms,
        "state": StoredClaimState.PENDING.value,
    }
    connection.execute(insert(tables.claim).values(row))
    _forget_oldest(connection)


def _adds_verdict(stored: bytes, claim: Claim) -> bool:
    """Return whether the claim adds a verdict to the stored one, or changes its verdict, and nothing else."""
    try:
        former: Claim = decode_jws(stored, Claim)
    except MalformedMessage:  # a claim stored by another version of the centre
        return False
    return claim.verdict is not None and msgspec.structs.replace(former, verdict=claim.verdict) == claim


def _require_place(connection: Connection, claim: Claim, boxes: BoxList) -> None:
    """Check the limits for one more pending claim. Raises MalformedMessage if too many claims are pending."""
    query = select(_C.serial, _C.key).where(_C.state == StoredClaimState.PENDING.value)
    pending = [(row.serial, row.key) for row in connection.execute(query).all()]
    is_listed = boxes.lists(claim.serial, claim.key_sha256)
    if not is_listed and sum(not boxes.lists(*each) for each in pending) >= MAX_PENDING:
        raise MalformedMessage(f"{MAX_PENDING} claims wait for an answer already")
    if sum(serial == claim.serial for serial, _ in pending) >= MAX_KEYS_OF_SERIAL:
        raise MalformedMessage(f"{MAX_KEYS_OF_SERIAL} claims with other keys wait under this serial already")


def record_answer(connection: Connection, answer: ClaimAnswer, now_ms: int) -> list[int]:
    """Record what the control machine has decided. Return the numbers of the claims that it answered."""
    matching = and_(_C.serial == answer.serial, _C.claim_id == answer.claim_id)
    numbers = connection.scalars(select(_C.id).where(matching)).all()
    problem = None if answer.problem is None else msgspec.to_builtins(answer.problem)
    values = {"state": answer.decision, "answered_ms": now_ms, "problem": problem}
    connection.execute(update(tables.claim).where(matching).values(values))
    return list(numbers)


def withdraw(
    connection: Connection, number: int, jws: bytes, by: ClaimWithdrawal, scope: Scope
) -> StoredClaim | None:
    """Record that an operator has withdrawn a claim. None: there is no such claim in this scope, it is not
    pending or in force, or it was already withdrawn."""
    found = read_claim_row(connection, scope, number)
    if found is None or not found.is_undoable or found.withdrawal:
        return None
    values = {"withdrawal": jws, "withdrawn_ms": by.at_ms, "withdrawn_by": by.by, "reason": by.reason}
    connection.execute(update(tables.claim).where(_C.id == number).values(values))
    return found


def open_claims(connection: Connection, wards: Collection[str], boxes: BoxList) -> Sequence[Any]:
    """Return the rows that the control machine must answer: pending claims, claims that an operator has
    withdrawn, and claims that a box sent again because it has not received the answer. If there are too many,
    claims of boxes that are not listed are left out."""
    pending = _C.state == StoredClaimState.PENDING.value
    withdrawn = _C.withdrawal.is_not(None) & (_C.state == StoredClaimState.CONFIRMED.value)
    again = (_C.state != StoredClaimState.REPLACED.value) & (_C.last_ms > _C.answered_ms)
    query = select(_C.id, _C.serial, _C.key, withdrawn.label("first"))
    query = query.where(_C.ward.in_(sorted(wards)), or_(pending, withdrawn, again)).order_by(_C.id)
    found = connection.execute(query).all()
    ranked = sorted(found, key=lambda row: not (row.first or boxes.lists(row.serial, row.key)))
    ids = [row.id for row in ranked[: 2 * MAX_PENDING]]
    if not ids:
        return []
    return connection.execute(select(tables.claim).where(_C.id.in_(ids)).order_by(_C.id)).all()


def replaced_claims(connection: Connection, wards: Collection[str]) -> list[int]:
    """Return the numbers of the newest claims that boxes replaced before they were answered."""
    which = (_C.state == StoredClaimState.REPLACED.value, _C.ward.in_(sorted(wards)))
    query = select(_C.id).where(*which).order_by(_C.id.desc()).limit(MAX_PENDING)
    return list(connection.scalars(query))


def read_claims(connection: Connection, scope: Scope, boxes: BoxList = NO_LIST) -> list[StoredClaim]:
    """Return the claims of the scope: pending claims first (those of listed boxes before the others), then
    the claims in force, then all others; within each group the newest first."""
    rank = case(
        (_C.state == StoredClaimState.PENDING.value, 0),
        (_C.state == StoredClaimState.CONFIRMED.value, 1),
        else_=2,
    )
    query = select(tables.claim).where(scope.of(_C.ward)).order_by(rank, _C.id.desc())
    found = list(_stored(connection.execute(query.limit(MAX_LISTED)).all()))
    is_pending = [each.state is StoredClaimState.PENDING for each in found]
    pending = found[: sum(is_pending)]
    pending.sort(key=lambda each: not boxes.lists(each.claim.serial, each.claim.key_sha256))
    return [*pending, *found[len(pending) :]]


def read_claim_row(connection: Connection, scope: Scope, number: int) -> StoredClaim | None:
    query = select(tables.claim).where(_C.id == number, scope.of(_C.ward))
    return next(_stored(connection.execute(query).all()), None)


def reporting_gateways(connection: Connection, scope: Scope) -> list[str]:
    """Return the ids of the gateways that have ever reported."""
    columns = tables.gateway.c
    return list(connection.scalars(select(columns.id).where(scope.of(columns.ward))))


def _stored(rows: Sequence[Any]) -> Iterator[StoredClaim]:
    for row in rows:
        try:
            claim = decode_jws(row.jws, Claim)
            problem = None if row.problem is None else msgspec.convert(row.problem, CodedProblem)
        except (MalformedMessage, msgspec.ValidationError):  # a claim stored by another version of the centre
            continue
        withdrawal = None
        if row.withdrawal is not None:
            withdrawal = ClaimWithdrawal(row.withdrawn_ms, row.withdrawn_by or "", row.reason or "")
        state = StoredClaimState(row.state)
        yield StoredClaim(row.id, claim, state, row.received_ms, row.answered_ms, problem, withdrawal)


def _forget_oldest(connection: Connection) -> None:
    newest = connection.scalar(select(func.max(_C.id))) or 0
    over = (_C.id <= newest - MAX_ANSWERED) & _C.state.in_(
        [StoredClaimState.REFUSED.value, StoredClaimState.WITHDRAWN.value, StoredClaimState.REPLACED.value]
    )
    connection.execute(delete(tables.claim).where(over))
