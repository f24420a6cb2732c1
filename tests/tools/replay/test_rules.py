"""A rule from the configuration file to the event, on a clip."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.schemas import check_message
from tests.testbed.walker import walking_clip
from tests.tools.replay.command import replayed

RULE: dict[str, Any] = {
    "id": "gate-night",
    "kind": "zone-intrusion",
    "zone": "gate",
    "labels": ["person"],
    "min_duration_s": 0.5,
    "severity": "alarm",
    "schedule": {"from": "22:00", "to": "05:00"},
}
GATE = {"gate": {"polygon": [[0.4, 0.6], [0.7, 0.6], [0.7, 1.0], [0.4, 1.0]]}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person walks from left to right, in the gate from 4.0 s to 5.4 s."""
    return walking_clip(tmp_path_factory.mktemp("rules") / "walker.mp4")


def reported(folder: Path, clip: Path, start: str) -> list[dict[str, Any]]:
    camera = {"zones": GATE, "rules": [RULE]}
    events = replayed(folder, clip, camera, "--start", start)
    return [event for event in events if event["type"].endswith("zone-intrusion.v1")]


def test_who_walks_through_the_gate_at_night_is_an_alarm_with_start_and_end(
    clip: Path, tmp_path: Path
) -> None:
    start, end = reported(tmp_path, clip, "2026-11-24T23:00:00+07:00")
    for event in (start, end):
        check_message(event, "event-zone-intrusion")
    assert (start["severitytext"], start["data"]["label"], start["data"]["zone"]) == (
        "ERROR",
        "person",
        "gate",
    )
    assert (start["data"]["phase"], end["data"]["phase"]) == ("start", "end")
    assert start["data"]["event_id"] == end["data"]["event_id"]
    begun = datetime.fromisoformat("2026-11-24T16:00:00+00:00")
    came = datetime.fromisoformat(start["data"]["started_at"]) - begun
    went = datetime.fromisoformat(end["data"]["ended_at"]) - begun
    assert came.total_seconds() == pytest.approx(4.0, abs=0.4)
    assert went.total_seconds() == pytest.approx(5.4, abs=0.5)
    assert end["data"]["end_reason"] == "left"
    assert start["data"]["snapshot"]["bytes"] > 1000


@pytest.mark.parametrize(("start", "alarms"), [("2026-11-24T12:00:00", 0), ("2026-11-24T23:00:00", 2)])
def test_by_day_the_gate_is_open_and_a_time_without_a_zone_is_the_sites_own(
    clip: Path, tmp_path: Path, start: str, alarms: int
) -> None:
    assert len(reported(tmp_path, clip, start)) == alarms
