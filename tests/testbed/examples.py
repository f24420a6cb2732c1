"""Stores one message of each kind from real runs, for docs/reference/examples: ``make examples``.

Where ``EDGE_AGENT_EXAMPLES`` names a folder, every test that subscribes at a broker or replays a clip stores
its messages there; otherwise nothing happens. The first message of a kind stays, unless a more complete one
follows.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from edge_agent.wire import TYPE_PREFIX
from tests.testbed.schemas import check_message

FOLDER = "EDGE_AGENT_EXAMPLES"
LARGEST_BYTES = 5000  # a larger example explains no more
UNDATED, DATED = "1970-01-01T00:", "2026-11-27T01:"


def keep(topic: str, payload: bytes, properties: Mapping[str, str] | None = None) -> None:
    """Store a message from the broker; ``properties``: its user properties."""
    if (folder := os.environ.get(FOLDER)) is None:
        return
    for kind in ("media", "part"):
        if f"/up/{kind}/" in topic and properties:
            _put(Path(folder) / f"{kind}.json", dict(properties))
    with contextlib.suppress(ValueError, KeyError, RecursionError):  # invalid messages of tests
        if topic.endswith("/down/config") and payload.count(b".") == 2:
            _put(Path(folder) / "config.json", payload.decode())
        document = _inside(payload)
        if (name := _name(topic, document)) is not None:
            _write(Path(folder) / f"{name}.json", json.loads(document))


def keep_event(event: dict[str, Any]) -> None:
    """Store an event that a replay printed. Without ``--start`` it begins in 1970: the example has the times
    of a recording that begins at ``DATED``."""
    if (folder := os.environ.get(FOLDER)) is not None:
        dated = json.loads(json.dumps(event).replace(UNDATED, DATED))
        _write(Path(folder) / f"event-{_kind(event)}.json", dated)


def _inside(payload: bytes) -> bytes:
    """The document inside a compact JWS; anything else unchanged."""
    parts = payload.split(b".")
    if payload.startswith(b"{") or len(parts) != 3:
        return payload
    return base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4))


def _name(topic: str, payload: bytes) -> str | None:
    levels = topic.split("/")
    if "central" in levels and "alert" in levels:
        return "central-alert"
    if "central" in levels and "claim" in levels:
        return "central-claim"
    direction = next((level for level in ("up", "down") if level in levels), None)
    if direction is None or not payload.startswith(b"{"):
        return None
    stream, *rest = levels[levels.index(direction) + 1 :]
    match stream:
        case "event":
            return f"event-{_kind(json.loads(payload))}"
        case "reply":
            return "reply"
        case "cmd" if rest:
            return f"command-{rest[0]}"
        case "config":
            return "command-set-config"
        case "answer":
            return "claim-answer"
        case "media" | "part" | "probe":
            return None
    return stream


def _kind(event: dict[str, Any]) -> str:
    return str(event["type"]).removeprefix(TYPE_PREFIX).removesuffix(".v1")


def _write(path: Path, message: dict[str, Any]) -> None:
    text = json.dumps(message, indent=2, ensure_ascii=False) + "\n"
    size = len(text.encode())
    if path.exists() and not path.stat().st_size < size < LARGEST_BYTES:
        return
    with contextlib.suppress(KeyError, jsonschema.ValidationError):  # invalid messages of tests
        check_message(message, path.stem)
        path.write_text(text, encoding="utf-8")


def _put(path: Path, example: object) -> None:
    """Store a message that is not JSON; the first one stays."""
    if not path.exists():
        path.write_text(json.dumps(example, indent=2) + "\n", encoding="utf-8")
