"""``outbox``: events that wait for delivery."""

from __future__ import annotations

from edge_agent.config.fields.kinds import ByteSize
from edge_agent.config.fields.spec import Field, Section, build_from_values
from edge_agent.config.model.settings import Outbox

OUTBOX = Section(
    "outbox",
    "Events that wait for delivery.",
    (
        Field(
            "max_bytes",
            ByteSize(10**6, 10**12),
            "space on disk; when it is full the lowest priority goes first, and the loss is announced",
            256 * 10**6,
            "256MB",
        ),
    ),
    build_from_values(Outbox),
)
