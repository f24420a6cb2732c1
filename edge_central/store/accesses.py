"""Rows of the access log: who opened which picture or clip, who searched for what, who logged in, who changed
which account."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, func, insert, select

from edge_central.store import tables


class AccessKind(StrEnum):
    SNAPSHOT = "snapshot"
    THUMBNAIL = "thumbnail"  # a snapshot that a list has loaded by itself as a small picture
    CLIP = "clip"
    FILE = "file"  # a bundle, or a file that only the centre's key opens
    LOGIN = "login"
    LOGIN_RECOVERY = "login-recovery"  # login with a recovery code instead of a code of the app
    LOGIN_CODE_WRONG = "login-code-wrong"  # wrong code after the right password
    LOGIN_PROVIDER = "login-provider"  # login through OpenID Connect; detail is issuer and subject
    LOGIN_PROVIDER_REFUSED = "login-provider-refused"  # the provider confirmed the user; detail as above
    USER_ADDED = "user-added"  # of this and the other changes of accounts, subject is the changed account
    USER_ROLE = "user-role"
    USER_DISABLED = "user-disabled"
    USER_ENABLED = "user-enabled"
    USER_REMOVED = "user-removed"
    USER_SESSIONS = "user-sessions"  # one or all sessions of an account were ended
    USER_TOKEN = "user-token"  # the token of a program was replaced
    PASSWORD_CHANGED = "password-changed"
    PASSWORD_RESET = "password-reset"
    SECOND_FACTOR_SET = "second-factor-set"
    SECOND_FACTOR_REMOVED = "second-factor-removed"
    SECOND_FACTOR_RESET = "second-factor-reset"
    RECOVERY_CODES = "recovery-codes"  # new recovery codes were made
    PUSH_ON = "push-on"  # notifications on a device of the user; detail is its name
    PUSH_OFF = "push-off"
    SEARCH = "search"  # a search of passages, at gateways
    WITHDRAWAL = "withdrawal"  # a search was withdrawn
    COMMAND = "command"  # to a gateway; media_id is the command's id, which begins with its type
    CLAIM_WITHDRAWAL = "claim-withdrawal"  # a box is withdrawn from a site; media_id is the box's serial
    ROLLOUT_STOP = "rollout-stop"  # a roll-out was stopped; media_id is the version of its release
    REHEARSAL = "rehearsal"  # a drafted rule was rehearsed over the passages of one camera
    TRAVEL_TIMES = "travel-times"  # the times of passages at the cameras of a gateway were asked for
    PASSAGE = "passage"  # the picture of a passage that a search found; media_id is the passage's id
    PASSAGE_SCENE = "passage-scene"  # the whole picture of such a passage
    PASSAGE_HOLD = "passage-hold"  # a gateway is asked to keep a passage, or to release it
    CASE_VIEW = "case-view"  # the page of a case, with its pictures; media_id of these is the item's id
    CASE_ADD = "case-add"
    CASE_FILE = "case-file"  # a file of a case was opened; media_id is the file's id
    CASE_REDACT = "case-redact"  # an altered copy was asked for, changed or checked; media_id is its id
    CASE_STRIKE = "case-strike"
    CASE_CLOSE = "case-close"
    CASE_REOPEN = "case-reopen"
    CASE_EXPORT = "case-export"
    JOURNEY_BEGUN = "journey-begun"  # like the other kinds of journeys: media_id is the passage's id
    JOURNEY_CONFIRMED = "journey-confirmed"
    JOURNEY_REJECTED = "journey-rejected"
    JOURNEY_UNDONE = "journey-undone"


def record_access(
    connection: Connection, what: AccessKind, account: str, address: str, now_ms: int, **more: str | int
) -> None:
    """Add a row. ``more``: values of other columns, such as ward, gateway, camera, media_id and event_id of a
    file. The caller commits the row before it sends the file."""
    row = {"time_ms": now_ms, "account": account, "address": address, "what": what.value}
    connection.execute(insert(tables.access), row | more)


def accesses_between(connection: Connection, from_ms: int, to_ms: int) -> Iterator[ColumnElement[bool]]:
    """Yield conditions for the rows of a period, ``to_ms`` not included. They are conditions on the ids, so
    that a query in the order of the ids reads no other rows and needs no sorting."""
    columns = tables.access.c
    within = (columns.time_ms >= from_ms, columns.time_ms < to_ms)
    first, last = connection.execute(select(func.min(columns.id), func.max(columns.id)).where(*within)).one()
    yield columns.id >= (first or 0)
    yield columns.id <= (last or -1)
    time_ms = func.coalesce(columns.time_ms, 0)  # not the bare column: SQLite would sort the whole period
    yield time_ms >= from_ms
    yield time_ms < to_ms
