"""A fake outbox for the events of the recorder."""

from __future__ import annotations

import json
from typing import Any

from edge_agent.core.delivery import Draft, Stamp
from edge_agent.evidence.store import MediaStore


class RecordingOutbox:
    """A fake outbox that notes at each append whether the media file exists."""

    def __init__(self, store: MediaStore) -> None:
        self.events: list[dict[str, Any]] = []
        self.on_disk: list[bool] = []
        self._store = store

    def append(self, draft: Draft) -> Stamp:
        stamp = Stamp(len(self.events) + 1, "3f2a0b1c")
        data = json.loads(draft.encode(stamp))["data"]
        self.on_disk.append(bool(self._store.files_of(data["event_id"])))
        self.events.append(data)
        return stamp
