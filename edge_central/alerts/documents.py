"""An alert as a message: on MQTT, and for the webhook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from edge_agent import wire
from edge_agent.core.clock import rfc3339
from edge_agent.core.model import Severity
from edge_agent.mqtt.session.client import Message
from edge_agent.wire.central_topics import CentralTopics
from edge_central.alerts.model import Alert, Change, Key, What

_WORDS: dict[Severity, Literal["info", "warning", "alarm"]] = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.ALARM: "alarm",
}


def body(alert: Alert) -> bytes:
    """JSON."""
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


def messages(change: Change, topics: CentralTopics) -> Iterator[Message]:
    """The end is told to whoever listens, then nothing of it is retained."""
    if change.what is What.CLEARED:
        yield Message(topic(change.alert.key, topics), body(change.alert))
        yield nothing(change.alert.key, topics)
    else:
        yield standing(change.alert, topics)


def standing(alert: Alert, topics: CentralTopics) -> Message:
    return Message(topic(alert.key, topics), body(alert), retain=True)


def nothing(key: Key, topics: CentralTopics) -> Message:
    return Message(topic(key, topics), b"", retain=True)


def topic(key: Key, topics: CentralTopics) -> str:
    return topics.alert(key.ward, key.gateway, key.rule, key.camera)


def _time(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
