"""Notifications as MQTT messages: topics and JSON as ONVIF Core defines them ("Event Broker",
``onvif-ej``)."""

from __future__ import annotations

import re

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.onvif.notification import Items, Notification, PropertyOperation

CONTENT_TYPE = "application/json"
_OMITTED = re.compile(r"[#+\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def event_message(topics: CentralTopics, notification: Notification) -> MqttMessage:
    """Return the message of a notification. The broker retains the state of a property; an empty message
    removes the state of a deleted property."""
    source = notification.source_in_gateway
    local = notification.topic.path
    if source:
        local += "/&" + "/".join(_level(str(value)) for _, value in source)
    topic = topics.onvif_event(notification.ward, notification.gateway, local)
    retain = notification.topic.is_property
    if notification.operation is PropertyOperation.DELETED:
        return MqttMessage(topic, b"", retain=retain)
    document = {
        "UtcTime": rfc3339_of_ms(notification.time_ms),
        "Source": _items(source),
        "Data": _items(notification.data),
    }
    return MqttMessage(topic, encode_json(document), retain=retain, content_type=CONTENT_TYPE)


def _items(items: Items) -> dict[str, str | bool | int]:
    return dict(items)


def _level(value: str) -> str:
    """Return the value as one level of a topic, without ``+`` and ``#``, as ONVIF requires."""
    return _OMITTED.sub("", value).replace("/", "_") or "_"
