"""The page of a camera's rules: each in words, drawn on the camera's picture, with its reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from edge_agent.core.geometry import Point
from edge_central.commands.records import last_rule_changes
from edge_central.console.fleet import CameraOverview, SiteOverview
from edge_central.rehearsals.model import RehearsalDraft
from edge_central.rehearsals.records import ReportedRules, list_rehearsals, read_camera_rules
from edge_central.rehearsals.reports import RuleProposals, read_proposals, read_reports
from edge_central.rehearsals.rules import ConfiguredRule, RulePlace, configured_rule
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import NotFound
from edge_central.web.pages.passage_path import WIDTH, picture_ratio
from edge_central.web.pages.rules.new_rule import MAX_NAME, NEW_KINDS
from edge_central.web.pages.rules.overrides import read_overrides
from edge_central.web.pages.searches import drawn_on
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page


@dataclass(frozen=True, slots=True)
class RuleDrawing:
    """The zone or line of a rule on a picture. ``points``: the points of a polygon or of a polyline.
    ``excluded`` and ``masks``: those of polygons."""

    width: float
    height: float
    points: str
    is_line: bool
    excluded: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RulesOfCamera:
    """A camera of the scope, and the rules that its gateway has sent."""

    site: SiteOverview
    camera: CameraOverview
    known: ReportedRules

    def rule(self, id_: str) -> ConfiguredRule:
        """Return the rule with this id. Raises NotFound."""
        found = None if self.known.rules is None else self.known.rules.rule(id_)
        if found is None:
            raise NotFound
        return found

    def drafted(self, draft: RehearsalDraft) -> ConfiguredRule | None:
        """Return the draft as a rule of this camera, with its new zones and lines; None: unreadable."""
        known = self.known.rules
        zones, lines = ({}, {}) if known is None else (known.zones, known.lines)
        return configured_rule(draft.rule, {**zones, **draft.zones}, {**lines, **draft.lines})

    def drawing(self, place: RulePlace | None) -> RuleDrawing | None:
        masks = () if self.known.rules is None else self.known.rules.masks.all
        return None if place is None else rule_drawing(place, picture_ratio(self.camera), masks)

    def proposals(self, visit: UserRequestContext, rule: ConfiguredRule) -> RuleProposals:
        """Return the changes that the outcomes of this rule suggest."""
        assert self.known.rules is not None
        place = (visit.scope, self.site.id, self.camera.id, self.known.rules, rule)
        return read_proposals(visit.connection, *place, visit.now_ms, visit.services.console.timezone)


def rule_drawing(place: RulePlace, ratio: float, masks: Iterable[tuple[Point, ...]] = ()) -> RuleDrawing:
    """Draw a zone or line. ``ratio``: picture's width by height. ``masks``: corners of each mask."""
    height = round(WIDTH / ratio, 1)
    points, *parts = drawn_polygons((place.points, *place.excluded), height)
    masks_drawn = drawn_polygons(masks, height)
    return RuleDrawing(WIDTH, height, points, place.key == "lines", tuple(parts), masks_drawn)


def drawn_polygons(shapes: Iterable[Iterable[Point]], height: float) -> tuple[str, ...]:
    """Return the SVG ``points`` of each shape, in a drawing of this height and WIDTH."""
    return tuple(" ".join(f"{x * WIDTH:.1f},{y * height:.1f}" for x, y in points) for points in shapes)


def rules_of_path(visit: UserRequestContext) -> RulesOfCamera:
    """Return the rules of the camera in the path. Raises NotFound."""
    found = rules_of_camera(visit, visit.path("gateway"), visit.path("camera"))
    if found is None:
        raise NotFound
    return found


def rules_of_camera(visit: UserRequestContext, gateway: str, camera_id: str) -> RulesOfCamera | None:
    """Return the rules of a camera. None: there is no such camera in the scope."""
    site = visit.fleet(gateway=gateway).site(gateway)
    cameras = () if site is None else site.cameras
    camera = next((each for each in cameras if each.id == camera_id), None)
    if site is None or camera is None:
        return None
    known = read_camera_rules(visit.connection, visit.scope.narrowed(site.ward), gateway, camera_id)
    return RulesOfCamera(site, camera, known)


def rules_page(visit: UserRequestContext) -> Response:
    """Return the page of a camera's rules. The query parameter ``proposals`` names a rule: the page proposes
    changes to it, from the outcomes of its alarms."""
    found = rules_of_path(visit)
    rules = () if found.known.rules is None else found.known.rules.rules
    chosen = visit.query("proposals")
    return visit.render(
        "rules.html",
        site=found.site,
        camera=found.camera,
        known=found.known,
        rules=rules,
        drawings={rule.id: found.drawing(rule.place) for rule in rules},
        background=drawn_on(visit, found.site.id, found.camera) if rules else None,
        reports=read_reports(visit.connection, visit.scope, found.site.id, found.camera.id, visit.now_ms),
        rehearsals=list_rehearsals(visit.connection, visit.search_reader, found.site.id, found.camera.id),
        chosen=chosen,
        overrides=read_overrides(visit, found.site),
        last_changes=last_rule_changes(visit.connection, visit.scope, found.site.id, found.camera.id),
        new_kinds=NEW_KINDS,
        max_name=MAX_NAME,
        proposals=found.proposals(visit, found.rule(chosen)) if chosen else None,
    )


PAGES = (Page("/sites/{gateway}/cameras/{camera}/rules", rules_page, roles=ACTING_ROLES),)
