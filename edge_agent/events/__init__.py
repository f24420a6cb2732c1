"""Makes events from observations: envelopes, identifiers, times and severities. Stores and sends nothing."""

from edge_agent.events.envelope import (
    LOST_CLIP,
    UNREPORTED_CLIP,
    LastAliveFile,
    event_of_clip,
    lost_clip,
    restamped,
)
from edge_agent.events.event_fields import object_event_id
from edge_agent.events.factory import GATEWAY, EventFactory
from edge_agent.events.sink import ClipSource, EventSink, NoClips, NoSnapshots
