"""Every answer and fault fits the XML schemas of ONVIF and OASIS."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from lxml import etree

from edge_central.onvif.properties import PropertyTracker
from edge_central.onvif.soap import answers, envelope, faults
from edge_central.onvif.soap.answers import DeviceFacts
from edge_central.onvif.soap.event_properties import event_properties
from edge_central.onvif.soap.xml_writer import XmlText, element, text_element
from tests.edge_central.onvif.onvif_schemas import envelope_schema
from tests.edge_central.onvif.parts import stored
from tests.edge_central.onvif.test_properties import EVENTS

NOW = datetime(2026, 11, 24, 13, 42, tzinfo=UTC)
FACTS = DeviceFacts("https://a/onvif/device_service", "https://a/onvif/event_service", "1", "central", 100)


def notifications() -> XmlText:
    tracker = PropertyTracker()
    events = (stored(kind, **{"event_id": "e", "track_id": "t", **data}) for kind, data, _, _ in EVENTS)
    return answers.messages([each for event in events for each in tracker.apply(event)], NOW, NOW)


def bodies() -> Iterator[tuple[str, XmlText]]:
    yield "time", answers.system_date_and_time(NOW)
    yield "information", answers.device_information(FACTS)
    yield "services", answers.services(FACTS, True)
    yield "services without capabilities", answers.services(FACTS, False)
    yield "capabilities", answers.capabilities(FACTS, frozenset({"Device", "Events"}))
    yield "device capabilities", answers.device_service_capabilities()
    yield "event capabilities", answers.event_service_capabilities(FACTS)
    yield "event properties", event_properties()
    yield "created", answers.subscription_created("https://a/b", NOW, NOW)
    yield "renewed", answers.renewed(NOW, NOW)
    yield "unsubscribed", answers.unsubscribed()
    yield "synchronised", answers.synchronised()
    yield "messages", notifications()


ALL = dict(bodies())


@pytest.mark.parametrize("name", ALL)
def test_an_answer_fits_its_schema(name: str) -> None:
    envelope_schema().assertValid(etree.fromstring(envelope.answer(ALL[name], "urn:action", "urn:uuid:1")))


UNKNOWN = text_element("wsnt:UnknownFilter", "wsnt:MessageContent")
FAULTS = {
    "unknown": faults.unknown_subscription(NOW),
    "initial time": faults.unacceptable_time("wsnt:UnacceptableInitialTerminationTimeFault", NOW, NOW, NOW),
    "time": faults.unacceptable_time("wsnt:UnacceptableTerminationTimeFault", NOW, NOW, NOW),
    "filter": faults.subscription_fault("wsnt:InvalidFilterFault", "x", NOW, UNKNOWN),
    "topic": faults.subscription_fault("wsnt:InvalidTopicExpressionFault", "x", NOW),
    "timeout": faults.timeout_too_long(120.0, 200),
    "argument": faults.invalid_argument("x"),
    "login": faults.not_authorized("x"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fits_its_schema(name: str) -> None:
    envelope_schema().assertValid(etree.fromstring(envelope.fault(FAULTS[name])))


def test_the_schema_refuses_an_answer_with_a_missing_element() -> None:
    broken = element("wsnt:RenewResponse", text_element("wsnt:CurrentTime", "2026-11-24T13:42:00Z"))
    assert not envelope_schema().validate(etree.fromstring(envelope.answer(broken, "urn:action", "")))
