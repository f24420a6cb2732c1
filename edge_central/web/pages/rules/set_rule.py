"""The command that puts a rehearsed draft in force, or takes a rule back to the configuration.

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
from edge_central.rehearsals.model import RehearsalDraft
from edge_central.rehearsals.records import read_rehearsal
from edge_central.rehearsals.rules import ConfiguredRule
from edge_central.web.pages.rules.camera_rules import RuleDrawing, RulesOfCamera, rules_of_camera
from edge_central.web.pages.searches import drawn_on
from edge_central.web.request_context import UserRequestContext

SET_RULE = "set-rule"


@dataclass(frozen=True, slots=True)
class DraftedRule:
    """The rule of a command, as the page shows it."""

    rule: ConfiguredRule
    drawing: RuleDrawing | None
    background: StoredMedia | None
    camera: CameraOverview
    yaml: str


def set_rule_command(visit: UserRequestContext, gateway: str, form: Mapping[str, str]) -> GatewayCommand:
    """The command for the draft of ``rehearsal``, or for the rule ``reset`` of ``camera``. Raises
    InvalidCommand."""
    if not reason_of(form):
        raise InvalidCommand("command-error-reason")
    if "rehearsal" in form:
        rehearsal = read_rehearsal(visit.connection, visit.search_reader, form["rehearsal"])
        if rehearsal is None or rehearsal.gateway != gateway or rehearsal.result is None:
            raise InvalidCommand("command-error-rehearsal")
        camera, draft = rehearsal.camera, rehearsal.draft
        args: dict[str, Any] = {"rule": draft.rule, "zones": draft.zones, "lines": draft.lines}
    else:
        camera, args = form.get("camera", ""), {"reset": form.get("reset", "")}
    known = _camera_rules(visit, gateway, camera).known
    if known.rules is None or not known.rules.config_hash or not known.is_current:
        raise InvalidCommand("command-error-rules")
    command = GatewayCommand(SET_RULE, args | {"camera": camera, "config_hash": known.rules.config_hash})
    check_arguments(command)
    return command


def drafted_rule(visit: UserRequestContext, gateway: str, command: GatewayCommand) -> DraftedRule | None:
    """None: the command is of another type, or its rule cannot be shown."""
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


def _camera_rules(visit: UserRequestContext, gateway: str, camera: str) -> RulesOfCamera:
    """Raises InvalidCommand."""
    found = rules_of_camera(visit, gateway, camera)
    if found is None:
        raise InvalidCommand("command-error-camera")
    return found
