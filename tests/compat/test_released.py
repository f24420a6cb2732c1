"""Agent and centre of two releases work together, whichever is the newer one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.central.parts import Box, Centre
from tests.testbed.agent import AgentProcess, file_camera, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until

Environ = dict[str, str]
NEW: Environ = {}


class Site:
    """One gateway and its centre; each program may be replaced by that of another release."""

    def __init__(self, folder: Path, broker: Mosquitto, clip: Path) -> None:
        self._folder = folder
        self._config = write_config(
            folder, cameras=[file_camera(clip)], broker_port=broker.port, heartbeat_s=5
        )
        text = self._config.read_text().replace('"spread_s": 0', '"spread_s": 0, "delivery": "confirmed"')
        self._config.write_text(text)
        self._broker = broker
        self.centre = Centre(folder / "centre", broker.port)

    def stored(self) -> list[tuple[str, int]]:
        """Epochs and sequence numbers that the centre has."""
        return self.centre.numbers_by_epoch(Box())

    def run(self, agent: Environ, centre: Environ) -> None:
        """Both run until the centre has confirmed new events and nothing waits on the box."""
        with Subscriber(self._broker.port, "tb/v1/central/state") as watch:
            self.centre.start_process(centre)
            try:
                watch.wait_for(lambda: any(b'"online"' in seen.payload for seen in watch.messages), 30)
                before = len(self.stored())
                with AgentProcess(self._config, "--repeat-files", environ=agent) as process:
                    wait_until(lambda: len(self.stored()) > before, 60, "new events at the centre")
                    process.wait_for_status(lambda beat: beat["outbox"]["depth"] == 0, "an empty outbox")
            finally:
                self.centre.kill()
            watch.wait_for(lambda: b'"offline"' in watch.messages[-1].payload, 30)


def test_every_event_is_stored_once_whichever_of_the_two_is_updated_first(
    broker: Mosquitto, walker: Path, old: Environ, tmp_path: Path
) -> None:
    """The last step is an agent whose update was taken back: it goes on with the new one's files."""
    site = Site(tmp_path, broker, walker)
    for agent, centre in ((old, old), (NEW, old), (NEW, NEW), (old, NEW)):
        site.run(agent, centre)
    stored = site.stored()
    lengths = Counter(epoch for epoch, _ in stored)
    expected = [(epoch, number) for epoch, last in lengths.items() for number in range(1, last + 1)]
    assert sorted(stored) == sorted(expected)
