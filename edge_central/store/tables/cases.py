"""Cases: copies of the passages, pictures and events that officers keep for longer than ``search.days``;
passages that gateways hold."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, literal_column

from edge_central.store.tables.base import Milliseconds, ProblemColumn, RowId, metadata

case_file = Table(
    "case_file",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("number", Text, nullable=False, unique=True),  # as in searches, with single spaces
    Column("owner", Text, nullable=False),  # the account that opened it
    Column("wards", Text, nullable=False),  # of its items, separated by spaces
    Column("opened_ms", Milliseconds, nullable=False),
    Column("closed_ms", Milliseconds),  # null: open
    Column("closed_by", Text),
    Column("item_count", Integer, nullable=False),  # includes the items that are struck out
    Column("bytes", BigInteger, nullable=False),  # size of all facts and pictures
    Column("changes", BigInteger, nullable=False),  # grows with each change, so that pages load the new state
    Index("case_file_by_owner", "owner"),
    Index("case_file_closed", "closed_ms"),
    sqlite_autoincrement=True,
)

case_item = Table(
    "case_item",  # never deleted before the case; struck out instead
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("case_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # CaseItemKind in edge_central/cases/model.py
    Column("source", Text, nullable=False),  # names what the item is a copy of; a case has each source once
    Column("at_ms", Milliseconds, nullable=False),  # when it happened
    Column("wards", Text, nullable=False),  # separated by spaces
    Column("gateway", Text),  # null: it is about several gateways, or about none
    Column("camera", Text),
    Column("search", Text),  # the search in which it was found
    Column("facts", LargeBinary, nullable=False),  # JSON of edge_central/cases/facts.py
    Column("added_ms", Milliseconds, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("struck_ms", Milliseconds),  # null: it is not struck out
    Column("struck_by", Text),
    Column("struck_why", Text),
    Index("case_item_by_case", "case_id", "at_ms"),
    sqlite_autoincrement=True,
)
_counts = case_item.c.struck_ms.is_(None)
Index(
    "case_item_source",
    *(case_item.c.case_id, case_item.c.source),
    unique=True,
    sqlite_where=_counts,
    postgresql_where=_counts,
)

case_picture = Table(
    "case_picture",  # a copy of a picture, or a row for a picture that has not come yet
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("case_id", BigInteger, nullable=False),
    Column("item", BigInteger, nullable=False),
    Column("search", Text, nullable=False),  # the row of search_picture that it copies
    Column("gateway", Text, nullable=False),
    Column("passage", BigInteger, nullable=False),
    Column("status", Text, nullable=False),  # CasePictureStatus in edge_central/cases/model.py
    Column("sha256", Text),  # of ``content``
    Column("bytes", Integer),
    Column("sealed", Boolean, nullable=False),
    Column("content", LargeBinary),  # JPEG, or what only the centre's evidence key opens
    Column("path", Text),  # JSON: [[x, y, seconds after the start], ...]
    Column("received_ms", Milliseconds),
    Index("case_picture_by_item", "case_id", "item"),
    sqlite_autoincrement=True,
)
_picture_waits = case_picture.c.content.is_(None)
Index(
    "case_picture_waiting",
    *(case_picture.c.search, case_picture.c.gateway, case_picture.c.passage),
    sqlite_where=_picture_waits,
    postgresql_where=_picture_waits,
)

case_attachment = Table(
    "case_attachment",  # a file of an item; its bytes are in media/_cases/<case>/<sha256>
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("case_id", BigInteger, nullable=False),
    Column("item", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # AttachmentKind in edge_central/cases/attachments.py
    Column("name", Text, nullable=False),  # its name for people; never a path
    Column("type", Text, nullable=False),  # content type by its first bytes, not by what anybody says
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("began_ms", Milliseconds),  # of a clip: its first picture, by the gateway's clock; null: unknown
    Column("clock_synced", Boolean),  # whether that clock was synchronised at ``began_ms``
    Index("case_attachment_by_item", "case_id", "item"),
    sqlite_autoincrement=True,
)

case_redaction = Table(
    "case_redaction",  # the altered copy of a picture or a clip, in media/_cases/<case>/<sha256>
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("case_id", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),  # "picture <id>" or "attachment <id>"
    Column("status", Text, nullable=False),  # RedactionStatus in edge_central/cases/redactions.py
    Column("attempts", Integer, nullable=False),
    Column("by_hand", Text, nullable=False),  # JSON: [[x1, y1, x2, y2], ...]
    Column("failure", Text),  # Failure in edge_central/redaction/order.py
    Column("areas", Integer),
    Column("sha256", Text),
    Column("bytes", BigInteger),
    Column("asked_by", Text, nullable=False),
    Column("done_ms", Milliseconds),
    Column("checked_by", Text),  # the officer who viewed the copy, as required before it is given away
    Column("checked_ms", Milliseconds),
    Index("case_redaction_subject", "case_id", "subject", unique=True),
    sqlite_autoincrement=True,
)
_copy_waits = case_redaction.c.status == literal_column("'waiting'")
Index("case_redaction_waiting", case_redaction.c.id, sqlite_where=_copy_waits, postgresql_where=_copy_waits)

case_export = Table(
    "case_export",  # a case as it was when an account exported it; its pictures stay in case_picture
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("case_id", BigInteger, nullable=False),
    Column("asked_ms", Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("ward", Text, nullable=False),  # the centre of this ward signs it
    Column("files", LargeBinary, nullable=False),  # JSON, compressed by zlib: ExportFiles in cases/exports.py
    Column("sums", LargeBinary, nullable=False),  # SHA256SUMS, which is signed
    Column("signature", LargeBinary),  # null: not signed yet
    Column("public_key", LargeBinary),  # PEM
    Column("signed_ms", Milliseconds),
    Index("case_export_by_case", "case_id"),
    sqlite_autoincrement=True,
)
_unsigned = case_export.c.signature.is_(None)
Index("case_export_unsigned", case_export.c.ward, sqlite_where=_unsigned, postgresql_where=_unsigned)

passage_hold = Table(
    "passage_hold",  # a passage that a gateway keeps beyond its own limits, as the console asks it to
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("passage", BigInteger, primary_key=True),
    Column("command", Text, nullable=False, unique=True),  # id of the newest command
    Column("ward", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("case_number", Text, nullable=False),
    Column("asked_ms", Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("shared", Boolean),  # true: it extends a hold of another account; releasing it also ends that one
    Column("until_ms", Milliseconds),  # how long it is kept; null: release it
    Column("expires_ms", Milliseconds, nullable=False),  # of the command
    Column("status", Text, nullable=False),  # HoldStatus in edge_central/searches/passage_holds.py
    Column("sends", Integer, nullable=False),
    Column("next_ms", Milliseconds),
    Column("sent_ms", Milliseconds),
    Column("answered_ms", Milliseconds),
    Column("words", Text, nullable=False),
    Column("problem", ProblemColumn),
    Index("passage_hold_by_search", "search"),
    Index("passage_hold_by_case", "case_number"),
)
_hold_due = passage_hold.c.next_ms.is_not(None)
Index("passage_hold_due", passage_hold.c.next_ms, sqlite_where=_hold_due, postgresql_where=_hold_due)
