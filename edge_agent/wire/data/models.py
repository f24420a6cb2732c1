"""Models from the centre: the command's arguments, the event, health, and figures of shadow mode."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, field

from edge_agent.wire.data.base import END, Arguments, Count, Id, Message, OptionalProblem, Sha256, Time, Unit

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

    name: str | None = None  # of the model in shadow mode or on probation
    sha256: Sha256 | None = None
    phase: ModelPhase | None = None
    until: Time | None = None  # end of the shadow mode or of the probation
    objects: Count = 0  # detected in shadow mode, by either model
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
    in_force_ms: float | None = None  # median of one inference
    new_ms: float | None = None
    failures: Count = 0  # inferences of the new model that failed
    cameras: dict[str, ShadowCamera] = field(default_factory=dict)
