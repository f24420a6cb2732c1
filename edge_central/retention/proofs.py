"""Finds what proves held events: the events after each one up to the next head that signs it, and that head.

Each event names the hash of the one before it, so a head proves an event only together with all events
between them. The first event of an epoch names the last one before the reboot; docs/reference/evidence.md.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, select

from edge_agent.evidence.chain.records import NoEvent, Record, read_record
from edge_central.store import tables

SequenceRange = tuple[int, int]  # the first and the last number
Proofs = Mapping[int, Sequence[SequenceRange]]  # by stream

REACH = 2_000
"""How many numbers after an event its head is searched: a gateway signs at least once a minute. If there is
no head, the events after it prove nothing, and none of them is kept."""
MAX_HEADS = 64  # in a flood of alarms, a head may sign only events before this one
MAX_EPOCHS = 10  # reboots in a row without a head


def find_proofs(connection: Connection, event_ids: Collection[str]) -> Proofs:
    """Return the ranges of events that prove the stored events with these ids."""
    found: defaultdict[int, list[SequenceRange]] = defaultdict(list)
    proven: dict[int, int] = {}  # by stream: the number up to which the last range proves
    columns = tables.event.c
    query = select(columns.stream, columns.sequence, columns.gateway).where(columns.event_id.in_(event_ids))
    for row in (
        connection.execute(query.order_by(columns.stream, columns.sequence)).all() if event_ids else ()
    ):
        if row.sequence <= proven.get(row.stream, 0):
            continue
        for stream, first, last, signed in _proof(connection, row.gateway, row.stream, row.sequence):
            found[stream].append((first, last))
            if stream == row.stream:
                proven[stream] = signed
    return found


def _proof(
    connection: Connection, gateway: str, stream: int, sequence: int
) -> list[tuple[int, int, int, int]]:
    """Return the ranges that prove this event: stream, first and last number, and the last one that is
    proven. Empty: no head is stored that signs it."""
    ranges: list[tuple[int, int, int, int]] = []
    for _ in range(MAX_EPOCHS):
        head = _next_head(connection, stream, sequence)
        if head is not None:
            return [*ranges, (stream, sequence, *head)]
        last, digest = _last_event(connection, stream, sequence)
        following = _epoch_after(connection, gateway, digest)
        if following is None:
            break
        ranges.append((stream, sequence, last, last))
        stream, sequence = following, 1
    return []


def _next_head(connection: Connection, stream: int, sequence: int) -> tuple[int, int] | None:
    """Return the number of the next head that signs this event, and of the newest event that it signs."""
    columns = tables.event.c
    query = select(columns.sequence, columns.payload).where(
        columns.stream == stream,
        columns.sequence.between(sequence + 1, sequence + REACH),
        columns.kind == "chain-head",
    )
    for row in connection.execute(query.order_by(columns.sequence).limit(MAX_HEADS)):
        record = _record(row.payload)
        if record is None or record.head is None:  # in a format of a later version
            return row.sequence, row.sequence - 1
        signed = int(record.head.sequence)
        if record.head.epoch == record.epoch and signed >= sequence:
            return row.sequence, signed
    return None


def _last_event(connection: Connection, stream: int, sequence: int) -> tuple[int, str]:
    """Return the number and the hash of the last event within reach."""
    columns = tables.event.c
    query = select(columns.sequence, columns.payload).where(
        columns.stream == stream, columns.sequence.between(sequence, sequence + REACH)
    )
    row = connection.execute(query.order_by(columns.sequence.desc()).limit(1)).one()
    return row.sequence, hashlib.sha256(row.payload).hexdigest()


def _epoch_after(connection: Connection, gateway: str, digest: str) -> int | None:
    """Return the stream whose first event names this hash."""
    columns, streams = tables.event.c, tables.stream.c
    own = select(streams.id).where(streams.gateway == gateway)
    firsts = select(columns.stream, columns.payload).where(columns.stream.in_(own), columns.sequence == 1)
    for row in connection.execute(firsts):
        record = _record(row.payload)
        if record is not None and record.prevhash == digest:
            return int(row.stream)
    return None


def _record(payload: bytes) -> Record | None:
    try:
        return read_record(payload, "")
    except NoEvent:
        return None
