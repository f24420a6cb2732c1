"""The facts of items: bounded copies of what a search found, as ``case.json`` and the page show them.

A copy is kept longer than the search, which is deleted after ``search.days``. The structs are open: later
versions may add fields.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.searches.matches import PassageMatch

_Facts = TypeVar("_Facts", bound=Struct)
Line = Annotated[str, Meta(max_length=500)]


class PassageFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A passage as the gateway described it. Colours, directions and speeds are hints."""

    gateway: str
    ward: str
    camera: str
    passage: Annotated[int, Meta(description="its id at the gateway")]
    start: Annotated[str, Meta(description="RFC 3339, UTC, by the gateway's clock")]
    for_s: Annotated[float, Meta(description="how long it was in sight")]
    clock: Annotated[str, Meta(description="synced, unsynced or corrected")] = "synced"
    group: str | None = None
    label: str | None = None
    direction_deg: Annotated[int | None, Meta(description="clockwise from the top of the picture")] = None
    heading_deg: Annotated[int | None, Meta(description="clockwise from north")] = None
    speed: Annotated[float, Meta(description="lengths of the object a second")] = 0.0
    speed_m_s: float | None = None
    speed_error_m_s: Annotated[float | None, Meta(description="19 of 20 speeds are within it")] = None
    size: Annotated[
        tuple[float, float] | None, Meta(description="width, height of the box; shares of the picture")
    ] = None
    entry: str = "inside"
    exit: str = "inside"
    light: str = "day"
    colours: Annotated[dict[str, list[str]], Meta(description="by part, the largest first")] = field(
        default_factory=dict
    )
    still_s: float = 0.0
    rules: Annotated[list[str], Meta(description="that reported the object")] = field(default_factory=list)
    picture_sha256: Annotated[str | None, Meta(description="of the picture, as the gateway named it")] = None
    site: Annotated[Line, Meta(description="name of the site when it was added")] = ""
    camera_name: Line = ""


class JourneyLink(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why the passage with this number may show the same object as the passage before it."""

    lines: Annotated[list[Line], Meta(max_length=20, description="reasons for and against, as shown")]


class JourneyFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Passages that may be one object, in the order of time. A hint for people, not a proof."""

    passages: Annotated[list[PassageFacts], Meta(min_length=1, max_length=24)]
    links: Annotated[
        list[JourneyLink], Meta(max_length=24, description="one less than passages: between each two")
    ] = field(default_factory=list)
    note: Line = ""


class EventFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as the gateway reported it."""

    event_id: Line
    gateway: str
    ward: str
    camera: str
    kind: Line
    severity: int
    time: Annotated[str, Meta(description="RFC 3339, UTC, by the gateway's clock")]
    ended: str | None = None
    label: Line = ""
    rule: Line = ""
    place: Annotated[Line, Meta(description="id of the zone or line")] = ""
    snapshot_box: Annotated[
        tuple[float, float, float, float] | None,
        Meta(description="of the object in the snapshot: x1, y1, x2, y2 in 0..1"),
    ] = None
    site: Line = ""
    camera_name: Line = ""
    rule_name: Annotated[Line, Meta(description="as the configuration called it; empty: it had none")] = ""
    place_name: Line = ""


class FileFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file from outside. The centre itself knows only its arrival time and SHA-256; people said the
    rest."""

    name: Line
    brought_by: Annotated[Line, Meta(description="the person whom it is from")]
    note: Line = ""


class NoteFacts(Struct, frozen=True, kw_only=True):
    text: Annotated[str, Meta(max_length=4000)]


def facts_of_match(match: PassageMatch, site: str = "", camera_name: str = "") -> PassageFacts:
    """Copy a match. ``site`` and ``camera_name``: the present names."""
    return PassageFacts(
        gateway=match.gateway,
        ward=match.ward,
        camera=match.camera,
        passage=match.passage,
        start=rfc3339_of_ms(match.start_ms),
        for_s=match.for_s,
        clock=match.clock,
        group=match.group,
        label=match.label,
        direction_deg=match.direction_deg,
        heading_deg=match.heading_deg,
        speed=match.speed,
        speed_m_s=match.speed_m_s,
        speed_error_m_s=match.speed_error_m_s,
        size=match.size,
        entry=match.entry,
        exit=match.exit,
        light=match.light,
        colours={part: list(terms) for part, terms in match.colours.items()},
        still_s=match.still_s,
        rules=list(match.rules),
        picture_sha256=match.picture_sha256,
        site=site[:500],
        camera_name=camera_name[:500],
    )


def as_facts(facts: Struct) -> dict[str, Any]:
    """Return the facts as the value of ``NewCaseItem.facts``."""
    found: dict[str, Any] = msgspec.to_builtins(facts)
    return found


def passages_of(facts: bytes) -> tuple[PassageFacts, ...]:
    """Return the passages in the facts of a passage or a journey; empty for the facts of other items."""
    journey = _decoded(facts, JourneyFacts)
    if journey is not None:
        return tuple(journey.passages)
    passage = _decoded(facts, PassageFacts)
    return () if passage is None else (passage,)


def links_of(facts: bytes) -> tuple[JourneyLink, ...]:
    """Return the reasons between the passages of a journey; empty for other items."""
    journey = _decoded(facts, JourneyFacts)
    return () if journey is None else tuple(journey.links)


def event_of(facts: bytes) -> EventFacts | None:
    return _decoded(facts, EventFacts)


def file_of(facts: bytes) -> FileFacts | None:
    return _decoded(facts, FileFacts)


def note_of(facts: bytes) -> NoteFacts | None:
    return _decoded(facts, NoteFacts)


def _decoded(facts: bytes, kind: type[_Facts]) -> _Facts | None:
    try:
        return msgspec.json.decode(facts, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
