"""Rules as a gateway sends them, questions and results of rehearsals."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, insert

from edge_central.rehearsals.model import RehearsalDraft, RehearsalQuestion
from edge_central.rehearsals.new_rehearsal import start_rehearsal
from edge_central.searches.model import SearchAuthor
from edge_central.store import tables
from tests.edge_central.searches.parts import ADMIN, NOW_MS

YARD = {"polygon": [[0.2, 0.2], [0.8, 0.2], [0.8, 0.9], [0.2, 0.9]]}
NIGHT: dict[str, Any] = {
    "id": "night",
    "kind": "loitering",
    "zone": "yard",
    "labels": ["person", "motorcycle"],
    "min_duration_s": 20,
    "schedule": {"from": "22:00", "to": "05:00", "days": ["mon-fri"], "holidays": "off"},
}
GATE: dict[str, Any] = {"id": "gate", "kind": "line-crossing", "line": "gate"}
CROWD: dict[str, Any] = {"id": "crowd", "kind": "crowding", "zone": "yard", "count": 6}
CAMERA: dict[str, Any] = {
    "rules": [NIGHT, GATE, CROWD],
    "zones": {"yard": YARD},
    "lines": {"gate": {"from": [0.1, 0.5], "to": [0.9, 0.5]}},
}


def document(camera: object = CAMERA) -> bytes:
    """The result of the command ``rules``."""
    return json.dumps({"config_hash": "ab" * 32, "cameras": {"cam-1": camera}}).encode()


def store_rules(
    connection: Connection, gateway: str = "dt-001", ward: str = "de-tham", payload: bytes | None = None
) -> None:
    row = {
        "gateway": gateway,
        "ward": ward,
        "wanted": "ab 0.1",
        "command": f"rules-{gateway}",
        "sends": 1,
        "received_ms": NOW_MS,
        "document": document() if payload is None else payload,
        "words": "",
    }
    connection.execute(insert(tables.camera_rules), row)


def question(**changes: Any) -> RehearsalQuestion:
    asked: dict[str, Any] = {
        "gateway": "dt-001",
        "camera": "cam-1",
        "draft": RehearsalDraft(rule=NIGHT | {"min_duration_s": 60}),
        "days": 14,
        "with_examples": True,
        "purpose": "false alarms of the market",
        "case": "8/2026",
    }
    return RehearsalQuestion(**asked | changes)


def rehearse(
    connection: Connection, author: SearchAuthor = ADMIN, now_ms: int = NOW_MS, **changes: Any
) -> str:
    return start_rehearsal(connection, author, question(**changes), now_ms)


def counts(reports: int = 14) -> dict[str, Any]:
    return {
        "reports": reports,
        "objects": reports,
        "by_hour": [reports, *[0] * 23],
        "by_weekday": [reports, *[0] * 6],
        "by_day": {"2026-11-26": reports},
        "by_group": {"person": reports},
    }


def example(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "time": "2026-11-26T15:30:00.000Z",
        "passage": number,
        "group": "person",
        "by": "both",
        "picture": True,
    } | changes


def result(**changes: Any) -> dict[str, Any]:
    """As a gateway sends it."""
    return {
        "camera": "cam-1",
        "rule": "night",
        "kind": "loitering",
        "from_at": "2026-11-13T12:00:00.000Z",
        "to_at": "2026-11-27T12:00:00.000Z",
        "passages": 3000,
        "used": 120,
        "accuracy": "approximate",
        "draft": counts(14),
        "in_force": counts(41),
        "live": 39,
        "both": 14,
        "only_draft": 0,
        "only_in_force": 27,
        "examples": [example(1), example(2, by="in-force")],
    } | changes
