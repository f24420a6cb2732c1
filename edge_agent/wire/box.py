"""Data of events about the box itself: its clock, and what it had to give up."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.base import Count, Message, Time


class ClockCorrectionData(Message, frozen=True, kw_only=True):
    """``clock-correction``: the first synchronisation of this boot; add ``offset_ms`` to the
    times of earlier events with the same ``bootid`` and ``clock: unsynced``."""

    offset_ms: int
    source: str
    corrected_at: Time


class LossData(Message, frozen=True, kw_only=True):
    """``loss``: events that were given up; a gap that is not announced is a fault."""

    epoch: Annotated[str, Meta(description="of the ranges; may be an earlier one than this event's")]
    ranges: Annotated[
        list[tuple[Count, Count]], Meta(description="first and last sequence, both included, ascending")
    ]
    count: Count
    reason: Literal["outbox-full", "memory-full"]
