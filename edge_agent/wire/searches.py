"""Searches of the passages that a gateway stores: commands and their results. See docs/design/passages.md."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from edge_agent.wire.base import Arguments, CommandTime, Count, Id, Sha256, Time, Unit

MAX_ROWS = 50
MIN_ROW_BYTES, MAX_ROW_BYTES = 2_000, 40_000
"""Bounds of ``max_bytes``."""
MAX_PICTURES = 12
"""Most pictures in one result: each has at most 4 kB, and the result of a command may have 64 kB."""
MAX_HOLDS_AT_ONCE = 50
"""Most passages that one command keeps or releases."""
MAX_CAMERAS, MAX_WARDS = 64, 500
FIRST_LASTING_ID = 100_000_000
"""A gateway never uses an id of a passage again if it is at least this number. Smaller ids come from older
agents, which would refuse ``sha256`` in ``passage-pictures``, because they do not know it."""
NOT_BLANK = r"\S"

Group = Literal["person", "two-wheeler", "vehicle"]
ColourTerm = Literal[
    "black", "white", "grey", "red", "green", "blue", "yellow", "orange", "brown", "pink", "purple"
]
Part = Literal["upper", "lower", "body"]
Purpose = Annotated[
    str, Meta(min_length=3, max_length=500, pattern=NOT_BLANK, description="for the record of access")
]
Case = Annotated[
    str,
    Meta(
        min_length=1, max_length=100, pattern=NOT_BLANK, description="file number, for the record of access"
    ),
]
Wards = Annotated[
    Annotated[list[Id], Meta(min_length=1, max_length=MAX_WARDS)] | None,
    Meta(
        description="wards that the person may search; a gateway of another refuses. Needed with a search key"
    ),
]
AskedBy = Annotated[
    Annotated[str, Meta(min_length=1, max_length=100, pattern=NOT_BLANK)] | None,
    Meta(description="the person, for the record of access. Needed with a search key"),
]
Speed = Annotated[float, Meta(ge=0, le=1000)]
Metres = Annotated[Speed | None, Meta(description="metres a second; only of cameras with a ground plane")]
Lengths = Annotated[Speed | None, Meta(description="lengths of the object a second")]
Height = Annotated[Unit | None, Meta(description="of the box, mean; share of the picture's height")]
PicturePoint = Annotated[tuple[Unit, Unit], Meta(description="x, y in 0..1 of the picture")]


class SearchLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line drawn on the picture of a camera: the paths that cross it, either way."""

    camera: Id
    from_: PicturePoint = field(name="from")
    to: PicturePoint


class SearchArguments(Arguments, frozen=True, kw_only=True):
    """Find stored passages; a filter that is null accepts all."""

    purpose: Purpose
    case: Case
    from_at: CommandTime
    to_at: CommandTime
    wards: Wards = None
    asked_by: AskedBy = None
    cameras: Annotated[
        Annotated[list[Id], Meta(min_length=1, max_length=MAX_CAMERAS)] | None, Meta(description="null: all")
    ] = None
    group: Group | None = None
    colour: Annotated[ColourTerm | None, Meta(description="of any part, unless part names one")] = None
    part: Part | None = None
    direction_deg: Annotated[
        Annotated[float, Meta(ge=0, lt=360)] | None,
        Meta(description="clockwise from the top of the picture; within 45 degrees"),
    ] = None
    min_still_s: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="stood still for at least this long")
    ] = None
    line: SearchLine | None = None
    min_height: Height = None
    max_height: Height = None
    min_speed: Lengths = None
    max_speed: Lengths = None
    min_speed_m_s: Metres = None
    max_speed_m_s: Metres = None
    min_for_s: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="in sight for at least this long")
    ] = None
    oldest_first: Annotated[
        bool, Meta(description="send the oldest passages, the oldest first; without effect with a colour")
    ] = False
    limit: Annotated[int, Meta(ge=1, le=MAX_ROWS)] = MAX_ROWS
    max_bytes: Annotated[
        int, Meta(ge=MIN_ROW_BYTES, le=MAX_ROW_BYTES, description="of the rows in the result, as JSON")
    ] = MAX_ROW_BYTES


class FoundPassage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One passage in the result of a search."""

    id: Annotated[int, Meta(description="of the passage on this gateway")]
    camera: str
    track: Annotated[str, Meta(description="id of the track, also in events of the object")]
    group: str | None
    label: str | None = None
    start: Time
    for_s: float
    clock: Annotated[
        Literal["unsynced", "synced", "corrected"],
        Meta(description="corrected: dated after the clock was synchronised"),
    ] = "synced"
    direction_deg: int | None = None
    size: Annotated[
        tuple[float, float] | None,
        Meta(description="mean width and height of the box, shares of the picture"),
    ] = None
    speed: Annotated[float, Meta(description="lengths of the object a second")] = 0.0
    speed_m_s: Annotated[
        float | None, Meta(description="metres a second, on a camera with a ground plane; an estimate")
    ] = None
    speed_error_m_s: Annotated[
        float | None, Meta(description="19 of 20 speeds are within it; always beside speed_m_s")
    ] = None
    heading_deg: Annotated[
        int | None, Meta(description="clockwise from north, where the bearing of the ground plane is known")
    ] = None
    entry: Literal["left", "right", "top", "bottom", "inside"]
    exit: Literal["left", "right", "top", "bottom", "inside"]
    light: Literal["day", "dusk", "infrared"] = "day"
    colours: Annotated[
        dict[str, list[str]], Meta(description="by part, the largest first; a hint, not a proof")
    ] = field(default_factory=dict)
    still_s: Annotated[float, Meta(description="longest time of standing still")] = 0.0
    rules: Annotated[list[str], Meta(description="that reported the object")] = field(default_factory=list)
    picture_sha256: Sha256 | None = None


class PassageSearchResult(Struct, frozen=True, kw_only=True):
    """``result`` of ``search``: the newest passages, or the oldest; with a colour those with most of it."""

    total: Annotated[
        Count, Meta(description="how many there are; at most limit of them, and max_bytes, follow")
    ]
    passages: list[FoundPassage]


class PassagePicturesArguments(Arguments, frozen=True, kw_only=True):
    """Send pictures of passages that a search has found: the small ones, or whole pictures of the camera."""

    purpose: Purpose
    case: Case
    wards: Wards = None
    asked_by: AskedBy = None
    ids: Annotated[list[int], Meta(min_length=1, max_length=MAX_PICTURES)]
    sha256: Annotated[
        dict[str, Sha256] | None,
        Meta(description="by id, picture_sha256 of the search; another picture and its path are not sent"),
    ] = None
    scenes: Annotated[
        bool,
        Meta(
            description="send the whole picture of the camera instead, with the place of the object in it; "
            "one fits into a reply for sure"
        ),
    ] = False


class PassageHoldArguments(Arguments, frozen=True, kw_only=True):
    """Keep passages, with their pictures, beyond the limits of the gateway; or release them."""

    purpose: Purpose
    case: Case
    wards: Wards = None
    asked_by: AskedBy = None
    ids: Annotated[list[int], Meta(min_length=1, max_length=MAX_HOLDS_AT_ONCE)]
    until: Annotated[
        CommandTime | None, Meta(description="at most 366 days from now; null: release them")
    ] = None


class PassageHoldResult(Struct, frozen=True, kw_only=True):
    """``result`` of ``passage-hold``: for each id in one of the two lists."""

    passages: Annotated[list[int], Meta(description="that are kept now, or were released")]
    missing: Annotated[
        list[int], Meta(description="that are not stored any more; of a release: that were not kept")
    ]


class ObjectPlace(Struct, frozen=True, kw_only=True):
    """Where an object is in a whole picture."""

    box: Annotated[tuple[Unit, Unit, Unit, Unit], Meta(description="x1, y1, x2, y2 in 0..1 of the picture")]
    after_s: Annotated[float, Meta(ge=0, description="when the picture was taken, after the start")]


class PassagePictures(Struct, frozen=True, kw_only=True):
    """``result`` of ``passage-pictures``; what is missing has no picture, or none any more."""

    pictures: Annotated[
        dict[str, str], Meta(description="by id: JPEG in base64, sealed where the gateway seals")
    ]
    paths: Annotated[
        dict[str, list[tuple[float, float, float]]],
        Meta(description="by id: x, y of the foot in 0..1 of the picture, and seconds after the start"),
    ] = field(default_factory=dict)
    sealed: Annotated[
        bool, Meta(description="whether a picture is sealed: only the owner of storage.seal_to can open it")
    ] = False
    places: Annotated[
        dict[str, ObjectPlace], Meta(description="by id: the object in its whole picture; only with scenes")
    ] = field(default_factory=dict)
