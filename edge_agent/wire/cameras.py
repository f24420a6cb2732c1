"""Data of events about objects in the picture, rules and counts, and about the camera: its view and state."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from edge_agent.wire.base import (
    END,
    CameraCause,
    Count,
    Id,
    Message,
    OptionalProblem,
    Sha256,
    Time,
    Unit,
    WireBox,
)


class FrameSize(Message, frozen=True, kw_only=True):
    width: Count
    height: Count


class ModelRef(Message, frozen=True, kw_only=True):
    """The model that labelled the object."""

    name: str
    sha256: Sha256 | None  # null: a detector without a file


class SnapshotRef(Message, frozen=True, kw_only=True):
    media_id: str
    sha256: Annotated[Sha256, Meta(description="of the JPEG, before sealing")]
    bytes: Count
    box: Annotated[WireBox, Meta(description="where the object is, in 0..1 of the snapshot")]
    sealed_sha256: Sha256 | None = None  # digest of the sent bytes if media are sealed, else null


class ObjectData(Message, frozen=True, kw_only=True):
    """``object``: a confirmed object appeared, changed class or left."""

    phase: Literal["start", "update", "end"]
    event_id: Annotated[str, Meta(description="the same for start, updates and end of one object")]
    label: Annotated[
        str, Meta(description="its class; the name of the group where the model tells no finer one")
    ]
    group: Literal["person", "two-wheeler", "vehicle"] | None
    score: Annotated[Unit, Meta(description="mean score of the inferences that voted for the label")]
    box: WireBox
    frame: FrameSize
    track_id: str
    started_at: Time
    ended_at: Time | None = None
    end_reason: Literal["left", "lost", "reload", "restart", "camera"] | None = None
    model: ModelRef
    snapshot: SnapshotRef | None = None


class RuleData(Message, frozen=True, kw_only=True):
    """What a configured rule reports. The types below add its subject."""

    phase: Annotated[
        Literal["start", "update", "end", "moment"],
        Meta(description="moment: began and ended at once, no other event follows"),
    ]
    event_id: Annotated[str, Meta(description="the same for start, updates and end")]
    rule_id: str
    why: Annotated[str, Meta(description="one line for humans")]
    box: WireBox
    frame: FrameSize
    started_at: Time
    ended_at: Time | None = None
    end_reason: Annotated[
        Literal["left", "lost", "moved", "over", "disarmed", "reload", "restart", "camera"] | None,
        Meta(
            description="left the zone; lost from sight; moved on; over: no longer true; the rule was "
            "disarmed; its settings were changed; the agent was restarted; the camera was lost"
        ),
    ] = None
    model: ModelRef
    snapshot: SnapshotRef | None = None
    masked: Annotated[
        bool, Meta(description="the operator expects such events and masked the rule: the severity is info")
    ] = False
    problem: OptionalProblem = UNSET


class TrackRuleData(RuleData, frozen=True, kw_only=True):
    """What a rule reports about one object."""

    label: Annotated[
        str, Meta(description="its class; the name of the group where the model tells no finer one")
    ]
    group: Literal["person", "two-wheeler", "vehicle"] | None
    score: Annotated[Unit, Meta(description="mean score of the inferences that voted for the label")]
    track_id: str


class ZoneData(TrackRuleData, frozen=True, kw_only=True):
    """An object in a zone. The two kinds differ in what their rule requires."""

    zone: str
    inside_s: Annotated[float, Meta(ge=0, description="how long it has been in the zone")]


class ZoneIntrusionData(ZoneData, frozen=True, kw_only=True):
    """``zone-intrusion``: an object entered a zone and stayed for the rule's ``min_duration_s``."""


class LoiteringData(ZoneData, frozen=True, kw_only=True):
    """``loitering``: an object stayed in a zone for ``min_duration_s``; short absences do not count."""


class LineCrossingData(TrackRuleData, frozen=True, kw_only=True):
    """``line-crossing``: an object crossed a line. Always a moment."""

    line: str
    direction: Annotated[
        Literal["a-to-b", "b-to-a"], Meta(description="side A is on the left when looking along the line")
    ]


class StoppedVehicleData(TrackRuleData, frozen=True, kw_only=True):
    """``stopped-vehicle``: a vehicle moved, and then stood still where nothing should stop."""

    zone: str
    still_s: Annotated[float, Meta(ge=0, description="how long it has stood still")]


class WrongWayData(TrackRuleData, frozen=True, kw_only=True):
    """``wrong-way``: an object moves against the arrow of a zone."""

    zone: str
    angle_deg: Annotated[
        float, Meta(ge=0, le=180, description="to the arrow; 180: straight against the arrow")
    ]
    distance: Annotated[float, Meta(ge=0, description="how far it moved so, in picture widths")]


class CrowdingData(RuleData, frozen=True, kw_only=True):
    """``crowding``: many objects in a zone at once. ``box`` is around them all."""

    zone: str
    count: Count
    most: Annotated[Count, Meta(description="highest count since the event began")]


class TurnData(Message, frozen=True, kw_only=True):
    """Objects that crossed the line ``line`` first, and the line of the report last."""

    line: str
    direction: Annotated[Literal["a-to-b", "b-to-a"], Meta(description="across the first line")]
    to_direction: Annotated[
        Literal["a-to-b", "b-to-a"], Meta(description="across the line of the report, the last one")
    ]
    objects: Annotated[dict[str, Count], Meta(description="since midnight, by label")]


class LineTurnsData(Message, frozen=True, kw_only=True):
    """From where the objects came that crossed this line last. Each object is in one number, once it is out
    of sight, or five minutes after its last crossing."""

    only: Annotated[
        dict[str, Count],
        Meta(description="crossed only this line of the camera, by label: no turning movement is known"),
    ]
    turns: Annotated[
        list[TurnData], Meta(description="at most 64; the same line in the other direction: it came back")
    ]
    others: Annotated[dict[str, Count], Meta(description="by label: of further turns beyond these 64")]


class LineCountsData(Message, frozen=True, kw_only=True):
    """``line-counts``: who crossed a line since the site's midnight. Sent at most once in
    ``counts_s`` (60 s) when a number has changed, and at midnight, before the counts start at 0 again."""

    rule_id: str
    line: str
    day: Annotated[str, Meta(pattern=rf"^\d{{4}}-\d\d-\d\d{END}", description="in the site's time zone")]
    from_at: Annotated[Time, Meta(description="end of the last interval")]
    to_at: Time
    a_to_b: Annotated[dict[str, Count], Meta(description="since midnight, by label")]
    b_to_a: Annotated[dict[str, Count], Meta(description="since midnight, by label")]
    turns: Annotated[
        LineTurnsData | UnsetType,
        Meta(description="turning movements; left out: the camera counts at one line, or its agent is older"),
    ] = UNSET


class FlowData(Message, frozen=True, kw_only=True):
    """The vehicles and two-wheelers in the picture, as means of the interval. What was parked there from the
    beginning is left out."""

    watched_s: Annotated[float, Meta(ge=0, description="seconds of the interval with a picture")]
    moving: Annotated[float, Meta(ge=0, description="mean number of those that move")]
    standing: Annotated[
        float, Meta(ge=0, description="mean number of those that arrived and stand, for under five minutes")
    ]
    standing_long: Annotated[float, Meta(ge=0, description="the same for five minutes and more")]
    speed: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="median of those that move, lengths of the object a second; null: not measured"),
    ]
    speed_m_s: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="the same in metres a second; null: the camera has no ground plane"),
    ]


class CountsData(Message, frozen=True, kw_only=True):
    """``counts``: new confirmed objects per label since the last ``counts``, and the traffic; not sent when
    there is neither."""

    from_at: Time
    to_at: Time
    interval_s: float
    new: dict[str, Count]
    flow: Annotated[FlowData | UnsetType, Meta(description="left out: no traffic, or its agent is older")] = (
        UNSET
    )


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


MaskCorners = Annotated[
    list[tuple[Unit, Unit]],
    Meta(min_length=3, max_length=100, description="corners x, y in 0..1 of the picture"),
]


class CameraMasks(Message, frozen=True, kw_only=True):
    """All masks of a camera."""

    masks: Annotated[list[MaskCorners], Meta(description="areas that are not analysed")]
    privacy_masks: Annotated[
        list[MaskCorners], Meta(description="areas that are blacked out before a picture leaves the gateway")
    ]


class RuleChangeData(Message, frozen=True, kw_only=True):
    """``rule-change``: the command ``set-rule`` changed a rule of a camera, or its masks, for good, or its
    change was undone."""

    rule_id: Annotated[Id | None, Meta(description="null: the masks of the camera")]
    what: Annotated[
        Literal["set", "reset", "reverted"],
        Meta(
            description="set: what the command brought is in force; reset: what the configuration has is; "
            "reverted: the change before it was undone, because the gateway did not work as before"
        ),
    ]
    enabled: Annotated[bool | None, Meta(description="of the rule that was set; null: not set")] = None
    masks: Annotated[
        CameraMasks | None, Meta(description="all masks of the camera from now on; null: a rule, or reverted")
    ] = None
    command_id: Annotated[Id | None, Meta(description="of the command")] = None
    signed_by: Annotated[Sha256 | None, Meta(description="id of the operator's key")] = None
    why: Annotated[str, Meta(description="one line for humans")]
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
