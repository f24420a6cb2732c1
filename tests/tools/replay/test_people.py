"""Rules on people that the detector of every installation (OpenCV's) detects, with the real command."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.testbed.schemas import check_message
from tests.testbed.traffic import along
from tests.testbed.walker import people_clip
from tests.tools.replay.command import of_kind, replayed

LINE = {"path": {"from": [0.5, 0.2], "to": [0.5, 1.0]}}  # downwards: side A is on the right
COUNT = {"id": "count", "kind": "line-crossing", "line": "path", "labels": ["person"], "cooldown_s": 0}


def test_two_one_way_one_the_other_and_one_who_turns_at_the_line(tmp_path: Path) -> None:
    people = [
        along((1, -30, 300), (6, 670, 300)),
        along((7, 670, 310), (12, -30, 310)),
        along((13, -30, 290), (16.2, 270, 290), (19.5, -30, 290)),
        along((20, -30, 300), (25, 670, 300)),
    ]
    clip = people_clip(tmp_path / "path.mp4", people, 27)
    events = replayed(tmp_path, clip, {"lines": LINE, "rules": [COUNT]})
    directions = [data["direction"] for data in of_kind(events, "line-crossing")]
    assert directions == ["b-to-a", "a-to-b", "b-to-a"]
    (counts,) = of_kind(events, "line-counts")
    assert (counts["a_to_b"], counts["b_to_a"]) == ({"person": 1}, {"person": 2})


@pytest.mark.parametrize(
    ("start", "armed"),
    [("21:59:25.5", False), ("22:00:25.5", True), ("04:59:25.5", True), ("05:00:25.5", False)],
)
def test_half_a_minute_before_and_after_each_edge_of_the_night(
    walker: Path, tmp_path: Path, start: str, armed: bool
) -> None:
    rule = COUNT | {"schedule": {"from": "22:00", "to": "05:00"}}
    events = replayed(tmp_path, walker, {"lines": LINE, "rules": [rule]}, "--start", f"2026-11-24T{start}")
    assert len(of_kind(events, "line-crossing")) == armed


def test_a_days_counts_end_at_the_sites_midnight(tmp_path: Path) -> None:
    """One crossing before midnight, one after it; the machine runs in UTC."""
    people = [along((1, -30, 300), (6, 670, 300)), along((9, 670, 300), (14, -30, 300))]
    clip = people_clip(tmp_path / "midnight.mp4", people, 16)
    camera = {"lines": LINE, "rules": [COUNT | {"counts_s": 1}]}
    events = replayed(tmp_path, clip, camera, "--start", "2026-11-24T23:59:52")
    *_, last, today = of_kind(events, "line-counts")
    assert (last["day"], last["a_to_b"], last["b_to_a"]) == ("2026-11-24", {}, {"person": 1})
    assert (today["day"], today["a_to_b"], today["b_to_a"]) == ("2026-11-25", {"person": 1}, {})
    assert last["to_at"] == today["from_at"] == "2026-11-24T17:00:00.000Z"


GATE_AT_NIGHT = {
    "id": "gate-night",
    "kind": "zone-intrusion",
    "zone": "gate",
    "labels": ["person"],
    "min_duration_s": 0.5,
    "severity": "alarm",
    "schedule": {"from": "22:00", "to": "05:00"},
}
GATE = {"gate": {"polygon": [[0.4, 0.6], [0.7, 0.6], [0.7, 1.0], [0.4, 1.0]]}}


def test_who_walks_through_the_gate_at_night_is_an_alarm_with_an_end(walker: Path, tmp_path: Path) -> None:
    camera = {"zones": GATE, "rules": [GATE_AT_NIGHT]}
    events = replayed(tmp_path, walker, camera, "--start", "2026-11-24T23:00:00+07:00")
    start, end = (event for event in events if event["type"].endswith("zone-intrusion.v1"))
    for event in (start, end):
        check_message(event, "event-zone-intrusion")
    assert start["severitytext"] == "ERROR"
    assert (start["data"]["label"], start["data"]["zone"]) == ("person", "gate")
    assert (start["data"]["phase"], end["data"]["phase"]) == ("start", "end")
    assert start["data"]["event_id"] == end["data"]["event_id"]
    begun = datetime.fromisoformat("2026-11-24T16:00:00+00:00")
    came = datetime.fromisoformat(start["data"]["started_at"]) - begun
    went = datetime.fromisoformat(end["data"]["ended_at"]) - begun
    assert came.total_seconds() == pytest.approx(4.0, abs=0.4)
    assert went.total_seconds() == pytest.approx(5.4, abs=0.5)
    assert end["data"]["end_reason"] == "left"
    assert start["data"]["snapshot"]["bytes"] > 1000
