"""Requests to root's part, ``edge_commission.py``: a file in memory starts it, and it writes an answer."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.core.state_file import create_file, read_bounded

WAIT_S = 120.0
"""``edge-agent check`` on a slow board with a cold card takes most of it."""
POLL_S = 0.1


class RootPartAnswer(msgspec.Struct, frozen=True):
    id: str
    outcome: str  # done, refused or failed
    detail: str = ""
    csr: str = ""


class RootPart:
    """``request`` is the file that root's path unit watches, in a folder of this process's user."""

    def __init__(self, request: Path, answer: Path, wait_s: float = WAIT_S) -> None:
        self._request, self._answer, self._wait_s = request, answer, wait_s

    def ask(self, action: str, **values: str | Mapping[str, str]) -> RootPartAnswer:
        """Make a request and wait for the answer. Raises CommissioningError unless it was done."""
        id_ = secrets.token_hex(8)
        self._write({"id": id_, "action": action, **values})
        end_mono = time.monotonic() + self._wait_s
        while (answer := self._read()) is None or answer.id != id_:
            if time.monotonic() > end_mono:
                self._request.unlink(missing_ok=True)
                raise CommissioningError("root-silent", seconds=round(self._wait_s))
            time.sleep(POLL_S)
        if "No space left" in answer.detail:  # ENOSPC, strerror(3)
            raise CommissioningError("disk-full")
        if answer.outcome != "done":
            raise CommissioningError("root-refused", reason=answer.detail[:1000])
        return answer

    def _write(self, request: Mapping[str, Any]) -> None:
        new = self._request.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(create_file(new, os.O_WRONLY, 0o600), "wb") as file:
                file.write(msgspec.json.encode(request))
            new.replace(self._request)
        except OSError as error:
            raise CommissioningError("root-silent", seconds=0) from error

    def _read(self) -> RootPartAnswer | None:
        try:
            return msgspec.json.decode(read_bounded(self._answer), type=RootPartAnswer)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
