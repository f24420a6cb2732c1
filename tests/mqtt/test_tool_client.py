"""The client of the tools at brokers that refuse, close or do not answer: each error says what happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.core.errors import MqttError
from edge_agent.mqtt.tools.tool_client import ConnectionClosed, ConnectRefused, NotAnswered, ToolClient
from tests.mqtt.conftest import mqtt_settings
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.rogue_broker import CONNACK_OK, RogueBroker, connack, disconnect

NOT_AUTHORISED, SHUTTING_DOWN = 0x87, 0x8B
REFUSAL = ((PacketTypes.CONNACK, NOT_AUTHORISED), (PacketTypes.DISCONNECT, 0x80))


def client_of(port: int, *, reconnects: bool = False) -> ToolClient:
    settings = mqtt_settings(port)
    return ToolClient(settings.brokers[0], settings, "tool", answer_s=0.5, reconnects=reconnects)


def test_a_refused_connection_says_why() -> None:
    refused = "127.0.0.1 does not let us in: .*user name or password"
    with (
        RogueBroker(connack(NOT_AUTHORISED)) as broker,
        pytest.raises(ConnectRefused, match=refused),
        client_of(broker.port),
    ):
        pass


def test_a_broker_that_never_answers_the_sign_on_is_given_up() -> None:
    with (
        RogueBroker(b"") as broker,
        pytest.raises(NotAnswered, match="does not answer the sign-on"),
        client_of(broker.port),
    ):
        pass


@pytest.mark.parametrize(
    "work",
    [
        lambda client: client.publish("out/one", b"x"),
        lambda client: client.receive(5.0),
        lambda client: (client.subscribe("out/#"), client.require_subscribed()),
    ],
    ids=["publish", "receive", "subscribe"],
)
def test_a_closed_connection_ends_every_wait(work: Callable[[ToolClient], object]) -> None:
    with RogueBroker(CONNACK_OK + disconnect(SHUTTING_DOWN)) as broker, client_of(broker.port) as client:
        wait_until(lambda: client.connection_error is not None)
        with pytest.raises(ConnectionClosed, match="has closed the connection: the broker is shutting down"):
            work(client)


def test_a_connection_that_is_only_lost_is_not_said_to_be_closed_by_the_broker(broker: Mosquitto) -> None:
    with client_of(broker.port) as client:
        broker.kill()
        with pytest.raises(ConnectionClosed, match=r"^the connection to 127\.0\.0\.1 was lost$"):
            client.receive(10.0)


def test_a_broker_that_acknowledges_nothing_is_given_up() -> None:
    with RogueBroker(CONNACK_OK) as broker, client_of(broker.port) as client:
        with pytest.raises(NotAnswered, match="not published within"):
            client.publish("out/one", b"x")
        client.subscribe("out/#")
        with pytest.raises(MqttError, match="not subscribed within"):
            client.require_subscribed()


def test_a_refused_attempt_shows_the_refusal_and_no_lost_connection() -> None:
    # Paho's calls: at a real broker it leaves the socket of a refused connection open, a warning in tests.
    refused, unspecified = (ReasonCode(kind, identifier=code) for kind, code in REFUSAL)
    with RogueBroker(CONNACK_OK) as broker, client_of(broker.port) as client:
        client._on_disconnect(None, None, DisconnectFlags(False), unspecified, None)
        assert "was lost" in str(client.connection_error)
        client._on_connect(None, None, None, refused, None)
        client._on_disconnect(None, None, DisconnectFlags(False), unspecified, None)
        assert "does not let us in" in str(client.connection_error)


def test_a_client_that_reconnects_subscribes_again(broker: Mosquitto) -> None:
    with client_of(broker.port, reconnects=True) as client:
        client.subscribe("out/#")
        client.require_subscribed()
        broker.kill()
        wait_until(lambda: client.connection_error is not None)
        broker.start()
        wait_until(lambda: client.connected_mono is not None)
        client.require_subscribed()
        assert client.publish("out/one", b"x") == 0
        message = client.receive(5.0)
        assert message is not None
        assert (message.topic, message.payload, message.retained) == ("out/one", b"x", False)
