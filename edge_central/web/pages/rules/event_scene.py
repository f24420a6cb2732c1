"""The scene of an event: all that its camera sees, with the zone or line of the rule, the object, and the
event's own picture at its position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_central.console.events import EventRow, EventStory, StoredMedia
from edge_central.console.fleet import SiteOverview
from edge_central.rehearsals.records import ReportedRules, read_camera_rules
from edge_central.rehearsals.rules import RulePlace
from edge_central.web.pages.passage_path import WIDTH, picture_ratio
from edge_central.web.pages.rules.camera_rules import RuleDrawing, rule_drawing
from edge_central.web.pages.searches import drawn_on
from edge_central.web.request_context import UserRequestContext

Corners = tuple[float, float, float, float]
"""x1, y1, x2, y2 in 0..1 of a picture."""
LEAST_SIDE = 0.001
"""Minimum side of a box that a drawing can show, in 0..1 of the picture."""
ROUNDED = 0.02
"""How far a computed corner may be outside the picture, because boxes are rounded."""
MOST_PIXELS = 65_535
LEAST_RATIO, MOST_RATIO = 0.2, 5.0
"""Accepted width by height of pictures of cameras."""


@dataclass(frozen=True, slots=True)
class SceneRectangle:
    """A rectangle in pixels of the drawing."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class EventScene:
    """The drawing of an event: its picture, the object and the zone or line.

    ``width`` and ``height`` are those of the drawing, in pixels.
    """

    width: float
    height: float
    picture: StoredMedia | None  # the event's picture, or else the newest whole picture of the camera
    is_of_event: bool
    is_snapshot: bool  # the event's own picture shows the whole scene, so there is no other to show
    box: SceneRectangle
    crop: SceneRectangle | None  # where the event's own picture stands in a picture of another time
    place: RulePlace | None  # the zone or line in the present configuration
    drawing: RuleDrawing | None
    rules_ms: int | None  # when the gateway sent its rules


def read_event_scene(
    visit: UserRequestContext, story: EventStory, site: SiteOverview | None
) -> EventScene | None:
    """Return the scene of an event. None: the event names no place in the picture of a camera."""
    shown = next((row for row in story.phases if row.media_id is not None), story.first)
    box = corners(shown.data.box)
    if box is None:
        return None
    camera = next((each for each in site.cameras if each.id == shown.camera), None) if site else None
    ratio = _ratio(shown.data.frame) or picture_ratio(camera)
    height = round(WIDTH / ratio, 1)
    region = _region_of_crop(box, shown)
    picture, own_box = _own_picture(story, shown, region)
    known = read_camera_rules(visit.connection, visit.scope, shown.gateway, shown.camera)
    place = _place(known, shown)
    return EventScene(
        width=WIDTH,
        height=height,
        picture=picture or drawn_on(visit, shown.gateway, camera),
        is_of_event=picture is not None,
        is_snapshot=picture is not None and picture.media_id == shown.media_id,
        box=_rectangle(own_box or box, height),
        crop=None if picture is not None or region is None else _rectangle(region, height),
        place=place,
        drawing=None if place is None else rule_drawing(place, ratio),
        rules_ms=known.received_ms,
    )


def corners(written: Any) -> Corners | None:
    """Return a gateway's box, clipped to the picture. None: it is no box, or too small to be seen."""
    if not isinstance(written, list | tuple) or len(written) != 4:
        return None
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in written):
        return None
    x1, y1, x2, y2 = (min(max(float(each), 0.0), 1.0) for each in written)
    return (x1, y1, x2, y2) if x2 - x1 >= LEAST_SIDE and y2 - y1 >= LEAST_SIDE else None


def _ratio(frame: Any) -> float | None:
    """Return width by height of the analysed picture. None: unknown."""
    if not isinstance(frame, dict):
        return None
    width, height = frame.get("width"), frame.get("height")
    if not (isinstance(width, int) and isinstance(height, int)):
        return None
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        return None
    return width / height if LEAST_RATIO <= width / height <= MOST_RATIO else None


def _own_picture(
    story: EventStory, shown: EventRow, region: Corners | None
) -> tuple[StoredMedia | None, Corners | None]:
    """Return the event's own picture if it shows the whole scene (the scene of a still, or a snapshot that is
    whole), and where the object is in it, if that is known."""
    still = next((each for view, each in story.stills if view == "scene"), None)
    if still is not None:
        refs = (row.data.still for row in story.evidence if row.data.still is not None)
        return still, next((corners(ref.box) for ref in refs if ref.media_id == still.media_id), None)
    if region is None or min(region[2] - region[0], region[3] - region[1]) < 1 - ROUNDED:
        return None, None
    return next((each for each in story.media if each.media_id == shown.media_id), None), None


def _region_of_crop(box: Corners, shown: EventRow) -> Corners | None:
    """Return the part of the scene that the snapshot shows. The object is at ``box`` in the scene, and at
    another box in the snapshot. None: the event does not say where it is in the snapshot."""
    snapshot = shown.data.snapshot
    inner = None if snapshot is None or shown.media_id is None else corners(snapshot.box)
    if inner is None:
        return None
    width = (box[2] - box[0]) / (inner[2] - inner[0])
    height = (box[3] - box[1]) / (inner[3] - inner[1])
    left, top = box[0] - inner[0] * width, box[1] - inner[1] * height
    found = (left, top, left + width, top + height)
    return corners(found) if all(-ROUNDED <= each <= 1 + ROUNDED for each in found) else None


def _place(known: ReportedRules, shown: EventRow) -> RulePlace | None:
    named = shown.data.line or shown.data.zone
    if known.rules is None or named is None:
        return None
    return known.rules.place(named, is_line=shown.data.line is not None)


def _rectangle(of: Corners, height: float) -> SceneRectangle:
    x1, y1, x2, y2 = of
    return SceneRectangle(
        round(x1 * WIDTH, 1),
        round(y1 * height, 1),
        round((x2 - x1) * WIDTH, 1),
        round((y2 - y1) * height, 1),
    )
