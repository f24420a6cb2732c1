"""Turns the events of one batch into rows: duplicates, conflicting histories, gaps and losses."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from edge_agent import wire
from edge_agent.wire.received.messages import EventMessage, parse_loss
from edge_central.ingest.batch_result import OpenBatch
from edge_central.store.fleet_state import (
    MAX_BRANCHES,
    EventStream,
    GapReason,
    GatewayRecord,
    branch_name,
)
from edge_central.store.ringing import rings
from edge_central.traffic.recorder import TrafficRecorder

log = logging.getLogger(__name__)


class EventRows:
    """The events of one batch. An event whose sequence number is already stored waits for ``finish``."""

    def __init__(self, open_batch: OpenBatch, traffic: TrafficRecorder) -> None:
        self._batch = open_batch
        self._traffic = traffic
        self._repeated: list[tuple[EventStream, EventMessage]] = []  # events whose number is taken
        self._conflicts: Counter[tuple[str, str]] = Counter()  # count of events, by gateway and epoch

    def add(self, gateway: GatewayRecord, event: EventMessage) -> None:
        first = not self._batch.fleet.has_streams(gateway.id)
        stream = self.stream(gateway.id, event.epoch)
        if stream.has(event.sequence):
            self._repeated.append((stream, event))
        else:
            self._store(stream, event, GapReason.BEFORE if first else GapReason.MISSING)

    def stream(self, gateway: str, epoch: str) -> EventStream:
        stream = self._batch.fleet.streams.get((gateway, epoch))
        if stream is None:
            stream = self._batch.rows.add_stream(gateway, epoch, self._batch.now_ms)
            self._batch.fleet.add_stream(stream)
        self._batch.rows.streams[stream.id] = stream
        return stream

    def gaps_allowed(self, gateway: str, epoch: str) -> int:
        """Return how many more gaps a gateway may create in this epoch by a mere report of missing events,
        without an event of that epoch."""
        known = (gateway, epoch) in self._batch.fleet.streams or self._batch.fleet.may_begin_stream(gateway)
        return self._batch.fleet.gaps_allowed(gateway) if known else 0

    def epochs_alternate(self, gateway: str, epoch: str) -> None:
        """Report a conflict without events: the gateway returned to an epoch that it had left."""
        self._conflicts[gateway, epoch] += 0

    def finish(self) -> None:
        """At the end of the batch, compare events with the stored events that have the same number."""
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
            self._batch.reject_event(event, reason)
        self._batch.rows.record_conflicts(self._conflicts, self._batch.now_ms)
        for (gateway, epoch), events in self._conflicts.items():
            self._batch.result.conflicts[gateway] += events
            if events:
                text = "%s: %d events of epoch %s have sequence numbers of other events; all are stored"
                log.error(text, gateway, events, epoch)

    def _conflicting(self, repeated: Sequence[tuple[EventStream, EventMessage]]) -> list[EventMessage]:
        """Confirm each event that equals the stored event with its number; return all other events."""
        stored = self._batch.rows.stored_payloads((stream.id, event.sequence) for stream, event in repeated)
        conflicting = []
        for stream, event in repeated:
            payload = stored.get((stream.id, event.sequence))
            if payload == event.payload or (payload is None and self._may_be_deleted(event)):
                self._batch.result.duplicates += 1
                self._confirm(event)
            else:
                conflicting.append(event)
        return conflicting

    def _may_be_deleted(self, event: EventMessage) -> bool:
        """Return whether an event, whose number belonged to an event that retention has deleted, may be that
        event: it is not later than the last deleted event of its kind."""
        if event.time_ms > self._batch.rows.deleted_until_ms(event.kind):
            return False
        text = (
            "%s: event %d of epoch %s is not stored: retention has deleted it, or another one with its number"
        )
        log.info(text, event.gateway, event.sequence, event.epoch)
        return True

    def _branch(self, event: EventMessage, number: int) -> EventStream | None:
        """Store the event in branch ``number`` of its stream. If this branch has the event's sequence number
        too, store nothing and return the branch."""
        stream = self.stream(event.gateway, branch_name(event.epoch, number))
        if stream.has(event.sequence):
            return stream
        self._conflicts[event.gateway, event.epoch] += 1
        self._store(stream, event, GapReason.BEFORE)
        return None

    def _confirm(self, event: EventMessage) -> None:
        """Confirm an event that is stored byte for byte, or will be with this batch."""
        self._batch.result.numbers[event.gateway, event.epoch].append(event.sequence)

    def _store(self, stream: EventStream, event: EventMessage, why: GapReason) -> None:
        """Store a new event. ``why``: the reason of the gap if sequence numbers before it are missing."""
        stream.add(event.sequence, self._batch.now_ms, why)
        self._confirm(event)
        self._batch.result.events[event.gateway] += 1
        self._batch.result.stored.append(event)
        self._batch.rows.events.append(
            {
                "stream": stream.id,
                "sequence": event.sequence,
                "gateway": event.gateway,
                "ward": event.ward,
                "camera": event.camera,
                "kind": event.kind,
                "severity": event.severity,
                "time_ms": event.time_ms,
                "received_ms": self._batch.now_ms,
                "event_id": event.event_id,
                "phase": event.phase,
                "payload": event.payload,
            }
        )
        self._traffic.add_event(
            event.ward, event.gateway, event.camera, event.kind, event.payload, self._batch.now_ms
        )
        if rings(event.kind, event.severity, event.phase):
            self._batch.result.alarms[event.gateway, event.ward] += 1
            self._batch.rows.ringing.append((stream.id, event.sequence))
        if event.odd:
            self._batch.reject_event(event, event.odd)
        if event.kind == "loss":
            self._loss(stream, event)
        elif event.kind == "camera-view":
            self._batch.result.views.append(event)
        elif event.kind == "rule-override":
            self._batch.result.overrides.append(event)
        elif event.kind == "rule-change":
            self._batch.result.rule_changes.append(event)

    def _loss(self, stream: EventStream, event: EventMessage) -> None:
        loss = parse_loss(event)
        if loss is None:
            self._batch.reject_event(event, "a loss that cannot be read: it is stored, and explains nothing")
            return
        explained = self._announce(event, loss)
        reason = "outbox-damaged" if loss.damaged else loss.reason
        values = (event.gateway, loss.count, reason, explained)
        log.warning("%s: the gateway gave up %d events (%s); %d of them are missing here", *values)
        self._batch.rows.losses.append(
            {
                "stream": stream.id,
                "sequence": event.sequence,
                "gateway": event.gateway,
                "events": min(loss.count, 2**62),
                "reason": reason,
                "received_ms": self._batch.now_ms,
            }
        )

    def _announce(self, event: EventMessage, loss: wire.LossData) -> int:
        """Mark the ranges of a loss as announced. Return how many missing events they explain. Ranges that
        would create too many gaps or streams are skipped; their numbers still count as missing."""
        allowed = self.gaps_allowed(event.gateway, loss.epoch)
        explained = counted = 0
        if allowed:
            about = self.stream(event.gateway, loss.epoch)
            before = about.gap_count
            for first, last in loss.ranges:
                if about.gap_count - before >= allowed:
                    break
                explained += about.mark_announced(first, last, self._batch.now_ms)
                counted += 1
        if counted < len(loss.ranges):
            count = f"a loss of {len(loss.ranges)} ranges, of which {counted} count"
            self._batch.reject_event(event, f"{count}: this gateway has too many gaps")
        return explained
