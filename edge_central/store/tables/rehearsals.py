"""Rules of cameras, and rehearsals of drafted ones."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from edge_central.store.tables.base import Milliseconds, ProblemColumn, metadata

camera_rules = Table(
    "camera_rules",  # the rules of a gateway's cameras, asked for when its configuration changes
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("ward", Text, nullable=False),
    Column(
        "wanted", Text, nullable=False
    ),  # hash of the configuration and version of the agent, from the birth
    Column("command", Text, nullable=False, unique=True),
    Column("sends", Integer, nullable=False),
    Column("next_ms", Milliseconds),  # when it is asked, or asked again; null: answered
    Column("sent_ms", Milliseconds),
    Column("received_ms", Milliseconds),  # when the document came
    Column("document", LargeBinary),  # result of the command ``rules``; null: none has come yet
    Column("words", Text, nullable=False),  # why the document has not come
    Column("problem", ProblemColumn),
)
_rules_due = camera_rules.c.next_ms.is_not(None)
Index("camera_rules_due", camera_rules.c.next_ms, sqlite_where=_rules_due, postgresql_where=_rules_due)

rehearsal = Table(
    "rehearsal",  # joins a row of search; its examples are rows of search_match
    metadata,
    Column("search", Text, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("days", Integer, nullable=False),
    Column("examples", Integer, nullable=False),  # how many are asked for
    Column("draft", Text, nullable=False),  # JSON of edge_central/rehearsals/model.py
    Column("result", LargeBinary),  # JSON, bounded; null: none has come yet
    Column("shown", LargeBinary),  # JSON: the examples
    Index("rehearsal_by_camera", "gateway", "camera"),
)
