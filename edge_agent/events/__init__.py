"""From facts to events."""

from edge_agent.events.maker import EventMaker, object_event_id
from edge_agent.events.sink import Appender, ClipSource, EventSink, NoClips, NoSnapshots

__all__ = [
    "Appender",
    "ClipSource",
    "EventMaker",
    "EventSink",
    "NoClips",
    "NoSnapshots",
    "object_event_id",
]
