"""An example of every command. A command without one fails the tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """``args`` are valid for the agent of ``test_over_mqtt.py``, where it ends as ``ends`` says; where it
    cannot be shown, ``shown_by`` names the test that does, ``tests/…py::test_…``."""

    args: dict[str, Any] = field(default_factory=dict)
    ends: str = "succeeded"
    code: str = "ok"
    shown_by: str | None = None


SCOPE = {"purpose": "theft", "case": "7/2026", "wards": ["de-tham"], "asked_by": "Nguyễn Văn An"}
HOUR = {"from_at": "2026-11-24T12:00:00Z", "to_at": "2026-11-24T13:00:00Z"}
EXAMPLES: dict[str, Example] = {
    "arm": Example({"camera": "cam-1", "rule": "yard", "for_s": 60}),
    "camera-reboot": Example({"camera": "cam-1"}, ends="rejected", code="not-possible"),
    "clip": Example({"event_id": "zone-1"}, ends="rejected", code="not-possible"),
    "collect": Example({"cameras": ["cam-1"], "for_s": 60}, ends="rejected", code="not-possible"),
    "diagnostics": Example(),
    "disarm": Example({"camera": "cam-1", "rule": "yard", "for_s": 60}),
    "evidence-hold": Example({"event_id": "zone-1", "why": "case 12"}),
    "live-pictures": Example({"camera": "cam-1", "for_s": 3}),
    "mask": Example({"camera": "cam-1", "rule": "yard", "for_s": 60}),
    "model": Example({"action": "back"}, ends="rejected", code="not-possible"),
    "passage-hold": Example(
        SCOPE | {"ids": [1], "until": "2026-12-24T12:00:00Z"},
        shown_by="tests/commands/test_search_over_mqtt.py::test_a_hold_is_placed_and_survives",
    ),
    "passage-pictures": Example(SCOPE | {"ids": [1]}),
    "passage-times": Example(SCOPE | HOUR | {"max_rows": 1000}),
    "reboot": Example(shown_by="tests/commands/test_reboot.py::test_after_the_reboot_the_agent_answers"),
    "rebirth": Example(),
    "relearn": Example({"camera": "cam-1"}),
    "rehearse": Example(
        {
            "camera": "cam-1",
            "rule": {"id": "yard", "kind": "loitering", "zone": "yard", "min_duration_s": 20},
            "days": 30,
        }
    ),
    "reload": Example(),
    "restart": Example(
        shown_by="tests/commands/test_over_mqtt.py::test_a_restart_is_answered_by_the_agent_after_it"
    ),
    "rules": Example(),
    "search": Example(
        SCOPE
        | HOUR
        | {
            "group": "two-wheeler",
            "line": {"camera": "cam-1", "from": [0.1, 0.5], "to": [0.9, 0.5]},
            "max_bytes": 9500,
        }
    ),
    "set-config": Example(
        {"version": 1, "config": "version: 1", "sha256": "0" * 64},
        shown_by="tests/commands/test_push_over_mqtt.py::test_it_is_taken_over_proved_and_survives_a_restart",
    ),
    "set-rule": Example(
        {
            "camera": "cam-1",
            "rule": {"id": "yard", "kind": "zone-intrusion", "zone": "yard"},
            "zones": {"yard": {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}},
            "config_hash": "0" * 64,
        },
        ends="rejected",
        code="outdated",
    ),
    "snapshot": Example({"camera": "cam-1"}),
    "status": Example(),
    "storm-mode": Example({"for_s": 60}),
    "unclaim": Example(
        {"claim_id": "c-1", "serial": "box-10000000a1b2c3d4", "why": "the neighbouring pole"},
        ends="rejected",
        code="not-possible",
    ),
    "update": Example(
        {"manifest": "{}", "signature": "A" * 86 + "=="},
        shown_by="tests/update/test_agent_side.py::test_pieces_come_over_a_restart_root_tries_the_release_and_the_centre_is_answered",
    ),
    "update-piece": Example({"update": "update-1"}, ends="rejected", code="not-possible"),
}
