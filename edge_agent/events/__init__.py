"""From facts to events: envelopes, identifiers, times and severities. Nothing is stored or sent here."""

from edge_agent.events.envelope import LOST_CLIP, restamped, whose_clip
from edge_agent.events.life_sign import LifeSign
from edge_agent.events.maker import GATEWAY, EventMaker, object_event_id
from edge_agent.events.sink import Appender, ClipSource, EventSink, NoClips, NoSnapshots

__all__ = [
    "GATEWAY",
    "LOST_CLIP",
    "Appender",
    "ClipSource",
    "EventMaker",
    "EventSink",
    "LifeSign",
    "NoClips",
    "NoSnapshots",
    "object_event_id",
    "restamped",
    "whose_clip",
]
