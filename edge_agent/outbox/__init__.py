"""Events on disk until they are delivered. The only place that uses SQLite."""

from edge_agent.outbox.outbox import EventOutbox

__all__ = ["EventOutbox"]
