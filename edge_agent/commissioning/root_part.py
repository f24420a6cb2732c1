"""Requests to root's part, ``edge_commission.py``: a request file in memory starts root's part, which writes
an answer."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.core.state_file import read_bounded, replace_file

log = logging.getLogger(__name__)

WAIT_S = 120.0
"""Longest wait for an answer. ``edge-agent check`` on a slow board with a cold card takes most of it."""
POLL_S = 0.1
DISK_ERRORS = ("No space left", "Read-only file system", "Input/output error")
"""Texts of the errors of a disk, as strerror(3) gives them: ENOSPC, EROFS and EIO."""


class RootPartAnswer(msgspec.Struct, frozen=True):
    id: str
    outcome: str  # done, refused or failed
    detail: str = ""
    csr: str = ""
    # code of a refusal, a sentence in ``messages.py``; if the code is unknown, ``detail`` is shown
    code: str = ""
    values: dict[str, str] = {}  # values to fill into the sentence


class RootPart:
    """Asks root's part. ``request`` is the file that root's path unit watches, in a folder of this process's
    user."""

    def __init__(self, request: Path, answer: Path, wait_s: float = WAIT_S) -> None:
        self._request, self._answer, self._wait_s = request, answer, wait_s

    def ask(self, action: str, **values: str | Mapping[str, str]) -> RootPartAnswer:
        """Make a request and wait for the answer. Raises CommissioningError unless root's part has done
        it."""
        id_ = secrets.token_hex(8)
        self._write({"id": id_, "action": action, **values})
        end_mono = time.monotonic() + self._wait_s
        while (answer := self._read()) is None or answer.id != id_:
            if time.monotonic() > end_mono:
                self._request.unlink(missing_ok=True)
                raise CommissioningError("root-silent", seconds=round(self._wait_s))
            time.sleep(POLL_S)
        if any(text in answer.detail for text in DISK_ERRORS):
            raise CommissioningError("disk-full")
        if answer.outcome == "failed":
            log.warning("root's part: %s: %s", action, answer.detail)
            raise CommissioningError("root-failed")
        if answer.outcome != "done":
            raise _refusal(answer)
        return answer

    def _write(self, request: Mapping[str, Any]) -> None:
        try:
            replace_file(self._request, msgspec.json.encode(request), 0o600)
        except OSError as error:
            raise CommissioningError("root-silent", seconds=0) from error

    def _read(self) -> RootPartAnswer | None:
        try:
            return msgspec.json.decode(read_bounded(self._answer), type=RootPartAnswer)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None


def _refusal(answer: RootPartAnswer) -> CommissioningError:
    """Return the error for a refusal. If its code is unknown, because root's part has another version than
    this program, the English text is shown."""
    with contextlib.suppress(KeyError):
        return CommissioningError(answer.code, **answer.values)
    return CommissioningError("root-refused", reason=answer.detail[:1000])
