"""Which events ring, and which do not because their gateway sends too many. Pure."""

from __future__ import annotations

WARNING, ALARM = 13, 17
RULES = (
    "zone-intrusion",
    "loitering",
    "line-crossing",
    "stopped-vehicle",
    "wrong-way",
    "crowding",
)
"""Kinds of what a rule sees."""
RINGING_KINDS = (*RULES, "camera-view", "certificate")
"""docs/reference/events.md, "what to ring a bell for"; the box's own alarm is a certificate that ends."""
RINGING_PHASES = ("start", "moment")
FLOOD_RULE = "alarm-flood"
"""Id of the alert rule. While its alert is open the alarms of that gateway are listed and do not ring: the
alert rings for all of them."""
FLOOD_WINDOW_S = 600.0


def rings(kind: str, severity: int, phase: str | None) -> bool:
    return severity >= ALARM and kind in RINGING_KINDS and phase in RINGING_PHASES
