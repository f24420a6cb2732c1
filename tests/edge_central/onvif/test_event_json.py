"""MQTT messages have the topic and the JSON of ONVIF Core, "Event Broker"."""

from __future__ import annotations

import json

from edge_agent.wire.topics import CentralTopics
from edge_central.onvif.event_json import event_message
from edge_central.onvif.notification import Notification
from edge_central.onvif.properties import MappedEvent, PropertyTracker
from tests.edge_central.onvif.parts import inside, stored

TOPICS = CentralTopics("tb/v1", "central")
PREFIX = "tb/v1/central/onvif/de-tham/dt-001/onvif-ej"


def only(event: MappedEvent) -> Notification:
    (found,) = PropertyTracker().apply(event)
    return found


def test_a_property_is_retained_under_topic_and_source() -> None:
    message = event_message(TOPICS, only(inside("start")))
    assert message.topic == f"{PREFIX}/RuleEngine/FieldDetector/ObjectsInside/&cam-1/yard"
    assert (message.qos, message.retain) == (1, True)
    assert json.loads(message.payload) == {
        "UtcTime": "2026-11-24T13:42:05.000Z",
        "Source": {"VideoSource": "cam-1", "Rule": "yard"},
        "Data": {"IsInside": True, "ObjectId": "t-e1", "ClassTypes": "Human"},
    }


def test_an_event_that_is_no_property_is_not_retained() -> None:
    crossing = stored("line-crossing", phase="moment", event_id="c", rule_id="gate", track_id="t")
    message = event_message(TOPICS, only(crossing))
    assert message.topic == f"{PREFIX}/RuleEngine/LineDetector/Crossed/&cam-1/gate"
    assert not message.retain


def test_a_topic_of_the_gateway_itself_has_no_source() -> None:
    message = event_message(TOPICS, only(stored("thermal", "dt-001", "gateway", phase="start", to_step=1)))
    assert message.topic == f"{PREFIX}/Device/HardwareFailure/TemperatureCritical"
    assert json.loads(message.payload)["Source"] == {}


def test_a_deleted_property_is_removed_from_the_broker() -> None:
    tracker, more = PropertyTracker(), {"event_id": "l", "rule_id": "bench", "track_id": "t"}
    (begun,) = tracker.apply(stored("loitering", phase="start", **more))
    (over,) = tracker.apply(stored("loitering", phase="end", **more))
    removed = event_message(TOPICS, over)
    assert (removed.topic, removed.payload, removed.retain) == (event_message(TOPICS, begun).topic, b"", True)


def test_no_name_of_a_rule_leaves_its_place() -> None:
    message = event_message(TOPICS, only(inside("start", rule_id="a/../+/#\0\x1b[2J")))
    assert message.topic == f"{PREFIX}/RuleEngine/FieldDetector/ObjectsInside/&cam-1/a_..__[2J"
    empty = event_message(TOPICS, only(inside("start", rule_id="+#")))
    assert empty.topic.endswith("/&cam-1/_")
