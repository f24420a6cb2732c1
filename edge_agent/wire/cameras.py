"""Data of events about a camera: its view, its reachability, and temporary overrides of its rules."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta

from edge_agent.wire.base import CameraCause, Count, Id, Message, OptionalProblem, Sha256, Time
from edge_agent.wire.objects import SnapshotRef


class CameraViewData(Message, frozen=True, kw_only=True):
    """``camera-view``: the view of a camera changed: covered, moved, defocused, frozen, rain, ..."""

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
    tamper: Annotated[
        bool, Meta(description="a person has to check the camera; false: weather, light, a plain fact")
    ]
    why: Annotated[str, Meta(description="one line for humans")]
    features: Annotated[
        dict[str, float], Meta(description="the figures behind the verdict; docs/design/tamper.md")
    ]
    started_at: Time
    ended_at: Time | None = None
    end_reason: Literal["over", "relearned", "reload", "restart", "camera"] | None = None
    snapshot: SnapshotRef | None = None
    problem: OptionalProblem = UNSET


class CameraStateData(Message, frozen=True, kw_only=True):
    """``camera-state``: a camera went down, came back or got worse."""

    state: Literal["online", "degraded", "offline"]
    cause: CameraCause | None
    detail: str
    since_at: Time
    down_s: Annotated[float, Meta(ge=0)] | None = None  # with online: how long it was down
    kept_back: Count = 0  # unreported changes since the last event: the camera flaps
    problem: OptionalProblem = UNSET


class RuleOverrideData(Message, frozen=True, kw_only=True):
    """``rule-override``: a rule is masked, armed or disarmed for a time, or a view is learned again."""

    phase: Literal["start", "end"]
    event_id: Annotated[str, Meta(description="the same at its end, also across restarts")]
    what: Annotated[
        Literal["mask", "arm", "disarm", "relearn"],
        Meta(description="relearn: no tampering is reported while it lasts"),
    ]
    rule_id: Annotated[Id | None, Meta(description="null: relearn, which concerns the camera")]
    for_s: Annotated[float | None, Meta(description="as requested; null: until the view is learned")]
    origin: Annotated[
        Literal["command", "box"], Meta(description="box: by root or the agent's user, on the gateway itself")
    ]
    command_id: Annotated[Id | None, Meta(description="of the command that requested it")]
    signed_by: Annotated[Sha256 | None, Meta(description="id of the operator's key; null: not signed")]
    why: Annotated[str, Meta(description="one line for humans")]
    started_at: Time
    ended_at: Time | None = None
    end_reason: Annotated[
        Literal["over", "command", "replaced", "restart"] | None,
        Meta(description="command: cancelled by a command; replaced: by another override"),
    ] = None
    problem: OptionalProblem = UNSET
