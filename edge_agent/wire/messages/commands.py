"""Commands of the centre, their arguments, and what is answered. See docs/design/commands.md.

A configuration that the centre pushes: ``down/config`` and the command ``set-config``.

Arguments of the commands that make or send a file.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import Meta, Struct, field

from edge_agent.wire.data.base import END, Arguments, Count, Id, Message, Sha256, Time
from edge_agent.wire.data.collection import CollectArguments
from edge_agent.wire.data.models import ModelArguments


class SetConfigArguments(Arguments, frozen=True, kw_only=True):
    """The whole file ``edge-agent.yaml`` anew."""

    version: Annotated[int, Meta(ge=1, description="as the text's own key version; the highest is in force")]
    config: Annotated[str, Meta(max_length=200_000, description="YAML, without any password")]
    sha256: Annotated[Sha256, Meta(description="of config in UTF-8")]
    confirm_s: Annotated[
        float,
        Meta(ge=5, le=900, description="so long the box has to be as well as before; else it goes back"),
    ] = 180.0


class ConfigHealth(Message, frozen=True, kw_only=True):
    """Which configuration is in force."""

    version: Count = 0
    origin: Annotated[
        Literal["file", "pushed", "trial"],
        Meta(description="trial: pushed, and not proved yet"),
    ] = "file"
    given_up: str | None = None  # the newest that was pushed and taken back, and why


Url = Annotated[
    str,
    Meta(
        pattern=rf"^https://[!-?A-~]+{END}",
        max_length=4000,
        description="presigned, for one PUT; needs a signature",
    ),
]


class SnapshotArguments(Arguments, frozen=True, kw_only=True):
    """A picture of what a camera shows now."""

    camera: Id


class ClipArguments(Arguments, frozen=True, kw_only=True):
    """The clip of an event, or a new one of a camera from ``last_s`` ago to ``next_s`` from now."""

    event_id: Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,120}}{END}")] | None = None
    camera: Id | None = None
    last_s: Annotated[float, Meta(ge=0, le=120)] = 5.0
    next_s: Annotated[float, Meta(ge=0, le=60)] = 0.0
    url: Annotated[Url | None, Meta(description="null: it is sent as media, up to 1,900,000 bytes")] = None
    urls: Annotated[
        Annotated[list[Url], Meta(max_length=1000)] | None,
        Meta(description="one for each part of part_bytes, in order; instead of url"),
    ] = None
    part_bytes: Annotated[int, Meta(ge=100_000, le=1_000_000_000)] = 5_242_880


class DiagnosticsArguments(Arguments, frozen=True, kw_only=True):
    """A bundle of logs, health history, configuration and versions, without secrets."""

    url: Url | None = None


class StormArguments(Arguments, frozen=True, kw_only=True):
    """Snapshots again and again: streets flood."""

    cameras: Annotated[Annotated[list[Id], Meta(min_length=1)] | None, Meta(description="null: all")] = None
    every_s: Annotated[float, Meta(ge=30, le=3600)] = 300.0
    for_s: Annotated[float, Meta(ge=0, le=172_800, description="0: end it now")] = 7200.0


class StormHealth(Message, frozen=True, kw_only=True):
    """Storm mode, while it goes on."""

    cameras: list[str]
    every_s: float
    until: Time


class HoldArguments(Arguments, frozen=True, kw_only=True):
    """Rotation leaves the media of an event alone, until they are released."""

    event_id: Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,120}}{END}")]
    why: Annotated[str, Meta(min_length=1, max_length=500)]
    release: bool = False


class SentFile(Struct, frozen=True, kw_only=True):
    """``result`` of what sends a file."""

    event_id: str
    bytes: int
    sha256: Sha256
    content_type: str
    media_id: str | None = None  # as which it comes on up/media; null: it was uploaded
    etags: list[str] | None = None  # of the parts, as the server named them


CommandTime = Annotated[
    str,
    Meta(pattern=rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{{1,9}})?Z{END}", description="UTC, RFC 3339"),
]


class NoArguments(Arguments, frozen=True, kw_only=True):
    """Nothing to choose."""


class CameraArguments(Arguments, frozen=True, kw_only=True):
    """One camera of the gateway."""

    camera: Id


class CameraRebootArguments(CameraArguments, frozen=True, kw_only=True):
    """Which camera boots again."""

    port: Annotated[int, Meta(ge=1, le=65_535, description="of its web page, where ONVIF answers")] = 80


class Pieces(Arguments, frozen=True, kw_only=True):
    """How a wheel is cut: the last piece is what is left."""

    bytes: Annotated[int, Meta(ge=1024, le=131_072, description="of each piece but the last")]
    sha256: Annotated[list[Sha256], Meta(min_length=1, max_length=64)]


class UpdateArguments(Arguments, frozen=True, kw_only=True):
    """A release, signed with the fleet's release key, and where the wheels come from that the box has not."""

    manifest: Annotated[str, Meta(max_length=100_000, description="the text of manifest.json, to the byte")]
    signature: Annotated[
        str, Meta(pattern=rf"^[A-Za-z0-9+/]{{86}}=={END}", description="manifest.json.sig, base64")
    ]
    url: Annotated[
        Annotated[str, Meta(pattern=rf"^https://[!-~]+{END}", max_length=500)] | None,
        Meta(description="the folder with wheels/; null: they come as update-piece"),
    ] = None
    pieces: Annotated[dict[str, Pieces], Meta(max_length=64, description="by the wheel's file name")] = field(
        default_factory=dict
    )


class UpdatePieceArguments(Arguments, frozen=True, kw_only=True):
    """A piece of a wheel; without data it asks what is missing."""

    update: Annotated[Id, Meta(description="id of the update that waits for it")]
    wheel: Annotated[str, Meta(max_length=204)] | None = None
    index: Annotated[int, Meta(ge=0, le=63)] | None = None
    data: Annotated[Annotated[str, Meta(max_length=175_000)] | None, Meta(description="base64")] = None


class RuleForArguments(Arguments, frozen=True, kw_only=True):
    """One rule of a camera, for a time. The last one of these commands counts."""

    camera: Id
    rule: Id
    for_s: Annotated[
        float, Meta(ge=0, le=604_800, description="from now on, over restarts; 0: it is as configured again")
    ]


ARGUMENTS: dict[str, type[Struct]] = {
    "arm": RuleForArguments,
    "camera-reboot": CameraRebootArguments,
    "clip": ClipArguments,
    "collect": CollectArguments,
    "diagnostics": DiagnosticsArguments,
    "disarm": RuleForArguments,
    "evidence-hold": HoldArguments,
    "mask": RuleForArguments,
    "model": ModelArguments,
    "reboot": NoArguments,
    "rebirth": NoArguments,
    "relearn": CameraArguments,
    "reload": NoArguments,
    "restart": NoArguments,
    "set-config": SetConfigArguments,
    "snapshot": SnapshotArguments,
    "status": NoArguments,
    "storm-mode": StormArguments,
    "update": UpdateArguments,
    "update-piece": UpdatePieceArguments,
}
"""The arguments of each type of command."""

Args = TypeVar("Args")


class Command(Message, Generic[Args], frozen=True, kw_only=True):
    """What the centre sends on ``down/cmd/<type>``; of a risky type it is the payload of a compact JWS."""

    id: Annotated[Id, Meta(description="chosen by the sender, new for each command; a repeat runs nothing")]
    type: Id
    gateway: Id
    issued: CommandTime
    expires: Annotated[CommandTime, Meta(description="at most 31 days after issued")]
    args: Args


ReplyStatus = Literal["accepted", "running", "succeeded", "failed", "rejected", "expired"]


class Reply(Message, frozen=True, kw_only=True):
    """What became of a command, on ``up/reply/<id>``; the last one is neither accepted nor running."""

    schema: Literal["reply/1"] = "reply/1"
    id: Id
    type: Annotated[str, Meta(description="of the command; unknown where it could not be read")]
    gateway: Id
    session: str
    time: Time
    status: ReplyStatus
    code: Annotated[str, Meta(description="a word of docs/design/commands.md for programs")]
    text: Annotated[str, Meta(description="a sentence for a person")]
    result: dict[str, Any] = field(default_factory=dict)
