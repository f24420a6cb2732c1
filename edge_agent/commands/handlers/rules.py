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
from edge_agent.wire import RuleForArguments

log = logging.getLogger(__name__)

DONE = {
    OverrideKind.MASK: "is masked: what it tells is an info and no alarm",
    OverrideKind.ARM: "is armed, also outside of its schedule",
    OverrideKind.DISARM: "is disarmed: it sees nothing",
}
IS = {OverrideKind.MASK: "masked", OverrideKind.ARM: "armed", OverrideKind.DISARM: "disarmed"}


def rule_actions(settings: Callable[[], Settings], overrides: Overrides) -> Iterator[Action]:
    """Make the three actions. ``settings`` returns those in force."""
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
        return _end(overrides, what, args)  # also for a rule that a reload has removed
    _refuse_unknown(settings(), args)
    if args.for_s == 0:
        return _end(overrides, what, args)
    by = RequestOrigin(context.id, context.signed_by)
    kept = overrides.apply(args.camera, args.rule, what, args.for_s, by)
    text = f"{args.camera}: rule {args.rule} {DONE[what]}, for {args.for_s:.0f} s"
    log.warning("%s, as the centre asked", text)
    return CommandSucceeded(
        text + ("" if kept else "; the disk does not keep it, it ends with a restart of the agent")
    )


def _end(overrides: Overrides, what: OverrideKind, args: RuleForArguments) -> CommandSucceeded:
    was = overrides.of(args.camera, args.rule)
    if was is not what:
        now = "as it is configured" if was is None else IS[was]
        return CommandSucceeded(f"{args.camera}: rule {args.rule} was not {IS[what]}; it is {now}")
    overrides.end(args.camera, args.rule)
    text = f"{args.camera}: rule {args.rule} is as it is configured again"
    log.warning("%s, as the centre asked", text)
    return CommandSucceeded(text)


def _refuse_unknown(settings: Settings, args: RuleForArguments) -> None:
    cameras = {camera.id: camera for camera in settings.cameras}
    (camera_id,) = select_cameras([args.camera], list(cameras))
    rules = cameras[camera_id].rules
    rule = next((each for each in rules if each.id == args.rule), None)
    if rule is None:
        known = ", ".join(each.id for each in rules) or "none"
        raise CommandRefused(f"{args.camera} has no rule {args.rule}; it has: {known}")
    if not rule.enabled:
        raise CommandRefused(
            f"{args.camera}: rule {args.rule} is switched off in the configuration (enabled: false)"
        )
