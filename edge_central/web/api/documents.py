"""What ``/api`` answers, as types: the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Time = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds, Z")]


class ApiDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Fields may be added within `v1`: ignore what you do not know."""


class DeletedEvents(ApiDocument, frozen=True, kw_only=True):
    """Of this kind, events behind the cursor that was asked with are gone: their time was over."""

    kind: str
    received_until: Annotated[Time, Meta(description="the newest of them came to the centre then")]


class EventPage(ApiDocument, frozen=True, kw_only=True):
    """Events in the order in which the centre stored them."""

    events: Annotated[
        list[msgspec.Raw], Meta(description="CloudEvents 1.0, byte for byte as the gateway sent them")
    ]
    next: Annotated[
        str, Meta(description="ask with it as `after` the next time, also when there was nothing")
    ]
    more: Annotated[bool, Meta(description="true: ask again at once")]
    deleted: Annotated[
        list[DeletedEvents], Meta(description="empty: nothing behind your cursor has been deleted")
    ]


class CameraEntry(ApiDocument, frozen=True, kw_only=True):
    id: str
    name: Annotated[str, Meta(description="of the fleet's sheet; the id where it has none")]
    channel: Annotated[str, Meta(description="of the recorder; empty: not in the sheet")]
    state: Literal["online", "degraded", "starting", "tampered", "offline", "away"]
    cause: str | None
    since: Time | None


class GatewayEntry(ApiDocument, frozen=True, kw_only=True):
    id: str
    ward: str
    name: str
    latitude: Annotated[float | None, Meta(description="degrees, WGS 84; null: unknown")]
    longitude: float | None
    state: Literal["online", "booting", "unstable", "offline", "cut", "stopped", "never"]
    since: Time | None
    why: str
    heard: Annotated[Time | None, Meta(description="anything at all; null: never")]
    version: Annotated[str, Meta(description="of the agent; empty: unknown")]
    cameras: list[CameraEntry]


class WardEntry(ApiDocument, frozen=True, kw_only=True):
    id: str
    name: str


class Inventory(ApiDocument, frozen=True, kw_only=True):
    """What is there, as it is now: of the fleet's sheet and of what gateways say."""

    time: Time
    wards: list[WardEntry]
    gateways: list[GatewayEntry]


class Problem(ApiDocument, frozen=True, kw_only=True):
    """RFC 9457. `code` and `type` never change their meaning; `detail` is for people."""

    type: str
    title: str
    status: int
    code: Literal[
        "bad-request",
        "not-logged-in",
        "forbidden",
        "not-found",
        "method-not-allowed",
        "conflict",
        "too-large",
        "too-many",
        "internal",
        "unavailable",
    ]
    detail: str
