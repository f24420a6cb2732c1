"""Encodes alerts as JSON for MQTT and the webhook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from edge_agent import wire
from edge_agent.core.clock import rfc3339
from edge_agent.core.model import Severity
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind, AlertKey

_WORDS: dict[Severity, Literal["info", "warning", "alarm"]] = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.ALARM: "alarm",
}


def encode_alert(alert: Alert) -> bytes:
    """The alert as JSON."""
    key = alert.key
    names = [name for name in (key.ward, key.gateway, key.rule, key.camera, str(alert.opened_ms)) if name]
    return msgspec.json.encode(
        wire.CentralAlert(
            id="/".join(names),
            state="open" if alert.cleared_ms is None else "cleared",
            rule=key.rule,
            severity=_WORDS[alert.severity],
            ward=key.ward,
            gateway=key.gateway or None,
            camera=key.camera or None,
            text=alert.text,
            value=alert.value,
            since=_time(alert.since_ms),
            opened=_time(alert.opened_ms),
            cleared=None if alert.cleared_ms is None else _time(alert.cleared_ms),
            cleared_text=alert.cleared_text,
            folded=alert.folded,
        )
    )


def messages_for(change: AlertChange, topics: CentralTopics) -> Iterator[MqttMessage]:
    """The messages of a change. A cleared alert is published once unretained, then its topic is cleared."""
    if change.kind is AlertChangeKind.CLEARED:
        yield MqttMessage(alert_topic(change.alert.key, topics), encode_alert(change.alert))
        yield clearing_message(change.alert.key, topics)
    else:
        yield retained_message(change.alert, topics)


def retained_message(alert: Alert, topics: CentralTopics) -> MqttMessage:
    return MqttMessage(alert_topic(alert.key, topics), encode_alert(alert), retain=True)


def clearing_message(key: AlertKey, topics: CentralTopics) -> MqttMessage:
    return MqttMessage(alert_topic(key, topics), b"", retain=True)


def alert_topic(key: AlertKey, topics: CentralTopics) -> str:
    return topics.alert(key.ward, key.gateway, key.rule, key.camera)


def _time(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
