"""Models from the centre, and frames that a gateway collects for training: commands, events and health."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, field

from edge_agent.wire.base import END, Arguments, Count, Id, Message, OptionalProblem, Sha256, Time, Unit

ModelPhase = Annotated[
    Literal["shadow", "tried", "probation"],
    Meta(
        description="shadow: runs beside the model in force; tried: shadow mode is over; "
        "probation: in force on trial"
    ),
]


class ModelArguments(Arguments, frozen=True, kw_only=True):
    """Try a model beside the one in force, switch to it, or go back to the model before."""

    action: Literal["try", "switch", "back"]
    manifest: Annotated[
        Annotated[str, Meta(max_length=200_000)] | None, Meta(description="try: the text of manifest.jws")
    ] = None
    url: Annotated[
        Annotated[str, Meta(pattern=rf"^https://[!-~]+{END}", max_length=500)] | None,
        Meta(description="try: where the manifest's .tflite is downloaded from"),
    ] = None
    bytes: Annotated[
        Annotated[int, Meta(ge=1024, le=16_000_000)] | None, Meta(description="try: size of that file")
    ] = None
    sha256: Annotated[Sha256 | None, Meta(description="switch: of the tried model")] = None
    for_s: Annotated[
        float,
        Meta(
            ge=1, le=604_800, description="try: how long it runs beside; switch: how long it is on probation"
        ),
    ] = 86_400.0
    share: Annotated[float, Meta(ge=0.01, le=1, description="try: of the analysed frames of each camera")] = (
        0.1
    )
    force: Annotated[bool, Meta(description="switch: regardless of the figures")] = False


class ModelData(Message, frozen=True, kw_only=True):
    """``model``: another model is in force from now on, or a new model has passed its probation."""

    outcome: Annotated[
        Literal["switched", "confirmed", "reverted"],
        Meta(description="confirmed: its probation is over; reverted: the model before is in force again"),
    ]
    name: Annotated[str, Meta(description="of the new model")]
    sha256: Sha256
    before: Annotated[str, Meta(description="name of the model before it")]
    before_sha256: Sha256 | None
    why: Annotated[str, Meta(description="one line for humans")]
    decided_at: Time
    command_id: Annotated[Id | None, Meta(description="null: the gateway decided")] = None
    signed_by: Annotated[Sha256 | None, Meta(description="id of the operator's key")] = None
    problem: OptionalProblem = UNSET


class ModelHealth(Message, frozen=True, kw_only=True):
    """State of the models from the centre; the defaults where there is none."""

    name: str | None = None  # name of the model in shadow mode or on probation
    sha256: Sha256 | None = None
    phase: ModelPhase | None = None
    until: Time | None = None  # end of the shadow mode or of the probation
    objects: Count = 0  # objects that either model detected in shadow mode
    agreement: Unit | None = None  # share of the present model's objects that the new model detected too
    refusal: str | None = None  # why a switch to the new model would be refused
    reverted: Sha256 | None = None  # the model that was reverted last, until another one is tried
    reverted_at: Time | None = None
    why: str | None = None


class ShadowGroup(Message, frozen=True, kw_only=True):
    """Objects of one group in the frames that both models analysed: same place (IoU 0.5), same group."""

    both: Count = 0
    only_in_force: Count = 0
    only_new: Count = 0


class ShadowCamera(Message, frozen=True, kw_only=True):
    """Figures of one camera."""

    frames: Count
    groups: dict[str, ShadowGroup]


class ShadowReport(Message, frozen=True, kw_only=True):
    """How far a new model and the model in force agree so far."""

    in_force_sha256: Sha256 | None
    in_force_ms: float | None = None  # median time of one inference of the model in force
    new_ms: float | None = None
    failures: Count = 0  # inferences of the new model that failed
    cameras: dict[str, ShadowCamera] = field(default_factory=dict)
    night: dict[str, ShadowGroup] = field(default_factory=dict)
    """By group: the part of the counts of all cameras from 20:00 to 5:00."""


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
    bytes: Count = 0  # size of the frames on the disk
    until: Time  # end of the collection
    paused: str | None = None  # why no frame is collected now; null: frames are collected
