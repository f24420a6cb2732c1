"""Events of a gateway with rules, and SOAP requests as text."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from edge_central.onvif.properties import MappedEvent
from edge_central.onvif.soap.xml_writer import NAMESPACES
from tests.edge_central.parts import WARD, FakeGateway

AT = "2026-11-24T13:42:05.000Z"
AT_MS = 1_795_527_725_000
RECEIVED_MS = AT_MS + 40_000


def entered(box: FakeGateway, number: int, phase: str = "start", **data: Any) -> tuple[str, bytes]:
    """A message: a person is in the zone of the rule ``yard``. ``number`` numbers the event."""
    more = {"event_id": f"e-{box.epoch}", **data}
    return box.of_kind("zone-intrusion", number, "cam-1", AT, **_inside(phase, more))


def stored(kind: str, gateway: str = "dt-001", camera: str = "cam-1", **data: Any) -> MappedEvent:
    """An event as the feed reads it."""
    _, payload = FakeGateway(gateway).of_kind(kind, 1, camera, AT, **data)
    return MappedEvent(WARD, gateway, camera, kind, AT_MS, RECEIVED_MS, payload)


def inside(phase: str, event_id: str = "e1", **data: Any) -> MappedEvent:
    more = _inside(phase, {"event_id": event_id, "track_id": f"t-{event_id}", **data})
    return stored("zone-intrusion", **more)


def _inside(phase: str, data: dict[str, Any]) -> dict[str, Any]:
    more = {"event_id": "e1", "rule_id": "yard", "label": "person", "track_id": "t1"}
    return {"phase": phase, **more, **data}


DECLARATIONS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())


def soap(call: str, header: str = "") -> bytes:
    """An envelope with this call, such as ``<tev:GetEventProperties/>``."""
    body = f"<env:Header>{header}</env:Header><env:Body>{call}</env:Body>"
    return f"<env:Envelope {DECLARATIONS}>{body}</env:Envelope>".encode()


def subscribing(topics: str = "", lasts: str = "PT60S", more: str = "") -> bytes:
    """A request for a subscription."""
    dialect = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
    text = f'<wsnt:TopicExpression Dialect="{dialect}">{escape(topics)}</wsnt:TopicExpression>'
    wanted = f"<tev:Filter>{text}</tev:Filter>" if topics else ""
    time = f"<tev:InitialTerminationTime>{lasts}</tev:InitialTerminationTime>"
    return soap(f"<tev:CreatePullPointSubscription>{wanted}{time}{more}</tev:CreatePullPointSubscription>")


def pulling(timeout: str = "PT0S", limit: object = 100) -> bytes:
    times = f"<tev:Timeout>{timeout}</tev:Timeout><tev:MessageLimit>{limit}</tev:MessageLimit>"
    return soap(f"<tev:PullMessages>{times}</tev:PullMessages>")
