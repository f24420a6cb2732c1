"""Turns heartbeats, births and states of one batch into the record of their gateway."""

from __future__ import annotations

import json
import logging

from sqlalchemy import select

from edge_agent.wire.received.messages import BirthMessage, HeartbeatMessage, StateMessage
from edge_central.ingest.batch_result import TOPIC_CHARACTERS, BornConfiguration, OpenBatch
from edge_central.ingest.event_rows import EventRows
from edge_central.store import tables
from edge_central.store.fleet_state import GatewayRecord
from edge_central.traffic.recorder import TrafficRecorder

log = logging.getLogger(__name__)

MAX_BOOT_ID = 100
"""Limit in characters."""


class StatusRows:
    """The heartbeats, births and states of one batch."""

    def __init__(
        self, open_batch: OpenBatch, events: EventRows, slot_ms: int, traffic: TrafficRecorder
    ) -> None:
        """``slot_ms``: length of a period of the history, which has one row for each period."""
        self._batch = open_batch
        self._events = events
        self._slot_ms = slot_ms
        self._traffic = traffic

    def heartbeat(self, gateway: GatewayRecord, heartbeat: HeartbeatMessage) -> None:
        health = heartbeat.health
        self._batch.result.heartbeat_gateways.add(gateway.id)
        self._batch.result.status_messages.append(heartbeat)
        self._epoch(gateway, health.outbox.epoch)
        gateway.set(ward=heartbeat.ward)
        if gateway.measured_before is None:  # before ``gateway.set``: this needs the previous heartbeat
            self._traffic.resume(gateway, self._stored_heartbeat(gateway))
        self._traffic.add_heartbeat(gateway, health, self._batch.now_ms)
        gateway.set(
            heartbeat=heartbeat.payload,
            heartbeat_ms=self._batch.now_ms,
            heartbeat_session=health.session,
            epoch=health.outbox.epoch,
            sequence=health.outbox.sequence,
        )
        slot_ms = self._batch.now_ms - self._batch.now_ms % self._slot_ms
        # Not ``>``: otherwise a slot with a time in the future would stop the history until that time.
        if slot_ms != gateway.slot_ms:
            gateway.slot_ms = slot_ms
            self._batch.rows.health.append(_history_row(gateway.id, slot_ms, heartbeat))

    def _stored_heartbeat(self, gateway: GatewayRecord) -> bytes | None:
        columns = tables.gateway.c
        return self._batch.rows.connection.scalar(select(columns.heartbeat).where(columns.id == gateway.id))

    def _epoch(self, gateway: GatewayRecord, epoch: str) -> None:
        """Handle a heartbeat that names another epoch than the heartbeat before."""
        before = gateway.epoch
        if not before or not epoch or before == epoch:
            return
        if gateway.sequence and self._events.gaps_allowed(gateway.id, before):
            # From here on a new outbox assigns the numbers. So no later number will show where the old
            # numbers ended.
            self._events.stream(gateway.id, before).expect(gateway.sequence, self._batch.now_ms)
        if epoch in gateway.epochs_before:  # a single gateway never returns to an old epoch
            self._events.epochs_alternate(gateway.id, epoch)
        gateway.epochs_before.append(before)

    def birth(self, gateway: GatewayRecord, birth: BirthMessage) -> None:
        if birth.inventory is None:
            if birth.ward == gateway.ward:
                gateway.set(birth=None, birth_session=None, birth_ms=self._batch.now_ms)
            return
        self._batch.result.birth_gateways.add(gateway.id)
        inventory = birth.inventory
        session = inventory.session
        self._batch.result.configurations[gateway.id] = BornConfiguration(
            birth.ward, inventory.config_hash, inventory.version
        )
        self._batch.result.boot_ids[gateway.id] = bounded_boot_id(inventory.boot_id)
        gateway.set(ward=birth.ward, birth=birth.payload, birth_session=session, birth_ms=self._batch.now_ms)

    def state(self, gateway: GatewayRecord, state: StateMessage) -> None:
        document = state.document
        self._batch.result.status_messages.append(state)
        if document is None:
            if state.ward == gateway.ward:
                gateway.set(state=None, state_session=None, state_reason=None, state_ms=self._batch.now_ms)
            return
        if document.state != "online" and gateway.state and document.session not in gateway.sessions:
            log.info("%s: ignored a late '%s' of an older session", gateway.id, document.state)
            return
        gateway.set(
            state=document.state,
            state_session=document.session,
            state_reason=document.reason[:TOPIC_CHARACTERS].replace("\0", ""),
            state_ms=self._batch.now_ms,
        )


def bounded_boot_id(boot_id: str) -> str:
    """Return a boot id as the database stores it, at most MAX_BOOT_ID long."""
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
