"""kill -9 at any moment: events whose append has returned are stored."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from edge_agent.core.delivery import GENESIS_HASH
from tests.outbox.parts import outbox_in

ROUNDS = 30
ROOT = Path(__file__).parents[2]


def killed_writer(folder: Path, name: str, after_s: float) -> list[str]:
    """Return the lines of a writer process that was killed ``after_s`` after its first line."""
    command = [sys.executable, "-m", "tests.outbox.writer_process", str(folder), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(after_s)  # the moment of the kill, not a wait for something
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    assert first, "the writer died by itself"
    return [first.strip(), *rest.splitlines()]


def test_nothing_that_append_returned_is_lost_when_the_agent_is_killed_at_any_moment(tmp_path: Path) -> None:
    moments = random.Random(7)
    returned: dict[int, str] = {}
    delivered: dict[int, str] = {}
    epochs = set()
    for number in range(ROUNDS):
        for line in killed_writer(tmp_path, f"r{number}", moments.uniform(0.0, 0.03)):
            words = line.split()
            if words[0] == "delivered":
                delivered[int(words[2])] = words[3]
            else:
                assert int(words[1]) not in returned, "a sequence was given twice"
                returned[int(words[1])] = words[2]
                epochs.add(words[0])
    with outbox_in(tmp_path) as outbox:
        events = outbox.pending(1_000_000)
        last = outbox.stats().sequence
        files = {path.stem for path in tmp_path.glob("media/*")}  # none if it was killed before the first
        rows = outbox.stats().media_depth
    stored = {event.sequence: json.loads(event.payload)["text"] for event in events}
    assert len(epochs) == 1
    assert {n: text for n, text in returned.items() if n not in delivered}.items() <= stored.items()
    assert set(stored) | set(delivered) == set(range(1, last + 1)), "a gap"
    digests = {event.sequence: hashlib.sha256(event.payload).hexdigest() for event in events} | delivered
    for event in events:
        assert json.loads(event.payload)["previous"] == digests.get(event.sequence - 1, GENESIS_HASH)
    assert len(files) == rows
