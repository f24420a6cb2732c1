"""A small city that can be searched, and replies of its gateways."""

from __future__ import annotations

import base64
import json
from typing import Any

from sqlalchemy import Connection, select

from edge_agent.wire.received.messages import ReplyMessage, parse_message
from edge_agent.wire.topics import CentralTopics
from edge_central.searches.model import SearchAuthor, SearchKeyRecord, SearchReader
from edge_central.searches.new_search import start_search
from edge_central.searches.question import SearchQuestion, parse_question
from edge_central.store import tables
from edge_central.store.database import conflict_insert, write_record
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.parts import JPEG

NOW_MS = 1_795_780_800_000  # 2026-11-27T12:00:00Z
HOUR_MS = 3_600_000
WARDS = ("de-tham", "bo-xuyen")
GATEWAYS = {"dt-001": "de-tham", "dt-002": "de-tham", "bx-001": "bo-xuyen"}
LAN = SearchAuthor("lan", "::1", Scope(frozenset({"de-tham"})))
ADMIN = SearchAuthor("minh", "::1", EVERYWHERE)
OF_LAN = SearchReader(LAN.scope, "lan")
OF_ALL = SearchReader(EVERYWHERE, None)
"""What an administrator may read."""
TOPICS = CentralTopics("tb/v1", "central")


def question(**filters: Any) -> SearchQuestion:
    """Of the hour before NOW_MS."""
    return parse_question(json.dumps(document(**filters)).encode())


def document(**filters: Any) -> dict[str, Any]:
    return {
        "purpose": "theft of a motorcycle",
        "case": "7/2026",
        "from_at": "2026-11-27T11:00:00Z",
        "to_at": "2026-11-27T19:00:00+07:00",
        **filters,
    }


def found_city(connection: Connection, *, key: bool = True) -> None:
    """Gateways with two cameras each; ``key``: their centre can search."""
    if key:
        write_record(connection, "search-key central", SearchKeyRecord(key="ab", wards=list(WARDS)))
    for number, (gateway, ward) in enumerate(GATEWAYS.items()):
        birth = {
            "gateway": gateway,
            "cameras": [{"id": "cam-1"}, {"id": "cam-2"}],
            "location": {"latitude": 20.45 + number / 100, "longitude": 106.34},
        }
        row = {
            "id": gateway,
            "ward": ward,
            "first_ms": NOW_MS,
            "last_ms": NOW_MS,
            "state": "online",
            "birth": json.dumps(birth).encode(),
        }
        connection.execute(conflict_insert(connection, tables.gateway).on_conflict_do_nothing(), row)


def ask(connection: Connection, author: SearchAuthor = ADMIN, now_ms: int = NOW_MS, **filters: Any) -> str:
    return start_search(connection, author, question(**filters), now_ms)


def command_of(connection: Connection, search: str, gateway: str, place: int = 1) -> str:
    columns = tables.search_answer.c
    which = (columns.search == search, columns.gateway == gateway, columns.place == place)
    return str(connection.scalar(select(columns.command).where(*which)))


def passage(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of an answer, as a gateway sends it."""
    return {
        "id": number,
        "camera": "cam-1",
        "track": f"cam-1-k3-{number}",
        "group": "two-wheeler",
        "start": "2026-11-27T11:30:00.000Z",
        "for_s": 9.0,
        "entry": "left",
        "exit": "right",
        "colours": {"upper": ["red"]},
        **changes,
    }


def reply(
    gateway: str, command: str, status: str = "succeeded", ward: str | None = None, **more: Any
) -> ReplyMessage:
    """A reply as it is parsed when it arrives."""
    document = {"schema": "reply/1", "id": command, "status": status, "code": "ok", "text": "words", **more}
    topic = TOPICS.parse_up(f"tb/v1/{ward or GATEWAYS[gateway]}/{gateway}/up/reply/{command}")
    assert topic is not None
    found = parse_message(topic, json.dumps(document).encode(), ())
    assert isinstance(found, ReplyMessage)
    return found


def answer(gateway: str, command: str, *passages: object, total: object = 0, **more: Any) -> ReplyMessage:
    return reply(gateway, command, result={"total": total, "passages": list(passages)}, **more)


def picture_reply(
    gateway: str, command: str, number: int, payload: bytes = JPEG, **more: Any
) -> ReplyMessage:
    pictures = {str(number): base64.b64encode(payload).decode()}
    return reply(gateway, command, result={"pictures": pictures, **more})
