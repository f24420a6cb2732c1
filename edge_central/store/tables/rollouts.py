"""Roll-outs of releases over ssh: their batches, as the playbook reports them, and who stopped them."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from edge_central.store.tables.base import Milliseconds, RowId, metadata

rollout = Table(
    "rollout",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("version", Text, nullable=False),
    Column("gateways", Integer, nullable=False),  # number of gateways that get the release
    Column("begun_ms", Milliseconds, nullable=False),
    Column("begun_by", Text, nullable=False),  # user of the control machine
    Column("ended_ms", Milliseconds),  # null: it has not ended
    Column("outcome", Text),  # RolloutOutcome in edge_central/fleet/rollouts.py
    Column("stopped_ms", Milliseconds),  # null: no one has stopped it
    Column("stopped_by", Text),
    Column("reason", Text),  # why it was stopped
    sqlite_autoincrement=True,
)

rollout_gateway = Table(
    "rollout_gateway",
    metadata,
    Column("rollout", Integer, primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("batch", Integer, nullable=False),  # 1, 2, ...
    Column("begun_ms", Milliseconds, nullable=False),  # when the batch began
    Column("failed_ms", Milliseconds),  # null: the playbook has reported no failure
    Column("why", Text),  # why the batch failed
)
