"""The tables, one definition for SQLite and PostgreSQL; docs/design/central.md has the reasons.

Times are milliseconds since 1970, UTC. Documents from the wire are stored as the bytes that arrived.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
)

from edge_central.store.ringing import FLOOD_RULE

SCHEMA_VERSION = 6
"""Version 2 added alerts, retention and its indexes; 3 added indexes of alarms and floods by gateway; 4 the
columns ``problem``; 5 searches, and their columns in ``access``; 6 journeys, cases and rehearsals."""

metadata = MetaData()
# SQLite allots row ids only if the type is exactly INTEGER.
_Row = BigInteger().with_variant(Integer(), "sqlite")
_Milliseconds = BigInteger
_Problem = JSON(none_as_null=True)

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

gateway = Table(
    "gateway",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ward", Text, nullable=False),
    Column("first_ms", _Milliseconds, nullable=False),
    Column("last_ms", _Milliseconds, nullable=False),  # of its newest message of any kind
    Column("state", Text),  # online, stopped, offline; null: cleared, or never received
    Column("state_session", Text),
    Column("state_reason", Text),
    Column("state_ms", _Milliseconds),
    Column("birth", LargeBinary),
    Column("birth_session", Text),
    Column("birth_ms", _Milliseconds),
    Column("heartbeat", LargeBinary),
    Column("heartbeat_ms", _Milliseconds),
    Column("heartbeat_session", Text),
    Column("epoch", Text),  # named by the newest heartbeat
    Column("sequence", BigInteger),  # newest number of that epoch, by the same heartbeat
)

stream = Table(
    "stream",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("first_ms", _Milliseconds, nullable=False),
    UniqueConstraint("gateway", "epoch"),
)

gap = Table(
    "gap",
    metadata,
    Column("stream", Integer, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("found_ms", _Milliseconds, nullable=False),
)

event = Table(
    "event",
    metadata,
    # Grows with every commit; never reused, not even after a deletion.
    Column("cursor", _Row, primary_key=True, autoincrement=True),
    Column("stream", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("time_ms", _Milliseconds, nullable=False),
    Column("received_ms", _Milliseconds, nullable=False),
    Column("event_id", Text),
    Column("phase", Text),
    Column("payload", LargeBinary, nullable=False),
    # (source, id) of CloudEvents equals (gateway, epoch, sequence): the id is made of them, and checked.
    UniqueConstraint("stream", "sequence"),
    Index("event_by_ward", "ward", "cursor"),
    Index("event_by_gateway", "gateway", "cursor"),
    Index("event_by_time", "time_ms"),
    Index("event_by_kind", "kind", "severity", "received_ms"),  # retention
    sqlite_autoincrement=True,
)
_with_id = event.c.event_id.is_not(None)
Index("event_by_event_id", event.c.event_id, sqlite_where=_with_id, postgresql_where=_with_id)
# Warnings and alarms, among a thousand times as many other events.
_of_note = event.c.severity >= 13
Index("event_of_note", event.c.cursor, sqlite_where=_of_note, postgresql_where=_of_note)
# The newest alarms of each gateway: a gateway with a million alarms must not slow down a page.
_alarm = event.c.severity >= 17
# The severity is a column so that SQLite prefers it to event_by_gateway, which would read every event of a
# gateway.
Index(
    "event_alarm",
    *(event.c.gateway, event.c.cursor, event.c.severity),
    sqlite_where=_alarm,
    postgresql_where=_alarm,
)

loss = Table(
    "loss",
    metadata,
    Column("stream", Integer, primary_key=True),  # of the loss event
    Column("sequence", BigInteger, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("events", BigInteger, nullable=False),  # count of given-up events
    Column("reason", Text, nullable=False),
    Column("received_ms", _Milliseconds, nullable=False),
)

conflict = Table(
    "conflict",  # one identity, two event histories: two gateways, or a restored SD card
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),  # stored in branches: other events have their numbers
    Column("last_ms", _Milliseconds, nullable=False),
)

media = Table(
    "media",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("media_id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # also the name of its file
    Column("bytes", Integer, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("received_ms", _Milliseconds, nullable=False),
    Index("media_by_event", "event_id"),
    Index("media_by_camera", "gateway", "camera", "received_ms"),
    Index("media_by_time", "received_ms"),
    Index("media_by_file", "sha256"),  # a file is deleted with the last row that names it
)

health = Table(
    "health",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("slot_ms", _Milliseconds, primary_key=True),
    Column("temperature_c", Float),
    Column("cpu_percent", Float),
    Column("memory_percent", Float),
    Column("disk_percent", Float),
    Column("outbox_depth", BigInteger),
    Column("outbox_oldest_s", Float),
    Column("clock_offset_ms", Float),
    Column("cameras", Text, nullable=False),  # {"cam-1": ["online", 10.0], ...}: state, packets a second
    Index("health_by_time", "slot_ms"),
)

presence = Table(
    "presence",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("ward", Text, nullable=False),
    Column("standing", Text, nullable=False),  # as last published
    Column("why", Text, nullable=False),
    Column("since_ms", _Milliseconds, nullable=False),
    Column("interval_s", Float, nullable=False),
    Column("problem", _Problem),  # ``why`` as a code with figures; null: it has none
)

outage = Table(
    "outage",
    metadata,
    Column("ward", Text, primary_key=True),
    Column("gateways", Text, nullable=False),  # ids, separated by spaces
    Column("of", Integer, nullable=False),
    Column("since_ms", _Milliseconds, nullable=False),
)

rejected = Table(
    "rejected",
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("received_ms", _Milliseconds, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("head", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# --- alerts ---

alert = Table(
    "alert",
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("ward", Text, nullable=False),
    Column("gateway", Text, nullable=False),  # empty: the ward itself
    Column("camera", Text, nullable=False),  # empty: the gateway itself
    Column("rule", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),  # as of events: 9, 13, 17
    Column("text", Text, nullable=False),  # why, one line for humans
    Column("value", Float),  # measured at the opening
    Column("since_ms", _Milliseconds, nullable=False),  # since then the rule's condition holds
    Column("opened_ms", _Milliseconds, nullable=False),
    Column("cleared_ms", _Milliseconds),  # null: open
    Column("cleared_text", Text),
    Column("folded", Boolean, nullable=False),  # explained by another alert: its gateway or ward is away
    Column("problem", _Problem),  # ``text`` as a code with figures; null: it has none
    Index("alert_by_time", "opened_ms"),
    sqlite_autoincrement=True,
)
_open = alert.c.cleared_ms.is_(None)
Index(
    "alert_open",
    *(alert.c.ward, alert.c.gateway, alert.c.rule, alert.c.camera),
    unique=True,
    sqlite_where=_open,
    postgresql_where=_open,
)

# Each alarm is compared with the floods of its gateway, without reading years of alerts.
IS_FLOOD = alert.c.rule == literal_column(f"'{FLOOD_RULE}'")
Index("alert_flood", alert.c.gateway, alert.c.since_ms, sqlite_where=IS_FLOOD, postgresql_where=IS_FLOOD)

alert_pending = Table(
    "alert_pending",  # the rule's condition holds, but not for long enough yet
    metadata,
    Column("ward", Text, primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("camera", Text, primary_key=True),
    Column("since_ms", _Milliseconds, nullable=False),
)

notification = Table(
    "notification",  # waits for the webhook
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("ward", Text, nullable=False),  # the centre of this ward posts it
    Column("made_ms", _Milliseconds, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# --- retention ---

hold = Table(
    "hold",  # events, with their media, that retention must not delete: by event_id, or by gateway and time
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("event_id", Text),
    Column("gateway", Text),  # with from_ms and to_ms, both included
    Column("camera", Text),  # null: all of the gateway
    Column("from_ms", _Milliseconds),
    Column("to_ms", _Milliseconds),
    Column("why", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_ms", _Milliseconds, nullable=False),
    Column("released_by", Text),
    Column("released_ms", _Milliseconds),  # null: in force
    sqlite_autoincrement=True,
)

deletion = Table(
    "deletion",  # deletions of retention: one row per run, rule and kind
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("begun_ms", _Milliseconds, nullable=False),
    Column("ended_ms", _Milliseconds, nullable=False),
    Column("what", Text, nullable=False),  # DeletionTarget in edge_central/retention/deletion_plans.py
    Column("kind", Text, nullable=False),  # of the events; empty otherwise
    Column("rule", Text, nullable=False),  # the setting: info_days: 90
    Column("rows", BigInteger, nullable=False),
    Column("first_cursor", BigInteger),  # of events
    Column("last_cursor", BigInteger),
    Column("first_ms", _Milliseconds, nullable=False),  # received
    Column("last_ms", _Milliseconds, nullable=False),
    Column("held", BigInteger, nullable=False),  # expired rows that a hold keeps
    sqlite_autoincrement=True,
)

# --- console: accounts, sessions, access log ---

account = Table(
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("wards", Text, nullable=False),  # ids, separated by spaces; empty for an admin
    Column("password", Text),  # scrypt$...; null: cannot log in
    Column("token_sha256", Text, unique=True),  # for the API
    Column("created_ms", _Milliseconds, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("created_ms", _Milliseconds, nullable=False),
    Column("seen_ms", _Milliseconds, nullable=False),
    Column("address", Text, nullable=False),
    Index("session_by_account", "account"),
)

access = Table(
    "access",
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("time_ms", _Milliseconds, nullable=False),
    Column("account", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("what", Text, nullable=False),  # AccessKind in edge_central/store/accesses.py
    Column("ward", Text),
    Column("gateway", Text),
    Column("camera", Text),
    Column("media_id", Text),
    Column("event_id", Text),
    Column("search", Text),  # the columns from here on are of searches and the pictures that they found
    Column("purpose", Text),
    Column("case_number", Text),
    Column("gateways", Integer),  # how many were asked
    Index("access_by_time", "time_ms"),
    Index("access_by_account", "account", "id"),
    sqlite_autoincrement=True,
)

# One search, and one case, among years of accesses.
_of_search = access.c.search.is_not(None)
_of_case = access.c.case_number.is_not(None)
Index("access_by_case", access.c.case_number, sqlite_where=_of_case, postgresql_where=_of_case)
Index("access_by_search", access.c.search, sqlite_where=_of_search, postgresql_where=_of_search)

# --- incident log ---

handling = Table(
    "handling",
    metadata,
    Column("subject", Text, primary_key=True),  # "event GATEWAY EVENT_ID" or "alert ID"
    Column("ward", Text, nullable=False),
    Column("acknowledged_ms", _Milliseconds),
    Column("acknowledged_by", Text),
    Column("owner", Text),  # the officer in charge
    Column("outcome", Text),  # real, false, handled; null: open
    Column("closed_ms", _Milliseconds),
)

handling_step = Table(
    "handling_step",
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False),
    Column("at_ms", _Milliseconds, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),  # acknowledged, owner, outcome, reopened, note
    Column("words", Text, nullable=False),
    Index("handling_step_by_subject", "subject"),
    sqlite_autoincrement=True,
)

hidden_event = Table(
    "hidden_event",  # hidden from lists and the bell by an administrator; the event and its steps stay
    metadata,
    Column("subject", Text, primary_key=True),  # as in handling; "cursor N" for an event without an event_id
    Column("cursor", BigInteger, nullable=False),  # of its first phase
    Column("ward", Text, nullable=False),
    Column("hidden_ms", _Milliseconds, nullable=False),
    Column("hidden_by", Text, nullable=False),
)

handover = Table(
    "handover",
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("wards", Text, nullable=False),  # of the officer who left, separated by spaces; empty: all
    Column("left_ms", _Milliseconds, nullable=False),
    Column("left_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("open", Text, nullable=False),  # open subjects, one per line
    Column("taken_ms", _Milliseconds),
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
    Column("asked_ms", _Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("sent_ms", _Milliseconds),
    Column("status", Text, nullable=False),  # asked, sent, then the status of the gateway's reply, or expired
    Column("words", Text, nullable=False),
    Column("answered_ms", _Milliseconds),
    Column("problem", _Problem),  # ``words`` as a code with figures; null: it has none
    Index("request_by_about", "gateway", "about"),
)

# --- searches of the passages that gateways store ---

search = Table(
    "search",
    metadata,
    Column("id", Text, primary_key=True),
    Column("asked_ms", _Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("case_number", Text, nullable=False),
    Column("question", Text, nullable=False),  # JSON of edge_central/searches/question.py
    Column("wards", Text, nullable=False),  # of the asked gateways, separated by spaces
    Column("expires_ms", _Milliseconds, nullable=False),
    Column("changes", BigInteger, nullable=False),  # grows with each answer: pages ask again
    Column("withdrawn_ms", _Milliseconds),  # null: it was not withdrawn
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
    Column("next_ms", _Milliseconds),  # when it is sent, or sent again; null: not by itself
    Column("until_ms", _Milliseconds),  # when it expires; null: it has a final answer
    Column("sent_ms", _Milliseconds),
    Column("answered_ms", _Milliseconds),
    Column("total", BigInteger),  # passages that fit, as the gateway counts
    Column("stored", Integer),  # rows of search_match
    Column("dropped", Integer),  # rows of the answer that cannot be true, or that came after the withdrawal
    Column("words", Text, nullable=False),
    Column("problem", _Problem),  # ``words`` as a code with figures; null: it has none
    Index("search_answer_by_search", "search"),
)
# What is to be sent, or has no answer yet, among a thousand times as many answers.
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
    Column("cursor", _Row, primary_key=True, autoincrement=True),
    Column("search", Text, nullable=False),
    Column("place", SmallInteger, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("passage", BigInteger, nullable=False),  # its id at the gateway
    Column("start_ms", _Milliseconds, nullable=False),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("search", "place", "gateway", "passage"),
    Index("search_match_by_search", "search", "cursor"),
    sqlite_autoincrement=True,
)

search_picture = Table(
    "search_picture",  # a picture that an account has opened
    metadata,
    Column("search", Text, primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("passage", BigInteger, primary_key=True),
    Column("command", Text, nullable=False, unique=True),
    Column("ward", Text, nullable=False),
    Column("asked_ms", _Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),  # who opened it first
    Column("expires_ms", _Milliseconds, nullable=False),
    Column("status", Text, nullable=False),  # PictureStatus in edge_central/searches/model.py
    Column("sends", Integer, nullable=False),
    Column("next_ms", _Milliseconds),
    Column("sent_ms", _Milliseconds),
    Column("received_ms", _Milliseconds),
    Column("jpeg", LargeBinary),
    Column("sealed", Boolean, nullable=False),
    Column("path", Text),  # JSON: [[x, y, seconds after the start], ...]
    Column("words", Text, nullable=False),
    Column("problem", _Problem),
    Column("embedding", LargeBinary),  # edge_central/appearance/comparison.py; null: not computed yet
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
_picture_due = search_picture.c.next_ms.is_not(None)
Index(
    "search_picture_due", search_picture.c.next_ms, sqlite_where=_picture_due, postgresql_where=_picture_due
)

# --- journeys: which passages at neighbouring cameras may be the same object ---

travel_time = Table(
    "travel_time",  # how long objects of a group take from one camera to another, learnt from both
    metadata,
    Column("from_gateway", Text, primary_key=True),
    Column("from_camera", Text, primary_key=True),
    Column("to_gateway", Text, primary_key=True),
    Column("to_camera", Text, primary_key=True),
    Column("object_group", Text, primary_key=True),  # person, two-wheeler, vehicle
    Column("median_s", Float, nullable=False),  # from the end of the first passage to the start of the second
    Column("low_s", Float, nullable=False),  # quantile 0.1
    Column("high_s", Float, nullable=False),  # quantile 0.9
    Column("share", Float, nullable=False),  # of the passages at the first camera, seen at the second
    Column("passages", Integer, nullable=False),  # at the first camera, of which this was learnt
    Column("certainty", Float, nullable=False),  # standard deviations above what chance gives
    Column("learnt_ms", _Milliseconds, nullable=False),
)

journey = Table(
    "journey",  # an officer follows one passage from camera to camera; nothing in it is proved
    metadata,
    Column("id", Text, primary_key=True),
    Column("case_number", Text, nullable=False),  # of the search that it began with, and so is the purpose
    Column("purpose", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made_ms", _Milliseconds, nullable=False),
    Column("changed_ms", _Milliseconds, nullable=False),  # of its newest step or search
    Column("wards", Text, nullable=False),  # of its steps and of the asked gateways, separated by spaces
    Index("journey_by_change", "changed_ms"),
    Index("journey_by_case", "case_number"),
)

journey_step = Table(
    "journey_step",  # a passage that an officer has confirmed or rejected, as the gateway sent it
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("journey", Text, nullable=False),
    Column("parent", BigInteger),  # the step from which it was searched; null: the journey begins here
    Column("way", Text),  # forward, backward; null: the journey begins here
    Column("status", Text, nullable=False),  # confirmed, rejected
    Column("search", Text, nullable=False),  # that found it; may be deleted already
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("passage", BigInteger, nullable=False),  # its id at the gateway
    Column("start_ms", _Milliseconds, nullable=False),
    Column("document", LargeBinary, nullable=False),  # as in search_match
    Column("decided_by", Text, nullable=False),
    Column("decided_ms", _Milliseconds, nullable=False),
    UniqueConstraint("journey", "gateway", "passage"),
    sqlite_autoincrement=True,
)

journey_search = Table(
    "journey_search",  # a search of the neighbours of a step
    metadata,
    Column("search", Text, primary_key=True),
    Column("journey", Text, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("way", Text, nullable=False),  # forward, backward
    Column("reach_m", Float, nullable=False),  # sites within this distance
    Column("asked_ms", _Milliseconds, nullable=False),
    Index("journey_search_by_journey", "journey", "step"),
)

# --- cases: copies of what officers keep beyond ``search.days`` ---

case_file = Table(
    "case_file",
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("number", Text, nullable=False, unique=True),  # as in searches, with single spaces
    Column("owner", Text, nullable=False),  # the account that opened it
    Column("wards", Text, nullable=False),  # of its items, separated by spaces
    Column("opened_ms", _Milliseconds, nullable=False),
    Column("closed_ms", _Milliseconds),  # null: open
    Column("closed_by", Text),
    Column("item_count", Integer, nullable=False),  # also those that are struck out
    Column("bytes", BigInteger, nullable=False),  # of facts and pictures
    Column("changes", BigInteger, nullable=False),  # grows with each change: pages ask again
    Index("case_file_by_owner", "owner"),
    Index("case_file_closed", "closed_ms"),
    sqlite_autoincrement=True,
)

case_item = Table(
    "case_item",  # never deleted before the case; struck out instead
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("case_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # CaseItemKind in edge_central/cases/model.py
    Column("source", Text, nullable=False),  # names what it is a copy of: a case has it once
    Column("at_ms", _Milliseconds, nullable=False),  # when it happened
    Column("wards", Text, nullable=False),  # separated by spaces
    Column("gateway", Text),  # null: of several, or of none
    Column("camera", Text),
    Column("search", Text),  # in which it was found
    Column("facts", LargeBinary, nullable=False),  # JSON of edge_central/cases/facts.py
    Column("added_ms", _Milliseconds, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("struck_ms", _Milliseconds),  # null: it counts
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
    "case_picture",  # a copy of a picture, or the place for one that has not come yet
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
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
    Column("received_ms", _Milliseconds),
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

case_export = Table(
    "case_export",  # a case as it was when an account exported it; its pictures stay in case_picture
    metadata,
    Column("id", _Row, primary_key=True, autoincrement=True),
    Column("case_id", BigInteger, nullable=False),
    Column("asked_ms", _Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("ward", Text, nullable=False),  # the centre of this ward signs it
    Column("files", LargeBinary, nullable=False),  # JSON: texts by name, and ids of pictures by name
    Column("sums", LargeBinary, nullable=False),  # SHA256SUMS, which is signed
    Column("signature", LargeBinary),  # null: not signed yet
    Column("public_key", LargeBinary),  # PEM
    Column("signed_ms", _Milliseconds),
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
    Column("command", Text, nullable=False, unique=True),  # the newest
    Column("ward", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("case_number", Text, nullable=False),
    Column("asked_ms", _Milliseconds, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("until_ms", _Milliseconds),  # how long it is kept; null: release it
    Column("expires_ms", _Milliseconds, nullable=False),  # of the command
    Column("status", Text, nullable=False),  # HoldStatus in edge_central/searches/passage_holds.py
    Column("sends", Integer, nullable=False),
    Column("next_ms", _Milliseconds),
    Column("sent_ms", _Milliseconds),
    Column("answered_ms", _Milliseconds),
    Column("words", Text, nullable=False),
    Column("problem", _Problem),
    Index("passage_hold_by_search", "search"),
)
_hold_due = passage_hold.c.next_ms.is_not(None)
Index("passage_hold_due", passage_hold.c.next_ms, sqlite_where=_hold_due, postgresql_where=_hold_due)

# --- rules of cameras, and rehearsals of drafted ones ---

camera_rules = Table(
    "camera_rules",  # the rules of a gateway's cameras, asked for when its configuration changes
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("ward", Text, nullable=False),
    Column(
        "wanted", Text, nullable=False
    ),  # hash of the configuration and version of the agent, by the birth
    Column("command", Text, nullable=False, unique=True),
    Column("sends", Integer, nullable=False),
    Column("next_ms", _Milliseconds),  # when it is asked, or asked again; null: answered
    Column("sent_ms", _Milliseconds),
    Column("received_ms", _Milliseconds),  # of ``document``
    Column("document", LargeBinary),  # result of the command ``rules``; null: none has come yet
    Column("words", Text, nullable=False),  # why it has not come
    Column("problem", _Problem),
)
_rules_due = camera_rules.c.next_ms.is_not(None)
Index("camera_rules_due", camera_rules.c.next_ms, sqlite_where=_rules_due, postgresql_where=_rules_due)

rehearsal = Table(
    "rehearsal",  # beside a row of search; its examples are rows of search_match
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
