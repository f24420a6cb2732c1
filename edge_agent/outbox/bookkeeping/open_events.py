"""Events that have started and not ended, in memory beside their rows on disk."""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.core.delivery import Draft, OpenEvent


class OpenEvents:
    """The open events, to be written to a new database or to a disk that works again. The caller locks."""

    def __init__(self) -> None:
        self._open: dict[str, OpenEvent] = {}
        self._left: dict[str, OpenEvent] = {}  # the open events of an earlier run
        self._closed: set[str] = set()  # whose rows on disk, if any, are still to be deleted

    def restore(self, on_disk: Iterable[OpenEvent]) -> None:
        """Add the rows of a disk; an earlier run left those open that this run did not open."""
        for event in on_disk:
            if event.event_id not in self._open and event.event_id not in self._closed:
                self._open[event.event_id] = self._left[event.event_id] = event

    def note(self, draft: Draft, *, on_disk: bool) -> None:
        """Apply a stored draft. ``on_disk``: whether the transaction has changed the rows as well."""
        if draft.opens is not None:
            self._open[draft.opens.event_id] = draft.opens
        if draft.closes is not None:
            self.close(draft.closes, on_disk=on_disk)

    def close(self, event_id: str, *, on_disk: bool) -> None:
        self._open.pop(event_id, None)
        self._left.pop(event_id, None)
        if not on_disk:
            self._closed.add(event_id)

    def row_deleted(self, event_id: str) -> None:
        """Note that the row of a closed event is deleted."""
        self._closed.discard(event_id)

    def clear_closed(self) -> None:
        """Note that the rows of all closed events are deleted."""
        self._closed.clear()

    def all(self) -> list[OpenEvent]:
        return list(self._open.values())

    def left_open(self) -> list[OpenEvent]:
        return list(self._left.values())

    def closed(self) -> list[str]:
        """Return the ids whose rows are to be deleted."""
        return list(self._closed)
