"""Whether a stored event is what its gateway signed, and a stored picture what that event names.

The same judgement as ``edge-agent evidence verify``, over the bytes that the centre keeps. The key is the
one that the gateway's own birth told: who could replace that could forge both, so this is a first look and
not a court's; docs/reference/evidence.md says how the key is compared.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from edge_agent.evidence.chain.keys import KeyProblem, key_id, load_public, to_pem
from edge_agent.evidence.chain.records import NoEvent, Record, read_record
from edge_agent.evidence.chain.verify import NO_KEY, GivenKey, Keys, VerificationVerdict, verify_events
from edge_central.console import documents
from edge_central.store import tables
from edge_central.store.scope import Scope

REACH = 400
"""Events behind the asked one in which its head is looked for: one comes every minute at least."""
NO_KEY_REPORTED = "the box has told no key: no signature was checked"


@dataclass(frozen=True, slots=True)
class EventVerdict:
    verdict: VerificationVerdict
    why: str
    key: str  # id of the key; empty: none was told


def verify_event(connection: Connection, scope: Scope, cursor: int) -> EventVerdict | None:
    """None: there is no such event in this scope."""
    columns = tables.event.c
    asked = connection.execute(
        select(columns.stream, columns.sequence, columns.gateway).where(
            columns.cursor == cursor, scope.of(columns.ward)
        )
    ).first()
    if asked is None:
        return None
    of = tables.gateway.c
    birth = connection.scalar(select(of.birth).where(of.id == asked.gateway))
    keys = _keys(asked.gateway, documents.parse_birth(birth).evidence_key)
    following = (
        select(columns.payload)
        .where(columns.stream == asked.stream, columns.sequence >= asked.sequence)
        .order_by(columns.sequence)
        .limit(REACH)
    )
    records = [
        record for payload in connection.scalars(following) if (record := _record(payload)) is not None
    ]
    wanted = next((record.id for record in records if record.sequence == asked.sequence), None)
    key = next(iter(keys), "")
    for finding in verify_events(records, keys, excerpt=True):
        if finding.what == wanted:
            # Nobody gives a key at the console: what the command says of --key would send an officer astray.
            why = NO_KEY_REPORTED if finding.why == NO_KEY else finding.why
            return EventVerdict(finding.verdict, why, key)
    return EventVerdict(VerificationVerdict.ALTERED, "it cannot be read as an event", key)


def is_as_named(path: Path, sha256: str) -> bool:
    """Whether the file's bytes are still those of its name. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _keys(gateway: str, told: str | None) -> Keys:
    if not told:
        return {}
    try:
        der = base64.b64decode(told, validate=True)
        return {key_id(der): GivenKey(load_public(to_pem(der)), gateway)}
    except (ValueError, KeyProblem):  # ValueError: no base64, or a letter beyond ASCII
        return {}


def _record(payload: bytes) -> Record | None:
    try:
        return read_record(payload, "")
    except NoEvent:
        return None
