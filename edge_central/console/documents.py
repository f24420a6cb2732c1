"""The fields that the console reads from births, heartbeats and events, also of newer and older agents.

An unreadable document counts as empty; its bytes stay in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from edge_agent.wire.received.bounds import EARLIEST_MS, LATEST_MS, bound_fields, with_problem, with_problems
from edge_agent.wire.received.health import ReceivedCameraHealth, ReceivedHealth
from edge_agent.wire.received.messages import InventoryDetector
from edge_central.sentences import problem_text

MAX_CACHED, CACHED_BYTES = 1_024, 8_192
"""Number of cached decoded documents, and the maximum size of each: some 3 MB for a city."""
OUT_OF_BOUNDS = problem_text("out-of-bounds")


class CameraFields(ReceivedCameraHealth):
    """One camera of a heartbeat."""

    codec: str | None = None
    width: int | None = None
    height: int | None = None


class HeartbeatFields(ReceivedHealth):
    time: str = ""
    session: str = ""
    cameras: Mapping[str, CameraFields] = msgspec.field(default_factory=dict)


class CameraIdentityFields(msgspec.Struct):
    """Make and model that the camera itself reports; empty: unknown. Pages escape and shorten these texts,
    like all texts of a gateway."""

    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    serial: str | None = None
    mac: str | None = None


class BirthCameraFields(msgspec.Struct):
    id: str
    identity: CameraIdentityFields | None = None


class LocationFields(msgspec.Struct):
    """A position in degrees. A value out of bounds is None."""

    latitude: float | None = None
    longitude: float | None = None


class BirthFields(msgspec.Struct):
    name: str = ""
    version: str = ""
    board: str = ""
    profile: str = ""
    evidence_key: str | None = None
    cameras: list[BirthCameraFields] = msgspec.field(default_factory=list)
    location: LocationFields | None = None
    detector: InventoryDetector = msgspec.field(default_factory=InventoryDetector)


class MediaFields(msgspec.Struct):
    """A snapshot or clip that an event names."""

    media_id: str
    box: tuple[float, float, float, float] | None = None
    duration_s: float | None = None
    pre_roll_s: float | None = None
    codec: str = ""
    sha256: str = ""
    began_at: str = ""  # of a clip: when its first picture was taken


class FileFields(msgspec.Struct):
    """A file that a command requested."""

    media_id: str
    content_type: str = ""


class StillFields(msgspec.Struct):
    """One picture of a still."""

    media_id: str
    view: str = ""  # scene: the whole picture of the camera
    box: Any = None  # where the object is, in 0..1 of the picture: x1, y1, x2, y2


class EventDataFields(msgspec.Struct):
    """The data of events of all kinds: fields of the same name have the same meaning in all kinds."""

    phase: str | None = None
    event_id: str | None = None
    rule_id: str | None = None
    zone: str | None = None
    line: str | None = None
    label: str | None = None
    box: Any = None  # where the object is, in 0..1 of what the camera sees: x1, y1, x2, y2
    frame: Any = None  # pixels of the analysed picture: width, height
    state: str | None = None
    cause: str | None = None
    masked: bool = False
    why: str = ""
    detail: str = ""
    reason: str = ""
    command_id: str | None = None  # id of the command that caused the event
    missing: str | None = None
    problem: Any = None  # the coded problem of ``why``, ``detail`` or ``missing``
    end_reason: str | None = None
    snapshot: MediaFields | None = None
    clip: MediaFields | None = None
    file: FileFields | None = None
    still: StillFields | None = None


class EventFields(msgspec.Struct):
    id: str = ""
    clock: str = "synced"
    data: EventDataFields = msgspec.field(default_factory=EventDataFields)


_T = TypeVar("_T", bound=msgspec.Struct)
_HEARTBEAT = msgspec.json.Decoder(HeartbeatFields)
_BIRTH = msgspec.json.Decoder(BirthFields)
_EVENT = msgspec.json.Decoder(EventFields)


def _cached(read: Callable[[bytes | None], _T]) -> Callable[[bytes | None], _T]:
    """Cache decoded documents: a fleet page reads all heartbeats and births, and few change in between."""
    cached = lru_cache(MAX_CACHED)(read)
    return lambda payload: cached(payload) if len(payload or b"") <= CACHED_BYTES else read(payload)


@_cached
def parse_heartbeat(payload: bytes | None) -> HeartbeatFields:
    """Decode a heartbeat. Values out of bounds are left out, which an entry in ``degraded`` reports."""
    found, out_of_bounds = _read(_HEARTBEAT, payload, HeartbeatFields())
    found.degraded = with_problems(found.degraded, found.problems)
    if out_of_bounds:
        found.degraded.append(OUT_OF_BOUNDS)
    return found


@_cached
def parse_birth(payload: bytes | None) -> BirthFields:
    found, _ = _read(_BIRTH, payload, BirthFields())
    location = found.location
    if location is not None:
        latitude, longitude = location.latitude, location.longitude
        if latitude is None or longitude is None or abs(latitude) > 90.0 or abs(longitude) > 180.0:
            found.location = None
    return found


def parse_event(payload: bytes | None) -> EventFields:
    """Parse the document of an event; its texts carry their codes."""
    found, _ = _read(_EVENT, payload, EventFields())
    data = found.data
    data.why, data.detail = with_problem(data.why, data.problem), with_problem(data.detail, data.problem)
    data.missing = None if data.missing is None else with_problem(data.missing, data.problem)
    return found


def milliseconds(time: str | None) -> int | None:
    """Return a time in milliseconds since 1970. None: the time is invalid or out of bounds."""
    try:
        found = None if not time else round(datetime.fromisoformat(time).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return found if found is not None and EARLIEST_MS <= found <= LATEST_MS else None


def _read(decoder: msgspec.json.Decoder[Any], payload: bytes | None, otherwise: _T) -> tuple[_T, bool]:
    """Decode a document and apply the bounds of ``wire/received/bounds.py``; also return whether a value
    was out of bounds."""
    if not payload:
        return otherwise, False
    try:
        found: _T = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return otherwise, False
    return found, bound_fields(found)
