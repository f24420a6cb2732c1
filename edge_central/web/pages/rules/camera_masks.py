"""The form of a camera's masks. The masks are drawn on the camera's newest picture, checked by the agent's
rules for polygons, and sent in a command that an operator signs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.responses import Response

from edge_agent.core.geometry import Polygon, fault_of
from edge_agent.core.languages import in_lang
from edge_central.commands.draft import reason_of
from edge_central.commands.model import MAX_REASON, InvalidCommand
from edge_central.rehearsals.rules import CameraRuleSet, MaskSet
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import NotFound
from edge_central.web.pages.commands import show_document
from edge_central.web.pages.rules.camera_rules import RulesOfCamera, rules_of_path
from edge_central.web.pages.rules.set_rule import masks_drawing, set_masks_command
from edge_central.web.pages.rules.shape_text import PART, points_of, points_text, split_parts
from edge_central.web.pages.searches import drawn_on
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

MAX_MASKS = 32
"""Maximum number of masks of each kind at one camera; a configuration may have more."""
FIELDS = ("masks", "privacy_masks")


@dataclass(frozen=True, slots=True)
class MaskMistake:
    """What is wrong with one polygon of the masks form.

    ``key``: key of the sentence. ``number``: position of the polygon in its field, from 1. ``fault``: the
    agent's text about it.
    """

    field: str
    key: str
    number: int = 0
    fault: str = ""


def form_page(visit: UserRequestContext) -> Response:
    found, known = _camera(visit)
    values = {
        "masks": PART.join(map(points_text, known.masks.ignored)),
        "privacy_masks": PART.join(map(points_text, known.masks.private)),
    }
    return _form(visit, found, known, values, [])


def prepare_masks(visit: UserRequestContext) -> Response:
    """Return the document to be signed, or the form again with what is wrong in it."""
    found, known = _camera(visit)
    after, mistakes = _read(visit.form)
    if not reason_of(visit.form):
        mistakes.append(MaskMistake("reason", "command-error-reason"))
    if known.masks.unreadable:
        mistakes.append(MaskMistake("", "masks-unreadable"))
    if mistakes:
        return _form(visit, found, known, visit.form, mistakes, 400)
    if after == MaskSet(_as_shown(known.masks.ignored), _as_shown(known.masks.private)):
        return _form(visit, found, known, visit.form, [MaskMistake("", "masks-error-same")], 400)
    try:
        command = set_masks_command(found, after)
    except InvalidCommand as refusal:
        return _form(visit, found, known, visit.form, [MaskMistake("", refusal.key)], 400)
    return show_document(visit, found.site, visit.form, command)


def _camera(visit: UserRequestContext) -> tuple[RulesOfCamera, CameraRuleSet]:
    """Return the camera and its rules. Raises NotFound, also if the centre does not know its masks."""
    found = rules_of_path(visit)
    if found.known.rules is None:
        raise NotFound
    return found, found.known.rules


def _form(
    visit: UserRequestContext,
    found: RulesOfCamera,
    known: CameraRuleSet,
    values: Mapping[str, str],
    mistakes: list[MaskMistake],
    status: int = 200,
) -> Response:
    readable, _ = _read(values)
    mistakes = [replace(each, fault=in_lang(each.fault, visit.lang)) for each in mistakes]
    return visit.render(
        "masks.html",
        status,
        site=found.site,
        camera=found.camera,
        known=found.known,
        masks=known.masks,
        values=values,
        mistakes=mistakes,
        drawing=masks_drawing(found, readable),
        background=drawn_on(visit, found.site.id, found.camera),
        max_reason=MAX_REASON,
        max_masks=MAX_MASKS,
        reason=reason_of(values),
    )


def _read(form: Mapping[str, str]) -> tuple[MaskSet, list[MaskMistake]]:
    """Return the polygons that can be used, and what is wrong with the others."""
    mistakes: list[MaskMistake] = []
    ignored, private = (_polygons(name, form.get(name, ""), mistakes) for name in FIELDS)
    return MaskSet(ignored, private), mistakes


def _polygons(name: str, text: str, mistakes: list[MaskMistake]) -> tuple[Polygon, ...]:
    """Return the polygons of one field. For each polygon that cannot be used, ``mistakes`` gets an entry."""
    texts, usable = split_parts(text), []
    if len(texts) > MAX_MASKS:
        mistakes.append(MaskMistake(name, "masks-error-many"))
    for number, part in enumerate(texts[:MAX_MASKS], 1):
        points = points_of(part)
        if points is None or len(points) < 3:
            mistakes.append(MaskMistake(name, "masks-error-points", number))
        elif (fault := fault_of(points)) is not None:
            mistakes.append(MaskMistake(name, "masks-error-fault", number, fault))
        else:
            usable.append(tuple(points))
    return tuple(usable)


def _as_shown(polygons: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
    """Return the points, rounded as the form shows them."""
    return tuple(tuple(points_of(points_text(polygon)) or ()) for polygon in polygons)


FORM = "/sites/{gateway}/cameras/{camera}/masks"
PAGES = (
    Page(FORM, form_page, roles=ACTING_ROLES),
    Page(FORM, prepare_masks, "POST", roles=ACTING_ROLES),
)
