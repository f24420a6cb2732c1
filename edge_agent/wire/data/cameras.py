"""Data of events about a camera: what happened to its view, and whether it can be reached.

Data of the event that a rule, or the watch over a camera's view, was changed by hand for a time.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.data.base import CameraCause, Count, Id, Message, Sha256, Time
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


class RuleOverrideData(Message, frozen=True, kw_only=True):
    """``rule-override``: a rule is muted, armed or disarmed for a time, or a view is learned anew."""

    phase: Literal["start", "end"]
    event_id: Annotated[str, Meta(description="the same at its end, over restarts too")]
    what: Annotated[
        Literal["mask", "arm", "disarm", "relearn"],
        Meta(description="relearn: while it lasts no tamper with the view is told"),
    ]
    rule_id: Annotated[Id | None, Meta(description="null: relearn, which is about the camera")]
    for_s: Annotated[float | None, Meta(description="as it was asked for; null: until it is done")]
    origin: Annotated[
        Literal["command", "box"], Meta(description="box: by root or the agent's user, on the box itself")
    ]
    command_id: Annotated[Id | None, Meta(description="of the command that asked for it")]
    signed_by: Annotated[Sha256 | None, Meta(description="id of the operator's key; null: not signed")]
    why: Annotated[str, Meta(description="one line for humans")]
    started_at: Time
    ended_at: Time | None = None
    end_reason: Annotated[
        Literal["over", "command", "replaced", "restart"] | None,
        Meta(description="command: it was taken back; replaced: by another one"),
    ] = None
