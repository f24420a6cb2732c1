"""Verifies that a stored event is what its gateway signed.

The verdict is the same as that of ``edge-agent evidence verify``, over the stored bytes. The key comes from
the birth that the gateway sent. An attacker who can replace the birth can forge both, so this is a first
check, not a proof for a court; docs/reference/evidence.md says how to compare the key.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from sqlalchemy import Connection, select

from edge_agent.evidence.chain.keys import KeyProblem, key_id, load_public, to_pem
from edge_agent.evidence.chain.records import NoEvent, Record, read_record
from edge_agent.evidence.chain.verify import NO_KEY, GivenKey, Keys, VerificationVerdict, verify_events
from edge_central.console import documents
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.scope import Scope

REACH = 400
"""How many following events are searched for the chain head: the gateway sends one at least every minute."""
NO_KEY_REPORTED = problem_text("no-key")


@dataclass(frozen=True, slots=True)
class EventVerdict:
    verdict: VerificationVerdict
    why: str
    key: str  # id of the key; empty: the gateway sent none


def verify_event(connection: Connection, scope: Scope, cursor: int) -> EventVerdict | None:
    """Verify one event. None: there is no such event in this scope."""
    columns = tables.event.c
    event = connection.execute(
        select(columns.stream, columns.sequence, columns.gateway).where(
            columns.cursor == cursor, scope.of(columns.ward)
        )
    ).first()
    if event is None:
        return None
    gateway_columns = tables.gateway.c
    birth = connection.scalar(select(gateway_columns.birth).where(gateway_columns.id == event.gateway))
    keys = _keys(event.gateway, documents.parse_birth(birth).evidence_key)
    following = (
        select(columns.payload)
        .where(columns.stream == event.stream, columns.sequence >= event.sequence)
        .order_by(columns.sequence)
        .limit(REACH)
    )
    records = [
        record for payload in connection.scalars(following) if (record := _record(payload)) is not None
    ]
    wanted = next((record.id for record in records if record.sequence == event.sequence), None)
    key = next(iter(keys), "")
    for finding in verify_events(records, keys, excerpt=True):
        if finding.what == wanted:
            # The command's text would mislead an officer: the console has no option --key.
            why = NO_KEY_REPORTED if finding.why == NO_KEY else finding.why
            return EventVerdict(finding.verdict, why, key)
    return EventVerdict(VerificationVerdict.ALTERED, problem_text("no-event"), key)


def _keys(gateway: str, public_key: str | None) -> Keys:
    if not public_key:
        return {}
    try:
        der = base64.b64decode(public_key, validate=True)
        return {key_id(der): GivenKey(load_public(to_pem(der)), gateway)}
    except (ValueError, KeyProblem):  # ValueError: invalid base64, or a non-ASCII character
        return {}


def _record(payload: bytes) -> Record | None:
    try:
        return read_record(payload, "")
    except NoEvent:
        return None
