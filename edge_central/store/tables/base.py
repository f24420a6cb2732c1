"""What all tables share: types of columns and the schema version. docs/design/central.md has the reasons.

Times are milliseconds since 1970, UTC. Documents from the wire are stored as the bytes that arrived.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Table, Text

SCHEMA_VERSION = 7
"""Version 2 added alerts, retention and its indexes; 3 added indexes of alarms and floods by gateway; 4 the
columns ``problem``; 5 searches, and their columns in ``access``; 6 journeys, cases and rehearsals; 7
commands, availability, open alarms and papers."""

metadata = MetaData()
# SQLite allots row ids only if the type is exactly INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")
Milliseconds = BigInteger
ProblemColumn = JSON(none_as_null=True)

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
