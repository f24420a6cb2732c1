"""The record of access: who searched passages or opened their pictures, and for what purpose."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import StorageError
from edge_agent.core.printable import printable_json
from edge_agent.core.state_file import sync_folder
from edge_agent.passages.passage import FOLDER

FILE = "access.jsonl"
_LOCK = threading.Lock()
"""Two commands run at once: the second must not replace the full file by the one that the first has begun."""
MAX_BYTES = 8_000_000
"""About 20,000 entries; then the file replaces ``access.1.jsonl``. Even a day with the most searches that are
answered removes no older entry."""


def record_access(
    state_dir: Path,
    clock: Clock,
    *,
    by: str,
    asked_by: str = "",
    purpose: str,
    case: str = "",
    what: str,
    ids: Sequence[int] = (),
) -> None:
    """Append an entry, durably, before anything is shown.

    ``by``: the person on the gateway, or the key and the command; ``asked_by``: the person that the centre
    names. Raises ``StorageError``: without a record nothing may be shown.
    """
    path = state_dir / FOLDER / FILE
    entry = {
        "time": rfc3339(clock.now()),
        "by": by,
        "asked_by": asked_by,
        "purpose": purpose,
        "case": case,
        "what": what,
        "passages": list(ids),
    }
    try:
        with _LOCK:
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > MAX_BYTES:
                path.replace(path.with_name("access.1.jsonl"))
            with path.open("a", encoding="utf-8") as file:
                file.write(printable_json(entry) + "\n")
                file.flush()
                os.fsync(file.fileno())
            sync_folder(path.parent)  # the file may be new
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}): without a record of access nothing is shown"
        ) from error
