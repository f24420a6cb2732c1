"""Data of events that count: new objects, and who crossed a line."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from edge_agent.wire.data.base import END, Count, Message, Time


class LineCountsData(Message, frozen=True, kw_only=True):
    """``line-counts``: who crossed a line since the site's midnight; sent once a minute when somebody has,
    and once more at midnight, before it begins with 0 again."""

    rule_id: str
    line: str
    day: Annotated[str, Meta(pattern=rf"^\d{{4}}-\d\d-\d\d{END}", description="in the site's own time")]
    from_at: Annotated[Time, Meta(description="of the interval since the last one")]
    to_at: Time
    a_to_b: Annotated[dict[str, Count], Meta(description="since midnight, by label")]
    b_to_a: Annotated[dict[str, Count], Meta(description="since midnight, by label")]


class CountsData(Message, frozen=True, kw_only=True):
    """``counts``: new confirmed objects per label since the last ``counts``; zero is not sent."""

    from_at: Time
    to_at: Time
    interval_s: float
    new: dict[str, Count]
