"""Claims of boxes that say at which site they stand, with the answers of the control machine."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from edge_central.store.tables.base import Milliseconds, ProblemColumn, RowId, metadata

CLAIM_IN_FORCE = "confirmed"
"""State of a claim that the control machine has accepted: the box has the site."""

claim = Table(
    "claim",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),  # also the number in the topic
    Column("serial", Text, nullable=False),
    Column("claim_id", Text, nullable=False),
    Column("key", Text, nullable=False),  # SHA-256 of the box's public key, hex
    Column("site", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("jws", LargeBinary, nullable=False),  # the claim as it arrived; its signature is that of ``key``
    Column("received_ms", Milliseconds, nullable=False),
    Column("last_ms", Milliseconds, nullable=False),  # when it arrived again
    Column("state", Text, nullable=False),  # StoredClaimState in edge_central/claims/model.py
    Column("answered_ms", Milliseconds),  # when the last answer was seen
    Column("problem", ProblemColumn),  # the problem that the answer names
    Column("withdrawal", LargeBinary),  # the command that an operator signed; null: not withdrawn
    Column("withdrawn_ms", Milliseconds),
    Column("withdrawn_by", Text),
    Column("reason", Text),  # why the claim was withdrawn
    Index("claim_by_box", "serial", "key", "claim_id", unique=True),
    Index("claim_by_state", "state"),
    Index("claim_by_site", "site"),
    sqlite_autoincrement=True,
)
