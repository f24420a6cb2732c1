"""Light gateways at the broker that role ``broker`` makes, with the real centre: what each of them counts
agrees; and their packets beside the agent's own."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bench.scale.account import account
from bench.scale.city import LIGHT, City, playing
from bench.scale.light import packets
from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.mqtt.session.client import GATEWAY_TERMS, BrokerConnection, MqttMessage, packet_bytes
from edge_agent.mqtt.session.paho_client import KEEPALIVE_S
from edge_agent.mqtt.session.signal_queue import SignalQueue
from edge_agent.tools.simulate.scenario import Scenario
from edge_central.config import load
from edge_central.store import tables
from edge_central.store.database import open_engine
from tests.testbed.mosquitto import LIFE_SIGN_S, wait_until
from tests.testbed.schemas import check_message

SITES = 12
"""In one process, as thousands are."""
WILL = MqttMessage("tb/v1/de-tham/sim-001/up/state", b'{"state":"offline"}', retain=True)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    pace: dict[str, Any] = {"begins_at_h": 12.0, "time_factor": 20.0, "spread_s": 0.0, "heartbeat_s": 1.0}
    busy = Scenario(sites=SITES, cameras=30, wards=("de-tham", "bo-xuyen"), **pace)
    with playing(tmp_path / "city", busy, players=LIGHT) as played:
        played.begin()
        assert played.watch_online(SITES, LIFE_SIGN_S) is not None
        yield played


def stored(city: City) -> list[bytes]:
    engine = open_engine(load(city.folder / "central.yaml").database, read_only=True)
    with engine.connect() as connection:
        payloads = list(connection.scalars(select(tables.event.c.payload)))
    engine.dispose()
    return payloads


def test_all_that_light_gateways_store_is_at_the_centre_once(city: City) -> None:
    wait_until(lambda: city.sample().totals.counts.confirmed > 100, what="a hundred confirmations")
    totals = city.finish(LIFE_SIGN_S)
    found, counts = account(city, totals), totals.counts
    assert counts.stored == counts.confirmed == counts.sent == counts.at_broker == found["in the database"]
    assert (found["missing"], found["rejected"], found["left"], totals.refused) == (0, 0, [0], 0)
    wait_until(
        lambda: {each.state for each in city.status().gateways} == {"stopped"},
        what="the goodbyes of all gateways at the centre",
    )
    for event in map(json.loads, stored(city)):
        check_message(event, f"event-{event['type'].split('.')[-2]}")


def test_light_gateways_come_back_after_their_broker(city: City) -> None:
    city.broker.end(signal.SIGKILL)
    wait_until(lambda: city.sample().totals.online == 0, what="the loss of all sessions")
    city.broker.start()
    assert city.watch_online(SITES, LIFE_SIGN_S) is not None
    assert city.sample().totals.reconnects == SITES


def test_a_light_gateway_signs_on_as_the_agent_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        broker = Broker("127.0.0.1", listening.getsockname()[1], tls=False)
        settings = Mqtt((broker,), "tb/v1", None, None, None, None, Delivery.CONFIRMED, 0.0)
        signals = SignalQueue(threading.Event().set)
        agent = BrokerConnection(settings, broker, "sim-001", "s", WILL, signals, True)
        agent.open()
        listening.settimeout(LIFE_SIGN_S)
        accepted, _ = listening.accept()
        with accepted:
            accepted.settimeout(LIFE_SIGN_S)
            expected = packets.connect("sim-001", WILL, KEEPALIVE_S, GATEWAY_TERMS)
            assert accepted.recv(len(expected) + 1) == expected
        agent.close(LIFE_SIGN_S, say_goodbye=False)


@pytest.mark.parametrize("size_bytes", [0, 90, 127, 128, 16_000, 20_000])
def test_what_is_published_comes_out_of_a_stream_cut_anywhere(size_bytes: int) -> None:
    topic = "tb/v1/de-tham/sim-001/down/ack"
    message = MqttMessage(topic, bytes(size_bytes), content_type="application/json")
    packet = packets.publish(message, 7)
    assert len(packet) == packet_bytes(message)
    reader, cut = packets.Reader(), len(packet) // 3
    stream = packet + packets.acknowledge(9)
    parts = stream[:1], stream[1:cut], stream[cut : len(packet) + 1], stream[len(packet) + 1 :]
    first, second = (each for part in parts for each in reader.feed(part))
    assert packets.published(first) == packets.Published(message.topic, message.payload, 7)
    assert packets.acknowledged(second) == (9, 0)


def test_a_length_that_cannot_be_is_refused() -> None:
    with pytest.raises(packets.NotMqtt):
        list(packets.Reader().feed(b"\x30\xff\xff\xff\xff\x01"))
