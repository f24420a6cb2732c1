"""Agent and centre of two releases work together, whichever is newer."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from edge_agent.outbox.sqlite.store_identity import LastStored
from tests.edge_central.parts import Centre, FakeGateway
from tests.testbed.agent import AgentProcess, file_camera, write_config
from tests.testbed.gateway import gateway_in
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.testbed.walker_model import WALKER_MODEL

Environ = dict[str, str]
NEW: Environ = {}


class Site:
    """One gateway and its centre; each program may be replaced by that of another release."""

    def __init__(self, folder: Path, broker: Mosquitto, clip: Path) -> None:
        self._folder = folder
        self._clip = clip
        self._broker = broker
        self.centre = Centre(folder / "centre", broker.port)

    def stored(self) -> list[tuple[str, int]]:
        """Epochs and sequence numbers that the centre has."""
        return self.centre.numbers_by_epoch(FakeGateway())

    def run(self, agent: Environ, centre: Environ) -> None:
        """Run both until the centre has confirmed new events and nothing waits on the gateway."""
        config = self._configured(WALKER_MODEL if agent is NEW else "hog")
        with Subscriber(self._broker.port, "tb/v1/central/state") as watch:
            self.centre.start_process(centre)
            try:
                watch.wait_for(lambda: any(b'"online"' in seen.payload for seen in watch.messages), 30)
                before = len(self.stored())
                with AgentProcess(config, "--repeat-files", environ=agent) as process:
                    wait_until(lambda: len(self.stored()) > before, 60, "new events at the centre")
                    process.wait_for_status(lambda beat: beat["outbox"]["depth"] == 0, "an empty outbox")
            finally:
                self.centre.kill()
            watch.wait_for(lambda: b'"offline"' in watch.messages[-1].payload, 30)

    def _configured(self, detector: str | Path) -> Path:
        """The released agent does not know the model of the drawn walker, and the new agent has no HOG."""
        return write_config(
            self._folder,
            cameras=[file_camera(self._clip)],
            broker_port=self._broker.port,
            detector=detector,
            mqtt={
                "brokers": [f"mqtt://127.0.0.1:{self._broker.port}"],
                "spread_s": 0,
                "delivery": "confirmed",
            },
        )


def test_every_event_is_stored_once_whichever_of_the_two_is_updated_first(
    broker: Mosquitto, walker: Path, old: Environ, tmp_path: Path
) -> None:
    """The last step is an agent whose update was reverted: it continues with the files of the newer
    version."""
    site = Site(tmp_path, broker, walker)
    for agent, centre in ((old, old), (NEW, old), (NEW, NEW), (old, NEW)):
        site.run(agent, centre)
    stored = site.stored()
    lengths = Counter(epoch for epoch, _ in stored)
    expected = [(epoch, number) for epoch, last in lengths.items() for number in range(1, last + 1)]
    assert sorted(stored) == sorted(expected)


def test_a_store_that_went_back_loses_nothing_at_a_centre_of_before(
    broker: Mosquitto, old: Environ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older centre drops an event whose number it already has, and confirms it. The second time, only the
    centre's first confirmation shows the agent that its store was restored to an older state."""
    state, copy, every = tmp_path / "state", tmp_path / "copy", list[bytes]()
    centre = Centre(tmp_path / "centre", broker.port)

    def run(count: int) -> None:
        with gateway_in(state, every) as gateway:
            gateway.append(count)
            gateway.deliver(broker.port)

    with Subscriber(broker.port, "tb/v1/central/state") as watch:
        centre.start_process(old)
        watch.wait_for(lambda: any(b'"online"' in seen.payload for seen in watch.messages), 30)
        run(5)
        shutil.copytree(state, copy)
        run(30)
        for knows in (True, False):
            shutil.rmtree(state)
            shutil.copytree(copy, state)
            monkeypatch.setattr(LastStored, "is_at", lambda self, position, knows=knows: not knows)
            run(10)
        centre.kill()
    assert sorted(contents(centre.payloads())) == sorted(set(contents(every)))


def contents(payloads: Iterable[bytes]) -> list[str]:
    """The content of the events, without their numbers; without signatures, which belong to a number."""
    events = [json.loads(payload) for payload in payloads]
    return [json.dumps(event["data"]) for event in events if not event["type"].endswith("chain-head.v1")]
