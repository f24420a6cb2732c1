"""Stores events on disk until they are delivered. The only package that uses SQLite."""

from edge_agent.outbox.outbox import EventOutbox

__all__ = ["EventOutbox"]
