"""Turns one batch of messages into rows: validates, deduplicates, numbers and counts them."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent import wire
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.received.messages import (
    BirthMessage,
    EventMessage,
    GatewayMessage,
    HeartbeatMessage,
    MalformedMessage,
    MediaMessage,
    ReplyMessage,
    StateMessage,
    parse_loss,
    parse_message,
)
from edge_agent.wire.topics import CentralTopics, UpKind
from edge_central.ingest.gateway_commands import record_replies
from edge_central.settings import HeartbeatHistory
from edge_central.store.batch import Batch
from edge_central.store.fleet_state import (
    MOST_BRANCHES,
    EventStream,
    FleetState,
    GapReason,
    GatewayRecord,
    branch_name,
)
from edge_central.store.media_folder import MediaFolder
from edge_central.store.ringing import rings

log = logging.getLogger(__name__)

HEAD_BYTES = 1_024
"""How much of a rejected message is stored."""
TOPIC_CHARACTERS = 300
RETAINED = (UpKind.STATE, UpKind.BIRTH)
"""Topics that a gateway may retain. Other retained messages stay in the broker's memory for good."""


@dataclass(slots=True)
class BatchResult:
    """The result of one batch; valid once it is committed."""

    events: Counter[str] = field(default_factory=Counter)  # new events by gateway
    duplicates: int = 0
    rejected: int = 0
    first_rejected: str = ""
    numbers: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    """(gateway, epoch) -> sequences to confirm, duplicates included."""
    media: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    wards: dict[str, str] = field(default_factory=dict)  # gateway -> ward, for the topic of its confirmation
    birth_gateways: set[str] = field(default_factory=set)
    heartbeat_gateways: set[str] = field(default_factory=set)
    status_messages: list[HeartbeatMessage | StateMessage] = field(
        default_factory=list
    )  # heartbeats and state messages, in order
    retained: defaultdict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    """Gateway -> topic beside state and birth -> whether the broker retains a message there."""
    views: list[EventMessage] = field(default_factory=list)  # new events of the kind camera-view
    overrides: list[EventMessage] = field(default_factory=list)  # new events of the kind rule-override
    conflicts: Counter[str] = field(default_factory=Counter)
    """Gateway -> events whose sequence number another event has; 0 when only its epochs alternate."""
    alarms: Counter[tuple[str, str]] = field(default_factory=Counter)  # events that ring, by gateway and ward
    received_ms: int = 0


class BatchWriter:
    """Turns received messages into the rows of a batch. It updates ``fleet`` as it goes, so after an error
    ``fleet`` must be loaded again."""

    def __init__(
        self, topics: CentralTopics, wards: Sequence[str], pictures: MediaFolder, history: HeartbeatHistory
    ) -> None:
        self._topics = topics
        self.wards = frozenset(wards)
        self._pictures = pictures
        self._slot_ms = round(history.every_s * 1000)

    def write(
        self, arrivals: Sequence[MessageReceived], known: FleetState, batch: Batch, now_ms: int
    ) -> BatchResult:
        """Add the rows of these messages to ``batch``. Raises DatabaseUnavailable when a media file cannot
        be written."""
        taking = _BatchBuilder(known, batch, now_ms, self._pictures, self._slot_ms)
        for arrived in arrivals:
            if arrived.retained:
                self._note_retained(arrived, taking.stored)
            try:
                taking.add(self._read(arrived))
            except MalformedMessage as error:
                taking.reject(arrived.topic, str(error), arrived.payload)
        taking.finish()
        return taking.stored

    def reject(self, arrived: MessageReceived, reason: str, batch: Batch, now_ms: int) -> BatchResult:
        """Record as rejected the one message that made the database reject the batch."""
        taking = _BatchBuilder(FleetState(), batch, now_ms, self._pictures, self._slot_ms)
        taking.reject(arrived.topic, reason, arrived.payload)
        return taking.stored

    def _note_retained(self, arrived: MessageReceived, stored: BatchResult) -> None:
        found = self._topics.parse_up(arrived.topic)
        if found is not None and found.kind not in RETAINED:
            stored.retained[found.gateway][f"{found.kind}/{found.name}"] = bool(arrived.payload)

    def _read(self, arrived: MessageReceived) -> GatewayMessage:
        topic = self._topics.parse_up(arrived.topic)
        if topic is None or topic.ward not in self.wards:
            raise MalformedMessage("no topic that this centre takes in")
        return parse_message(topic, arrived.payload, arrived.properties)


class _BatchBuilder:
    """The rows and the result of one batch, message by message."""

    def __init__(
        self, known: FleetState, batch: Batch, now_ms: int, pictures: MediaFolder, slot_ms: int
    ) -> None:
        self.stored = BatchResult(received_ms=now_ms)
        self._fleet = known
        self._batch = batch
        self._now_ms = now_ms
        self._pictures = pictures
        self._slot_ms = slot_ms
        self._repeated: list[tuple[EventStream, EventMessage]] = []  # events whose number is already stored
        self._conflicts: Counter[tuple[str, str]] = Counter()  # count of events, by gateway and epoch
        self._replies: list[ReplyMessage] = []

    def add(self, message: GatewayMessage) -> None:
        gateway = self._gateway(message)
        match message:
            case EventMessage():
                self._event(gateway, message)
            case MediaMessage():
                self._picture(message)
            case HeartbeatMessage():
                self._heartbeat(gateway, message)
            case BirthMessage():
                self._birth(gateway, message)
            case StateMessage():
                self._state(gateway, message)
            case ReplyMessage():
                self._replies.append(message)

    def reject(self, topic: str, reason: str, payload: bytes) -> None:
        topic = topic[:TOPIC_CHARACTERS].replace("\0", "")
        if not self.stored.rejected:
            self.stored.first_rejected = f"{topic or 'a topic that is not UTF-8'}: {reason}"
        self.stored.rejected += 1
        self._batch.rejected.append(
            {
                "received_ms": self._now_ms,
                "topic": topic,
                "reason": reason,
                "bytes": len(payload),
                "head": payload[:HEAD_BYTES],
            }
        )

    def finish(self) -> None:
        """Compare repeated events with the stored ones, once the whole batch is known, and record the
        replies."""
        record_replies(self._batch.connection, self._replies, self._now_ms)
        again = self._repeated
        for number in range(2, MOST_BRANCHES + 2):
            if not again:
                break
            again = [
                (stream, event)
                for event in self._conflicting(again)
                if (stream := self._branch(event, number)) is not None
            ]
        for _, event in again:
            topic = f"{event.gateway} {event.epoch}/{event.sequence}"
            reason = f"conflict: {MOST_BRANCHES} other events have this number; it is not stored"
            self.reject(topic, reason, event.payload)
        self._batch.record_conflicts(self._conflicts, self._now_ms)
        for (gateway, epoch), events in self._conflicts.items():
            self.stored.conflicts[gateway] += events
            if events:
                text = "%s: %d events of epoch %s have sequence numbers of other events; all are stored"
                log.error(text, gateway, events, epoch)

    def _conflicting(self, again: Sequence[tuple[EventStream, EventMessage]]) -> list[EventMessage]:
        """Confirm the events that equal the stored one of their number; return the others."""
        stored = self._batch.stored_payloads((stream.id, event.sequence) for stream, event in again)
        conflicting = []
        for stream, event in again:
            # A stored event that retention has deleted since cannot be compared: count it as equal.
            if stored.get((stream.id, event.sequence), event.payload) == event.payload:
                self.stored.duplicates += 1
                self._confirm(event)
            else:
                conflicting.append(event)
        return conflicting

    def _branch(self, event: EventMessage, number: int) -> EventStream | None:
        """Store the event in this branch of its stream. Return the branch if the number is taken there
        too."""
        stream = self._stream(event.gateway, branch_name(event.epoch, number))
        if stream.has(event.sequence):
            return stream
        self._conflicts[event.gateway, event.epoch] += 1
        self._store(stream, event, GapReason.BEFORE)
        return None

    def _gateway(self, message: GatewayMessage) -> GatewayRecord:
        gateway = self._fleet.gateways.get(message.gateway)
        if gateway is None:
            gateway = GatewayRecord(message.gateway, message.ward, self._now_ms)
            self._batch.add_gateway(gateway)
            self._fleet.gateways[message.gateway] = gateway
            log.info("%s: first message of this gateway, ward %s", gateway.id, gateway.ward)
        gateway.set(last_ms=self._now_ms)
        self._batch.gateways[gateway.id] = gateway
        self.stored.wards[gateway.id] = message.ward
        return gateway

    def _stream(self, gateway: str, epoch: str) -> EventStream:
        stream = self._fleet.streams.get((gateway, epoch))
        if stream is None:
            stream = self._batch.add_stream(gateway, epoch, self._now_ms)
            self._fleet.add_stream(stream)
        self._batch.streams[stream.id] = stream
        return stream

    def _event(self, gateway: GatewayRecord, event: EventMessage) -> None:
        first = (gateway.id, event.epoch) not in self._fleet.streams and not self._fleet.has_streams(
            gateway.id
        )
        stream = self._stream(gateway.id, event.epoch)
        if stream.has(event.sequence):
            self._repeated.append((stream, event))
        else:
            self._store(stream, event, GapReason.BEFORE if first else GapReason.MISSING)

    def _confirm(self, event: EventMessage) -> None:
        """The event is stored, or will be with this batch, byte for byte: confirm it."""
        self.stored.numbers[event.gateway, event.epoch].append(event.sequence)

    def _store(self, stream: EventStream, event: EventMessage, why: GapReason) -> None:
        """Store a new event; ``why``: the reason for the missing numbers before it."""
        stream.add(event.sequence, self._now_ms, why)
        self._confirm(event)
        self.stored.events[event.gateway] += 1
        self._batch.events.append(
            {
                "stream": stream.id,
                "sequence": event.sequence,
                "gateway": event.gateway,
                "ward": event.ward,
                "camera": event.camera,
                "kind": event.kind,
                "severity": event.severity,
                "time_ms": event.time_ms,
                "received_ms": self._now_ms,
                "event_id": event.event_id,
                "phase": event.phase,
                "payload": event.payload,
            }
        )
        if rings(event.kind, event.severity, event.phase):
            self.stored.alarms[event.gateway, event.ward] += 1
        if event.odd:
            self.reject(f"{event.gateway} {event.epoch}/{event.sequence}", event.odd, event.payload)
        if event.kind == "loss":
            self._loss(stream, event)
        elif event.kind == "camera-view":
            self.stored.views.append(event)
        elif event.kind == "rule-override":
            self.stored.overrides.append(event)

    def _loss(self, stream: EventStream, event: EventMessage) -> None:
        loss = parse_loss(event)
        if loss is None:
            topic = f"{event.gateway} {event.epoch}/{event.sequence}"
            self.reject(
                topic, "a loss that cannot be read: it is stored, and explains nothing", event.payload
            )
            return
        explained = self._announce(event, loss)
        reason = "outbox-damaged" if loss.damaged else loss.reason
        told = (event.gateway, loss.count, reason, explained)
        log.warning("%s: the gateway gave up %d events (%s); %d of them are missing here", *told)
        self._batch.losses.append(
            {
                "stream": stream.id,
                "sequence": event.sequence,
                "gateway": event.gateway,
                "events": min(loss.count, 2**62),
                "reason": reason,
                "received_ms": self._now_ms,
            }
        )

    def _gaps_allowed(self, gateway: str, epoch: str) -> int:
        """How many more gaps a gateway may create in this epoch by a report alone, without an event."""
        known = (gateway, epoch) in self._fleet.streams or self._fleet.may_begin_stream(gateway)
        return self._fleet.gaps_allowed(gateway) if known else 0

    def _announce(self, event: EventMessage, loss: wire.LossData) -> int:
        """Mark the ranges of a loss as announced. Return how many missing events they explain. Ranges that
        would create too many gaps or streams are left out, and their numbers stay missing."""
        room = self._gaps_allowed(event.gateway, loss.epoch)
        explained = taken = 0
        if room:
            about = self._stream(event.gateway, loss.epoch)
            before = about.gap_count
            for first, last in loss.ranges:
                if about.gap_count - before >= room:
                    break
                explained += about.mark_announced(first, last, self._now_ms)
                taken += 1
        if taken < len(loss.ranges):
            topic = f"{event.gateway} {event.epoch}/{event.sequence}"
            many = f"a loss of {len(loss.ranges)} ranges, of which {taken} count"
            reason = f"{many}: this gateway has too many gaps"
            self.reject(topic, reason, event.payload)
        return explained

    def _picture(self, picture: MediaMessage) -> None:
        self.stored.media[picture.gateway].append(picture.media_id)
        row = self._batch.media_row(picture.gateway, picture.media_id)
        if row is not None:
            if row["sha256"] != picture.sha256:
                topic = f"{picture.gateway} {picture.media_id}"
                reason = "conflict: another picture has this id; the first one is kept"
                self.reject(topic, reason, picture.payload)
            return
        self._pictures.store(picture)
        self._batch.media[picture.gateway, picture.media_id] = {
            "gateway": picture.gateway,
            "media_id": picture.media_id,
            "event_id": picture.event_id,
            "camera": picture.camera,
            "sha256": picture.sha256,
            "bytes": len(picture.payload),
            "sealed": picture.sealed,
            "received_ms": self._now_ms,
        }

    def _heartbeat(self, gateway: GatewayRecord, beat: HeartbeatMessage) -> None:
        health = beat.health
        self.stored.heartbeat_gateways.add(gateway.id)
        self.stored.status_messages.append(beat)
        self._epoch(gateway, health.outbox.epoch)
        gateway.set(
            ward=beat.ward,
            heartbeat=beat.payload,
            heartbeat_ms=self._now_ms,
            heartbeat_session=health.session,
            epoch=health.outbox.epoch,
            sequence=health.outbox.sequence,
        )
        slot_ms = self._now_ms - self._now_ms % self._slot_ms
        # Not ``>``: after one slot with a time in the future, history must not stop until that time.
        if slot_ms != gateway.slot_ms:
            gateway.slot_ms = slot_ms
            self._batch.health.append(_history_row(gateway.id, slot_ms, beat))

    def _epoch(self, gateway: GatewayRecord, epoch: str) -> None:
        """Handle a change of the epoch that heartbeats name."""
        before = gateway.epoch
        if not before or not epoch or before == epoch:
            return
        if gateway.sequence and self._gaps_allowed(gateway.id, before):
            # A new outbox allots the numbers from here on: no later number will show where the old ones
            # ended.
            self._stream(gateway.id, before).expect(gateway.sequence, self._now_ms)
        if epoch in gateway.epochs_before:  # a gateway never returns to an old epoch
            self._conflicts[gateway.id, epoch] += 0
        gateway.epochs_before.append(before)

    def _birth(self, gateway: GatewayRecord, birth: BirthMessage) -> None:
        if birth.inventory is None:
            if birth.ward == gateway.ward:
                gateway.set(birth=None, birth_session=None, birth_ms=self._now_ms)
            return
        self.stored.birth_gateways.add(gateway.id)
        session = birth.inventory.session
        gateway.set(ward=birth.ward, birth=birth.payload, birth_session=session, birth_ms=self._now_ms)

    def _state(self, gateway: GatewayRecord, state: StateMessage) -> None:
        document = state.document
        self.stored.status_messages.append(state)
        if document is None:
            if state.ward == gateway.ward:
                gateway.set(state=None, state_session=None, state_reason=None, state_ms=self._now_ms)
            return
        if document.state != "online" and gateway.state and document.session not in gateway.sessions:
            log.info("%s: ignored a late '%s' of an older session", gateway.id, document.state)
            return
        gateway.set(
            state=document.state,
            state_session=document.session,
            state_reason=document.reason[:TOPIC_CHARACTERS].replace("\0", ""),
            state_ms=self._now_ms,
        )


def _history_row(gateway: str, slot_ms: int, beat: HeartbeatMessage) -> dict[str, object]:
    health = beat.health
    cameras = {name: [camera.state[:20], camera.packet_fps] for name, camera in health.cameras.items()}
    return {
        "gateway": gateway,
        "slot_ms": slot_ms,
        "temperature_c": health.box.temperature_c,
        "cpu_percent": health.box.cpu_percent,
        "memory_percent": health.box.memory_percent,
        "disk_percent": health.box.disk_percent,
        "outbox_depth": health.outbox.depth,
        "outbox_oldest_s": health.outbox.oldest_s,
        "clock_offset_ms": health.clock.offset_ms,
        "cameras": json.dumps(cameras, separators=(",", ":")),
    }
