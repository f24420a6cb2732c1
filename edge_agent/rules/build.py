"""Builds a rule from its settings, the same way for the live agent, a replay and a rehearsal."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

from edge_agent.config.model.settings import (
    AnyRule,
    CrowdingRule,
    LineRule,
    StoppedRule,
    WrongWayRule,
    ZoneRule,
)
from edge_agent.rules.crowding import CrowdWatch
from edge_agent.rules.lines import LineWatch
from edge_agent.rules.schedule import Arming
from edge_agent.rules.stopped import StoppedWatch
from edge_agent.rules.turns import TurnTracker
from edge_agent.rules.wrong_way import WrongWayWatch
from edge_agent.rules.zones import ZoneWatch

AnyWatch = LineWatch | ZoneWatch | StoppedWatch | WrongWayWatch | CrowdWatch


def watch_of(
    rule: AnyRule, arming: Arming, timezone: tzinfo, folder: Path | None, turns: TurnTracker | None = None
) -> AnyWatch:
    """Return the stage that runs the rule. ``folder``: where it stores its state over restarts; None: it
    stores nothing. ``turns``: the turning movements of the camera, which its lines share; None: the rule
    counts no turns."""
    match rule:
        case LineRule():
            return LineWatch(rule, arming, timezone, folder, turns)
        case ZoneRule():
            return ZoneWatch(rule, arming)
        case StoppedRule():
            return StoppedWatch(rule, arming)
        case WrongWayRule():
            return WrongWayWatch(rule, arming)
        case CrowdingRule():
            return CrowdWatch(rule, arming)
