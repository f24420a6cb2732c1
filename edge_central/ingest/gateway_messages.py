"""Messages of the centre to gateways: confirmations, requests of the console, and requests for a birth.

A confirmation, on ``down/ack``, says which events of the gateway are stored: in batches, after the commit.

The console only writes a row (``edge_central/console/requests.py``, ``edge_central/commands/records.py``);
the ingest sends it, because only the ingest has a broker session. So an attacker who takes over the console
cannot send any other command.

The centre requests a birth if it has no birth of the gateway's current session. Most brokers deliver retained
births with the subscription, but a broker that was killed has lost them.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from edge_agent import wire
from edge_agent.commands import signature
from edge_agent.config.fields import field_types
from edge_agent.core.clock import Clock, rfc3339, wall_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.commands.model import SIGNED_TYPES, UNSIGNED_TYPES
from edge_central.ingest.batch_result import BatchResult
from edge_central.store import tables
from edge_central.store.batch import UNFINISHED
from edge_central.store.fleet_state import FleetState, GatewayRecord

log = logging.getLogger(__name__)

ACK_EVERY_S = 1.0
"""Interval of confirmations: 465 messages for 465 gateways. A gateway resends after 60 s at the earliest."""
ACK_EXPIRY_S = 300
"""When a gateway returns after a longer absence, it has already queued its events again, and resends them."""
MAX_NUMBERS = 1_000  # sequence numbers in one message: 8 kB
MAX_MEDIA = 100


class Confirmations:
    """Committed events and media that are not yet confirmed to their gateways. When the process ends they are
    lost without harm: gateways resend what was not confirmed."""

    def __init__(self, topics: CentralTopics) -> None:
        self._topics = topics
        self._numbers: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._media: defaultdict[str, dict[str, None]] = defaultdict(dict)  # a dict as an ordered set
        self._wards: dict[str, str] = {}

    def add(self, result: BatchResult) -> None:
        """Add the events and media of a committed batch."""
        for key, numbers in result.numbers.items():
            self._numbers[key].update(numbers)
        for gateway, media in result.media.items():
            self._media[gateway].update(dict.fromkeys(media))
        self._wards.update(result.wards)

    def drain(self, fleet: FleetState) -> Iterator[MqttMessage]:
        """Yield messages that confirm everything added so far, and forget it. While the epoch of a gateway is
        unknown, its media wait."""
        numbers, self._numbers = self._numbers, defaultdict(set)
        for (gateway, epoch), confirmed in numbers.items():
            upto = fleet.confirmed_upto(gateway, epoch)
            also = sorted(number for number in confirmed if number > upto)
            for start in range(0, max(1, len(also)), MAX_NUMBERS):
                part = also[start : start + MAX_NUMBERS]
                yield self._message(gateway, wire.Ack(epoch=epoch, upto=upto, also=part, takes_parts=True))
        for gateway in list(self._media):
            current = fleet.current_epoch(gateway)
            if current is None:
                continue
            media = list(self._media.pop(gateway))
            upto = fleet.confirmed_upto(gateway, current)
            for start in range(0, len(media), MAX_MEDIA):
                names = media[start : start + MAX_MEDIA]
                ack = wire.Ack(epoch=current, upto=upto, media=names, takes_parts=True)
                yield self._message(gateway, ack)

    def _message(self, gateway: str, ack: wire.Ack) -> MqttMessage:
        topic = self._topics.ack(self._wards[gateway], gateway)
        return MqttMessage(topic, encode_json(ack), expiry_s=ACK_EXPIRY_S)


EXPIRES_S = 300  # a gateway that returns later must not run the old command
SILENT_MS = 900_000  # a request without a final reply after this time counts as expired
MAX_AT_ONCE = 50
_GATEWAY = re.compile(field_types.ID)


def command_message(
    topics: CentralTopics, clock: Clock, ward: str, gateway: str, type: str, id: str, args: dict[str, Any]
) -> MqttMessage:
    now = clock.now()
    expires = rfc3339(now + timedelta(seconds=EXPIRES_S))
    command = wire.Command(id=id, type=type, gateway=gateway, issued=rfc3339(now), expires=expires, args=args)
    topic = topics.command(ward, gateway, type)
    return MqttMessage(topic, encode_json(command), expiry_s=EXPIRES_S)


class RequestSender:
    """Sends the console's requests as commands. Not thread-safe."""

    def __init__(self, topics: CentralTopics, wards: Collection[str], clock: Clock) -> None:
        self._topics = topics
        self._wards = sorted(wards)
        self._clock = clock

    def has_waiting(self, connection: Connection) -> bool:
        columns = tables.request.c
        own_wards = columns.ward.in_(self._wards)
        found = select(columns.id).where(columns.status == "asked", own_wards).limit(1)
        return connection.scalar(found) is not None

    def send(self, connection: Connection) -> list[MqttMessage]:
        """Mark the waiting requests as sent or expired. Return the commands to publish after the commit."""
        columns, now_ms = tables.request.c, wall_ms(self._clock)
        waiting = select(tables.request).where(columns.status == "asked", columns.ward.in_(self._wards))
        messages: list[MqttMessage] = []
        for row in connection.execute(waiting.order_by(columns.asked_ms).limit(MAX_AT_ONCE)).all():
            message = self._message(row, now_ms)
            if message is not None:
                messages.append(message)
                key = "none" if row.signed is None else row.signed_by
                sent = (row.gateway, row.type, row.id, row.asked_by, key)
                log.info("%s: sent %s %s, requested by %s, key: %s", *sent)
            connection.execute(
                update(tables.request)
                .where(columns.id == row.id)
                .values(
                    status="expired" if message is None else "sent",
                    sent_ms=None if message is None else now_ms,
                )
            )
        return messages

    def _message(self, row: Any, now_ms: int) -> MqttMessage | None:
        """Return the command of a row. None: it is too old, or the console cannot have written the row.

        An attacker who takes over the console can write rows. So a command without a signature is sent only
        if its type changes nothing; all other commands must be JWS, whose signature the gateway verifies.
        """
        if now_ms - row.asked_ms > EXPIRES_S * 1000:
            return None
        message = self._unsigned(row) if row.signed is None else self._signed(row, now_ms)
        if message is None or not _GATEWAY.fullmatch(row.gateway):
            refused = (row.id, row.type, row.gateway)
            log.error("request %.80r is not sent: %.63r to %.63r is not allowed", *refused)
            return None
        return message

    def _unsigned(self, row: Any) -> MqttMessage | None:
        if row.type not in UNSIGNED_TYPES:
            return None
        try:
            args = json.loads(row.args)
            return command_message(self._topics, self._clock, row.ward, row.gateway, row.type, row.id, args)
        except (ValueError, RecursionError):
            return None

    def _signed(self, row: Any, now_ms: int) -> MqttMessage | None:
        left_s = min(EXPIRES_S, ((row.expires_ms or 0) - now_ms) // 1000)
        is_jws = len(row.signed) <= signature.MAX_JWS_BYTES and signature.is_jws(row.signed)
        if row.type not in SIGNED_TYPES or not is_jws or left_s <= 0:
            return None
        return MqttMessage(self._topics.command(row.ward, row.gateway, row.type), row.signed, expiry_s=left_s)

    def expire(self, connection: Connection) -> None:
        """Mark the requests without a final reply as expired."""
        columns = tables.request.c
        old = columns.asked_ms < wall_ms(self._clock) - SILENT_MS
        silent = update(tables.request).where(columns.status.in_(UNFINISHED), old)
        connection.execute(silent.values(status="expired"))


SETTLE_S = 15.0  # for this time after a connect, retained births still arrive
FIRST_S, MAX_S = 60.0, 3_600.0
"""First and longest delay between two requests to one gateway; each delay is twice the one before. A gateway
that does not know the command never answers."""


@dataclass(slots=True)
class _PendingBirthRequest:
    again_mono: float
    delay_s: float


class BirthRequests:
    def __init__(self, topics: CentralTopics, clock: Clock) -> None:
        self._topics = topics
        self._clock = clock
        self._pending: dict[str, _PendingBirthRequest] = {}
        self._doubted: dict[str, str | None] = {}

    def on_birth(self, gateway: str) -> None:
        """Note that the gateway's birth has arrived."""
        self._pending.pop(gateway, None)
        self._doubted.pop(gateway, None)

    def on_heartbeat(
        self, gateway: GatewayRecord, online_s: float, send: Callable[[MqttMessage], None]
    ) -> None:
        """Request a birth if the stored one is missing or belongs to another session than the heartbeat.
        ``online_s``: age of the centre's broker session."""
        if gateway.birth_session == gateway.heartbeat_session or online_s < SETTLE_S:
            return
        if gateway.birth_session is not None and self._doubted.get(gateway.id) != gateway.heartbeat_session:
            # A heartbeat may overtake the birth, or be from just before a reconnect: wait for a second one.
            self._doubted[gateway.id] = gateway.heartbeat_session
            return
        now = self._clock.monotonic()
        pending = self._pending.get(gateway.id)
        if pending is not None and now < pending.again_mono:
            return
        delay_s = FIRST_S if pending is None else min(MAX_S, pending.delay_s * 2)
        self._pending[gateway.id] = _PendingBirthRequest(now + delay_s, delay_s)
        id = f"rebirth-{secrets.token_hex(8)}"
        send(command_message(self._topics, self._clock, gateway.ward, gateway.id, "rebirth", id, {}))
