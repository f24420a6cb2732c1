"""``make test-chaos``: 100 rounds of kill -9, with the times of the product.

CHAOS_ROUNDS, CHAOS_SEED: fewer or more, and the same ones again. The seed is printed.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.site import Site, seed_of, store_events
from tests.testbed.agent import wait_until
from tests.testbed.walker import walking_clip

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "100"))
LONGEST_DEAD_S = 3.0
BETWEEN_S = (2.0, 7.0)
CAMERAS = 6
COMMAND = (sys.executable, "-m", "edge_agent", "run")
PATIENCE_S = 1200.0
"""What was sent again five times in vain rests for a quarter of an hour."""


def cameras(clip: Path) -> list[dict[str, object]]:
    """Each tells some events a second: somebody walks through the clip, which begins again at its end."""
    rule = {"id": "count", "kind": "line-crossing", "line": "path", "counts_s": 1, "cooldown_s": 0}
    line = {"path": {"from": [0.5, 0.2], "to": [0.5, 1.0]}}
    report = {"objects": True, "counts_s": 1, "snapshots": "none"}
    every = {"url": str(clip), "lines": line, "rules": [rule], "report": report, "watch_view": False}
    return [{"id": f"cam-{number}", **every} for number in range(1, CAMERAS + 1)]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints although pytest captures: a seed must be known before the test ends."""

    def print_now(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    return print_now


def test_a_hundred_kills_lose_nothing_and_double_nothing(tmp_path: Path, say: Callable[[str], None]) -> None:
    seed = seed_of(os.environ.get("CHAOS_SEED"))
    say(f"\nCHAOS_SEED={seed} CHAOS_ROUNDS={ROUNDS}")
    dice, began = random.Random(seed), time.monotonic()
    clip = walking_clip(tmp_path / "walker.mp4", empty_s=1.0, walk_s=3.0, tail_s=0.5)
    with Site(tmp_path, cameras(clip), COMMAND) as site:
        for number in range(1, ROUNDS + 1):
            time.sleep(dice.uniform(*BETWEEN_S))  # the moment of the kill, not a wait for something
            site.strike(dice, LONGEST_DEAD_S)
            if number % 10 == 0:
                say(f"round {number}: {site.centre.stored} events stored, {time.monotonic() - began:.0f} s")
        drain_mono = time.monotonic()
        sequence = site.drain(PATIENCE_S)
        mqtt = site.agent.wait_for_status(lambda beat: True, "health")["mqtt"]
        say(f"all {sequence} stored {time.monotonic() - drain_mono:.0f} s after the last kill")
        assert site.agent.stop() == 0
        say(f"killed: {dict(site.kills)}; since its last start the agent sent {mqtt['resends']} again")
        assert site.faults() == []
    assert sequence > 3 * ROUNDS, "too few events flowed to show anything"


def test_on_the_brokers_word_alone_one_kill_loses_events(tmp_path: Path, say: Callable[[str], None]) -> None:
    """What ``faults`` is there to find, and why there is another word than the broker's."""
    with Site(tmp_path, [{"id": "cam-1", "url": "none.mp4"}], COMMAND, delivery="broker") as site:
        site.agent.wait_for_status(lambda beat: site.centre.subscribed, "the centre")
        site.centre.kill()
        site.agent.kill()
        store_events(tmp_path / "state", 200)
        site.agent.start()
        site.agent.wait_for_status(
            lambda beat: beat["outbox"]["sequence"] >= 200 and not beat["outbox"]["depth"], "every PUBACK"
        )
        site.broker.kill()
        site.broker.start()
        site.centre.start()
        wait_until(lambda: site.centre.subscribed, what="the centre")
        assert site.agent.stop() == 0
        lost = 200 - site.centre.stored
    say(f"on the broker's word: {lost} of 200 lost")
    assert lost > 0
