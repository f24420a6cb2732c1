"""Overrides of rules in force: what the heartbeat says and what the console has ordered."""

from __future__ import annotations

import math

import pytest

from edge_agent.wire.received.health import ReceivedRuleOverride
from edge_central.commands.model import GatewayCommand
from edge_central.commands.overrides import overrides_in_force
from edge_central.commands.records import LoggedCommand

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
RULE = ("cam-1", "yard")


def ordered(
    for_s: object = 3600, *, ago_ms: int = 0, type_: str = "mask"
) -> dict[tuple[str, str], LoggedCommand]:
    command = GatewayCommand(type_, {"camera": "cam-1", "rule": "yard", "for_s": for_s})
    at_ms = NOW_MS - ago_ms
    return {RULE: LoggedCommand("c-1", command, at_ms, "lan", "lễ hội", "k", "succeeded", "", at_ms, ())}


def reported(left_s: float, what: str = "mask") -> list[ReceivedRuleOverride]:
    return [ReceivedRuleOverride("cam-1", "yard", what, left_s)]


def until(found: object) -> tuple[int, bool] | None:
    """Minutes from now until the end, and whether it is known who ordered it."""
    override = found.get(RULE)  # type: ignore[attr-defined]
    return override and ((override.until_ms - NOW_MS) // MINUTE_MS, override.command is not None)


@pytest.mark.parametrize(
    ("beat", "commands", "shown"),
    [
        ([], ordered(), (60, True)),  # newer than the heartbeat
        ([], ordered(ago_ms=5 * MINUTE_MS), None),  # a later heartbeat does not name it: it has ended
        (reported(3600 - 240), ordered(ago_ms=5 * MINUTE_MS), (55, True)),
        (reported(600), ordered(ago_ms=5 * MINUTE_MS), (9, False)),  # ordered elsewhere, since then
        (reported(600), {}, (9, False)),
        (reported(600), ordered(0), None),  # ended just now
        (reported(600, "disarm"), ordered(ago_ms=5 * MINUTE_MS), (9, False)),
        (reported(30), {}, None),  # over since the heartbeat
        (reported(600, "of-a-later-release"), {}, None),
        ([], ordered("x"), None),
    ],
)  # fmt: skip
def test_the_newer_of_heartbeat_and_command_decides(
    beat: list[ReceivedRuleOverride],
    commands: dict[tuple[str, str], LoggedCommand],
    shown: tuple[int, bool] | None,
) -> None:
    assert until(overrides_in_force(beat, NOW_MS - MINUTE_MS, commands, NOW_MS)) == shown


def test_an_end_beyond_all_bounds_is_a_time() -> None:
    found = overrides_in_force(reported(1e13), NOW_MS, {}, NOW_MS)
    assert math.isfinite(found[RULE].until_ms)
