"""Rows of claims: store within bounds, record answers and withdrawals, read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from edge_agent.core.problems import CodedProblem
from edge_agent.wire import Claim, ClaimAnswer
from edge_agent.wire.received.messages import MalformedMessage
from edge_central.claims.model import ClaimWithdrawal, StoredClaim, StoredClaimState, decode_jws
from edge_central.store import tables
from edge_central.store.scope import Scope

MAX_PENDING = 500
"""In all. A box with an enrolment certificate can send any serial; further claims are rejected and recorded
as such."""
MAX_KEYS_OF_SERIAL = 3
"""Pending claims under one serial with different keys: an honest box has one key."""
MAX_ANSWERED = 5_000
"""Answered claims that are stored, the newest ones."""
MAX_LISTED = 1_000
_C = tables.claim.c


def store_claim(connection: Connection, claim: Claim, jws: bytes, now_ms: int) -> None:
    """Store a claim; a pending one of the same box for another site is replaced. A stored claim is only
    marked as received again. Raises MalformedMessage when there are too many."""
    own = and_(_C.serial == claim.serial, _C.key == claim.key_sha256)
    again = update(tables.claim).where(own, _C.claim_id == claim.claim_id).values(last_ms=now_ms)
    if connection.execute(again).rowcount:
        return
    replaced = own & (_C.state == StoredClaimState.PENDING.value) & _C.withdrawal.is_(None)
    connection.execute(update(tables.claim).where(replaced).values(state=StoredClaimState.REPLACED.value))
    pending = select(_C.serial).where(_C.state == StoredClaimState.PENDING.value).limit(MAX_PENDING)
    serials = connection.scalars(pending).all()
    if len(serials) >= MAX_PENDING:
        raise MalformedMessage(f"{MAX_PENDING} claims wait for an answer already")
    if serials.count(claim.serial) >= MAX_KEYS_OF_SERIAL:
        raise MalformedMessage(f"{MAX_KEYS_OF_SERIAL} claims with other keys wait under this serial already")
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


def record_answer(connection: Connection, answer: ClaimAnswer, now_ms: int) -> list[int]:
    """Record what the control machine has decided; return the numbers of the claims."""
    matching = and_(_C.serial == answer.serial, _C.claim_id == answer.claim_id)
    numbers = connection.scalars(select(_C.id).where(matching)).all()
    problem = None if answer.problem is None else msgspec.to_builtins(answer.problem)
    values = {"state": answer.decision, "answered_ms": now_ms, "problem": problem}
    connection.execute(update(tables.claim).where(matching).values(values))
    return list(numbers)


def withdraw(
    connection: Connection, number: int, jws: bytes, by: ClaimWithdrawal, scope: Scope
) -> StoredClaim | None:
    """Record that an operator has withdrawn a claim. None: its state does not allow that, or it was withdrawn
    before."""
    found = read_claim_row(connection, scope, number)
    if found is None or not found.is_undoable or found.withdrawal:
        return None
    values = {"withdrawal": jws, "withdrawn_ms": by.at_ms, "withdrawn_by": by.by, "reason": by.reason}
    connection.execute(update(tables.claim).where(_C.id == number).values(values))
    return found


def open_claims(connection: Connection, wards: Collection[str]) -> Sequence[Any]:
    """The rows that the control machine has to answer: pending, withdrawn by an operator, or sent again by a
    box that has not received its answer."""
    pending = _C.state == StoredClaimState.PENDING.value
    withdrawn = _C.withdrawal.is_not(None) & (_C.state == StoredClaimState.CONFIRMED.value)
    again = (_C.state != StoredClaimState.REPLACED.value) & (_C.last_ms > _C.answered_ms)
    query = select(tables.claim).where(_C.ward.in_(sorted(wards)), or_(pending, withdrawn, again))
    return connection.execute(query.order_by(_C.id).limit(2 * MAX_PENDING)).all()


def read_claims(connection: Connection, scope: Scope) -> list[StoredClaim]:
    """The claims of the scope: pending ones first, then the newest."""
    is_pending = (_C.state == StoredClaimState.PENDING.value).desc()
    query = select(tables.claim).where(scope.of(_C.ward)).order_by(is_pending, _C.id.desc())
    return list(_stored(connection.execute(query.limit(MAX_LISTED)).all()))


def read_claim_row(connection: Connection, scope: Scope, number: int) -> StoredClaim | None:
    query = select(tables.claim).where(_C.id == number, scope.of(_C.ward))
    return next(_stored(connection.execute(query).all()), None)


def reporting_gateways(connection: Connection, scope: Scope) -> list[str]:
    """Ids of the gateways that have ever reported."""
    columns = tables.gateway.c
    return list(connection.scalars(select(columns.id).where(scope.of(columns.ward))))


def _stored(rows: Sequence[Any]) -> Iterator[StoredClaim]:
    for row in rows:
        try:
            claim = decode_jws(row.jws, Claim)
            problem = None if row.problem is None else msgspec.convert(row.problem, CodedProblem)
        except (MalformedMessage, msgspec.ValidationError):  # written by another version of the centre
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
