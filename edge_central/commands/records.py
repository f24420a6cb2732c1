"""Stores commands as requests for the ingest, and lists those of a gateway with their replies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from edge_agent.wire.received.bounds import with_problem
from edge_central.commands.draft import command_id
from edge_central.commands.model import OVERRIDES, CommandAuthor, GatewayCommand
from edge_central.commands.submission import SubmittedCommand
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.batch import UNFINISHED
from edge_central.store.database import conflict_insert
from edge_central.store.scope import Scope

MAX_LISTED = 20
MAX_RULE_CHANGES = 200
"""How many of the newest rule changes and overrides are searched for the last change of each rule."""
UNDER_WAY_MS = 300_000
"""For this long an unanswered command is not sent a second time; afterwards the first command has expired."""


@dataclass(frozen=True, slots=True)
class LoggedCommand:
    """A command in the log of a gateway. ``signed_by``: id of the key with which it was signed; None:
    unsigned. ``media``: ids of the pictures and clips that the gateway sent for it."""

    id: str
    command: GatewayCommand
    asked_ms: int
    asked_by: str
    reason: str | None
    signed_by: str | None
    status: str
    words: str  # text of the gateway's reply
    answered_ms: int | None
    media: tuple[str, ...]

    @property
    def goes_on(self) -> bool:
        return self.status in UNFINISHED


def store_unsigned(
    connection: Connection, author: CommandAuthor, gateway: str, ward: str, command: GatewayCommand
) -> bool:
    """Store a command for the ingest, and its row of the access log. False: the same command is already under
    way."""
    if is_under_way(connection, gateway, command.type, command.camera, author.now_ms):
        return False
    return _store(connection, author, gateway, ward, command, {"id": command_id(command.type)})


def is_under_way(connection: Connection, gateway: str, type: str, camera: str | None, now_ms: int) -> bool:
    """Return whether an unsigned command of this type to the camera still waits for its answer."""
    columns = tables.request.c
    same_camera = columns.camera.is_(None) if camera is None else columns.camera == camera
    query = select(columns.id).where(
        *(columns.gateway == gateway, columns.type == type, same_camera),
        *(columns.about.is_(None), columns.signed.is_(None), columns.status.in_(UNFINISHED)),
        columns.asked_ms > now_ms - UNDER_WAY_MS,
    )
    return connection.scalar(query.limit(1)) is not None


def store_signed(
    connection: Connection,
    author: CommandAuthor,
    gateway: str,
    ward: str,
    submitted: SubmittedCommand,
    reason: str,
) -> bool:
    """Store a signed command and its row of the access log. The ingest sends the command byte for byte as it
    was signed. False: the same signed command was stored before."""
    more = {
        "id": submitted.id,
        "signed": submitted.jws,
        "signed_by": submitted.key,
        "reason": reason,
        "expires_ms": submitted.expires_ms,
    }
    return _store(connection, author, gateway, ward, submitted.command, more)


def _store(
    connection: Connection,
    author: CommandAuthor,
    gateway: str,
    ward: str,
    command: GatewayCommand,
    more: Mapping[str, Any],
) -> bool:
    row: dict[str, Any] = {
        "gateway": gateway,
        "ward": ward,
        "type": command.type,
        "args": msgspec.json.encode(command.args).decode(),
        "camera": command.camera,
        "asked_ms": author.now_ms,
        "asked_by": author.account,
        "status": "asked",
        "words": "",
        **more,
    }
    added = conflict_insert(connection, tables.request).values(row).on_conflict_do_nothing()
    if connection.scalar(added.returning(tables.request.c.id)) is None:
        return False
    place = {"ward": ward, "gateway": gateway, "media_id": row["id"]}
    if command.camera is not None:
        place["camera"] = command.camera
    record_access(connection, AccessKind.COMMAND, author.account, author.address, author.now_ms, **place)
    return True


def list_commands(
    connection: Connection, scope: Scope, gateway: str, most: int = MAX_LISTED, *, only: str | None = None
) -> tuple[LoggedCommand, ...]:
    """Return the newest commands of the console to a gateway, newest first. ``only``: return only the command
    with this id."""
    query = _commands(scope, gateway)
    if only is not None:
        query = query.where(tables.request.c.id == only)
    rows = connection.execute(query.limit(most)).all()
    media = _media(connection, gateway, [row.id for row in rows if row.type in ("clip", "snapshot")])
    return tuple(_logged(row, tuple(media[row.id])) for row in rows)


def last_rule_changes(
    connection: Connection, scope: Scope, gateway: str, camera: str
) -> dict[str, LoggedCommand]:
    """Return, by rule id, the newest ``set-rule`` of each rule of a camera that the gateway has carried out
    or is trying: while it tries a change, it already reports the new rules. A command that changes masks has
    the key ""."""
    columns = tables.request.c
    in_force = columns.status.in_(("running", "succeeded"))
    done = (columns.type == "set-rule", columns.camera == camera, in_force)
    rows = connection.execute(_commands(scope, gateway).where(*done).limit(MAX_RULE_CHANGES))
    found: dict[str, LoggedCommand] = {}
    for each in (_logged(row) for row in rows):
        found.setdefault(each.command.rule_id, each)
    return found


def last_overrides(
    connection: Connection, scope: Scope, gateway: str
) -> dict[tuple[str, str], LoggedCommand]:
    """Return, by camera and rule, the newest override command of each rule that the gateway has carried out.
    It may be a command that ended an override."""
    columns = tables.request.c
    done = (columns.type.in_(OVERRIDES), columns.status == "succeeded")
    rows = connection.execute(_commands(scope, gateway).where(*done).limit(MAX_RULE_CHANGES))
    found: dict[tuple[str, str], LoggedCommand] = {}
    for each in (_logged(row) for row in rows):
        found.setdefault((each.command.camera or "", each.command.rule_id), each)
    return found


def _commands(scope: Scope, gateway: str) -> Select[Any]:
    """Return the query for the console's commands to a gateway, the newest first."""
    columns = tables.request.c
    query = select(tables.request).where(columns.gateway == gateway, scope.of(columns.ward))
    return query.order_by(columns.asked_ms.desc(), columns.id)


def _logged(row: Any, media: tuple[str, ...] = ()) -> LoggedCommand:
    return LoggedCommand(
        id=row.id,
        command=GatewayCommand(row.type, _arguments(row.args)),
        asked_ms=row.asked_ms,
        asked_by=row.asked_by,
        reason=row.reason,
        signed_by=row.signed_by,
        status=row.status,
        words=with_problem(row.words, row.problem),
        answered_ms=row.answered_ms,
        media=media,
    )


def commands_of_ids(connection: Connection, ids: Collection[str]) -> dict[str, GatewayCommand]:
    """Return commands of the console by id; unknown ids are left out."""
    columns = tables.request.c
    query = select(columns.id, columns.type, columns.args).where(columns.id.in_(sorted(ids)))
    return {row.id: GatewayCommand(row.type, _arguments(row.args)) for row in connection.execute(query)}


def _arguments(text: str) -> dict[str, Any]:
    """Decode the arguments; empty for a text that the console cannot have written."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}


def _media(connection: Connection, gateway: str, commands: list[str]) -> defaultdict[str, list[str]]:
    """Return the ids of unsealed media by command: a gateway names them ``snapshot-ID`` and ``clip-ID``."""
    columns = tables.media.c
    named = {f"{prefix}-{id_}": id_ for id_ in commands for prefix in ("clip", "snapshot")}
    query = select(columns.media_id, columns.event_id).where(
        columns.event_id.in_(named), columns.gateway == gateway, columns.sealed.is_(False)
    )
    found = defaultdict[str, list[str]](list)
    for row in connection.execute(query):
        found[named[row.event_id]].append(row.media_id)
    return found
