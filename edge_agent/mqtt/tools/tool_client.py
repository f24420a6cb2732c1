"""The MQTT client of a program that a person runs: it connects at once or says why."""

from __future__ import annotations

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt import causes
from edge_agent.mqtt.session.bounded import BoundedClient
from edge_agent.mqtt.tls.tls import make_context

KEEPALIVE_S = 30
REFUSED = 0x80
"""Reason codes from here on are refusals."""


def make_client(settings: Mqtt, client_id: str, *, connect_s: float, comes_back: bool) -> paho.Client:
    """``comes_back``: paho connects again by itself after a loss."""
    client = BoundedClient(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=paho.MQTTv5,
        reconnect_on_failure=comes_back,
    )
    client.connect_timeout = connect_s
    if (credentials := settings.credentials) is not None:
        client.username_pw_set(credentials.username, credentials.password.reveal())
    return client


def connect(client: paho.Client, broker: Broker, settings: Mqtt) -> None:
    """Starts its thread; the broker's answer comes to ``on_connect``. Raises MqttError."""
    try:
        if broker.tls:
            client.tls_set_context(make_context(settings))
        client.connect(broker.host, broker.port, keepalive=KEEPALIVE_S)
    except (OSError, ValueError, MqttError) as error:
        raise MqttError(causes.from_exception(error, broker, clock_trusted=True).text) from error
    client.loop_start()
