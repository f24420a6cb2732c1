"""From facts to events."""

from edge_agent.events.maker import EventMaker, object_event_id
from edge_agent.events.sink import Appender, EventSink, NoSnapshots

__all__ = ["Appender", "EventMaker", "EventSink", "NoSnapshots", "object_event_id"]
