"""Decides which message goes to which device: reads the due events and alerts, as for a webhook, for all
devices together.

Devices with the same delay for unacknowledged alarms share one position in the events and alerts, so the
database is read as often for two hundred devices as for one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, select

from edge_agent.core.model import Severity
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.site_names import Names
from edge_central.store import tables
from edge_central.store.ringing import RINGING_KINDS
from edge_central.store.scope import Scope
from edge_central.web.i18n import Lang
from edge_central.web.push.devices import Recipient
from edge_central.web.push.payload import notice_message
from edge_central.web.push.waiting import LIFETIME_S, NewMessage, enqueue
from edge_central.web.webhooks.due import (
    DueNotice,
    WebhookPlace,
    newest_place,
    next_step,
    read_place,
    write_place,
)

log = logging.getLogger(__name__)

NOTICES_AT_ONCE = 20
WRITE_EVERY = 1_000
"""The position is stored after so many events, even if none of them matched."""
UNACKNOWLEDGED_S = (0, 120, 300, 900)
"""The delays that a user can choose: at once, or only alarms that nobody has acknowledged for this time."""
_P = tables.webhook_place.c


@dataclass(frozen=True, slots=True)
class MergedFilter:
    """Accepts everything that at least one of the devices is sent. The filter of each device is then applied
    to each notice."""

    kinds: tuple[str, ...] | None
    severity: Severity
    alerts: bool
    unacknowledged_s: float


@dataclass(slots=True)
class CollectedMessages:
    """New messages, each with the id of its device, and the position up to which events were read."""

    place_name: str
    place: WebhookPlace
    messages: list[tuple[int, NewMessage]] = field(default_factory=list)
    is_to_store: bool = False
    more: bool = False
    """Something else is due, but was not read yet."""


def place_name(console_key: str, unacknowledged_s: int) -> str:
    """Return the name of a stored position. It contains the console's key, because several consoles with one
    database have different keys and devices."""
    return f"push {console_key[:16]} {unacknowledged_s}"


def collect(
    connection: Connection, found: Sequence[Recipient], unacknowledged_s: int, name: str, reader: NoticeReader
) -> CollectedMessages:
    """Read the due messages for these devices. The first call begins with the present: earlier events are
    skipped."""
    place = read_place(connection, name)
    if place is None:
        return CollectedMessages(name, newest_place(connection), is_to_store=True)
    wanted, scope = merged_filter(found, unacknowledged_s), merged_scope(found)
    result = CollectedMessages(name, place)
    for _ in range(NOTICES_AT_ONCE):
        step = next_step(connection, wanted, scope, result.place, reader.now_ms)
        result.more = step.notice is not None or step.more
        if step.notice is None:
            result.place = step.place
            break
        result.messages += reader.messages(step.notice, found, unacknowledged_s)
        result.place = step.notice.place
        result.is_to_store = True  # also if no device wants it now: when quiet hours end, it is too old
    passed = result.place.cursor - place.cursor
    result.is_to_store |= result.more or passed >= WRITE_EVERY or result.place.alert != place.alert
    return result


def store(connection: Connection, collected: CollectedMessages, now_ms: int) -> None:
    for device, message in collected.messages:
        enqueue(connection, device, message, now_ms)
    write_place(connection, collected.place_name, collected.place)


def unused_places(connection: Connection, console_key: str, used: Sequence[str]) -> list[str]:
    """Return the stored positions without a device: a device that is turned on later must not begin there."""
    names = [place_name(console_key, seconds) for seconds in UNACKNOWLEDGED_S]
    there = connection.scalars(select(_P.webhook).where(_P.webhook.in_(names)))
    return [name for name in there if name not in used]


def forget_places(connection: Connection, names: Sequence[str]) -> None:
    connection.execute(delete(tables.webhook_place).where(_P.webhook.in_(names)))


def merged_filter(found: Sequence[Recipient], unacknowledged_s: int) -> MergedFilter:
    filters = [each.device.filter for each in found]
    kinds = {kind for each in filters for kind in (RINGING_KINDS if each.kinds is None else each.kinds)}
    lowest = min(each.severity for each in filters)
    severity = next(each for each in Severity if each.number >= lowest)
    return MergedFilter(
        tuple(sorted(kinds)), severity, any(each.alerts for each in filters), unacknowledged_s
    )


def merged_scope(found: Sequence[Recipient]) -> Scope:
    scopes = [each.scope.wards for each in found]
    wards = [each for each in scopes if each is not None]
    return Scope(None if len(wards) < len(scopes) else frozenset(chain.from_iterable(wards)))


@dataclass(frozen=True, slots=True)
class NoticeReader:
    """Makes the messages of a notice: one for each language of the devices."""

    names: Names
    timezone: ZoneInfo
    now_ms: int

    def messages(
        self, due: DueNotice, found: Sequence[Recipient], unacknowledged_s: int
    ) -> Iterator[tuple[int, NewMessage]]:
        if due.came_ms + unacknowledged_s * 1000 < self.now_ms - LIFETIME_S * 1000:
            return  # too old: the console was not running, or the gateway was away
        made: dict[Lang, NewMessage | None] = {}
        for each in found:
            if not each.wants(due, self._minute()):
                continue
            lang = each.device.lang
            if lang not in made:
                made[lang] = self._message(due, unacknowledged_s, lang)
            message = made[lang]
            if message is not None:
                yield each.device.id, message

    def _minute(self) -> int:
        """Return the minute of the day."""
        now = datetime.fromtimestamp(bounded_time(self.now_ms) / 1000, UTC).astimezone(self.timezone)
        return now.hour * 60 + now.minute

    def _message(self, due: DueNotice, unacknowledged_s: int, lang: Lang) -> NewMessage | None:
        """Return the message. None: it cannot be made of what the gateway sent."""
        try:
            return notice_message(due, self.names, self.timezone, unacknowledged_s, lang)
        except Exception:
            log.exception("push: %s cannot be sent; the next one follows", due.subject)
            return None
