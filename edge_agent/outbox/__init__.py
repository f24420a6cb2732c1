"""Stores events on disk, in SQLite, until they are delivered."""

from edge_agent.outbox.outbox import EventOutbox

__all__ = ["EventOutbox"]
