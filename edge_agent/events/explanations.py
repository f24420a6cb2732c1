"""The ``why`` of events about the gateway and its rules: one line of text."""

from __future__ import annotations

from edge_agent.core.facts import OverrideChange, RequestOrigin, RuleChange
from edge_agent.core.problems import ProblemText, command_text, problem_text


def override_line(change: OverrideChange) -> ProblemText:
    if change.end_reason is not None:
        learned = (change.rule, change.end_reason) == (None, "over")
        why = problem_text("ended-learned" if learned else f"ended-{change.end_reason}")
        if change.rule is None:
            return problem_text("relearn-ended", why=why)
        return problem_text("override-ended", rule=change.rule, override=change.what, why=why)
    origin = _origin(change.by)
    if change.rule is None or change.for_s is None:
        return problem_text("view-relearned", origin=origin)
    return problem_text(
        f"override-{change.what}", rule=change.rule, seconds=round(change.for_s), origin=origin
    )


def rule_change_line(change: RuleChange) -> ProblemText:
    if change.rule is None:
        return _masks_line(change)
    if change.what == "reverted":
        return problem_text("rule-change-reverted", rule=change.rule, why=change.reason)
    what = "off" if change.enabled is False else "removed" if change.removed else change.what
    return problem_text(f"rule-change-{what}", rule=change.rule, origin=_origin(change.by))


def _masks_line(change: RuleChange) -> ProblemText:
    if change.masks is None:
        return problem_text("masks-change-reverted", why=change.reason)
    counts = {"ignored": len(change.masks.ignored), "private": len(change.masks.private)}
    return problem_text(f"masks-change-{change.what}", **counts, origin=_origin(change.by))


def _origin(by: RequestOrigin) -> ProblemText:
    """Return a text that says where a request came from: the gateway, or a command with its key."""
    return problem_text("by-gateway") if by.command_id is None else command_text(by.command_id, by.signed_by)
