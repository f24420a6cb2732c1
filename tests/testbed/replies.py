"""Replies to commands."""

from __future__ import annotations

from typing import Any

from edge_agent.wire import Reply


def reply_of(id_: str, type_: str = "status", gateway: str = "dt-001", **fields: Any) -> Reply:
    """The reply to a command that succeeded, but for ``fields``."""
    well: dict[str, Any] = {"status": "succeeded", "code": "ok", "text": "it is done", "session": "s"}
    told = {"time": "2026-11-25T03:00:00.000Z"} | well | fields
    return Reply(id=id_, type=type_, gateway=gateway, **told)
