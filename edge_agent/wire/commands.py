"""Commands of the centre, their arguments, and replies. See docs/design/commands.md."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, field

from edge_agent.wire.base import (
    END,
    Arguments,
    CommandTime,
    Count,
    Id,
    Message,
    OptionalProblem,
    Sha256,
    Time,
)
from edge_agent.wire.claims import BoxSerial
from edge_agent.wire.models import CollectArguments, ModelArguments
from edge_agent.wire.passage_times import PassageTimesArguments
from edge_agent.wire.rehearsals import RehearseArguments, SetRuleArguments
from edge_agent.wire.searches import PassageHoldArguments, PassagePicturesArguments, SearchArguments


class SetConfigArguments(Arguments, frozen=True, kw_only=True):
    """Replace the whole file ``edge-agent.yaml``."""

    version: Annotated[
        int,
        Meta(ge=1, description="the same as the key version in the text; the highest version is in force"),
    ]
    config: Annotated[str, Meta(max_length=200_000, description="YAML, without any password")]
    sha256: Annotated[Sha256, Meta(description="of config in UTF-8")]
    confirm_s: Annotated[
        float,
        Meta(
            ge=5,
            le=900,
            description="within it, the gateway has to work as well as before for 10 s; else it reverts",
        ),
    ] = 180.0


class ConfigHealth(Message, frozen=True, kw_only=True):
    """Which configuration is in force."""

    version: Count = 0
    origin: Annotated[
        Literal["file", "pushed", "trial"], Meta(description="trial: pushed, and not confirmed yet")
    ] = "file"
    given_up: str | None = None  # the newest pushed version that was reverted, and why


Url = Annotated[
    str,
    Meta(
        pattern=rf"^https://[!-?A-~]+{END}",
        max_length=4000,
        description="presigned, for one PUT; needs a signature",
    ),
]


class SnapshotArguments(Arguments, frozen=True, kw_only=True):
    """Send a picture of what a camera shows now."""

    camera: Id
    still: Annotated[
        bool,
        Meta(
            description="in full size, of the main stream where the camera has one; needs a signature. A "
            "gateway of an older version refuses true"
        ),
    ] = False


class ClipArguments(Arguments, frozen=True, kw_only=True):
    """Send the clip of an event, or a new one of a camera from ``last_s`` ago to ``next_s`` from now. The
    clip of an event in progress is sent once it is complete; until then the command is running."""

    event_id: Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,120}}{END}")] | None = None
    camera: Id | None = None
    last_s: Annotated[float, Meta(ge=0, le=120)] = 5.0
    next_s: Annotated[float, Meta(ge=0, le=60)] = 0.0
    url: Annotated[Url | None, Meta(description="null: sent through the broker, in parts if large")] = None
    urls: Annotated[
        Annotated[list[Url], Meta(max_length=1000)] | None,
        Meta(description="one for each part of part_bytes, in order; instead of url"),
    ] = None
    part_bytes: Annotated[int, Meta(ge=100_000, le=1_000_000_000)] = 5_242_880


class DiagnosticsArguments(Arguments, frozen=True, kw_only=True):
    """Send a bundle of logs, health history, configuration and versions, without secrets."""

    url: Url | None = None


class StormArguments(Arguments, frozen=True, kw_only=True):
    """Send snapshots at regular intervals, for example while streets are flooded."""

    cameras: Annotated[Annotated[list[Id], Meta(min_length=1)] | None, Meta(description="null: all")] = None
    every_s: Annotated[float, Meta(ge=30, le=3600)] = 300.0
    for_s: Annotated[float, Meta(ge=0, le=172_800, description="0: end storm mode now")] = 7200.0


class StormHealth(Message, frozen=True, kw_only=True):
    """Storm mode, while it is active."""

    cameras: list[str]
    every_s: float
    until: Time


class LivePicturesArguments(Arguments, frozen=True, kw_only=True):
    """Send one picture of a camera after another for a short time, for a person who watches it now."""

    camera: Id
    every_s: Annotated[float, Meta(ge=1, le=10, description="shortest time between two pictures")] = 1.0
    for_s: Annotated[float, Meta(ge=1, le=60)] = 60.0


class HoldArguments(Arguments, frozen=True, kw_only=True):
    """Protect the media of an event from rotation until they are released."""

    event_id: Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,120}}{END}")]
    why: Annotated[str, Meta(min_length=1, max_length=500)]
    release: bool = False


class SentFile(Struct, frozen=True, kw_only=True):
    """``result`` of commands that send a file."""

    event_id: str
    bytes: int
    sha256: Sha256
    content_type: str
    media_id: str | None = None  # the file's id on up/media or up/part; null: it was uploaded
    etags: list[str] | None = None  # the ETag of each uploaded part, as the server returned it


class NoArguments(Arguments, frozen=True, kw_only=True):
    """A command without arguments."""


class CameraArguments(Arguments, frozen=True, kw_only=True):
    """One camera of the gateway."""

    camera: Id


class CameraRebootArguments(CameraArguments, frozen=True, kw_only=True):
    """Reboot a camera."""

    port: Annotated[int, Meta(ge=1, le=65_535, description="of its web page and ONVIF service")] = 80


class Pieces(Arguments, frozen=True, kw_only=True):
    """How a wheel is cut into pieces; the last piece is the rest."""

    bytes: Annotated[int, Meta(ge=1024, le=131_072, description="of each piece except the last")]
    sha256: Annotated[list[Sha256], Meta(min_length=1, max_length=64)]


class UpdateArguments(Arguments, frozen=True, kw_only=True):
    """Install a release that is signed with the fleet's release key; ``url`` or ``pieces`` provide missing
    wheels."""

    manifest: Annotated[str, Meta(max_length=100_000, description="the exact text of manifest.json")]
    signature: Annotated[
        str, Meta(pattern=rf"^[A-Za-z0-9+/]{{86}}=={END}", description="manifest.json.sig, base64")
    ]
    url: Annotated[
        Annotated[str, Meta(pattern=rf"^https://[!-~]+{END}", max_length=500)] | None,
        Meta(description="the folder with wheels/; null: wheels are sent as update-piece"),
    ] = None
    pieces: Annotated[dict[str, Pieces], Meta(max_length=64, description="by the wheel's file name")] = field(
        default_factory=dict
    )


class UpdatePieceArguments(Arguments, frozen=True, kw_only=True):
    """One piece of a wheel; without data it asks which pieces are missing."""

    update: Annotated[Id, Meta(description="id of the update command that waits for the piece")]
    wheel: Annotated[str, Meta(max_length=204)] | None = None
    index: Annotated[int, Meta(ge=0, le=63)] | None = None
    data: Annotated[Annotated[str, Meta(max_length=175_000)] | None, Meta(description="base64")] = None


class RuleForArguments(Arguments, frozen=True, kw_only=True):
    """Override one rule of a camera for a time. The last of these commands counts."""

    camera: Id
    rule: Id
    for_s: Annotated[
        float, Meta(ge=0, le=604_800, description="from now on, across restarts; 0: as configured again")
    ]


class UnclaimArguments(Arguments, frozen=True, kw_only=True):
    """Give the site up: the box claims no site any more and connects as no gateway. It stores the site's
    events apart from those of its next site."""

    claim_id: Annotated[Id, Meta(description="of the claim by which the box has the site")]
    serial: BoxSerial
    why: Annotated[str, Meta(min_length=1, max_length=500)]


ARGUMENTS: dict[str, type[Struct]] = {
    "arm": RuleForArguments,
    "camera-reboot": CameraRebootArguments,
    "clip": ClipArguments,
    "collect": CollectArguments,
    "diagnostics": DiagnosticsArguments,
    "disarm": RuleForArguments,
    "evidence-hold": HoldArguments,
    "live-pictures": LivePicturesArguments,
    "mask": RuleForArguments,
    "model": ModelArguments,
    "passage-hold": PassageHoldArguments,
    "passage-pictures": PassagePicturesArguments,
    "passage-times": PassageTimesArguments,
    "reboot": NoArguments,
    "rebirth": NoArguments,
    "relearn": CameraArguments,
    "rehearse": RehearseArguments,
    "reload": NoArguments,
    "restart": NoArguments,
    "rules": NoArguments,
    "search": SearchArguments,
    "set-config": SetConfigArguments,
    "set-rule": SetRuleArguments,
    "snapshot": SnapshotArguments,
    "status": NoArguments,
    "storm-mode": StormArguments,
    "unclaim": UnclaimArguments,
    "update": UpdateArguments,
    "update-piece": UpdatePieceArguments,
}
"""Type of a command -> the type of its arguments."""

Args = TypeVar("Args")


class Command(Message, Generic[Args], frozen=True, kw_only=True):
    """A command of the centre on ``down/cmd/<type>``; of a risky type it is the payload of a compact JWS."""

    id: Annotated[
        Id, Meta(description="chosen by the sender, new for each command; a repeated id runs nothing")
    ]
    type: Id
    gateway: Id
    issued: CommandTime
    expires: Annotated[CommandTime, Meta(description="at most 31 days after issued")]
    args: Args


ReplyStatus = Literal["accepted", "running", "succeeded", "failed", "rejected", "expired"]


class Reply(Message, frozen=True, kw_only=True):
    """Progress or result of a command, on ``up/reply/<id>``; the last one is neither accepted nor running."""

    schema: Literal["reply/1"] = "reply/1"
    id: Id
    type: Annotated[str, Meta(description="of the command; unknown if it could not be parsed")]
    gateway: Id
    session: str
    time: Time
    status: ReplyStatus
    code: Annotated[str, Meta(description="for programs; docs/design/commands.md lists the codes")]
    text: Annotated[str, Meta(description="a sentence for a person")]
    result: dict[str, Any] = field(default_factory=dict)
    problem: OptionalProblem = UNSET
