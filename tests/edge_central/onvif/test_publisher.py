"""The thread that publishes ONVIF events, with a real broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import ConfigError
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.config import load
from edge_central.onvif.event_json import event_message
from edge_central.onvif.notification import Notification
from edge_central.onvif.publisher import OnvifPublisher
from edge_central.settings import CentralSettings
from edge_central.store.database import read_meta
from tests.edge_central.onvif.parts import entered
from tests.edge_central.parts import OURS, THEIRS, Centre
from tests.edge_central.web.house import House
from tests.testbed.mosquitto import Mosquitto, Received, Subscriber, wait_until

ALL = "tb/v1/central/onvif/#"
INSIDE = "RuleEngine/FieldDetector/ObjectsInside/&cam-1/yard"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A database with the tables and no rows; its console does not run."""
    with House(tmp_path) as built:
        yield built


def settings(house: House, port: int, id_: str = "central", *wards: str) -> CentralSettings:
    document = json.loads(house.config.read_text(encoding="utf-8"))
    document |= {"id": id_, "wards": list(wards) or document["wards"], "onvif": {"id": f"{id_}-onvif"}}
    document["mqtt"] = {"brokers": [f"mqtt://127.0.0.1:{port}"]}
    path = house.folder / f"{id_}.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return load(path)


@contextmanager
def publishing(chosen: CentralSettings) -> Iterator[OnvifPublisher]:
    publisher = OnvifPublisher(chosen, SystemClock())
    publisher.loop.start()
    try:
        yield publisher
    finally:
        publisher.stop()
        assert publisher.loop.join(10.0)


def place(house: House, id_: str = "central") -> int:
    """The stored place; -1: there is none."""
    with house.connections.reading() as connection:
        return int(read_meta(connection, f"onvif-place {id_}") or -1)


def states(messages: list[Received]) -> list[bool]:
    return [json.loads(message.payload)["Data"]["IsInside"] for message in messages]


def test_events_are_published_under_their_ward_and_gateway(house: House, broker: Mosquitto) -> None:
    with publishing(settings(house, broker.port)), Subscriber(broker.port, ALL) as reader:
        wait_until(lambda: place(house) == 0, what="the first place")
        house.take(entered(OURS, 1), entered(THEIRS, 1))
        house.take(entered(OURS, 2, "end"))
        reader.wait_for(lambda: len(reader.messages) >= 3)
    prefix = "tb/v1/central/onvif"
    topics = [message.topic for message in reader.messages]
    assert topics[:2] == [
        f"{prefix}/de-tham/dt-001/onvif-ej/{INSIDE}",
        f"{prefix}/bo-xuyen/bx-001/onvif-ej/{INSIDE}",
    ]
    assert states(reader.on(f"dt-001/onvif-ej/{INSIDE}")) == [True, False]
    assert {message.content_type for message in reader.messages} == {"application/json"}
    with Subscriber(broker.port, f"{prefix}/de-tham/+/onvif-ej/#", client_id="later") as later:
        later.wait_for(lambda: len(later.messages) == 1)
    assert later.messages[0].retained
    assert states(later.messages) == [False]


def test_two_centres_publish_each_event_once(house: House, broker: Mosquitto) -> None:
    with ExitStack() as running, Subscriber(broker.port, ALL) as reader:
        for id_, ward in (("central", "de-tham"), ("second", "bo-xuyen")):
            running.enter_context(publishing(settings(house, broker.port, id_, ward)))
            wait_until(lambda id_=id_: place(house, id_) == 0, what="the first place")  # type: ignore[misc]
        house.take(entered(OURS, 1), entered(THEIRS, 1))
        house.take(entered(OURS, 2, "end"), entered(THEIRS, 2, "end"))
        for id_ in ("central", "second"):
            wait_until(lambda id_=id_: place(house, id_) == 4, what="the last place")  # type: ignore[misc]
        reader.publish("tb/v1/central/onvif/end", b"")  # behind everything that both have published
        reader.wait_for(lambda: bool(reader.on("/end")))
    assert states(reader.on(f"dt-001/onvif-ej/{INSIDE}")) == [True, False]
    assert states(reader.on(f"bx-001/onvif-ej/{INSIDE}")) == [True, False]


def test_what_happened_while_it_was_away_is_published(house: House, broker: Mosquitto) -> None:
    chosen = settings(house, broker.port)
    with Subscriber(broker.port, ALL) as reader:
        house.take(entered(OURS, 1))
        with publishing(chosen):
            reader.wait_for(lambda: len(reader.messages) == 1)  # the state, as it is at the first start
            wait_until(lambda: place(house) == 1, what="the place")
        house.take(entered(OURS, 2, "start", event_id="e2"))
        house.take(entered(OURS, 3, "end"))
        with publishing(chosen):
            reader.wait_for(lambda: len(reader.messages) == 3)
            wait_until(lambda: place(house) == 3, what="the place after it")
    objects = [json.loads(message.payload)["Data"]["ObjectId"] for message in reader.messages]
    assert objects == ["t1", "t1 t1", "t1"], "the one that was inside before is still there"


def test_a_broker_that_is_killed_gets_what_it_missed(house: House, broker: Mosquitto) -> None:
    with publishing(settings(house, broker.port)), Subscriber(broker.port, ALL) as reader:
        wait_until(lambda: place(house) == 0, what="the first place")
        broker.kill()
        house.take(entered(OURS, 1))
        broker.start()
        reader.wait_for(lambda: len(reader.messages) >= 1)
        wait_until(lambda: place(house) == 1, what="the place")
    assert states(reader.messages)[-1] is True


def test_what_a_broker_never_acknowledged_is_sent_again(
    house: House, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = threading.Event()

    def watched(topics: CentralTopics, notification: Notification) -> MqttMessage:
        sent.set()
        return event_message(topics, notification)

    with publishing(settings(house, broker.port)), Subscriber(broker.port, ALL) as reader:
        wait_until(lambda: place(house) == 0, what="the first place")
        monkeypatch.setattr("edge_central.onvif.publisher.event_message", watched)
        broker.freeze()
        house.take(entered(OURS, 1))
        assert sent.wait(20)
        broker.kill()
        broker.start()
        reader.wait_for(lambda: states(reader.messages) == [True])


def test_a_centre_that_runs_publishes_what_it_stores(tmp_path: Path, broker: Mosquitto) -> None:
    with (
        Centre(tmp_path, broker.port, "de-tham", onvif={"id": "central-onvif"}),
        Subscriber(broker.port, ALL, "tb/v1/central/state", client_id="reader") as reader,
        Subscriber(broker.port, f"{OURS.down}/#", client_id="gateway") as gateway,
    ):
        reader.wait_for(lambda: bool(reader.on("central/state")))  # it has subscribed
        for message in (entered(OURS, 1), entered(OURS, 2, "end")):
            gateway.publish(*message)
        reader.wait_for(lambda: states(reader.on(INSIDE))[-1:] == [False])


def test_its_session_is_that_of_no_other_user(house: House) -> None:
    path = house.folder / "same.yaml"
    document = json.loads(house.config.read_text(encoding="utf-8")) | {"onvif": {"id": "central"}}
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigError, match="each would end the other"):
        load(path)
