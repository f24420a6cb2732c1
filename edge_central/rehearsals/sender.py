"""The part of rehearsals in the ingest: signs them with the search key. They are sent again, wait and expire
like searches (``edge_central/searches/sender.py``), because a rehearsal is a row of ``search_answer`` too."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from edge_agent.core.clock import Clock, wall_ms
from edge_agent.mqtt.session.client import MqttMessage
from edge_central.rehearsals.model import RehearsalDraft
from edge_central.searches.model import REHEARSAL_COMMAND, AnswerStatus
from edge_central.searches.sender import SearchSender
from edge_central.store import tables

log = logging.getLogger(__name__)

MAX_AT_ONCE = 20
TYPE_REHEARSE = "rehearse"


class RehearsalSender:
    """Sends the requested rehearsals. Not thread-safe: the ingest thread owns it."""

    def __init__(self, searches: SearchSender, clock: Clock) -> None:
        self._searches = searches
        self._clock = clock

    def send(self, connection: Connection) -> list[MqttMessage]:
        """Mark up to MAX_AT_ONCE due rehearsals as sent. Return the messages to publish after the commit."""
        key = self._searches.key
        if key is None:
            return []
        messages, sent = [], []
        for row in self._due(connection):
            args = _arguments(row)
            if args is None:
                _give_up(connection, row)
                continue
            messages += self._searches.message(key, row, TYPE_REHEARSE, args)
            sent.append(row)
            log.info("%s: sent rehearsal %s, asked by %s", row.gateway, row.search, row.asked_by)
        self._searches.mark_sent(connection, tables.search_answer, sent, AnswerStatus.SENT)
        return messages

    def _due(self, connection: Connection) -> list[Any]:
        answer, search, rehearsal = tables.search_answer.c, tables.search.c, tables.rehearsal.c
        more = (search.asked_by, search.expires_ms, search.purpose, search.case_number)
        about = (rehearsal.camera, rehearsal.days, rehearsal.examples, rehearsal.draft)
        query = (
            select(tables.search_answer, *more, *about)
            .join_from(tables.search_answer, tables.search, answer.search == search.id)
            .join(tables.rehearsal, rehearsal.search == answer.search)
            .where(*self._searches.due(tables.search_answer), answer.command.startswith(REHEARSAL_COMMAND))
            .order_by(answer.next_ms, answer.command)
            .limit(MAX_AT_ONCE)
        )
        return list(connection.execute(query, {"now_ms": wall_ms(self._clock)}))


def _arguments(row: Any) -> dict[str, Any] | None:
    """Return the arguments of the command. None: the console cannot have written this draft."""
    try:
        draft = msgspec.json.decode(row.draft, type=RehearsalDraft)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        log.error("rehearsal %s: its draft cannot be read; it is not sent", row.search)
        return None
    return {
        "camera": row.camera,
        "rule": draft.rule,
        "zones": draft.zones,
        "lines": draft.lines,
        "days": row.days,
        "examples": row.examples,
        "purpose": row.purpose,
        "case": row.case_number,
        "wards": [row.ward],
        "asked_by": row.asked_by,
    }


def _give_up(connection: Connection, row: Any) -> None:
    failed = {"status": AnswerStatus.FAILED.value, "next_ms": None, "until_ms": None}
    this = tables.search_answer.c.command == row.command
    connection.execute(update(tables.search_answer).where(this).values(**failed))
