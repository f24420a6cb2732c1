"""Turns one batch of messages into rows: validates, deduplicates, numbers and counts them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import tzinfo
from functools import lru_cache

from sqlalchemy import Connection

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
    parse_message,
)
from edge_agent.wire.topics import CentralTopics, UpKind
from edge_central.claims.boxes_file import BoxesFile
from edge_central.claims.intake import ClaimIntake
from edge_central.console_settings import DEFAULT_TIMEZONE
from edge_central.ingest.batch_result import TOPIC_CHARACTERS, BatchResult, OpenBatch
from edge_central.ingest.event_rows import EventRows
from edge_central.ingest.file_assembly import EXPIRES_MS, FileAssembly
from edge_central.ingest.status_rows import StatusRows
from edge_central.searches.answers import is_answer
from edge_central.settings import HeartbeatHistory
from edge_central.store.batch import Batch, Row
from edge_central.store.fleet_state import FleetState, GatewayRecord
from edge_central.store.media_folder import MediaFolder
from edge_central.store.papers import add_paper
from edge_central.traffic.recorder import TrafficRecorder

log = logging.getLogger(__name__)

RETAINED = (UpKind.STATE, UpKind.BIRTH)
"""Topics that a gateway may retain; other retained messages would stay in the broker's memory for good."""


MAX_TOPICS = 8_192
"""Limit for parsed topics in memory, 8 MB at most. All events of a camera have one topic."""


class BatchWriter:
    """Turns received messages into the rows of a batch. Each message updates ``fleet`` at once, so after an
    error ``fleet`` must be loaded again."""

    def __init__(
        self,
        topics: CentralTopics,
        wards: Sequence[str],
        media_folder: MediaFolder,
        history: HeartbeatHistory,
        timezone: tzinfo = DEFAULT_TIMEZONE,
        boxes: BoxesFile | None = None,
    ) -> None:
        """``timezone``: time zone of the days by which traffic is counted. ``boxes``: the list of prepared
        boxes, for which the limit of claims does not apply."""
        self._topics = topics
        self._parse_up = lru_cache(MAX_TOPICS)(topics.parse_up)  # caches topics of at most TOPIC_CHARACTERS
        self.timezone = timezone
        self.wards = frozenset(wards)
        self._boxes = boxes or BoxesFile(None)
        self._media_folder = media_folder
        self._assembly = FileAssembly(media_folder, wards)
        self._slot_ms = round(history.every_s * 1000)

    def expire_parts(self, connection: Connection, now_ms: int) -> None:
        """Delete the parts of incomplete files of which no part has arrived for ``EXPIRES_MS``."""
        self._assembly.expire(connection, now_ms - EXPIRES_MS)

    def write(
        self, messages: Sequence[MessageReceived], fleet: FleetState, batch: Batch, now_ms: int
    ) -> BatchResult:
        """Add the rows of these messages to ``batch``. Raises DatabaseUnavailable if a media file cannot be
        written."""
        self._assembly.begin_batch(batch.connection)
        open_batch = OpenBatch(fleet, batch, now_ms)
        traffic = TrafficRecorder(self.timezone)
        builder = _BatchBuilder(open_batch, self._media_folder, self._assembly, self._slot_ms, traffic)
        claims = ClaimIntake(batch.connection, self.wards, now_ms, self._boxes.boxes())
        for received in messages:
            long = len(received.topic) > TOPIC_CHARACTERS
            topic = (self._topics.parse_up if long else self._parse_up)(received.topic)
            try:
                if topic is None and (box := self._topics.parse_box(received.topic)) is not None:
                    claims.add(box, received.payload)
                    continue
                if topic is not None and received.retained and topic.kind not in RETAINED:
                    is_there = bool(received.payload)
                    open_batch.result.retained[topic.gateway][f"{topic.kind}/{topic.name}"] = is_there
                if topic is None or topic.ward not in self.wards:
                    raise MalformedMessage("this centre does not read this topic")
                builder.add(parse_message(topic, received.payload, received.properties))
            except MalformedMessage as error:
                open_batch.reject(received.topic, str(error), received.payload)
        builder.finish()
        open_batch.result.answered_claims = claims.answered
        return open_batch.result

    def reject(self, received: MessageReceived, reason: str, batch: Batch, now_ms: int) -> BatchResult:
        """Record a message as rejected, after the database has rejected a batch because of it."""
        open_batch = OpenBatch(FleetState(), batch, now_ms)
        open_batch.reject(received.topic, reason, received.payload)
        return open_batch.result


class _BatchBuilder:
    """Adds the rows of one batch, message by message."""

    def __init__(
        self,
        open_batch: OpenBatch,
        media_folder: MediaFolder,
        assembly: FileAssembly,
        slot_ms: int,
        traffic: TrafficRecorder,
    ) -> None:
        self._batch = open_batch
        self._media_folder = media_folder
        self._assembly = assembly
        self._traffic = traffic
        self._events = EventRows(open_batch, traffic)
        self._status = StatusRows(open_batch, self._events, slot_ms, traffic)
        self._replies: list[ReplyMessage] = []

    def add(self, message: GatewayMessage) -> None:
        gateway = self._gateway(message)
        match message:
            case EventMessage():
                self._events.add(gateway, message)
            case MediaMessage():
                self._media(message)
            case PartMessage():
                self._part(message)
            case HeartbeatMessage():
                self._status.heartbeat(gateway, message)
            case BirthMessage():
                self._status.birth(gateway, message)
            case StateMessage():
                self._status.state(gateway, message)
            case ReplyMessage():
                (self._batch.result.answers if is_answer(message) else self._replies).append(message)

    def finish(self) -> None:
        """Write the replies and counts that need the whole batch; call this after the last message."""
        self._batch.rows.record_replies(self._replies, self._batch.now_ms)
        self._events.finish()
        self._traffic.write(self._batch.rows.connection)

    def _gateway(self, message: GatewayMessage) -> GatewayRecord:
        gateway = self._batch.fleet.gateways.get(message.gateway)
        if gateway is None:
            gateway = GatewayRecord(message.gateway, message.ward, self._batch.now_ms)
            self._batch.rows.add_gateway(gateway)
            self._batch.fleet.gateways[message.gateway] = gateway
            log.info("%s: first message of this gateway, ward %s", gateway.id, gateway.ward)
        if self._batch.rows.gateways.get(gateway.id) is not gateway:  # its first message in this batch
            gateway.set(last_ms=self._batch.now_ms)
            self._batch.rows.gateways[gateway.id] = gateway
        self._batch.result.wards[gateway.id] = message.ward
        return gateway

    def _media(self, media: MediaMessage) -> None:
        self._batch.result.media[media.gateway].append(media.media_id)
        row = self._batch.rows.media_row(media.gateway, media.media_id)
        if row is not None:
            if row["sha256"] != media.sha256:
                topic = f"{media.gateway} {media.media_id}"
                reason = "conflict: another picture has this id; the first one is kept"
                self._batch.reject(topic, reason, media.payload)
            return
        self._media_folder.store(media)
        add_paper(self._batch.rows.connection, self._add_media(media, len(media.payload), media.sealed))

    def _part(self, part: PartMessage) -> None:
        if self._batch.rows.media_row(part.gateway, part.media_id) is not None:
            self._batch.result.media[part.gateway].append(part.media_id)
            return
        outcome = self._assembly.add(self._batch.rows.connection, part, self._batch.now_ms)
        self._batch.result.media[part.gateway] += outcome.confirmed
        if outcome.complete:
            self._add_media(part, part.file_bytes, outcome.sealed)
        if outcome.problem:
            self._batch.reject(f"{part.gateway} {part.media_id}", outcome.problem, part.payload)

    def _add_media(self, media: MediaMessage | PartMessage, size_bytes: int, sealed: bool) -> Row:
        row = {
            "gateway": media.gateway,
            "media_id": media.media_id,
            "event_id": media.event_id,
            "camera": media.camera,
            "sha256": media.sha256,
            "bytes": size_bytes,
            "sealed": sealed,
            "received_ms": self._batch.now_ms,
        }
        self._batch.rows.media[media.gateway, media.media_id] = row
        return row
