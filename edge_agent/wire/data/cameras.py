"""Data of events about a camera: what happened to its view, and whether it can be reached."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.data.base import CameraCause, Count, Message, Time
from edge_agent.wire.data.objects import SnapshotRef


class CameraViewData(Message, frozen=True, kw_only=True):
    """``camera-view``: something has happened to what a camera sees: covered, turned, frozen, rain, ..."""

    phase: Literal["start", "update", "end", "moment"]
    event_id: str
    state: Literal[
        "covered",
        "defocused",
        "moved",
        "frozen",
        "dark",
        "overexposed",
        "visibility-degraded",
        "illumination-change",
        "colour-mono-switch",
    ]
    tamper: Annotated[bool, Meta(description="somebody has to look after it; false: weather, light, a fact")]
    why: Annotated[str, Meta(description="one line for humans")]
    features: Annotated[dict[str, float], Meta(description="what the verdict rests on; docs/design/view.md")]
    started_at: Time
    ended_at: Time | None = None
    end_reason: Literal["over", "relearned", "reload", "restart", "camera"] | None = None
    snapshot: SnapshotRef | None = None


class CameraStateData(Message, frozen=True, kw_only=True):
    """``camera-state``: a camera went down, came back or got worse."""

    state: Literal["online", "degraded", "offline"]
    cause: CameraCause | None
    detail: str
    since_at: Time
    down_s: Annotated[float, Meta(ge=0)] | None = None  # with online: how long it was away
    kept_back: Count = 0  # changes since the last event that were not told: the camera flaps
