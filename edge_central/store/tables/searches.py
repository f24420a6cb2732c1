"""Searches of the passages that gateways store, their answers, matches and pictures."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    and_,
)

from edge_central.store.tables.base import Milliseconds, ProblemColumn, RowId, metadata

search = Table(
    "search",
    metadata,
    Column("id", Text, primary_key=True),
    Column("asked_ms", Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("case_number", Text, nullable=False),
    Column("question", Text, nullable=False),  # JSON of edge_central/searches/question.py
    Column("wards", Text, nullable=False),  # wards of the asked gateways, separated by spaces
    Column("expires_ms", Milliseconds, nullable=False),
    Column("changes", BigInteger, nullable=False),  # grows with each answer, so that pages load the new state
    Column("withdrawn_ms", Milliseconds),  # null: it was not withdrawn
    Column("withdrawn_by", Text),
    Index("search_by_time", "asked_ms"),
    Index("search_by_account", "asked_by", "asked_ms"),
)

search_answer = Table(
    "search_answer",  # one command to one gateway
    metadata,
    Column("command", Text, primary_key=True),
    Column("search", Text, nullable=False),
    Column("place", SmallInteger, nullable=False),  # 1; 2: the second place, for pairs of passages
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("status", Text, nullable=False),  # AnswerStatus in edge_central/searches/model.py
    Column("sends", Integer, nullable=False),
    Column("next_ms", Milliseconds),  # when it is sent, or sent again; null: not by itself
    Column("until_ms", Milliseconds),  # when it expires; null: it has a final answer
    Column("sent_ms", Milliseconds),
    Column("answered_ms", Milliseconds),
    Column("total", BigInteger),  # passages that match, as the gateway counts them
    Column("stored", Integer),  # number of its rows in search_match
    Column("dropped", Integer),  # rows of the answer that cannot be true, or that came after the withdrawal
    Column("words", Text, nullable=False),
    Column("problem", ProblemColumn),  # ``words`` as a code with figures; null: it has none
    Index("search_answer_by_search", "search"),
)
# Commands that are to be sent or have no answer yet, without reading a thousand times as many answers.
_answer_open = search_answer.c.until_ms.is_not(None)
for _name, _column in (
    ("search_answer_open", search_answer.c.gateway),
    ("search_answer_until", search_answer.c.until_ms),
):
    Index(_name, _column, sqlite_where=_answer_open, postgresql_where=_answer_open)
_answer_due = search_answer.c.next_ms.is_not(None)
Index("search_answer_due", search_answer.c.next_ms, sqlite_where=_answer_due, postgresql_where=_answer_due)

search_match = Table(
    "search_match",  # one passage that a gateway has found
    metadata,
    Column("cursor", RowId, primary_key=True, autoincrement=True),
    Column("search", Text, nullable=False),
    Column("place", SmallInteger, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("passage", BigInteger, nullable=False),  # its id at the gateway
    Column("start_ms", Milliseconds, nullable=False),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("search", "place", "gateway", "passage"),
    Index("search_match_by_search", "search", "cursor"),
    sqlite_autoincrement=True,
)


def _picture_columns() -> list[Column[Any]]:
    """Return the columns for a passage's picture that an account has opened."""
    return [
        Column("search", Text, primary_key=True),
        Column("gateway", Text, primary_key=True),
        Column("passage", BigInteger, primary_key=True),
        Column("command", Text, nullable=False, unique=True),
        Column("ward", Text, nullable=False),
        Column("asked_ms", Milliseconds, nullable=False),
        Column("asked_by", Text, nullable=False),  # who opened it first
        Column("expires_ms", Milliseconds, nullable=False),
        Column("status", Text, nullable=False),  # PictureStatus in edge_central/searches/model.py
        Column("sends", Integer, nullable=False),
        Column("next_ms", Milliseconds),
        Column("sent_ms", Milliseconds),
        Column("received_ms", Milliseconds),
        Column("jpeg", LargeBinary),
        Column("sealed", Boolean, nullable=False),
        Column("path", Text),  # JSON: [[x, y, seconds after the start], ...]
        Column("words", Text, nullable=False),
        Column("problem", ProblemColumn),
    ]


search_picture = Table(
    "search_picture",  # the small picture
    metadata,
    *_picture_columns(),
    Column("embedding", LargeBinary),  # edge_central/appearance/comparison.py; null: not computed yet
)
search_scene = Table(
    "search_scene",  # the whole picture of the camera, with the object in it
    metadata,
    *_picture_columns(),
    Column("place", Text),  # JSON: [x1, y1, x2, y2, seconds after the start]
)
_not_computed = and_(
    search_picture.c.embedding.is_(None),
    search_picture.c.jpeg.is_not(None),
    search_picture.c.sealed.is_(False),
)
Index(
    "search_picture_not_computed",
    search_picture.c.received_ms,
    sqlite_where=_not_computed,
    postgresql_where=_not_computed,
)
for _name, _column in (
    ("search_picture_due", search_picture.c.next_ms),
    ("search_scene_due", search_scene.c.next_ms),
):
    _is_due = _column.is_not(None)
    Index(_name, _column, sqlite_where=_is_due, postgresql_where=_is_due)
