"""Stores the replies of gateways to ``passage-hold``."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, update

from edge_agent.wire.received.messages import ReplyMessage
from edge_central.searches.answers import TRANSIENT, words_of
from edge_central.searches.passage_holds import OPEN_HOLDS, HoldStatus
from edge_central.searches.sender import again_after_ms
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.problems import problem_column


class _Holds(msgspec.Struct):
    passages: list[int]


_FINAL_HOLD = {"rejected": HoldStatus.REFUSED, "expired": HoldStatus.EXPIRED}


def record_hold(connection: Connection, row: Any, reply: ReplyMessage, now_ms: int) -> bool:
    """Store a reply in ``row``, a row of ``passage_hold``. Return whether the row has changed."""
    final: dict[str, Any] = {"answered_ms": now_ms, "next_ms": None}
    match reply.status:
        case "succeeded":
            return _update_hold(connection, row.command, *_hold_of(row, reply), final)
        case "accepted" | "running":
            return False
        case "rejected" if reply.code in TRANSIENT:
            again = {"next_ms": now_ms + again_after_ms(row.sends - 1)}
            return _update_hold(connection, row.command, None, reply.text, again)
        case _:
            status = _FINAL_HOLD.get(reply.status, HoldStatus.FAILED)
            return _update_hold(connection, row.command, status, words_of(reply), final)


def _hold_of(row: Any, reply: ReplyMessage) -> tuple[HoldStatus, str]:
    try:
        changed = row.passage in msgspec.json.decode(reply.result, type=_Holds).passages
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return HoldStatus.FAILED, problem_text("search-answer-malformed")
    if row.until_ms is None:
        return HoldStatus.RELEASED, reply.text
    return HoldStatus.KEPT if changed else HoldStatus.MISSING, reply.text


def _update_hold(
    connection: Connection, command: str, status: HoldStatus | None, words: str, values: dict[str, Any]
) -> bool:
    columns = tables.passage_hold.c
    values = values | {"words": str(words), "problem": problem_column(words)}
    if status is not None:
        values["status"] = status.value
    is_open = columns.status.in_([each.value for each in OPEN_HOLDS])
    changed = update(tables.passage_hold).where(columns.command == command, is_open).values(**values)
    return connection.execute(changed).rowcount > 0
