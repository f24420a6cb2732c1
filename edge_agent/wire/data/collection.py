"""Frames that a gateway collects for training: the command's arguments, the event, and health."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta

from edge_agent.wire.data.base import Arguments, Count, Id, Message, OptionalProblem, Sha256, Time

CollectionState = Annotated[
    Literal["taking", "complete", "gone"],
    Meta(description="complete: no more frames are taken; gone: and no frame is left on the gateway"),
]


class CollectArguments(Arguments, frozen=True, kw_only=True):
    """Collect frames of chosen cameras, sealed with the centre's key, to train a detector."""

    cameras: Annotated[
        Annotated[list[Id], Meta(min_length=1, max_length=64)] | None, Meta(description="null: all")
    ] = None
    frames: Annotated[int, Meta(ge=1, le=500, description="of each camera")] = 200
    per_hour: Annotated[int, Meta(ge=1, le=60, description="of each camera, at most")] = 12
    for_s: Annotated[
        float, Meta(ge=0, le=1_209_600, description="from now on, across restarts; 0: take no more")
    ] = 604_800.0
    send: Annotated[
        bool,
        Meta(description="within the uplink's budget; false: frames wait for `edge-agent collect export`"),
    ] = True
    delete: Annotated[
        bool, Meta(description="with for_s 0: delete the frames on the gateway; needs a signature")
    ] = False


class CollectionData(Message, frozen=True, kw_only=True):
    """``collection``: frames are collected for training, as requested by a signed command."""

    phase: Literal["start", "update", "end"]
    event_id: Annotated[str, Meta(description="the same until its end, across restarts; also in its files")]
    state: CollectionState
    cameras: list[Id]
    wanted: Annotated[Count, Meta(description="frames of each camera, at most")]
    frames: Annotated[Count, Meta(description="taken so far, of all cameras")]
    sent: Annotated[Count, Meta(description="of them, passed to the outbox")]
    exported: Annotated[Count, Meta(description="of them, exported and removed on the gateway itself")]
    left: Annotated[Count, Meta(description="of them, still on the gateway")]
    for_s: float
    command_id: Annotated[Id, Meta(description="of the command that requested it")]
    signed_by: Annotated[Sha256 | None, Meta(description="id of the operator's key")]
    why: Annotated[str, Meta(description="one line for humans")]
    started_at: Time
    ended_at: Annotated[Time | None, Meta(description="when the last frame had left the gateway")] = None
    stop_reason: Annotated[
        Literal["over", "full", "command", "configuration"] | None,
        Meta(description="why no more are taken; full: each camera has its frames; null: still taking"),
    ] = None
    problem: OptionalProblem = UNSET


class CollectionHealth(Message, frozen=True, kw_only=True):
    """A collection, while frames are taken or are on the gateway."""

    event_id: str
    state: Literal["taking", "complete"]
    cameras: list[str]
    wanted: Count
    frames: Count
    sent: Count = 0
    left: Count = 0
    bytes: Count = 0  # on the disk
    until: Time  # no frame is taken later
    paused: str | None = None  # why none is taken now
