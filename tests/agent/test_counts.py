"""The counts of a line today, while the running agent is killed repeatedly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber
from tests.testbed.walker import walking_clip

KILLS = 2
COUNTS_S = 2.0
"""Instead of a minute; a person crosses about every four seconds."""


def events_of(subscriber: Subscriber, kind: str) -> list[dict[str, Any]]:
    """Each event once, in order."""
    parsed = [json.loads(event.payload) for event in subscriber.events()]
    unique = {int(event["sequence"]): event for event in parsed if f".{kind}." in event["type"]}
    return [unique[number] for number in sorted(unique)]


def numbers(subscriber: Subscriber) -> list[int]:
    """Crossings in both directions at each line-counts event, with those of the days before it.

    A day's count begins at 0, and the gateway's midnight may come while this test runs.
    """
    totals: list[int] = []
    earlier, day = 0, None
    for event in events_of(subscriber, "line-counts"):
        data = event["data"]
        if data["day"] != day:
            earlier, day = max(totals, default=0), data["day"]
        totals.append(earlier + sum(data["a_to_b"].values()) + sum(data["b_to_a"].values()))
    return totals


def test_counts_never_fall_over_kill_9(tmp_path: Path, broker: Mosquitto, centre: Subscriber) -> None:
    rule = {"id": "count", "kind": "line-crossing", "line": "path", "counts_s": COUNTS_S, "cooldown_s": 0}
    camera = {
        "id": "cam-1",
        "url": str(walking_clip(tmp_path / "walker.mp4", empty_s=1.0, walk_s=3.0, tail_s=0.5)),
        "lines": {"path": {"from": [0.5, 0.2], "to": [0.5, 1.0]}},
        "rules": [rule],
    }
    agent = AgentProcess(write_config(tmp_path, cameras=[camera], broker_port=broker.port), "--repeat-files")
    with agent:
        for _ in range(KILLS):
            known = max(numbers(centre), default=0)
            centre.wait_for(lambda k=known: max(numbers(centre), default=0) >= k + 2, 60)  # type: ignore[misc]
            agent.kill()
            agent.start()
        known = max(numbers(centre))
        centre.wait_for(lambda: max(numbers(centre)) > known, 60)
        assert agent.stop() == 0
    centre.wait_for(lambda: json.loads(centre.on("/up/state")[-1].payload)["state"] == "stopped")

    reported = numbers(centre)
    assert reported == sorted(reported), "a day's numbers fell"
    crossed = len(events_of(centre, "line-crossing"))
    assert crossed >= 2 * KILLS + 1
    assert crossed - KILLS <= reported[-1] <= crossed, "at most the one of the last interval at each kill"
