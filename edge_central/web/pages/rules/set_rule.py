"""The command that puts a rehearsed draft or other masks in force, or resets them to the configuration.

An operator signs it on the page of commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_central.commands.draft import check_arguments, reason_of
from edge_central.commands.model import GatewayCommand, InvalidCommand
from edge_central.console.events import StoredMedia
from edge_central.console.fleet import CameraOverview
from edge_central.proposals.draft import as_yaml
from edge_central.rehearsals.mask_effects import MaskEffects, mask_effects
from edge_central.rehearsals.model import RehearsalDraft
from edge_central.rehearsals.records import read_rehearsal
from edge_central.rehearsals.reports import ReportCounts, count_masked_reports
from edge_central.rehearsals.rules import ConfiguredRule, MaskSet, read_masks
from edge_central.web.pages.passage_path import WIDTH, picture_ratio
from edge_central.web.pages.rules.camera_rules import (
    RuleDrawing,
    RulesOfCamera,
    drawn_polygons,
    rules_of_camera,
)
from edge_central.web.pages.rules.shape_text import listed
from edge_central.web.pages.searches import drawn_on
from edge_central.web.request_context import UserRequestContext

SET_RULE = "set-rule"


@dataclass(frozen=True, slots=True)
class MasksDrawing:
    """The masks of a camera, and the zones and lines of its rules, as points of SVG."""

    width: float
    height: float
    ignored: tuple[str, ...]
    private: tuple[str, ...]
    zones: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DraftedMasks:
    """The masks of a command, as the page shows them beside those in force."""

    effects: MaskEffects
    reports: ReportCounts  # reports of objects that stood where nothing will be analysed
    before: MasksDrawing
    after: MasksDrawing
    background: StoredMedia | None
    camera: CameraOverview


@dataclass(frozen=True, slots=True)
class DraftedRule:
    """The rule of a command, as the page shows it."""

    rule: ConfiguredRule
    drawing: RuleDrawing | None
    background: StoredMedia | None
    camera: CameraOverview
    yaml: str


def set_rule_command(visit: UserRequestContext, gateway: str, form: Mapping[str, str]) -> GatewayCommand:
    """Return the command that puts the draft of ``rehearsal`` in force. Without it the command resets the
    rule ``reset`` of ``camera``, or with ``reset_masks`` its masks. Raises InvalidCommand."""
    if not reason_of(form):
        raise InvalidCommand("command-error-reason")
    if "rehearsal" in form:
        rehearsal = read_rehearsal(visit.connection, visit.search_reader, form["rehearsal"])
        if rehearsal is None or rehearsal.gateway != gateway or rehearsal.result is None:
            raise InvalidCommand("command-error-rehearsal")
        camera, draft = rehearsal.camera, rehearsal.draft
        args: dict[str, Any] = {"rule": draft.rule, "zones": draft.zones, "lines": draft.lines}
    elif "reset_masks" in form:
        camera, args = form.get("camera", ""), {"reset_masks": True}
    else:
        camera, args = form.get("camera", ""), {"reset": form.get("reset", "")}
    return _command(_camera_rules(visit, gateway, camera), args)


def set_masks_command(found: RulesOfCamera, masks: MaskSet) -> GatewayCommand:
    """Return the command that replaces all masks of a camera. Raises InvalidCommand."""
    lists = {"masks": masks.ignored, "privacy_masks": masks.private}
    return _command(found, {"masks": {key: list(map(listed, each)) for key, each in lists.items()}})


def _command(found: RulesOfCamera, args: dict[str, Any]) -> GatewayCommand:
    """Return the command. Raises InvalidCommand, also if the centre does not have the present rules."""
    known = found.known
    if known.rules is None or not known.rules.config_hash or not known.is_current:
        raise InvalidCommand("command-error-rules")
    about = {"camera": found.camera.id, "config_hash": known.rules.config_hash}
    command = GatewayCommand(SET_RULE, args | about)
    check_arguments(command)
    return command


def drafted_rule(visit: UserRequestContext, gateway: str, command: GatewayCommand) -> DraftedRule | None:
    """Return the rule of the command. None: the command is of another type, or its rule cannot be shown."""
    if command.type != SET_RULE or not command.args.get("rule"):
        return None
    found = _camera_rules(visit, gateway, command.camera or "")
    draft = RehearsalDraft(**{key: command.args[key] for key in ("rule", "zones", "lines")})
    rule = found.drafted(draft)
    if rule is None:
        return None
    background = drawn_on(visit, gateway, found.camera)
    yaml = "\n".join(as_yaml(draft.written()))
    return DraftedRule(rule, found.drawing(rule.place), background, found.camera, yaml)


def drafted_masks(visit: UserRequestContext, gateway: str, command: GatewayCommand) -> DraftedMasks | None:
    """Return the masks of the command. None: it does not change masks, or the masks of the configuration are
    not known."""
    if command.type != SET_RULE or not command.changes_masks:
        return None
    found = _camera_rules(visit, gateway, command.camera or "")
    known = found.known.rules
    is_reset = command.args.get("reset_masks")
    masks = known.configured_masks if known and is_reset else read_masks(command.args.get("masks"))
    if known is None or masks is None:
        return None
    background = drawn_on(visit, gateway, found.camera)
    before, after = masks_drawing(found, known.masks), masks_drawing(found, masks)
    reports = count_masked_reports(
        visit.connection, visit.scope, gateway, found.camera.id, masks.ignored, visit.now_ms
    )
    return DraftedMasks(mask_effects(known, masks), reports, before, after, background, found.camera)


def masks_drawing(found: RulesOfCamera, masks: MaskSet) -> MasksDrawing:
    height = round(WIDTH / picture_ratio(found.camera), 1)
    rules = () if found.known.rules is None else found.known.rules.rules
    places = [rule.place for rule in rules if rule.place is not None]
    zones, lines = ([each.points for each in places if each.key == key] for key in ("zones", "lines"))
    shapes = (drawn_polygons(each, height) for each in (masks.ignored, masks.private, zones, lines))
    return MasksDrawing(WIDTH, height, *shapes)


def _camera_rules(visit: UserRequestContext, gateway: str, camera: str) -> RulesOfCamera:
    """Return the rules of a camera. Raises InvalidCommand."""
    found = rules_of_camera(visit, gateway, camera)
    if found is None:
        raise InvalidCommand("command-error-camera")
    return found
