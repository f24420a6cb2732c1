"""The outbox of a gateway is restored to an older state: the centre stores every event once, and the chain
stays whole."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from edge_agent.evidence.chain.keys import public_keys
from edge_agent.evidence.chain.records import read_record
from edge_agent.evidence.export.check import check_files
from edge_agent.outbox.sqlite.store_identity import LastStored
from tests.edge_central.parts import Centre
from tests.testbed.gateway import gateway_in
from tests.testbed.mosquitto import Mosquitto, Subscriber

ALERT = "tb/v1/central/alert/de-tham/dt-001/conflict"


class Site:
    """A centre, its broker, and the state directories of all agents named dt-001."""

    def __init__(self, folder: Path, broker: Mosquitto, centre: Centre) -> None:
        self.state = folder / "state"
        self.copy = folder / "copy"
        self.every: list[bytes] = []  # payloads of all events that any of these agents has stored
        self._folder = folder
        self.broker = broker
        self._centre = centre

    def run(self, count: int, state: Path | None = None, boot_id: str = "boot-1") -> None:
        """Run an agent that appends ``count`` events, until the centre has confirmed everything."""
        with gateway_in(state or self.state, self.every, boot_id) as gateway:
            gateway.append(count)
            gateway.deliver(self.broker.port)

    def run_offline(self, count: int) -> None:
        with gateway_in(self.state, self.every) as gateway:
            gateway.append(count)

    def restore(self) -> None:
        shutil.rmtree(self.state)
        shutil.copytree(self.copy, self.state)

    def has_every_event_once(self) -> bool:
        return Counter(self._centre.payloads()) == Counter(self.every)

    def assert_one_chain(self) -> None:
        events, key = self._folder / "events.jsonl", self._folder / "key.pem"
        events.write_bytes(b"\n".join(self._centre.payloads()))
        ((_, key_pem),) = public_keys(self.state).items()
        key.write_bytes(key_pem)
        report = check_files([events], [f"dt-001={key}"], [])
        assert report.genuine, report.findings
        epochs = {record.epoch for record in map(read_record, self._centre.payloads(), repeat(""))}
        assert sum("one chain" in note for note in report.notes) == len(epochs) - 1


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with (
        Mosquitto(tmp_path, "max_inflight_messages 100") as broker,
        Subscriber(broker.port, "tb/v1/central/state") as subscriber,
        Centre(tmp_path / "centre", broker.port) as centre,
    ):
        subscriber.wait_for(lambda: any(b"online" in message.payload for message in subscriber.messages))
        yield Site(tmp_path, broker, centre)


def test_a_state_folder_restored_from_a_copy_that_is_50_events_old(site: Site) -> None:
    site.run_offline(20)
    shutil.copytree(site.state, site.copy)  # the waiting events are sent from both copies
    site.run(50)
    site.restore()
    site.run(60)
    assert site.has_every_event_once()
    site.assert_one_chain()


def test_a_database_and_its_log_rolled_back_by_5_commits(site: Site) -> None:
    with gateway_in(site.state, site.every) as gateway:
        gateway.append(10)
        content = {path: path.read_bytes() for path in site.state.glob("outbox.db*")}
        gateway.append(4)  # and a signature
        gateway.deliver(site.broker.port)
    for path, found in content.items():
        path.write_bytes(found)
    site.run(10)
    assert site.has_every_event_once()
    site.assert_one_chain()


def test_a_cloned_card_in_a_second_box_is_an_alert(site: Site) -> None:
    site.run_offline(10)
    shutil.copytree(site.state, site.copy)
    with Subscriber(site.broker.port, ALERT) as subscriber:
        site.run(20)
        site.run(20, site.copy, "boot-of-another-box")
        site.run(1)
        subscriber.wait_for(lambda: bool(subscriber.messages))
        assert b"two gateways" in subscriber.messages[0].payload
    assert site.has_every_event_once()
    site.assert_one_chain()


def test_an_older_agent_loses_nothing_either(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older agent does not notice the restore: it continues the epoch and allots some numbers twice."""
    monkeypatch.setattr(LastStored, "is_at", lambda self, position: True)
    site.run_offline(10)
    shutil.copytree(site.state, site.copy)
    site.run(20)
    site.restore()
    with Subscriber(site.broker.port, ALERT) as subscriber:
        site.run(30)
        subscriber.wait_for(lambda: bool(subscriber.messages))
        assert b"events came with numbers that other events have" in subscriber.messages[0].payload
    assert site.has_every_event_once()
