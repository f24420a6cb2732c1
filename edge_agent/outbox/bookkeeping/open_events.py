"""Objects that have a start and no end yet, in memory beside their rows on disk."""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.core.delivery import Draft, OpenEvent


class OpenEvents:
    """So that a new database can be told of them, and a disk that comes late is asked. The caller locks."""

    def __init__(self) -> None:
        self._open: dict[str, OpenEvent] = {}
        self._left: dict[str, OpenEvent] = {}  # of these, the ones of an earlier run
        self._closed: set[str] = set()  # their rows, if there are any, are still to be deleted

    def restore(self, on_disk: Iterable[OpenEvent]) -> None:
        """These rows are on disk: those of objects this run did not open were left open."""
        for event in on_disk:
            if event.event_id not in self._open and event.event_id not in self._closed:
                self._open[event.event_id] = self._left[event.event_id] = event

    def note(self, draft: Draft, *, on_disk: bool) -> None:
        """A draft is stored; ``on_disk`` says that the rows say the same."""
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
        """Its row is deleted."""
        self._closed.discard(event_id)

    def clear_closed(self) -> None:
        """The rows say the same again."""
        self._closed.clear()

    def all(self) -> list[OpenEvent]:
        return list(self._open.values())

    def left_open(self) -> list[OpenEvent]:
        return list(self._left.values())

    def closed(self) -> list[str]:
        """Ids whose rows are to be deleted."""
        return list(self._closed)
