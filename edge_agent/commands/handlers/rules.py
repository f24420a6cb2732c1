"""``mask``, ``arm`` and ``disarm``: one rule of a camera is for a time not as its configuration says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial

from edge_agent.commands.action import Order, Outcome, Refused
from edge_agent.commands.plain import PlainAction
from edge_agent.config.model.settings import Settings
from edge_agent.core.facts import AskedBy
from edge_agent.core.overrides import Override, Overrides
from edge_agent.wire import ARGUMENTS, RuleForArguments

log = logging.getLogger(__name__)

DONE = {
    Override.MASK: "is masked: what it tells is an info and no alarm",
    Override.ARM: "is armed, also outside of its schedule",
    Override.DISARM: "is disarmed: it sees nothing",
}
IS = {Override.MASK: "masked", Override.ARM: "armed", Override.DISARM: "disarmed"}


def rule_actions(settings: Callable[[], Settings], overrides: Overrides) -> Iterator[PlainAction]:
    """``settings`` are those in force."""
    for what in Override:
        yield PlainAction(what.value, ARGUMENTS[what.value], partial(_ask, settings, overrides, what))


def _ask(
    settings: Callable[[], Settings], overrides: Overrides, what: Override, order: Order[RuleForArguments]
) -> Outcome:
    args = order.args
    if args.for_s == 0 and overrides.of(args.camera, args.rule) is what:
        return _end(overrides, what, args)  # also of a rule that another configuration took away
    _refuse_unknown(settings(), args)
    if args.for_s == 0:
        return _end(overrides, what, args)
    by = AskedBy(order.id, order.signed_by)
    kept = overrides.ask(args.camera, args.rule, what, args.for_s, by)
    text = f"{args.camera}: rule {args.rule} {DONE[what]}, for {args.for_s:.0f} s"
    log.warning("%s, as the centre asked", text)
    return Outcome(
        text + ("" if kept else "; the disk does not keep it, it ends with a restart of the agent")
    )


def _end(overrides: Overrides, what: Override, args: RuleForArguments) -> Outcome:
    was = overrides.of(args.camera, args.rule)
    if was is not what:
        now = "as it is configured" if was is None else IS[was]
        return Outcome(f"{args.camera}: rule {args.rule} was not {IS[what]}; it is {now}")
    overrides.end(args.camera, args.rule)
    text = f"{args.camera}: rule {args.rule} is as it is configured again"
    log.warning("%s, as the centre asked", text)
    return Outcome(text)


def _refuse_unknown(settings: Settings, args: RuleForArguments) -> None:
    camera = next((each for each in settings.cameras if each.id == args.camera), None)
    if camera is None:
        known = ", ".join(each.id for each in settings.cameras)
        raise Refused(f"there is no camera {args.camera}; there are: {known}")
    rule = next((each for each in camera.rules if each.id == args.rule), None)
    if rule is None:
        known = ", ".join(each.id for each in camera.rules) or "none"
        raise Refused(f"{args.camera} has no rule {args.rule}; it has: {known}")
    if not rule.enabled:
        raise Refused(
            f"{args.camera}: rule {args.rule} is switched off in the configuration (enabled: false)"
        )
