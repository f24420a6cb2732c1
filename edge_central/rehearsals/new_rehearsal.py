"""Starts a rehearsal: a search with one gateway, whose command is ``rehearse``. The console only writes rows;
the ingest signs and sends the command (docs/decisions/0065).
"""

from __future__ import annotations

import secrets

import msgspec
from sqlalchemy import Connection, insert, select

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.rehearsals.model import MAX_EXAMPLES, RehearsalQuestion
from edge_central.searches.model import (
    HOUR_MS,
    REHEARSAL_COMMAND,
    SearchAuthor,
    SearchesUnavailable,
)
from edge_central.searches.new_search import answer_row, check_limits, searchable_wards
from edge_central.searches.question import DEFAULT_HOURS, InvalidQuestion, SearchQuestion, checked_question
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access

DAY_MS = 24 * HOUR_MS


def start_rehearsal(
    connection: Connection, author: SearchAuthor, question: RehearsalQuestion, now_ms: int
) -> str:
    """Store a rehearsal and its row of the access log, and return its id. The ingest sends it. Raises
    InvalidQuestion, TooManySearches, SearchesUnavailable."""
    check_limits(connection, author.account, now_ms)
    columns = tables.gateway.c
    this = (columns.id == question.gateway, author.scope.of(columns.ward))
    ward = connection.scalar(select(columns.ward).where(*this))
    if ward is None:
        raise InvalidQuestion("gateways", problem_text("search-not-yours", place=question.gateway))
    served = searchable_wards(connection)
    if ward not in served:
        raise SearchesUnavailable(problem_text("search-no-key"))
    search, asked = secrets.token_hex(8), _as_search(question, now_ms)
    expires_ms = now_ms + round(asked.hours * HOUR_MS)
    on_record = {"purpose": asked.purpose, "case_number": asked.case}
    row = {
        "id": search,
        "asked_ms": now_ms,
        "asked_by": author.account,
        "address": author.address,
        "question": msgspec.json.encode(asked).decode(),
        "wards": ward,
        "expires_ms": expires_ms,
        "changes": 0,
    }
    connection.execute(insert(tables.search), row | on_record)
    answer = answer_row(question.gateway, ward, 1, served, now_ms, expires_ms)
    command = {"command": f"{REHEARSAL_COMMAND}{search}", "search": search}
    connection.execute(insert(tables.search_answer), command | answer)
    connection.execute(insert(tables.rehearsal), _rehearsal_row(search, ward, question))
    place = {"ward": ward, "gateway": question.gateway, "camera": question.camera}
    more = {"search": search, **on_record, **place, "gateways": 1}
    record_access(connection, AccessKind.REHEARSAL, author.account, author.address, now_ms, **more)
    return search


def _rehearsal_row(search: str, ward: str, question: RehearsalQuestion) -> dict[str, object]:
    return {
        "search": search,
        "gateway": question.gateway,
        "ward": ward,
        "camera": question.camera,
        "rule": str(question.draft.rule.get("id"))[:63],
        "days": question.days,
        "examples": MAX_EXAMPLES if question.with_examples else 0,
        "draft": msgspec.json.encode(question.draft).decode(),
    }


def _as_search(question: RehearsalQuestion, now_ms: int) -> SearchQuestion:
    """Return the rehearsal as the question of a search: camera, time, purpose and case."""
    return checked_question(
        {
            "purpose": question.purpose,
            "case": question.case,
            "from_at": rfc3339_of_ms(now_ms - question.days * DAY_MS),
            "to_at": rfc3339_of_ms(now_ms),
            "cameras": [f"{question.gateway}/{question.camera}"],
            "hours": DEFAULT_HOURS,
        }
    )
