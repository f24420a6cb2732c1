"""Tests how far a connection to a broker gets, and what the gateway may write there.

Used while no agent runs. The gateway's id is its client id, and a second client with that id would end the
running agent's session (MQTT 5.0, section 3.1.4). Another id does not help, because a broker may name a
client after its certificate whatever the client says (mosquitto's use_username_as_clientid). The gateway's
session is kept, and its waiting messages are not acknowledged, so that they are sent again. Nothing is
retained, and there is no will.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.connect_errors import ConnectError
from edge_agent.mqtt.session.client import SESSION_EXPIRY_S
from edge_agent.mqtt.tls.certificates import make_context
from edge_agent.mqtt.tools.tool_client import REFUSED, ConnectionClosed, NotAnswered, ToolClient

CONNECT_S = 4.0  # for each address of the name, and again for the TLS handshake
ANSWER_S = 3.0  # for CONNACK and each PUBACK


@dataclass(frozen=True, slots=True)
class PublishRights:
    """What the broker answered to a message on each topic; None: no answer."""

    own: bool | None = None
    foreign: bool | None = None


def try_connection(broker: Broker, settings: Mqtt, clock_trusted: bool) -> ConnectError | None:
    """Test name resolution, TCP and TLS with the gateway's certificate, without MQTT; None: all worked.

    Blocks up to twice ``CONNECT_S`` and as long as the resolver takes.
    """
    try:
        with socket.create_connection((broker.host, broker.port), CONNECT_S) as plain:
            if broker.tls:
                make_context(settings).wrap_socket(plain, server_hostname=broker.host).close()
    except (OSError, MqttError, ValueError) as error:
        return causes.from_exception(error, broker, clock_trusted)
    return None


def try_publish_rights(
    broker: Broker, settings: Mqtt, client_id: str, own: str, foreign: str
) -> PublishRights:
    """Send an empty message to each of the two topics, as the gateway.

    Blocks up to twice ``CONNECT_S`` and three times ``ANSWER_S``. Raises ConnectRefused, and MqttError for a
    connection that breaks.
    """
    with ToolClient(
        broker, settings, client_id, connect_s=CONNECT_S, answer_s=ANSWER_S, session_expiry_s=SESSION_EXPIRY_S
    ) as client:
        allowed = _may_write(client, own)
        return PublishRights(allowed, _may_write(client, foreign) if allowed else None)


def _may_write(client: ToolClient, topic: str) -> bool | None:
    """Return whether the gateway may write to ``topic``; None: no answer. A disconnect counts as refusal."""
    try:
        return client.publish(topic, b"") < REFUSED
    except ConnectionClosed:
        return False
    except NotAnswered:
        return None
