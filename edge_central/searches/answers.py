"""Stores the replies of gateways to searches and to requests for pictures.

It bounds everything that a gateway sends. A reply counts only for a command that was sent to this gateway and
has no final answer yet; rows that cannot be true are dropped and counted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, Update, bindparam, select, update

from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.core.problems import problem_of
from edge_agent.wire.received.messages import MalformedMessage, ReplyMessage, milliseconds
from edge_agent.wire.searches import MAX_ROWS, ObjectPlace
from edge_central.console.documents import parse_birth, parse_heartbeat
from edge_central.searches.matches import SECOND, ReceivedPassage
from edge_central.searches.model import (
    HOLD_COMMAND,
    OPEN_PICTURES,
    PICTURE_COMMAND,
    PICTURE_KINDS,
    REHEARSAL_COMMAND,
    RULES_COMMAND,
    SCENE_COMMAND,
    SEARCH_COMMAND,
    WHOLE_PICTURE,
    AnswerStatus,
    PictureKind,
    PictureStatus,
)
from edge_central.searches.question import SearchQuestion
from edge_central.searches.sender import LAST_AGAIN_S, again_after_ms, note_changes
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.database import conflict_insert
from edge_central.store.problems import problem_column

log = logging.getLogger(__name__)

LATER = frozenset(("search-later", "rehearsal-later"))
"""Problem codes by which a gateway says that it will answer when a limit ends."""
TRANSIENT = frozenset(("clock-not-synchronised", "busy", "not-yet-valid"))
"""Codes of rejections that a second attempt may not get: the command is sent again."""
TOLERANCE_MS = 2_000
"""Accepted deviation of times, because the times of the wire are rounded."""
MAX_TOTAL = 2**53
MAX_POINTS, MAX_AFTER_S = 64, 1e7
MAX_PICTURE_BYTES = 48_000
_JPEG = b"\xff\xd8\xff"


class _Result(msgspec.Struct):
    passages: list[msgspec.Raw]
    total: int = 0


class _Pictures(msgspec.Struct):
    pictures: dict[str, str]
    paths: dict[str, list[tuple[float, float, float]]] = msgspec.field(default_factory=dict)
    places: dict[str, ObjectPlace] = msgspec.field(default_factory=dict)


def is_answer(reply: ReplyMessage) -> bool:
    """Whether the reply may belong to a search, a hold, a rehearsal, or a question for rules."""
    prefixes = (
        *(SEARCH_COMMAND, PICTURE_COMMAND, SCENE_COMMAND),
        *(HOLD_COMMAND, REHEARSAL_COMMAND, RULES_COMMAND),
    )
    return reply.command.startswith(prefixes)


def says_nothing(reply: ReplyMessage) -> bool:
    """Whether the reply changes no row, like two of the three replies to a usual search."""
    return reply.status in ("accepted", "running") and not _is_later(reply)


def record_answers(connection: Connection, replies: Sequence[ReplyMessage], now_ms: int) -> None:
    """Store these replies in order; replies to other commands are ignored."""
    changed: set[str] = set()
    rows = rows_of(connection, tables.search_answer, SEARCH_COMMAND, replies)
    asked = _AskedFacts.read(connection, [row for row, _ in rows])
    for row, reply in rows:
        if _record_answer(connection, asked, row, reply, now_ms):
            changed.add(row.search)
    if asked.matches:
        statement = conflict_insert(connection, tables.search_match).on_conflict_do_nothing()
        connection.execute(statement, asked.matches)
    for kind in PICTURE_KINDS:
        for row, reply in rows_of(connection, kind.table, kind.command, replies):
            if _record_picture(connection, kind, row, reply, now_ms):
                changed.add(row.search)
    if changed:
        note_changes(connection, changed)


def rows_of(
    connection: Connection, table: Table, prefix: str, replies: Sequence[ReplyMessage]
) -> list[tuple[Any, ReplyMessage]]:
    """Return the replies to commands that were sent to the gateway of the reply, each with the row of its
    command."""
    of_kind = [each for each in replies if each.command.startswith(prefix)]
    if not of_kind:
        return []
    named = table.c.command.in_([each.command for each in of_kind])
    rows = {row.command: row for row in connection.execute(select(table).where(named))}
    found = []
    for reply in of_kind:
        row = rows.get(reply.command)
        if row is None or (row.gateway, row.ward) != (reply.gateway, reply.ward):
            log.debug("%s: replied to %s, which it was not asked", reply.gateway, reply.command)
        else:
            found.append((row, reply))
    return found


@dataclass(frozen=True, slots=True)
class _AskedFacts:
    """The facts with which the answers of one call are compared, and the rows that are made of these
    answers."""

    questions: Mapping[str, SearchQuestion]  # by search
    cameras: Mapping[str, frozenset[str]]  # by gateway: those named in its birth or newest heartbeat
    matches: list[dict[str, Any]]  # rows for search_match

    @classmethod
    def read(cls, connection: Connection, rows: Iterable[Any]) -> _AskedFacts:
        searches, gateways = {row.search for row in rows}, {row.gateway for row in rows}
        search, gateway = tables.search.c, tables.gateway.c
        texts = connection.execute(select(search.id, search.question).where(search.id.in_(searches)))
        wanted = select(gateway.id, gateway.birth, gateway.heartbeat).where(gateway.id.in_(gateways))
        return cls(
            {row.id: msgspec.json.decode(row.question, type=SearchQuestion) for row in texts},
            {row.id: _named_cameras(row) for row in connection.execute(wanted)},
            [],
        )


def _named_cameras(row: Any) -> frozenset[str]:
    born = {camera.id for camera in parse_birth(row.birth).cameras}
    return frozenset(born | parse_heartbeat(row.heartbeat).cameras.keys())


# --- searches ---


def _record_answer(
    connection: Connection, asked: _AskedFacts, row: Any, reply: ReplyMessage, now_ms: int
) -> bool:
    """Store one reply to a search; a late reply does not replace the final one. Return whether the row has
    changed."""
    if row.status == AnswerStatus.WITHDRAWN.value:
        return _count_too_late(connection, row, reply, now_ms)
    if reply.status == "succeeded":
        return _record_matches(connection, asked, row, reply, now_ms)
    return record_progress(connection, row, reply, now_ms, words_of(reply))


def record_progress(connection: Connection, row: Any, reply: ReplyMessage, now_ms: int, words: str) -> bool:
    """Record a reply without a result; return whether the row has changed."""
    match reply.status:
        case "accepted" | "running":
            is_later = _is_later(reply)
            values: dict[str, Any] = {"next_ms": now_ms + LAST_AGAIN_S * 1000} if is_later else {}
            status = AnswerStatus.LATER if is_later else None
        case "rejected" if reply.code in TRANSIENT:
            status, values = None, {"next_ms": now_ms + again_after_ms(row.sends - 1)}
        case _:
            status = _FINAL.get(reply.status, AnswerStatus.FAILED)
            values = final_values(now_ms)
    return update_answer(connection, row.command, status, words, values)


def words_of(reply: ReplyMessage) -> str:
    """Return the reply as a text for people. An agent that does not support search keys complains about
    operators' keys, which would mislead an officer: its reply is replaced by the true reason."""
    problem = problem_of(reply.text)
    if reply.status == "rejected" and reply.code in ("bad-arguments", "unknown-type"):
        return problem_text("search-gateway-too-old", why=reply.text)
    if reply.code == "unknown-key" or (problem is not None and problem.code == "command-no-keys"):
        return problem_text("search-gateway-lacks-key")
    return reply.text


def final_values(now_ms: int) -> dict[str, Any]:
    return {"answered_ms": now_ms, "next_ms": None, "until_ms": None}


_FINAL = {"rejected": AnswerStatus.REFUSED, "expired": AnswerStatus.EXPIRED}


def _is_later(reply: ReplyMessage) -> bool:
    """Whether the gateway will answer later. A rehearsal runs for minutes or hours, and meanwhile its gateway
    is asked again only once an hour."""
    if reply.status == "running" and reply.command.startswith(REHEARSAL_COMMAND):
        return True
    problem = problem_of(reply.text)
    return problem is not None and problem.code in LATER


def update_answer(
    connection: Connection, command: str, status: AnswerStatus | None, words: str, values: dict[str, Any]
) -> bool:
    values = values | {"words": str(words), "problem": problem_column(words)}
    if status is not None:
        values["status"] = status.value
    parameters = {f"new_{name}": value for name, value in values.items()} | {"of": command}
    return connection.execute(_answer_update(tuple(values)), parameters).rowcount > 0


@cache
def _answer_update(names: tuple[str, ...]) -> Update:
    """Return the UPDATE that sets these columns of an open answer. It is built once, because building it
    costs more than running it."""
    columns = tables.search_answer.c
    changed = update(tables.search_answer).where(
        columns.command == bindparam("of"), columns.until_ms.is_not(None)
    )
    return changed.values({name: bindparam(f"new_{name}", type_=columns[name].type) for name in names})


def _record_matches(
    connection: Connection, asked: _AskedFacts, row: Any, reply: ReplyMessage, now_ms: int
) -> bool:
    final = final_values(now_ms)
    try:
        result = msgspec.json.decode(reply.result, type=_Result)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        words = problem_text("search-answer-malformed")
        return update_answer(connection, row.command, AnswerStatus.FAILED, words, final)
    matches = _plausible(asked, row, result.passages[:MAX_ROWS])
    counts = {
        "total": max(len(matches), min(max(result.total, 0), MAX_TOTAL)),
        "stored": len(matches),
        "dropped": len(result.passages) - len(matches),
    }
    if not update_answer(connection, row.command, AnswerStatus.ANSWERED, reply.text, final | counts):
        return False
    asked.matches.extend(matches)
    if counts["dropped"]:
        log.warning(
            "%s: %d passages of its answer to search %s cannot be true; they are dropped",
            *(row.gateway, counts["dropped"], row.search),
        )
    return True


def _count_too_late(connection: Connection, row: Any, reply: ReplyMessage, now_ms: int) -> bool:
    """Count the rows of an answer that came after the search was withdrawn; none of them is stored."""
    if reply.status != "succeeded" or row.answered_ms is not None:
        return False
    try:
        rows = len(msgspec.json.decode(reply.result, type=_Result).passages)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        rows = 0
    this = tables.search_answer.c.command == row.command
    connection.execute(update(tables.search_answer).where(this).values(answered_ms=now_ms, dropped=rows))
    log.info("%s: answered search %s after it was withdrawn; dropped %d rows", row.gateway, row.search, rows)
    return True


def _plausible(asked: _AskedFacts, row: Any, passages: Sequence[msgspec.Raw]) -> list[dict[str, Any]]:
    """Return rows of ``search_match`` for the passages that can be read and are of a camera and a time that
    the search asked for."""
    question = asked.questions.get(row.search)
    if question is None:
        return []
    cameras = _asked_cameras(question, row.gateway, row.place)
    if cameras is None:
        cameras = asked.cameras.get(row.gateway, frozenset())
    from_ms, until_ms = question.window_ms(row.gateway)
    if row.place == SECOND:
        from_ms, until_ms = question.from_ms, question.second_until_ms
    found: dict[int, dict[str, Any]] = {}
    for raw in passages:
        try:
            passage = msgspec.json.decode(raw, type=ReceivedPassage)
            start_ms = milliseconds(passage.start)
        except (msgspec.DecodeError, UnicodeError, RecursionError, MalformedMessage):
            continue
        end_ms = start_ms + passage.for_s * 1000
        in_time = start_ms <= until_ms + TOLERANCE_MS and end_ms >= from_ms - TOLERANCE_MS
        of_group = question.group in (None, passage.group)
        if in_time and of_group and passage.camera in cameras:
            found[passage.id] = {
                "search": row.search,
                "place": row.place,
                "gateway": row.gateway,
                "ward": row.ward,
                "camera": passage.camera,
                "passage": passage.id,
                "start_ms": start_ms,
                "document": msgspec.json.encode(passage),
            }
    return list(found.values())


def _asked_cameras(question: SearchQuestion, gateway: str, place: int) -> Collection[str] | None:
    second = question.second
    if place == SECOND and second is not None:
        return None if second.camera is None else (second.camera,)
    return question.cameras_of(gateway)


# --- pictures ---


def _record_picture(
    connection: Connection, kind: PictureKind, row: Any, reply: ReplyMessage, now_ms: int
) -> bool:
    final: dict[str, Any] = {"received_ms": now_ms, "next_ms": None}
    match reply.status:
        case "succeeded":
            status, words, more = _picture(connection, kind, row, reply)
            return _update_picture(connection, kind, row.command, status, words, final | more)
        case "accepted" | "running":
            return False
        case "rejected" if reply.code in TRANSIENT:
            again = {"next_ms": now_ms + again_after_ms(row.sends - 1)}
            return _update_picture(connection, kind, row.command, None, reply.text, again)
        case _:
            status = _FINAL_PICTURE.get(reply.status, PictureStatus.FAILED)
            return _update_picture(connection, kind, row.command, status, words_of(reply), final)


_FINAL_PICTURE = {"rejected": PictureStatus.REFUSED, "expired": PictureStatus.EXPIRED}


def _picture(
    connection: Connection, kind: PictureKind, row: Any, reply: ReplyMessage
) -> tuple[PictureStatus, str, dict[str, Any]]:
    malformed = problem_text("search-answer-malformed")
    try:
        found = msgspec.json.decode(reply.result, type=_Pictures)
        text = found.pictures.get(str(row.passage), "")
        payload = base64.b64decode(text, validate=True)
    except (msgspec.DecodeError, UnicodeError, RecursionError, binascii.Error):
        return PictureStatus.FAILED, malformed, {}
    if not payload:
        return PictureStatus.MISSING, problem_text("search-picture-missing"), {}
    sealed, place = payload.startswith(SEALED_MAGIC), found.places.get(str(row.passage))
    is_right = sealed or _is_of_match(connection, kind, row, payload)
    if len(payload) > MAX_PICTURE_BYTES or not is_right or (kind is WHOLE_PICTURE and place is None):
        log.warning("%s: the picture of passage %d is another one than it named", row.gateway, row.passage)
        return PictureStatus.FAILED, malformed, {}
    path = json.dumps(list(_bounded_path(found.paths.get(str(row.passage), []))))
    values: dict[str, Any] = {"jpeg": payload, "sealed": sealed, "path": path}
    if kind is WHOLE_PICTURE and place is not None:
        values["place"] = json.dumps([*place.box, min(place.after_s, MAX_AFTER_S)])
    return PictureStatus.RECEIVED, reply.text, values


def _is_of_match(connection: Connection, kind: PictureKind, row: Any, payload: bytes) -> bool:
    """Whether the file is a JPEG and, for a small picture, has the SHA-256 that the answer to the search
    named. The answer names no SHA-256 of whole pictures."""
    if kind is WHOLE_PICTURE:
        return payload.startswith(_JPEG)
    columns = tables.search_match.c
    which = (columns.search == row.search, columns.gateway == row.gateway, columns.passage == row.passage)
    document = connection.scalar(select(columns.document).where(*which).limit(1))
    if document is None or not payload.startswith(_JPEG):
        return False
    named = msgspec.json.decode(document, type=ReceivedPassage).picture_sha256
    return named is None or named == hashlib.sha256(payload).hexdigest()


def _bounded_path(points: Iterable[tuple[float, float, float]]) -> Iterable[tuple[float, float, float]]:
    for x, y, seconds in list(points)[:MAX_POINTS]:
        if 0 <= x <= 1 and 0 <= y <= 1 and 0 <= seconds <= MAX_AFTER_S:
            yield x, y, seconds


def _update_picture(
    connection: Connection,
    kind: PictureKind,
    command: str,
    status: PictureStatus | None,
    words: str,
    values: dict[str, Any],
) -> bool:
    columns = kind.table.c
    values = values | {"words": str(words), "problem": problem_column(words)}
    if status is not None:
        values["status"] = status.value
    is_open = columns.status.in_([each.value for each in OPEN_PICTURES])
    changed = update(kind.table).where(columns.command == command, is_open).values(**values)
    return connection.execute(changed).rowcount > 0
