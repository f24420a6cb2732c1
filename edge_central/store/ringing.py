"""Decides which events ring the bell, and when they do not because their gateway sends too many. Pure."""

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
"""Kinds of events that a rule reports."""
RINGING_KINDS = (*RULES, "camera-view", "certificate")
"""See docs/reference/events.md, "what to ring a bell for". A gateway itself has only one kind of alarm: a
certificate that expires."""
RINGING_PHASES = ("start", "moment")
FLOOD_RULE = "alarm-flood"
"""Id of the alert rule against floods. While an alert of this rule is open, the alarms of its gateway are
listed but do not ring: the alert rings for all of them."""
FLOOD_WINDOW_S = 600.0


def rings(kind: str, severity: int, phase: str | None) -> bool:
    return severity >= ALARM and kind in RINGING_KINDS and phase in RINGING_PHASES
