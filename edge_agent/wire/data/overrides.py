"""Data of the event that a rule, or the watch over a camera's view, was changed by hand for a time."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.data.base import Id, Message, Sha256, Time


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
