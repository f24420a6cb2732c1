"""Decoding on demand changes the cost, not the events."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from edge_agent.config.model.settings import GearChoice
from tests.testbed.gears import EventCollector, watch
from tests.testbed.walker import walking_clip

GATE: dict[str, object] = {
    "zones": {"gate": {"polygon": [[0.4, 0.6], [0.7, 0.6], [0.7, 1.0], [0.4, 1.0]]}},
    "rules": [
        {"id": "gate", "kind": "zone-intrusion", "zone": "gate", "labels": ["person"], "min_duration_s": 0.5}
    ],
}


def started(collected: EventCollector) -> list[tuple[str, float]]:
    """Kind, label and zone of each first event, and its time."""
    return [
        (
            f"{event['type']} {event['data']['label']} {event['data'].get('zone')}",
            datetime.fromisoformat(event["time"]).timestamp(),
        )
        for event in collected.objects("start")
    ]


def test_both_gears_tell_the_same_objects_at_the_same_times(tmp_path: Path) -> None:
    """An empty scene for 16 s, then a person walks by for 6 s; a keyframe every 2 s."""
    visit = walking_clip(tmp_path / "visit.mp4", empty_s=16.3, walk_s=6.0, tail_s=12.0)
    full = watch(tmp_path, visit, GearChoice.FULL, more=GATE)
    auto = watch(tmp_path, visit, GearChoice.AUTO, more=GATE)
    assert {what.split(" ")[-1] for what, _ in started(full.collected)} == {"gate", "None"}
    assert [label for label, _ in started(auto.collected)] == [label for label, _ in started(full.collected)]
    for (_, there), (_, here) in zip(started(full.collected), started(auto.collected), strict=True):
        assert here == pytest.approx(there, abs=0.5)
    assert len(auto.collected.objects("end")) == len(full.collected.objects("end"))
    assert auto.site.mode_control.stats.wake_ups == 1
    assert auto.decoded < 0.7 * full.decoded
