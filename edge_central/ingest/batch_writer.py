"""Turns one batch of messages into rows: validates, deduplicates, numbers and counts them."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from sqlalchemy import Connection

from edge_agent import wire
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.received.messages import (
    BirthMessage,
    EventMessage,
    GatewayMessage,
    HeartbeatMessage,
    MalformedMessage,
    MediaMessage,
    PartMessage,
    ReplyMessage,
    StateMessage,
    parse_loss,
    parse_message,
)
from edge_agent.wire.topics import CentralTopics, UpKind
from edge_central.console_settings import DEFAULT_TIMEZONE
from edge_central.ingest.file_assembly import EXPIRES_MS, FileAssembly
from edge_central.searches.answers import is_answer
from edge_central.settings import HeartbeatHistory
from edge_central.store.batch import Batch
from edge_central.store.fleet_state import (
    MAX_BRANCHES,
    EventStream,
    FleetState,
    GapReason,
    GatewayRecord,
    branch_name,
)
from edge_central.store.media_folder import MediaFolder
from edge_central.store.ringing import rings
from edge_central.traffic.recorder import TrafficRecorder

log = logging.getLogger(__name__)

HEAD_BYTES = 1_024
"""How much of a rejected message is stored."""
TOPIC_CHARACTERS = 300
MAX_BOOT_ID = 100
"""Characters."""
RETAINED = (UpKind.STATE, UpKind.BIRTH)
"""Topics that a gateway may retain. Other retained messages stay in the broker's memory for good."""


@dataclass(frozen=True, slots=True)
class BornConfiguration:
    """What a birth says of the configuration, as it says it."""

    ward: str
    hash: str
    version: str  # of the agent


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
    configurations: dict[str, BornConfiguration] = field(default_factory=dict)
    """By gateway, of the births."""
    boot_ids: dict[str, str] = field(default_factory=dict)
    """By gateway, of the births."""
    stored: list[EventMessage] = field(default_factory=list)  # all new events
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
    answers: list[ReplyMessage] = field(default_factory=list)
    """Replies to searches, which are stored later."""
    received_ms: int = 0


class BatchWriter:
    """Turns received messages into the rows of a batch. It updates ``fleet`` as it goes, so after an error
    ``fleet`` must be loaded again."""

    def __init__(
        self,
        topics: CentralTopics,
        wards: Sequence[str],
        media_folder: MediaFolder,
        history: HeartbeatHistory,
        timezone: tzinfo = DEFAULT_TIMEZONE,
    ) -> None:
        """``timezone``: of the days by which traffic is counted."""
        self._topics = topics
        self.timezone = timezone
        self.wards = frozenset(wards)
        self._media_folder = media_folder
        self._assembly = FileAssembly(media_folder, wards)
        self._slot_ms = round(history.every_s * 1000)

    def expire_parts(self, connection: Connection, now_ms: int) -> None:
        """Delete files in parts whose other parts have not arrived for ``EXPIRES_MS``."""
        self._assembly.expire(connection, now_ms - EXPIRES_MS)

    def write(
        self, messages: Sequence[MessageReceived], fleet: FleetState, batch: Batch, now_ms: int
    ) -> BatchResult:
        """Add the rows of these messages to ``batch``. Raises DatabaseUnavailable when a media file cannot
        be written."""
        self._assembly.begin_batch()
        builder = self._builder(fleet, batch, now_ms)
        for received in messages:
            if received.retained:
                self._record_retained(received, builder.result)
            try:
                builder.add(self._read(received))
            except MalformedMessage as error:
                builder.reject(received.topic, str(error), received.payload)
        builder.finish()
        return builder.result

    def reject(self, received: MessageReceived, reason: str, batch: Batch, now_ms: int) -> BatchResult:
        """Record as rejected the one message that made the database reject the batch."""
        builder = self._builder(FleetState(), batch, now_ms)
        builder.reject(received.topic, reason, received.payload)
        return builder.result

    def _builder(self, fleet: FleetState, batch: Batch, now_ms: int) -> _BatchBuilder:
        traffic = TrafficRecorder(self.timezone)
        return _BatchBuilder(fleet, batch, now_ms, self._media_folder, self._assembly, self._slot_ms, traffic)

    def _record_retained(self, received: MessageReceived, result: BatchResult) -> None:
        found = self._topics.parse_up(received.topic)
        if found is not None and found.kind not in RETAINED:
            result.retained[found.gateway][f"{found.kind}/{found.name}"] = bool(received.payload)

    def _read(self, received: MessageReceived) -> GatewayMessage:
        topic = self._topics.parse_up(received.topic)
        if topic is None or topic.ward not in self.wards:
            raise MalformedMessage("no topic that this centre takes in")
        return parse_message(topic, received.payload, received.properties)


class _BatchBuilder:
    """The rows and the result of one batch, message by message."""

    def __init__(
        self,
        fleet: FleetState,
        batch: Batch,
        now_ms: int,
        media_folder: MediaFolder,
        assembly: FileAssembly,
        slot_ms: int,
        traffic: TrafficRecorder,
    ) -> None:
        self.result = BatchResult(received_ms=now_ms)
        self._fleet = fleet
        self._batch = batch
        self._now_ms = now_ms
        self._media_folder = media_folder
        self._assembly = assembly
        self._slot_ms = slot_ms
        self._traffic = traffic
        self._repeated: list[tuple[EventStream, EventMessage]] = []  # events whose number is already stored
        self._conflicts: Counter[tuple[str, str]] = Counter()  # count of events, by gateway and epoch
        self._replies: list[ReplyMessage] = []

    def add(self, message: GatewayMessage) -> None:
        gateway = self._gateway(message)
        match message:
            case EventMessage():
                self._event(gateway, message)
            case MediaMessage():
                self._media(message)
            case PartMessage():
                self._part(message)
            case HeartbeatMessage():
                self._heartbeat(gateway, message)
            case BirthMessage():
                self._birth(gateway, message)
            case StateMessage():
                self._state(gateway, message)
            case ReplyMessage():
                (self.result.answers if is_answer(message) else self._replies).append(message)

    def reject(self, topic: str, reason: str, payload: bytes) -> None:
        topic = topic[:TOPIC_CHARACTERS].replace("\0", "")
        if not self.result.rejected:
            self.result.first_rejected = f"{topic or 'a topic that is not UTF-8'}: {reason}"
        self.result.rejected += 1
        self._batch.rejected.append(
            {
                "received_ms": self._now_ms,
                "topic": topic,
                "reason": reason,
                "bytes": len(payload),
                "head": payload[:HEAD_BYTES],
            }
        )

    def _reject_event(self, event: EventMessage, reason: str) -> None:
        """Record what is wrong with an event, whether or not it is stored."""
        self.reject(f"{event.gateway} {event.epoch}/{event.sequence}", reason, event.payload)

    def finish(self) -> None:
        """Compare repeated events with the stored ones, once the whole batch is known, and record the
        replies and the counts of traffic."""
        self._batch.record_replies(self._replies, self._now_ms)
        repeated = self._repeated
        for number in range(2, MAX_BRANCHES + 2):
            if not repeated:
                break
            repeated = [
                (stream, event)
                for event in self._conflicting(repeated)
                if (stream := self._branch(event, number)) is not None
            ]
        for _, event in repeated:
            reason = f"conflict: {MAX_BRANCHES} other events have this number; it is not stored"
            self._reject_event(event, reason)
        self._batch.record_conflicts(self._conflicts, self._now_ms)
        for (gateway, epoch), events in self._conflicts.items():
            self.result.conflicts[gateway] += events
            if events:
                text = "%s: %d events of epoch %s have sequence numbers of other events; all are stored"
                log.error(text, gateway, events, epoch)
        self._traffic.write(self._batch.connection)

    def _conflicting(self, repeated: Sequence[tuple[EventStream, EventMessage]]) -> list[EventMessage]:
        """Confirm the events that equal the stored one of their number; return the others."""
        stored = self._batch.stored_payloads((stream.id, event.sequence) for stream, event in repeated)
        conflicting = []
        for stream, event in repeated:
            # A stored event that retention has deleted since cannot be compared: count it as equal.
            if stored.get((stream.id, event.sequence), event.payload) == event.payload:
                self.result.duplicates += 1
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
        self.result.wards[gateway.id] = message.ward
        return gateway

    def _stream(self, gateway: str, epoch: str) -> EventStream:
        stream = self._fleet.streams.get((gateway, epoch))
        if stream is None:
            stream = self._batch.add_stream(gateway, epoch, self._now_ms)
            self._fleet.add_stream(stream)
        self._batch.streams[stream.id] = stream
        return stream

    def _event(self, gateway: GatewayRecord, event: EventMessage) -> None:
        first = not self._fleet.has_streams(gateway.id)
        stream = self._stream(gateway.id, event.epoch)
        if stream.has(event.sequence):
            self._repeated.append((stream, event))
        else:
            self._store(stream, event, GapReason.BEFORE if first else GapReason.MISSING)

    def _confirm(self, event: EventMessage) -> None:
        """The event is stored, or will be with this batch, byte for byte: confirm it."""
        self.result.numbers[event.gateway, event.epoch].append(event.sequence)

    def _store(self, stream: EventStream, event: EventMessage, why: GapReason) -> None:
        """Store a new event; ``why``: the reason for the missing numbers before it."""
        stream.add(event.sequence, self._now_ms, why)
        self._confirm(event)
        self.result.events[event.gateway] += 1
        self.result.stored.append(event)
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
        self._traffic.add_event(
            event.ward, event.gateway, event.camera, event.kind, event.payload, self._now_ms
        )
        if rings(event.kind, event.severity, event.phase):
            self.result.alarms[event.gateway, event.ward] += 1
        if event.odd:
            self._reject_event(event, event.odd)
        if event.kind == "loss":
            self._loss(stream, event)
        elif event.kind == "camera-view":
            self.result.views.append(event)
        elif event.kind == "rule-override":
            self.result.overrides.append(event)

    def _loss(self, stream: EventStream, event: EventMessage) -> None:
        loss = parse_loss(event)
        if loss is None:
            self._reject_event(event, "a loss that cannot be read: it is stored, and explains nothing")
            return
        explained = self._announce(event, loss)
        reason = "outbox-damaged" if loss.damaged else loss.reason
        values = (event.gateway, loss.count, reason, explained)
        log.warning("%s: the gateway gave up %d events (%s); %d of them are missing here", *values)
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
        """Return the number of further gaps that a gateway may create in this epoch by a report alone,
        without an event."""
        known = (gateway, epoch) in self._fleet.streams or self._fleet.may_begin_stream(gateway)
        return self._fleet.gaps_allowed(gateway) if known else 0

    def _announce(self, event: EventMessage, loss: wire.LossData) -> int:
        """Mark the ranges of a loss as announced. Return how many missing events they explain. Ranges that
        would create too many gaps or streams are left out, and their numbers stay missing."""
        allowed = self._gaps_allowed(event.gateway, loss.epoch)
        explained = counted = 0
        if allowed:
            about = self._stream(event.gateway, loss.epoch)
            before = about.gap_count
            for first, last in loss.ranges:
                if about.gap_count - before >= allowed:
                    break
                explained += about.mark_announced(first, last, self._now_ms)
                counted += 1
        if counted < len(loss.ranges):
            count = f"a loss of {len(loss.ranges)} ranges, of which {counted} count"
            self._reject_event(event, f"{count}: this gateway has too many gaps")
        return explained

    def _media(self, media: MediaMessage) -> None:
        self.result.media[media.gateway].append(media.media_id)
        row = self._batch.media_row(media.gateway, media.media_id)
        if row is not None:
            if row["sha256"] != media.sha256:
                topic = f"{media.gateway} {media.media_id}"
                reason = "conflict: another picture has this id; the first one is kept"
                self.reject(topic, reason, media.payload)
            return
        self._media_folder.store(media)
        self._add_media(media, len(media.payload), media.sealed)

    def _part(self, part: PartMessage) -> None:
        if self._batch.media_row(part.gateway, part.media_id) is not None:
            self.result.media[part.gateway].append(part.media_id)
            return
        outcome = self._assembly.add(self._batch.connection, part, self._now_ms)
        self.result.media[part.gateway] += outcome.confirmed
        if outcome.complete:
            self._add_media(part, part.file_bytes, outcome.sealed)
        if outcome.problem:
            self.reject(f"{part.gateway} {part.media_id}", outcome.problem, part.payload)

    def _add_media(self, media: MediaMessage | PartMessage, size_bytes: int, sealed: bool) -> None:
        self._batch.media[media.gateway, media.media_id] = {
            "gateway": media.gateway,
            "media_id": media.media_id,
            "event_id": media.event_id,
            "camera": media.camera,
            "sha256": media.sha256,
            "bytes": size_bytes,
            "sealed": sealed,
            "received_ms": self._now_ms,
        }

    def _heartbeat(self, gateway: GatewayRecord, heartbeat: HeartbeatMessage) -> None:
        health = heartbeat.health
        self.result.heartbeat_gateways.add(gateway.id)
        self.result.status_messages.append(heartbeat)
        self._epoch(gateway, health.outbox.epoch)
        gateway.set(ward=heartbeat.ward)
        self._traffic.add_heartbeat(gateway, health, self._now_ms)  # needs the time of the heartbeat before
        gateway.set(
            heartbeat=heartbeat.payload,
            heartbeat_ms=self._now_ms,
            heartbeat_session=health.session,
            epoch=health.outbox.epoch,
            sequence=health.outbox.sequence,
        )
        slot_ms = self._now_ms - self._now_ms % self._slot_ms
        # Not ``>``: after one slot with a time in the future, history must not stop until that time.
        if slot_ms != gateway.slot_ms:
            gateway.slot_ms = slot_ms
            self._batch.health.append(_history_row(gateway.id, slot_ms, heartbeat))

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
        self.result.birth_gateways.add(gateway.id)
        inventory = birth.inventory
        session = inventory.session
        self.result.configurations[gateway.id] = BornConfiguration(
            birth.ward, inventory.config_hash, inventory.version
        )
        self.result.boot_ids[gateway.id] = bounded_boot_id(inventory.boot_id)
        gateway.set(ward=birth.ward, birth=birth.payload, birth_session=session, birth_ms=self._now_ms)

    def _state(self, gateway: GatewayRecord, state: StateMessage) -> None:
        document = state.document
        self.result.status_messages.append(state)
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


def bounded_boot_id(boot_id: str) -> str:
    """A boot id, as a database stores it."""
    return boot_id[:MAX_BOOT_ID].replace("\0", "")


def _history_row(gateway: str, slot_ms: int, heartbeat: HeartbeatMessage) -> dict[str, object]:
    health = heartbeat.health
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
