"""Which rules of a gateway are muted, disarmed or armed for a time, until when, by whom and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_agent.wire.received.bounds import bounded_time
from edge_agent.wire.received.health import ReceivedRuleOverride
from edge_central.commands.model import OVERRIDES
from edge_central.commands.records import LoggedCommand

SAME_END_MS = 120_000
"""Two ends this close belong to one override: a heartbeat arrives some time after the gateway computed
``left_s``."""


@dataclass(frozen=True, slots=True)
class OverrideInForce:
    """A rule that a command has muted, disarmed or armed for a while.

    ``command``: None if the console has not sent the command. ``what``: mask, disarm or arm.
    """

    camera: str
    rule: str
    what: str
    until_ms: int
    command: LoggedCommand | None = None


def overrides_in_force(
    reported: Sequence[ReceivedRuleOverride],
    heartbeat_ms: int,
    commands: Mapping[tuple[str, str], LoggedCommand],
    now_ms: int,
) -> dict[tuple[str, str], OverrideInForce]:
    """Return the overrides in force, by camera and rule. ``reported``: the overrides in the heartbeat that
    was received at ``heartbeat_ms``. ``commands``: for each rule, the newest override command that the
    gateway has carried out; if it is newer than the heartbeat, it prevails."""
    found = {}
    for each in reported:
        until_ms = bounded_time(heartbeat_ms + each.left_s * 1000)
        if each.what in OVERRIDES:
            found[each.camera, each.rule] = OverrideInForce(each.camera, each.rule, each.what, until_ms)
    for key, logged in commands.items():
        ordered, known = _ordered(key, logged), found.get(key)
        is_newer = (logged.answered_ms or 0) > heartbeat_ms
        if is_newer or (known is not None and _is_same(known, ordered)):
            found[key] = ordered
    return {key: each for key, each in found.items() if each.until_ms > now_ms}


def _is_same(one: OverrideInForce, other: OverrideInForce) -> bool:
    return one.what == other.what and abs(one.until_ms - other.until_ms) <= SAME_END_MS


def _ordered(key: tuple[str, str], logged: LoggedCommand) -> OverrideInForce:
    """Return the override that a command of the console ordered. For a command that ends an override, return
    an override that is already over."""
    for_s = logged.command.args.get("for_s")
    lasts_s = for_s if isinstance(for_s, int | float) else 0
    until_ms = bounded_time((logged.answered_ms or logged.asked_ms) + lasts_s * 1000)
    return OverrideInForce(*key, logged.command.type, until_ms, logged)
