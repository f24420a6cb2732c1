"""The masks of a camera in ``set-rule``: what is changed, and which rules see nothing because of them."""

from __future__ import annotations

import msgspec

from edge_agent.commands.action import CommandRefused
from edge_agent.config.model.camera import Camera
from edge_agent.config.model.rules import AnyRule, LineRule
from edge_agent.config.model.settings import Settings
from edge_agent.config.model.zone_checks import is_masked
from edge_agent.config.rule_changes import RuleChanges
from edge_agent.core.facts import ChangedMasks
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.wire import SetRuleArguments


def concerns_masks(args: SetRuleArguments) -> bool:
    return args.masks is not None or args.reset_masks


def change_masks(changes: RuleChanges, args: SetRuleArguments) -> None:
    """Put the masks of the command into ``changes``, or remove those of the camera. Raises CommandRefused."""
    if args.masks is not None:
        changes.set_masks(args.camera, *msgspec.to_builtins((args.masks.masks, args.masks.privacy_masks)))
    elif not changes.reset_masks(args.camera):
        raise CommandRefused(problem_text("masks-not-changed", camera=args.camera))


def masks_of(settings: Settings, camera: str) -> ChangedMasks:
    """Return all masks of a camera that is configured."""
    found = next(each for each in settings.cameras if each.id == camera)
    return ChangedMasks(found.masks, found.privacy_masks)


def masks_outcome(settings: Settings, camera: str, *, changed: bool) -> ProblemText:
    """Return the text about a confirmed change. ``changed``: the masks are not those of the configuration.
    The camera may have been removed since."""
    hidden = [rule for each in settings.cameras if each.id == camera for rule in hidden_rules(each)]
    if hidden:
        return problem_text("masks-hide-rules", rules=", ".join(hidden))
    return problem_text("masks-in-force" if changed else "masks-reset-done")


def hidden_rules(camera: Camera) -> list[str]:
    """Return the ids of the enabled rules of a camera whose zone or line lies wholly in one mask."""
    return [each.id for each in camera.rules if each.enabled and is_masked(_points(each), camera.masks)]


def _points(rule: AnyRule) -> tuple[tuple[float, float], ...]:
    return rule.line.points if isinstance(rule, LineRule) else rule.zone.points
