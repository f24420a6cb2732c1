"""One append on its way through a group commit."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.outbox_model import Draft, Stamp


@dataclass(slots=True, eq=False)
class Ticket:
    """Written by the thread that commits, read by the appending thread once ``done`` is set."""

    draft: Draft
    created_mono: float
    media_saved: bool = False  # the file of ``draft.media`` is on disk
    stamp: Stamp | None = None
    row: int = 0
    error: Exception | None = None  # of ``draft.encode``
    done: bool = False

    def encode(self, stamp: Stamp) -> bytes | None:
        """The payload, or None when the draft's encoder failed: its appender gets that error."""
        self.error = self.stamp = None
        try:
            return self.draft.encode(stamp)
        except Exception as error:  # noqa: BLE001 - the code of others; must not fail its neighbours
            self.error = error
            return None
