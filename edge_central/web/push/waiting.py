"""Messages that wait for a device, and how each of them ends.

The queue of a device is bounded, and a message that is an hour old is not sent any more: in the evening, an
alarm of the morning is no news. Each message that was answered or given up has a row in the delivery log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update

from edge_agent.core.clock import Backoff
from edge_central.alerts.json_post import CAP_S, FIRST_S
from edge_central.store import tables
from edge_central.store.database import conflict_insert
from edge_central.web.push.encryption import ReceiverKeys
from edge_central.web.webhooks.due import WebhookDelivery, record_delivery

LIFETIME_S = 3_600
MOST_WAITING = 50
"""Maximum number of messages that wait for one device."""
MOST_LOGGED = 100
"""Maximum number of rows of the delivery log that are kept for each account."""
_D, _M, _S = tables.push_device.c, tables.push_message.c, tables.push_service.c


@dataclass(frozen=True, slots=True)
class NewMessage:
    subject: str
    ward: str
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMessage:
    """A message that is due, with what is needed to send it."""

    id: int
    device: int
    account: str
    device_name: str
    service: str
    endpoint: str
    receiver: bytes
    auth: bytes
    subject: str
    ward: str
    topic: str
    payload: bytes
    made_ms: int
    attempts: int
    failures: int
    """Number of failures of the device in a row."""

    def keys(self) -> ReceiverKeys:
        return ReceiverKeys(self.receiver, self.auth)


def log_name(account: str) -> str:
    """Return the name of the devices in the delivery log. The name has a blank; a webhook's id has none."""
    return f"push {account}"


def enqueue(connection: Connection, device: int, new: NewMessage, now_ms: int) -> None:
    """Add a message. It replaces a message of the same topic. If too many wait, the oldest is given up."""
    same = (_M.device == device) & (_M.topic == new.topic)
    connection.execute(delete(tables.push_message).where(same))
    row = {
        "device": device,
        "subject": new.subject,
        "ward": new.ward,
        "topic": new.topic,
        "payload": new.payload,
        "made_ms": now_ms,
        "attempts": 0,
    }
    connection.execute(insert(tables.push_message), row)
    beyond = _messages().where(_M.device == device).order_by(_M.id.desc()).offset(MOST_WAITING)
    _give_up(connection, connection.execute(beyond), now_ms)


def next_messages(connection: Connection, console_key: str, now_ms: int, most: int) -> list[PushMessage]:
    """Return the oldest message of each device that may be sent now. For a service that could not be reached,
    only one message is returned."""
    each = tables.push_message.alias()
    oldest = select(func.min(each.c.id)).group_by(each.c.device)
    query = _messages().where(_M.id.in_(oldest), _D.console_key == console_key, _D.ended_ms.is_(None))
    query = query.where(or_(_D.next_ms.is_(None), _D.next_ms <= now_ms))
    query = query.where(or_(_S.next_ms.is_(None), _S.next_ms <= now_ms))
    found: list[PushMessage] = []
    probed: set[str] = set()
    for row in connection.execute(query.order_by(_M.id)):
        if row.service_failing_ms is not None:
            if row.service in probed:
                continue
            probed.add(row.service)
        found.append(_message(row))
        if len(found) == most:
            break
    return found


def _messages() -> Select[Any]:
    return (
        select(
            *(tables.push_message, _D.account, _D.name, _D.service, _D.endpoint, _D.receiver, _D.auth),
            *(_D.failures, _S.failing_ms.label("service_failing_ms")),
        )
        .join_from(tables.push_message, tables.push_device, _D.id == _M.device)
        .join(tables.push_service, _S.service == _D.service, isouter=True)
    )


def _message(row: Row[Any]) -> PushMessage:
    return PushMessage(
        id=row.id,
        device=row.device,
        account=row.account,
        device_name=row.name,
        service=row.service,
        endpoint=row.endpoint or "",
        receiver=row.receiver or b"",
        auth=row.auth or b"",
        subject=row.subject,
        ward=row.ward,
        topic=row.topic,
        payload=row.payload,
        made_ms=row.made_ms,
        attempts=row.attempts,
        failures=row.failures,
    )


# --- how a message ends ---


def drop(connection: Connection, messages: Iterable[int]) -> None:
    """Delete messages that nobody may read any more."""
    connection.execute(delete(tables.push_message).where(_M.id.in_(list(messages))))


def give_up_expired(connection: Connection, now_ms: int) -> None:
    """Give up messages that have waited for too long, and delete messages of devices that no longer exist."""
    expired = _messages().where(_M.made_ms < now_ms - LIFETIME_S * 1000)
    _give_up(connection, connection.execute(expired), now_ms)
    there = select(_D.id).where(_D.ended_ms.is_(None))
    connection.execute(delete(tables.push_message).where(_M.device.not_in(there)))


def count_expired(connection: Connection, now_ms: int) -> int:
    wanted = select(func.count()).select_from(tables.push_message)
    return connection.scalar(wanted.where(_M.made_ms < now_ms - LIFETIME_S * 1000)) or 0


def _give_up(connection: Connection, rows: Iterable[Row[Any]], now_ms: int) -> None:
    for message in [_message(row) for row in rows]:
        record_answer(connection, message, 0, now_ms)


def record_answer(connection: Connection, message: PushMessage, status: int, now_ms: int) -> None:
    """Record that the service has accepted the message, or has rejected it for good, or that the message is
    given up (status 0)."""
    drop(connection, [message.id])
    attempts = message.attempts + (1 if status else 0)
    delivery = WebhookDelivery(
        *(log_name(message.account), now_ms, message.subject, message.ward, status, attempts),
        message.device_name,
    )
    record_delivery(connection, delivery, MOST_LOGGED)


def record_success(connection: Connection, message: PushMessage, now_ms: int) -> None:
    values = {"delivered_ms": now_ms, "failing_ms": None, "problem": None, "failures": 0, "next_ms": None}
    connection.execute(update(tables.push_device).where(_D.id == message.device).values(values))


def end_subscription(connection: Connection, message: PushMessage, now_ms: int) -> None:
    """End a subscription that its browser does not have: delete address, keys and waiting messages."""
    values = {"endpoint": None, "receiver": None, "auth": None, "ended_ms": now_ms}
    connection.execute(update(tables.push_device).where(_D.id == message.device).values(values))
    connection.execute(delete(tables.push_message).where(_M.device == message.device))


def postpone(
    connection: Connection, message: PushMessage, problem: str, retry_after_s: float, now_ms: int
) -> None:
    """Try again later, because the service does not accept messages for this device now. ``retry_after_s``:
    the earliest time that the service names."""
    wait_s = max(_delay_s(message.failures), retry_after_s)
    device = {
        "failing_ms": func.coalesce(_D.failing_ms, now_ms),
        "problem": problem,
        "failures": message.failures + 1,
        "next_ms": now_ms + round(wait_s * 1000),
    }
    connection.execute(update(tables.push_device).where(_D.id == message.device).values(device))
    attempts = {"attempts": message.attempts + 1}
    connection.execute(update(tables.push_message).where(_M.id == message.id).values(attempts))


# --- services ---


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The state of a push service: its number of devices, and since when and why it cannot be reached."""

    service: str
    devices: int
    failing_ms: int | None
    problem: str | None


def service_states(connection: Connection, account: str | None = None) -> list[ServiceState]:
    """Return the services of all devices, or of the devices of an account."""
    query = (
        select(_D.service, func.count(), _S.failing_ms, _S.problem)
        .join_from(tables.push_device, tables.push_service, _S.service == _D.service, isouter=True)
        .where(_D.ended_ms.is_(None), *([] if account is None else [_D.account == account]))
        .group_by(_D.service, _S.failing_ms, _S.problem)
    )
    return [ServiceState(*row) for row in connection.execute(query.order_by(_D.service))]


def record_unreachable(connection: Connection, service: str, problem: str, now_ms: int) -> None:
    """Record a failed connection to the service: its next message is tried later, for all devices. Delete
    services without a device, because users can name any number of hosts of ``*.push.example``."""
    used = select(_D.service)
    connection.execute(delete(tables.push_service).where(_S.service.not_in(used)))
    failures = connection.scalar(select(_S.failures).where(_S.service == service)) or 0
    values = {
        "problem": problem,
        "failures": failures + 1,
        "next_ms": now_ms + round(_delay_s(failures) * 1000),
    }
    row = conflict_insert(connection, tables.push_service)
    row = row.values(service=service, failing_ms=now_ms, **values)
    connection.execute(row.on_conflict_do_update(index_elements=["service"], set_=values))


def record_reachable(connection: Connection, services: Iterable[str]) -> None:
    connection.execute(delete(tables.push_service).where(_S.service.in_(list(services))))


def _delay_s(failures: int) -> float:
    backoff = Backoff(FIRST_S, CAP_S)
    backoff.failures = failures
    return backoff.failed()
