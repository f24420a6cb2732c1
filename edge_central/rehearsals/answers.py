"""Stores the replies of gateways to rehearsals and to questions for rules. It bounds everything that a
gateway sends. A rehearsal is stored as a search, and its examples as matches of this search, so that their
pictures are opened and recorded like those of any search."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from edge_agent.core.problems import problem_of
from edge_agent.wire.received.messages import MalformedMessage, ReplyMessage, milliseconds
from edge_central.rehearsals.model import MAX_EXAMPLES, CountedRehearsal, ReceivedExample
from edge_central.rehearsals.new_rehearsal import DAY_MS
from edge_central.rehearsals.rule_requests import record_rules
from edge_central.searches.answers import (
    TOLERANCE_MS,
    final_values,
    record_answers,
    record_progress,
    rows_of,
    update_answer,
)
from edge_central.searches.hold_answers import record_hold
from edge_central.searches.matches import FIRST, ReceivedPassage
from edge_central.searches.model import HOLD_COMMAND, REHEARSAL_COMMAND, RULES_COMMAND, AnswerStatus
from edge_central.searches.sender import note_changes
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.database import conflict_insert

log = logging.getLogger(__name__)


LONGEST_MS = DAY_MS
"""An example may be of an object that came this long before the rehearsed time."""


class _Examples(msgspec.Struct):
    examples: list[msgspec.Raw] = []


def record_replies(connection: Connection, replies: Sequence[ReplyMessage], now_ms: int) -> None:
    """Store replies to searches, holds, rehearsals and questions for rules; others are ignored."""
    record_answers(connection, replies, now_ms)
    for row, reply in rows_of(connection, tables.passage_hold, HOLD_COMMAND, replies):
        if record_hold(connection, row, reply, now_ms):
            note_changes(connection, [row.search])
    for row, reply in rows_of(connection, tables.search_answer, REHEARSAL_COMMAND, replies):
        if _record_rehearsal(connection, row, reply, now_ms):
            note_changes(connection, [row.search])
    for row, reply in rows_of(connection, tables.camera_rules, RULES_COMMAND, replies):
        record_rules(connection, row, reply, now_ms)


def _record_rehearsal(connection: Connection, row: Any, reply: ReplyMessage, now_ms: int) -> bool:
    if reply.status != "succeeded":
        return record_progress(connection, row, reply, now_ms, _words_of(reply))
    final = final_values(now_ms)
    try:
        result = msgspec.json.decode(reply.result, type=CountedRehearsal)
        raw = msgspec.json.decode(reply.result, type=_Examples).examples
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        words = problem_text("search-answer-malformed")
        return update_answer(connection, row.command, AnswerStatus.FAILED, words, final)
    examples = _plausible(connection, row, raw, now_ms)
    counts = {"total": len(raw), "stored": len(examples), "dropped": len(raw) - len(examples)}
    if not update_answer(connection, row.command, AnswerStatus.ANSWERED, reply.text, final | counts):
        return False
    _store_matches(connection, row, examples)
    this = tables.rehearsal.c.search == row.search
    values = {"result": msgspec.json.encode(result), "shown": msgspec.json.encode(examples)}
    connection.execute(update(tables.rehearsal).where(this).values(**values))
    if counts["dropped"]:
        log.warning("%s: %d examples of rehearsal %s cannot be true; they are dropped", row.gateway,
                    counts["dropped"], row.search)  # fmt: skip
    return True


def _words_of(reply: ReplyMessage) -> str:
    """Return the gateway's reply as a text for officers. An older agent that knows no search keys, or no
    rehearsals, replies with a misleading complaint: return the true reason instead. A mistake in the draft is
    shown in the words of the gateway."""
    problem = problem_of(reply.text)
    code = None if problem is None else problem.code
    if reply.code == "unknown-type" or code == "command-search-key":
        return problem_text("search-gateway-too-old", why=reply.text)
    if reply.code == "unknown-key" or code == "command-no-keys":
        return problem_text("search-gateway-lacks-key")
    return reply.text


def _plausible(
    connection: Connection, row: Any, raw: Sequence[msgspec.Raw], now_ms: int
) -> list[ReceivedExample]:
    """Return the examples that can be read and are of the time that was asked. Their number is at most the
    number that was asked for; each passage has one example."""
    columns, search = tables.rehearsal.c, tables.search.c
    query = select(columns.examples, columns.days, search.asked_ms)
    query = query.join_from(tables.rehearsal, tables.search, columns.search == search.id)
    asked = connection.execute(query.where(columns.search == row.search)).first()
    if asked is None:
        return []
    first_ms = asked.asked_ms - asked.days * DAY_MS - LONGEST_MS
    found: dict[int, ReceivedExample] = {}
    for each in raw[: min(asked.examples, MAX_EXAMPLES)]:
        try:
            example = msgspec.json.decode(each, type=ReceivedExample)
            time_ms = milliseconds(example.time)
        except (msgspec.DecodeError, UnicodeError, RecursionError, MalformedMessage):
            continue
        if first_ms <= time_ms <= now_ms + TOLERANCE_MS:
            found[example.passage] = example
    return list(found.values())


def _store_matches(connection: Connection, row: Any, examples: Sequence[ReceivedExample]) -> None:
    columns = tables.rehearsal.c
    camera = connection.scalar(select(columns.camera).where(columns.search == row.search))
    matches = list(_matches(row, str(camera), examples))
    if matches:
        connection.execute(conflict_insert(connection, tables.search_match).on_conflict_do_nothing(), matches)


def _matches(row: Any, camera: str, examples: Sequence[ReceivedExample]) -> Iterator[dict[str, Any]]:
    for each in examples:
        if not each.picture:
            continue
        passage = ReceivedPassage(
            id=each.passage, camera=camera, group=each.group, start=each.time, for_s=0.0
        )
        yield {
            "search": row.search,
            "place": FIRST,
            "gateway": row.gateway,
            "ward": row.ward,
            "camera": camera,
            "passage": each.passage,
            "start_ms": milliseconds(each.time),
            "document": msgspec.json.encode(passage),
        }
