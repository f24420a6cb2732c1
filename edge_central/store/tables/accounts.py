"""Accounts and sessions of the console, the access log, the incident log, requests to gateways."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, literal_column

from edge_central.store.tables.base import Milliseconds, ProblemColumn, RowId, metadata

account = Table(
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("wards", Text, nullable=False),  # ids, separated by spaces; empty for an admin
    Column("password", Text),  # scrypt$...; null: the account cannot log in with a password
    Column("token_sha256", Text, unique=True),  # for the API
    Column("created_ms", Milliseconds, nullable=False),
    Column("disabled_ms", Milliseconds),  # null: enabled
    Column("one_time_until_ms", Milliseconds),  # null: the user chose the password
    Column("signed_in_ms", Milliseconds),  # last login; null: never
    Column("second_factor", LargeBinary),  # the encrypted secret of the codes; null: none is set up
    Column("second_factor_step", BigInteger),  # time step of the last accepted code; none is accepted twice
    Column("issuer", Text),  # issuer of the account's OpenID Connect provider; null: a local account
    Column("subject", Text),  # the user's id there; never used again for another user
    Index("account_by_subject", "issuer", "subject", unique=True),
)

recovery_code = Table(
    "recovery_code",  # deleted when used
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Index("recovery_code_by_account", "account"),
)

session = Table(
    "session",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("seen_ms", Milliseconds, nullable=False),
    Column("address", Text, nullable=False),
    Column("confirmed_ms", Milliseconds),  # when the user typed the password again; null: not since the login
    Index("session_by_account", "account"),
)

access = Table(
    "access",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("time_ms", Milliseconds, nullable=False),
    Column("account", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("what", Text, nullable=False),  # AccessKind in edge_central/store/accesses.py
    Column("ward", Text),
    Column("gateway", Text),
    Column("camera", Text),
    Column("media_id", Text),
    Column("event_id", Text),
    Column("search", Text),  # from here on: columns for searches and the pictures that they found
    Column("purpose", Text),
    Column("case_number", Text),
    Column("gateways", Integer),  # how many gateways were asked
    Column("subject", Text),  # the account that was changed
    Column("detail", Text),  # role and wards of the account after the change
    Index("access_by_time", "time_ms"),
    Index("access_by_account", "account", "id"),
    Index("access_by_gateway", "gateway", "id"),
    sqlite_autoincrement=True,
)

# Opened files, which are few among the small pictures that lists have loaded.
NOT_THUMBNAIL = access.c.what != literal_column("'thumbnail'")
Index("access_opened", access.c.id, sqlite_where=NOT_THUMBNAIL, postgresql_where=NOT_THUMBNAIL)
Index(
    "access_opened_by_account",
    *(access.c.account, access.c.id),
    sqlite_where=NOT_THUMBNAIL,
    postgresql_where=NOT_THUMBNAIL,
)

# One search, one case, or the changes of one account, without reading years of accesses.
_of_search = access.c.search.is_not(None)
_of_case = access.c.case_number.is_not(None)
Index("access_by_case", access.c.case_number, sqlite_where=_of_case, postgresql_where=_of_case)
Index("access_by_search", access.c.search, sqlite_where=_of_search, postgresql_where=_of_search)
_of_subject = access.c.subject.is_not(None)
Index(
    "access_by_subject",
    access.c.subject,
    access.c.id,
    sqlite_where=_of_subject,
    postgresql_where=_of_subject,
)

# --- incident log ---

handling = Table(
    "handling",
    metadata,
    Column("subject", Text, primary_key=True),  # "event GATEWAY EVENT_ID" or "alert ID"
    Column("ward", Text, nullable=False),
    Column("acknowledged_ms", Milliseconds),
    Column("acknowledged_by", Text),
    Column("owner", Text),  # the officer in charge
    Column("outcome", Text),  # real, false, handled; null: open
    Column("closed_ms", Milliseconds),
)
# The open incidents of one officer, without reading years of closed ones.
_open = handling.c.outcome.is_(None)
Index("handling_open_of", handling.c.owner, sqlite_where=_open, postgresql_where=_open)
# The newest acknowledgements, which the console reads several times a second.
_acknowledged = handling.c.acknowledged_ms.is_not(None)
Index(
    "handling_acknowledged",
    handling.c.acknowledged_ms,
    sqlite_where=_acknowledged,
    postgresql_where=_acknowledged,
)

handling_step = Table(
    "handling_step",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),  # acknowledged, owner, outcome, reopened, note, silenced
    Column("words", Text, nullable=False),
    Index("handling_step_by_subject", "subject"),
    sqlite_autoincrement=True,
)

hidden_event = Table(
    "hidden_event",  # an administrator hid it from lists and the bell; the event and its steps stay stored
    metadata,
    Column("subject", Text, primary_key=True),  # as in handling; "cursor N" for an event without an event_id
    Column("cursor", BigInteger, nullable=False),  # cursor of the event's first phase
    Column("ward", Text, nullable=False),
    Column("hidden_ms", Milliseconds, nullable=False),
    Column("hidden_by", Text, nullable=False),
)

handover = Table(
    "handover",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("wards", Text, nullable=False),  # wards of the officer who left, separated by spaces; empty: all
    Column("left_ms", Milliseconds, nullable=False),
    Column("left_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("open", Text, nullable=False),  # open subjects, one per line; "row ID CURSOR" for a row of alarms
    Column("taken_ms", Milliseconds),
    Column("taken_by", Text),
    sqlite_autoincrement=True,
)

request = Table(
    "request",
    metadata,
    Column("id", Text, primary_key=True),  # also the command's id
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("args", Text, nullable=False),  # JSON
    Column("about", Text),  # event id of the requested clip
    Column("asked_ms", Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("sent_ms", Milliseconds),
    Column("status", Text, nullable=False),  # asked, sent, then the status of the gateway's reply, or expired
    Column("words", Text, nullable=False),
    Column("answered_ms", Milliseconds),
    Column("problem", ProblemColumn),  # ``words`` as a code with figures; null: it has none
    Column("camera", Text),  # null: the request is about the whole gateway
    Column("signed", LargeBinary),  # JWS of an operator, sent as it is; null: sent unsigned
    Column("signed_by", Text),  # id of the key that the JWS names; only the gateway verifies it
    Column("reason", Text),
    Column("expires_ms", Milliseconds),  # when the JWS expires
    Index("request_by_about", "gateway", "about"),
    Index("request_by_gateway", "gateway", "asked_ms"),
    Index("request_by_status", "status"),
    Index("request_by_time", "asked_ms"),
)
