"""The checks that only listen, and the results of a check.

Each check gets the received messages and returns a text, or raises ContractBroken or NothingObserved.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from edge_agent import wire
from edge_agent.mqtt.tools.tool_client import SubscribedMessage


class ConformanceVerdict(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    NOT_SEEN = "not seen"  # no message in that time could show it
    NOT_ALLOWED = "not allowed"  # this user may not send commands


@dataclass(frozen=True, slots=True)
class ConformanceResult:
    verdict: ConformanceVerdict
    text: str


class ContractBroken(Exception):
    """The contract is broken. The text says how."""


class NothingObserved(Exception):
    """No message was suitable for the check. The text says which kind is missing."""


EVENT_TYPE = "application/cloudevents+json"
SEVERITIES = {9: "INFO", 13: "WARN", 17: "ERROR"}
MEDIA_ID = re.compile(r"[a-z0-9-]{1,120}")

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class ProbedGateway:
    """The gateway under test."""

    id: str
    ward: str


@dataclass(frozen=True, slots=True)
class ObservedEvent:
    """An event, and the message that carried it."""

    message: SubscribedMessage
    envelope: wire.CloudEvent[Any]

    @property
    def number(self) -> int:
        return int(self.envelope.sequence)


def decoded(messages: SubscribedMessage, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(messages.payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractBroken(f"{messages.topic}: {error}") from error


def on_topic(messages: Sequence[SubscribedMessage], topic: str) -> list[SubscribedMessage]:
    return [each for each in messages if each.topic == topic or each.topic.startswith(f"{topic}/")]


def events(messages: Sequence[SubscribedMessage]) -> list[ObservedEvent]:
    return [ObservedEvent(each, _event(each)) for each in on_topic(messages, "event")]


def _event(messages: SubscribedMessage) -> wire.CloudEvent[Any]:
    envelope: wire.CloudEvent[Any] = decoded(messages, wire.CloudEvent[Any])
    kind = envelope.type.removeprefix(wire.TYPE_PREFIX).removesuffix(".v1")
    data = wire.DATA_OF_KIND.get(kind)
    if data is None:
        raise ContractBroken(f"{envelope.id}: there is no type {envelope.type}")
    return decoded(messages, wire.CloudEvent[data])  # type: ignore[valid-type]


# --- state, birth, heartbeat ---


def state(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    states = on_topic(messages, "state")
    if not states:
        raise ContractBroken("no state: a retained message must be there when a client subscribes")
    if not states[0].retained:
        raise ContractBroken("the first state that came was not a retained one")
    decoded_states = [decoded(each, wire.State) for each in states]
    return f"{decoded_states[-1].state}: {decoded_states[-1].reason}"


def birth(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    births = on_topic(messages, "birth")
    if not births:
        raise ContractBroken("no birth: a retained message must be there when a client subscribes")
    birth_message = decoded(births[-1], wire.Birth)
    if (birth_message.gateway, birth_message.ward) != (gateway.id, gateway.ward):
        raise ContractBroken(f"its birth says gateway {birth_message.gateway} in {birth_message.ward}")
    if any("@" in camera.url for camera in birth_message.cameras):
        raise ContractBroken("a camera's address in its birth has a user part")
    return f"version {birth_message.version}, {len(birth_message.cameras)} cameras"


def heartbeat(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    beats = on_topic(messages, "heartbeat")
    if not beats:
        raise NothingObserved("no heartbeat came")
    for each in beats:
        if each.retained or each.qos:
            raise ContractBroken(
                f"a heartbeat came retained or with QoS {each.qos}; it is QoS 0 and not retained"
            )
    heartbeats = [decoded(each, wire.Heartbeat) for each in beats]
    gaps = [later.at_mono - earlier.at_mono for earlier, later in pairwise(beats)]
    rhythm = f", {min(gaps):.0f} to {max(gaps):.0f} s apart" if gaps else ""
    return f"{len(heartbeats)}{rhythm}; degraded: {len(heartbeats[-1].degraded)} lines"


def one_session(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    """Check that state, birth and heartbeats of one connection have the same session."""
    states = [decoded(each, wire.State) for each in on_topic(messages, "state")]
    beats = [decoded(each, wire.Heartbeat) for each in on_topic(messages, "heartbeat")]
    if not states or not beats:
        raise NothingObserved("a state and a heartbeat are needed")
    sessions = {each.session for each in states if each.state == "online"}
    strangers = {beat.session for beat in beats} - sessions
    if strangers:
        raise ContractBroken(f"a heartbeat of session {strangers.pop()}, which no online state has reported")
    return beats[-1].session


# --- events ---


def envelopes(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    found = _events_seen(messages)
    for event in found:
        _check_envelope(event, gateway)
    kinds = sorted({each.envelope.type.removeprefix(wire.TYPE_PREFIX) for each in found})
    return f"{len(found)} events: {', '.join(kinds)}"


def _check_envelope(event: ObservedEvent, gateway: ProbedGateway) -> None:
    envelope, message = event.envelope, event.message
    wanted = {
        "source": (envelope.source, f"/tb/{gateway.id}"),
        "id": (envelope.id, f"{gateway.id}/{envelope.epoch}/{envelope.sequence}"),
        "ward": (envelope.ward, gateway.ward),
        "subject": (envelope.subject, message.topic.removeprefix("event/")),
        "severitytext": (envelope.severitytext, SEVERITIES[envelope.severitynumber]),
        "content type": ((message.content_type or "").split(";")[0], EVENT_TYPE),
        "QoS": (message.qos, 1),
    }
    for what, (found, right) in wanted.items():
        if found != right:
            raise ContractBroken(f"{envelope.id}: {what} is {found!r}, not {right!r}")


def no_gap(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    """Check that in each epoch no number between the lowest and the highest received one is missing; numbers
    that a ``loss`` announces may be missing."""
    epochs: dict[str, list[tuple[int, int]]] = {}  # as ranges, to bound memory whatever the gateway sends
    for event in _events_seen(messages):
        epochs.setdefault(event.envelope.epoch, []).append((event.number, event.number))
        if isinstance(event.envelope.data, wire.LossData):
            lost = event.envelope.data
            epochs.setdefault(lost.epoch, []).extend((first, last) for first, last in lost.ranges)
    spans = {epoch: _without_gap(epoch, sorted(ranges)) for epoch, ranges in epochs.items()}
    return ", ".join(f"{first} to {last} of {epoch}" for epoch, (first, last) in spans.items())


def _without_gap(epoch: str, ranges: list[tuple[int, int]]) -> tuple[int, int]:
    """Return first and last number of the sorted ranges. Raises NothingObserved if a number is missing."""
    first, last = ranges[0]
    for low, high in ranges:
        if low > last + 1:
            missing = f"{last + 1} to {low - 1}" if low - 1 > last + 1 else f"{low - 1}"
            text = f"epoch {epoch}: {missing} did not come yet; later ones did (order is by severity)"
            raise NothingObserved(text)
        last = max(last, high)
    return first, last


def same_bytes(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    """Check that an event that is sent again has the same bytes."""
    seen: dict[str, bytes] = {}
    again = 0
    for event in _events_seen(messages):
        before = seen.setdefault(event.envelope.id, event.message.payload)
        if before is not event.message.payload:
            again += 1
            if before != event.message.payload:
                raise ContractBroken(f"{event.envelope.id} came twice and was not the same")
    return f"{again} came again"


def chain(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    """Check that ``prevhash`` of an event is the SHA-256 of the previous event in its epoch."""
    by_number = {(each.envelope.epoch, each.number): each for each in _events_seen(messages)}
    links = 0
    for (epoch, number), event in by_number.items():
        before = by_number.get((epoch, number - 1))
        if before is None:
            continue
        links += 1
        if event.envelope.prevhash != hashlib.sha256(before.message.payload).hexdigest():
            raise ContractBroken(f"{event.envelope.id}: prevhash is not the hash of the event before it")
    if not links:
        raise NothingObserved("no two events in a row came")
    return f"{links} links"


def media(messages: Sequence[SubscribedMessage], gateway: ProbedGateway) -> str:
    found = on_topic(messages, "media")
    if not found:
        raise NothingObserved("no media came")
    for each in found:
        name = each.topic.removeprefix("media/")
        if MEDIA_ID.fullmatch(name) is None:
            raise ContractBroken(f"media/{name} is not an id")
        missing = {"event_id", "camera", "sha256"} - set(each.properties)
        if missing:
            raise ContractBroken(f"media/{name} has no user property {', '.join(sorted(missing))}")
        if each.properties["sha256"] != hashlib.sha256(each.payload).hexdigest():
            raise ContractBroken(f"media/{name}: the file is not what its sha256 says")
        if each.content_type is None:
            raise ContractBroken(f"media/{name} has no content type")
    return f"{len(found)} files, {sum(len(each.payload) for each in found)} bytes"


def _events_seen(messages: Sequence[SubscribedMessage]) -> list[ObservedEvent]:
    if not (found := events(messages)):
        raise NothingObserved("no event came")
    return found
