"""How far each webhook has posted, the delivery log, the devices of Web Push, and the messages that wait for
these devices."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text

from edge_central.store.tables.base import Milliseconds, RowId, metadata

webhook_place = Table(
    "webhook_place",
    metadata,
    Column("webhook", Text, primary_key=True),
    Column("cursor", BigInteger, nullable=False),  # events up to it are posted or skipped
    Column("alert", BigInteger, nullable=False),  # alerts up to this id are posted or skipped
    Column("failing_ms", Milliseconds),  # when posts began to fail; null: the last one was answered
    Column("problem", Text),  # why posts fail
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("webhook", Text, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),  # when the receiver answered
    Column("subject", Text, nullable=False),  # as in handling
    Column("ward", Text, nullable=False),
    Column("status", Integer, nullable=False),  # of the receiver's response; 0: given up without one
    Column("attempts", Integer, nullable=False),
    Column("device", Text),  # for Web Push: name of the device; the webhook is then "push ACCOUNT"
    Index("webhook_delivery_by_webhook", "webhook", "id"),
    sqlite_autoincrement=True,
)

# --- Web Push ---

push_device = Table(
    "push_device",  # a browser in which a user has turned notifications on
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("service", Text, nullable=False),  # host of the endpoint, with a port other than 443
    Column("endpoint", Text, unique=True),  # secret: who has it can send; null: the subscription has ended
    Column("receiver", LargeBinary),  # public key of the browser, 65 bytes
    Column("auth", LargeBinary),  # its secret of 16 bytes
    Column("console_key", Text, nullable=False),  # public key of the console that may send to the browser
    Column("lang", Text, nullable=False),
    Column("wards", Text),  # separated by spaces; null: all wards of the account
    Column("kinds", Text),  # kinds of events, separated by spaces; null: those that ring
    Column("alerts", Boolean, nullable=False),
    Column("severity", Integer, nullable=False),  # the lowest severity that is sent
    Column("unacknowledged_s", Integer, nullable=False),  # only alarms unacknowledged for so long; 0: at once
    Column("quiet_from", Integer),  # minutes since midnight; null: no quiet hours
    Column("quiet_to", Integer),
    Column("created_ms", Milliseconds, nullable=False),
    Column("delivered_ms", Milliseconds),  # when the service accepted the last message
    Column("failing_ms", Milliseconds),  # when the service began to refuse messages for now
    Column("problem", Text),  # why
    Column("failures", Integer, nullable=False),  # number of failures in a row
    Column("next_ms", Milliseconds),  # not sent before this time; null: at once
    Column("ended_ms", Milliseconds),  # the service said that the subscription is gone
    Index("push_device_by_account", "account"),
    sqlite_autoincrement=True,
)

push_message = Table(
    "push_message",  # a message that waits; deleted when it is answered or too old
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("device", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),  # as in handling; "test"
    Column("ward", Text, nullable=False),  # empty for a test
    Column("topic", Text, nullable=False),  # a later message of the same topic replaces it
    Column("payload", LargeBinary, nullable=False),  # JSON, before the encryption
    Column("made_ms", Milliseconds, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("push_message_by_device", "device", "id"),
    sqlite_autoincrement=True,
)

push_service = Table(
    "push_service",  # a service that cannot be reached; deleted when it answers
    metadata,
    Column("service", Text, primary_key=True),
    Column("failing_ms", Milliseconds, nullable=False),
    Column("problem", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_ms", Milliseconds, nullable=False),
)
