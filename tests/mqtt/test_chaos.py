"""A few rounds of ``make test-chaos``: broker, centre and agent are killed while events are sent."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from tests.chaos.site import Site, store_events

ROUNDS = 3
EVENTS = 200


def test_rounds_of_kill_9_lose_nothing_and_store_nothing_twice(tmp_path: Path) -> None:
    dice = random.Random(6)
    store_events(tmp_path / "state", EVENTS)
    command = (sys.executable, "-m", "tests.chaos.short_rests", "run")
    camera: dict[str, object] = {"id": "cam-1", "url": str(tmp_path / "no-such-clip.mp4")}
    with Site(tmp_path, [camera], command) as site:
        for _ in range(ROUNDS):
            time.sleep(dice.uniform(0.3, 1.0))  # a random moment for the kill, not a wait for a condition
            site.strike(dice, 0.6)
        assert site.drain(60) >= EVENTS
        assert site.agent.stop() == 0
        assert site.faults() == []
    assert len(site.kills) == 3, "each of the three was killed"
