"""The documents of ``/api/searches``, as ``openapi.json`` describes them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_central.searches.question import SearchQuestion
from edge_central.web.api.event_history import ApiDocument, Time


class StartedSearch(ApiDocument, frozen=True, kw_only=True):
    """The search is stored; the centre asks the gateways within a second."""

    id: str


class SearchEntry(ApiDocument, frozen=True, kw_only=True):
    """A search in the list; counts are those of your wards."""

    id: str
    asked_at: Time
    asked_by: str
    purpose: str
    case: str
    expires_at: Time
    asked: int
    answered: int
    open: Annotated[int, Meta(description="gateways that may still answer")]
    matches: int


class SearchList(ApiDocument, frozen=True, kw_only=True):
    """Your newest searches; for an administrator, the newest searches of all accounts."""

    searches: list[SearchEntry]


class AnswerEntry(ApiDocument, frozen=True, kw_only=True):
    """The answer of one gateway, or why there is none."""

    gateway: str
    ward: str
    name: Annotated[str, Meta(description="of the fleet's sheet; the id where it has none")]
    place: Annotated[Literal[1, 2], Meta(description="2: the second place of a search for pairs")]
    status: Annotated[
        Literal["waiting", "sent", "later", "answered", "refused", "failed", "expired", "withdrawn"],
        Meta(
            description="waiting: for the centre, or for the gateway to come back; later: the gateway "
            "answers when its limit ends; withdrawn: before it answered"
        ),
    ]
    online: bool
    answered_at: Time | None
    total: Annotated[int, Meta(description="passages that fit, as the gateway counts")]
    matches: Annotated[int, Meta(description="of them here; at most 50")]
    dropped: Annotated[int, Meta(description="rows that cannot be true, or that came after the withdrawal")]
    text: str


class SearchStatus(ApiDocument, frozen=True, kw_only=True):
    """A search, limited to your wards."""

    id: str
    asked_at: Time
    asked_by: str
    expires_at: Time
    question: SearchQuestion
    asked: int
    answered: int
    open: bool
    total: int
    answers: list[AnswerEntry]
    withdrawn_at: Time | None
    withdrawn_by: str | None


class PassageEntry(ApiDocument, frozen=True, kw_only=True):
    """An object that a camera saw."""

    gateway: str
    ward: str
    name: Annotated[str, Meta(description="of the site")]
    camera: str
    camera_name: str
    passage: Annotated[int, Meta(description="id at the gateway; pictures are opened by it")]
    start: Time
    for_s: float
    clock: Annotated[str, Meta(description="synced, corrected; unsynced: the time may be wrong")]
    group: str | None
    label: str | None
    direction_deg: Annotated[int | None, Meta(description="clockwise from the top of the picture")]
    speed: Annotated[float, Meta(description="lengths of the object a second")]
    speed_m_s: Annotated[float | None, Meta(description="of cameras with a ground plane")]
    speed_error_m_s: Annotated[
        float | None, Meta(description="the speed is right within this; no measurement for fines")
    ]
    heading_deg: Annotated[int | None, Meta(description="clockwise from north")]
    size: Annotated[tuple[float, float] | None, Meta(description="of the box, in 0..1 of the picture")]
    entry: str
    exit: str
    light: Annotated[str, Meta(description="day, dusk, infrared")]
    colours: Annotated[
        dict[str, list[str]], Meta(description="by part, the largest first; a hint, not a proof")
    ]
    still_s: float
    rules: list[str]
    has_picture: Annotated[bool, Meta(description="false: it never had one")]


class MatchEntry(PassageEntry, frozen=True, kw_only=True):
    """A match. In a pair it is the first passage, and `then` the second."""

    then: PassageEntry | None


class MatchPage(ApiDocument, frozen=True, kw_only=True):
    """Matches in the order in which they came."""

    matches: list[MatchEntry]
    next: Annotated[int, Meta(description="ask with it as `after` the next time")]
    more: Annotated[bool, Meta(description="true: ask again at once")]
    open: Annotated[bool, Meta(description="false: no gateway will answer any more")]


class OpenPicture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open the picture of a match; purpose and case are those of the search."""

    gateway: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,63}$(?!\n)")]
    passage: Annotated[int, Meta(ge=0, le=2**53)]


class PictureEntry(ApiDocument, frozen=True, kw_only=True):
    """A picture that you have opened. You can GET it when its status is `received`."""

    gateway: str
    passage: int
    status: Literal["asked", "sent", "received", "missing", "refused", "failed", "expired", "withdrawn"]
    sealed: Annotated[bool, Meta(description="only the private key of storage.seal_to opens it")]
    path: Annotated[
        list[tuple[float, float, float]],
        Meta(description="x, y of the foot in 0..1 of the picture, seconds after the start"),
    ]
    text: str
    box: Annotated[
        tuple[float, float, float, float] | None,
        Meta(description="of a whole picture: x1, y1, x2, y2 of the object in 0..1 of it"),
    ] = None
    after_s: Annotated[
        float | None, Meta(description="of a whole picture: when it was taken, seconds after the start")
    ] = None


class PictureList(ApiDocument, frozen=True, kw_only=True):
    """The pictures that you have opened in this search."""

    pictures: list[PictureEntry]
