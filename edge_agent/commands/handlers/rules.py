"""``mask``, ``arm`` and ``disarm``: override the configuration of one rule of a camera for a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandRefused,
    CommandSucceeded,
    select_cameras,
)
from edge_agent.config.model.settings import Settings
from edge_agent.core.facts import RequestOrigin
from edge_agent.core.overrides import OverrideKind, Overrides
from edge_agent.core.problems import problem_text
from edge_agent.wire import RuleForArguments

log = logging.getLogger(__name__)

IS = {OverrideKind.MASK: "masked", OverrideKind.ARM: "armed", OverrideKind.DISARM: "disarmed"}


def rule_actions(settings: Callable[[], Settings], overrides: Overrides) -> Iterator[Action]:
    """Make the three actions. ``settings`` returns the settings in force."""
    for what in OverrideKind:
        yield Action(what.value, partial(_ask, settings, overrides, what))


def _ask(
    settings: Callable[[], Settings],
    overrides: Overrides,
    what: OverrideKind,
    context: CommandContext[RuleForArguments],
) -> CommandSucceeded:
    args = context.args
    if args.for_s == 0 and overrides.of(args.camera, args.rule) is what:
        return _end(overrides, what, args)  # ends the override also if a reload has removed the rule
    _refuse_unknown(settings(), args)
    if args.for_s == 0:
        return _end(overrides, what, args)
    by = RequestOrigin(context.id, context.signed_by)
    kept = overrides.apply(args.camera, args.rule, what, args.for_s, by)
    seconds = round(args.for_s)
    text = problem_text(f"rule-{IS[what]}", camera=args.camera, rule=args.rule, seconds=seconds)
    log.warning("%s, as the centre asked", text)
    return CommandSucceeded(text if kept else problem_text("rule-not-kept", text=text))


def _end(overrides: Overrides, what: OverrideKind, args: RuleForArguments) -> CommandSucceeded:
    was = overrides.of(args.camera, args.rule)
    if was is not what:
        now = problem_text("rule-is-configured" if was is None else f"rule-is-{IS[was]}")
        before = problem_text(f"rule-is-{IS[what]}")
        return CommandSucceeded(
            problem_text("rule-was-not", camera=args.camera, rule=args.rule, before=before, now=now)
        )
    overrides.end(args.camera, args.rule)
    text = problem_text("rule-configured-again", camera=args.camera, rule=args.rule)
    log.warning("%s, as the centre asked", text)
    return CommandSucceeded(text)


def _refuse_unknown(settings: Settings, args: RuleForArguments) -> None:
    cameras = {camera.id: camera for camera in settings.cameras}
    (camera_id,) = select_cameras([args.camera], list(cameras))
    rules = cameras[camera_id].rules
    rule = next((each for each in rules if each.id == args.rule), None)
    if rule is None:
        known = [each.id for each in rules] or ["-"]
        raise CommandRefused(problem_text("rule-unknown", camera=args.camera, rule=args.rule, known=known))
    if not rule.enabled:
        raise CommandRefused(problem_text("rule-off", camera=args.camera, rule=args.rule))
