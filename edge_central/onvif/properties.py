"""Makes notifications of events. Pure.

An ONVIF property has one state for a rule of a camera, while a gateway reports each object by a separate
event. So the state is true while any of these events is open. The number of properties is bounded for each
gateway, so that no gateway displaces the properties of another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import msgspec

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire.received.bounds import bound_fields, bounded_time
from edge_central.console.documents import milliseconds
from edge_central.onvif import mapping
from edge_central.onvif.mapping import CLASS_OF_LABEL, OnvifTopic
from edge_central.onvif.notification import Items, Notification, PropertyOperation

MAX_PROPERTIES = 500
"""Limit for one gateway; beyond it, the properties that changed longest ago are forgotten."""
MAX_OPEN = 32
"""Limit for the open events of one property."""
MAX_ENDED = 500
"""Limit for the ended events of one gateway that are remembered because their start may still arrive."""
MAX_NAME, MAX_ID = 64, 100
"""Limits in characters: for a rule and an object's id, and for the id of an event."""
MAX_COUNT = 2**31 - 1
"""The largest ``xs:int``."""
UNKNOWN_CLASS = "Unknown"


class _Data(msgspec.Struct):
    """The fields that notifications need of the events of all kinds."""

    phase: str | None = None
    event_id: str | None = None
    rule_id: str = ""
    label: str | None = None
    track_id: str | None = None
    state: str | None = None
    masked: bool = False
    direction: str | None = None
    count: int = 0
    to_step: int = 0
    started_at: str | None = None
    corrected_at: str | None = None
    a_to_b: dict[str, int] = msgspec.field(default_factory=dict)
    b_to_a: dict[str, int] = msgspec.field(default_factory=dict)


class _Document(msgspec.Struct):
    data: _Data
    epoch: str
    sequence: str
    clock: str = "synced"


_DECODER = msgspec.json.Decoder(_Document)


@dataclass(frozen=True, slots=True)
class MappedEvent:
    """An event as the centre has stored it."""

    ward: str
    gateway: str
    camera: str
    kind: str
    time_ms: int
    received_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class _OpenEvent:
    object_id: str
    class_type: str
    since_ms: int
    count: int


@dataclass(slots=True)
class _Property:
    open_events: OrderedDict[str, _OpenEvent] = field(default_factory=OrderedDict)
    last: Notification | None = None
    place: tuple[str, str] = "", ""  # epoch and sequence of the event that gave a value
    present: Notification | None = None  # ``last`` as ``Initialized``, which all subscribers share

    @property
    def initialized(self) -> Notification | None:
        """The present state as a new subscriber gets it. None: no state is known, or the topic is no
        property."""
        if self.last is None or not self.last.topic.is_property:
            return None
        if self.present is None:
            self.present = replace(self.last, operation=PropertyOperation.INITIALIZED)
        return self.present


@dataclass(slots=True)
class _GatewayProperties:
    properties: OrderedDict[tuple[str, str, str], _Property] = field(default_factory=OrderedDict)
    ended: OrderedDict[str, None] = field(default_factory=OrderedDict)


class PropertyTracker:
    """Follows the properties of all gateways. Not thread-safe."""

    def __init__(self) -> None:
        self._gateways: dict[tuple[str, str], _GatewayProperties] = {}  # by ward and gateway

    def apply(self, event: MappedEvent) -> list[Notification]:
        """Return the notifications of an event, in order. Empty: the event changes nothing, or cannot be
        read."""
        try:
            document = _DECODER.decode(event.payload)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return []
        data, time_ms = document.data, event.time_ms
        bound_fields(data)
        if document.clock != "synced":
            # A gateway without a clock may report 1970, where no operator would search for an alarm.
            data.started_at, time_ms = None, event.received_ms
        topic = _topic(event.kind, data)
        if topic is None or (data.masked and data.phase != "end"):
            return []
        empty = Notification(
            *(event.ward, event.gateway, event.camera, topic, _rule(event.kind, data)),
            *(bounded_time(time_ms), None, ()),
        )
        if event.kind == "line-crossing":
            return [replace(empty, data=_crossing(data))]
        if event.kind in _VALUES:
            value = _VALUES[event.kind](data)
            return [] if value is None else self._value(empty, value, (document.epoch, document.sequence))
        return list(self._object_changes(empty, data))

    def forget(self, ward: str, gateway: str) -> list[Notification]:
        """Remove a gateway that has left this ward. Return notifications that its properties are deleted."""
        gone = self._gateways.pop((ward, gateway), _GatewayProperties())
        return [
            replace(each.last, operation=PropertyOperation.DELETED, data=())
            for each in gone.properties.values()
            if each.last is not None and each.last.topic.is_property
        ]

    def alive(self) -> Iterator[Notification]:
        """Return the present state of each property, as ``Initialized``."""
        for gateway in self._gateways.values():
            for each in gateway.properties.values():
                if (found := each.initialized) is not None:
                    yield found

    def _object_changes(self, empty: Notification, data: _Data) -> Iterator[Notification]:
        """Handle the start, an update or the end of an event about an object or a view."""
        gateway, found = self._of_gateway(empty), self._property(empty)
        key = (data.event_id or "")[:MAX_ID]
        if data.phase == "update" and key in gateway.ended:
            return  # the start, which may come later, opens and ends the state once
        if data.phase != "end":
            found.open_events[key] = _OpenEvent(
                _word(data.track_id or key),
                CLASS_OF_LABEL.get(data.label or "", UNKNOWN_CLASS),
                milliseconds(data.started_at) or empty.time_ms,
                _count(data.count),
            )
            while len(found.open_events) > MAX_OPEN:
                found.open_events.popitem(last=False)
            yield from self._changed(empty, _state(empty.topic, found))
        if data.phase in ("start", "update") and key not in gateway.ended:
            return
        # The event has ended now, or it had ended before its start arrived: retries change the order.
        found.open_events.pop(key, None)
        gateway.ended[key] = None
        while len(gateway.ended) > MAX_ENDED:
            gateway.ended.popitem(last=False)
        # The start may be older than all that was learnt at the start of the feed. So the end of an event
        # that is not remembered gives the state too: the broker may still have the one before.
        if found.last is not None or (empty.topic.is_property and not data.masked):
            yield from self._changed(empty, _state(empty.topic, found))

    def _value(self, empty: Notification, value: Items, place: tuple[str, str]) -> list[Notification]:
        """Handle the value of an event. Events arrive by severity, and retries change their order too: a
        value is ignored after a later one of the same epoch."""
        found = self._property(empty)
        if place[0] == found.place[0] and place < found.place:
            return []
        found.place = place
        return self._changed(empty, value)

    def _changed(self, empty: Notification, data: Items) -> list[Notification]:
        """Set the state of a property to this data and return the notification; empty if it is the state
        already."""
        found = self._property(empty)
        before = found.last
        if before is not None and before.data == data:
            return []
        found.present = None
        # The property exists as long as its rule, so even its first known state is a change.
        operation = PropertyOperation.CHANGED if empty.topic.is_property else None
        if empty.topic is mapping.LOITERING and not data:
            operation, found.last = PropertyOperation.DELETED, None
            return [replace(empty, operation=operation)]
        found.last = replace(empty, operation=operation, data=data)
        return [found.last]

    def _of_gateway(self, of: Notification) -> _GatewayProperties:
        return self._gateways.setdefault((of.ward, of.gateway), _GatewayProperties())

    def _property(self, of: Notification) -> _Property:
        properties = self._of_gateway(of).properties
        key = (of.camera, of.topic.path, of.rule)
        found = properties.setdefault(key, _Property())
        properties.move_to_end(key)
        while len(properties) > MAX_PROPERTIES:
            properties.popitem(last=False)
        return found


def _topic(kind: str, data: _Data) -> OnvifTopic | None:
    if kind == "camera-view":
        return mapping.TOPIC_OF_VIEW.get(data.state or "")
    return next(iter(mapping.TOPICS_OF_KIND.get(kind, ())), None)


def _rule(kind: str, data: _Data) -> str:
    return mapping.OBJECT_RULE if kind == "object" else data.rule_id[:MAX_NAME]


def _word(text: str) -> str:
    """Return the text as one word of a list."""
    return "_".join(text[:MAX_NAME].split())


def _crossing(data: _Data) -> Items:
    class_type = CLASS_OF_LABEL.get(data.label or "", UNKNOWN_CLASS)
    object_id = _word(data.track_id or data.event_id or "")
    return ("ObjectId", object_id), ("ClassTypes", class_type), ("edge:Direction", data.direction or "")


def _state(topic: OnvifTopic, found: _Property) -> Items:
    """Return the data of a property, derived from its open events."""
    events = list(found.open_events.values())
    if topic is mapping.OBJECT_DETECTED:
        return (("ClassTypes", " ".join(sorted({each.class_type for each in events}))),)
    objects: Items = (
        ("ObjectId", " ".join(each.object_id for each in events)),
        ("ClassTypes", " ".join(each.class_type for each in events)),
    )
    if topic is mapping.LOITERING:
        since_ms = min((each.since_ms for each in events), default=0)
        return (*objects, ("Since", rfc3339_of_ms(since_ms))) if events else ()
    if topic is mapping.OBJECTS_INSIDE:
        return ("IsInside", bool(events)), *(objects if events else ())
    if topic is mapping.CROWDING:
        return ("State", bool(events)), ("Count", max((each.count for each in events), default=0))
    if topic in (mapping.STOPPED_VEHICLE, mapping.WRONG_WAY):
        return ("State", bool(events)), *(objects if events else ())
    return (("State", bool(events)),)


def _signal_loss(data: _Data) -> Items:
    return (("State", data.state == "offline"),)


def _temperature(data: _Data) -> Items:
    return (("Critical", data.phase != "end" and data.to_step > 0),)


def _clock(data: _Data) -> Items | None:
    time_ms = milliseconds(data.corrected_at)
    return None if time_ms is None else (("Status", rfc3339_of_ms(time_ms)),)


def _line_counter(data: _Data) -> Items:
    one, other = (_count(sum(each.values())) for each in (data.a_to_b, data.b_to_a))
    return ("Count", _count(one + other)), ("edge:CountAToB", one), ("edge:CountBToA", other)


def _count(number: int) -> int:
    return min(max(number, 0), MAX_COUNT)


_VALUES: dict[str, Callable[[_Data], Items | None]] = {
    "camera-state": _signal_loss,
    "thermal": _temperature,
    "clock-correction": _clock,
    "line-counts": _line_counter,
}
