"""The devices of users: browsers in which notifications are on, and what each device is sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from edge_central.settings import Console
from edge_central.store import tables
from edge_central.store.ringing import ALARM
from edge_central.store.scope import Scope
from edge_central.web.auth.accounts import Account, all_accounts, is_confirmed, setup_needed
from edge_central.web.auth.sessions import may_log_in
from edge_central.web.i18n import Lang
from edge_central.web.push.encryption import ReceiverKeys
from edge_central.web.webhooks.due import DueNotice

MOST_DEVICES = 10
"""Maximum number of devices of one account."""
MOST_NAME = 60
DAY_MIN = 1_440
ID_CHARACTERS = 16
_D, _M = tables.push_device.c, tables.push_message.c


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one minute of the day until another, even over midnight, in the console's time zone."""

    from_min: int
    to_min: int

    def contains(self, minute: int) -> bool:
        return (minute - self.from_min) % DAY_MIN < (self.to_min - self.from_min) % DAY_MIN


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which messages a device is sent, among those that its user may see."""

    wards: tuple[str, ...] | None = None
    """None: all wards of the account."""
    kinds: tuple[str, ...] | None = None
    """Kinds of events; None: those that ring."""
    alerts: bool = True
    severity: int = ALARM
    """The lowest severity that is sent."""
    unacknowledged_s: int = 0
    """Send only alarms that nobody has acknowledged for this time; 0: send at once."""
    quiet: QuietHours | None = None

    def admits(self, due: DueNotice, minute: int) -> bool:
        """Whether the device is sent this notice. ``minute``: minute of the day. The ward is not checked
        here, but by the scope."""
        if due.severity < self.severity or (self.quiet is not None and self.quiet.contains(minute)):
            return False
        if due.event is None:
            return self.alerts
        return self.kinds is None or due.kind in self.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    account: str
    name: str
    service: str
    endpoint: str
    keys: ReceiverKeys
    console_key: str
    lang: Lang


@dataclass(frozen=True, slots=True, kw_only=True)
class PushDevice:
    id: int
    account: str
    name: str
    service: str
    endpoint_id: str
    """Part of the endpoint's SHA-256, which marks the browser's device; empty: the subscription ended."""
    console_key: str
    lang: Lang
    filter: DeviceFilter
    created_ms: int
    delivered_ms: int | None
    failing_ms: int | None
    problem: str | None
    ended_ms: int | None


class TooManyDevices(Exception):
    """The account has MOST_DEVICES already."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A device to which messages about these wards may be sent now."""

    device: PushDevice
    scope: Scope

    def wants(self, due: DueNotice, minute: int) -> bool:
        is_new = due.came_ms >= self.device.created_ms
        return is_new and self.scope.admits(due.ward) and self.device.filter.admits(due, minute)


def recipients(connection: Connection, console_key: str, console: Console, now_ms: int) -> list[Recipient]:
    """Return the devices of people who could open a page of the console now, each with the wards that both
    the account and the device allow. A user of a provider must have signed in recently. ``console_key``:
    devices of other keys accept no messages of this console."""
    wanted = select(tables.push_device).where(_D.console_key == console_key, _D.ended_ms.is_(None))
    devices = [_device(row) for row in connection.execute(wanted.order_by(_D.id))]
    if not devices:
        return []
    people = {each.name: each for each in all_accounts(connection) if _may_read(each, console, now_ms)}
    return [
        Recipient(device, scope_of(people[device.account], device.filter))
        for device in devices
        if device.account in people
    ]


def _may_read(account: Account, console: Console, now_ms: int) -> bool:
    if not account.is_person or account.disabled or not may_log_in(account, console):
        return False
    return is_confirmed(account, now_ms) and setup_needed(account, console.second_factor_roles) is None


def scope_of(account: Account, wanted: DeviceFilter) -> Scope:
    if wanted.wards is None:
        return account.scope
    return Scope(frozenset(ward for ward in wanted.wards if account.scope.admits(ward)))


def devices_of(connection: Connection, account: str) -> list[PushDevice]:
    rows = connection.execute(select(tables.push_device).where(_D.account == account).order_by(_D.id))
    return [_device(row) for row in rows]


def count_waiting(connection: Connection, account: str) -> dict[int, int]:
    """Return how many messages wait, by device."""
    wanted = select(_M.device, func.count()).join(tables.push_device, _D.id == _M.device)
    rows = connection.execute(wanted.where(_D.account == account).group_by(_M.device))
    return {row[0]: row[1] for row in rows}


# --- writing ---


def add_device(connection: Connection, new: NewDevice, now_ms: int) -> None:
    """Store a subscription. Each browser has one: it replaces the one that another user had in this browser,
    and an ended one of the same name. Raises TooManyDevices."""
    same = _D.endpoint == new.endpoint
    ended = (_D.account == new.account) & (_D.name == new.name) & _D.ended_ms.is_not(None)
    _remove(connection, list(connection.scalars(select(_D.id).where(or_(same, ended)))))
    of_account = select(func.count()).select_from(tables.push_device).where(_D.account == new.account)
    if (connection.scalar(of_account) or 0) >= MOST_DEVICES:
        raise TooManyDevices
    row = {
        "account": new.account,
        "name": new.name,
        "service": new.service,
        "endpoint": new.endpoint,
        "receiver": new.keys.public,
        "auth": new.keys.auth,
        "console_key": new.console_key,
        "lang": new.lang,
        "created_ms": now_ms,
        "failures": 0,
    }
    connection.execute(insert(tables.push_device), row | _columns(DeviceFilter()))


def change_device(
    connection: Connection, account: str, device: int, name: str, lang: Lang, wanted: DeviceFilter
) -> bool:
    """Change a device. Returns False if the account has no such device."""
    values = {"name": name, "lang": lang} | _columns(wanted)
    row = update(tables.push_device).where(_D.id == device, _D.account == account).values(values)
    return connection.execute(row).rowcount > 0


def remove_device(connection: Connection, account: str, device: int) -> str | None:
    """Delete the device and its waiting messages; return its name, None if the account has no such device."""
    name = connection.scalar(select(_D.name).where(_D.id == device, _D.account == account))
    if name is not None:
        _remove(connection, [device])
    return name


def remove_devices(connection: Connection, account: str) -> int:
    """Delete all devices of the account, and return their number."""
    devices = list(connection.scalars(select(_D.id).where(_D.account == account)))
    _remove(connection, devices)
    return len(devices)


def _remove(connection: Connection, devices: list[int]) -> None:
    connection.execute(delete(tables.push_message).where(_M.device.in_(devices)))
    connection.execute(delete(tables.push_device).where(_D.id.in_(devices)))


def _columns(wanted: DeviceFilter) -> dict[str, Any]:
    return {
        "wards": None if wanted.wards is None else " ".join(wanted.wards),
        "kinds": None if wanted.kinds is None else " ".join(wanted.kinds),
        "alerts": wanted.alerts,
        "severity": wanted.severity,
        "unacknowledged_s": wanted.unacknowledged_s,
        "quiet_from": None if wanted.quiet is None else wanted.quiet.from_min,
        "quiet_to": None if wanted.quiet is None else wanted.quiet.to_min,
    }


def _device(row: Row[Any]) -> PushDevice:
    quiet = None if row.quiet_from is None else QuietHours(row.quiet_from, row.quiet_to)
    return PushDevice(
        id=row.id,
        account=row.account,
        name=row.name,
        service=row.service,
        endpoint_id="" if row.endpoint is None else endpoint_id(row.endpoint),
        console_key=row.console_key,
        lang="en" if row.lang == "en" else "vi",
        filter=DeviceFilter(
            None if row.wards is None else tuple(row.wards.split()),
            None if row.kinds is None else tuple(row.kinds.split()),
            *(row.alerts, row.severity, row.unacknowledged_s, quiet),
        ),
        created_ms=row.created_ms,
        delivered_ms=row.delivered_ms,
        failing_ms=row.failing_ms,
        problem=row.problem,
        ended_ms=row.ended_ms,
    )


def endpoint_id(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()[:ID_CHARACTERS]
