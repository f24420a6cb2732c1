"""The rows of devices and of what waits for them, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from edge_central.settings import Console, Database
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections
from edge_central.store.ringing import WARNING
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import CONFIRMED_MS, Account, ProviderIdentity, Role
from edge_central.web.push import devices, waiting
from edge_central.web.push.devices import DeviceFilter, NewDevice, QuietHours, add_device, devices_of
from edge_central.web.push.encryption import ReceiverKeys
from edge_central.web.push.waiting import LIFETIME_S, NewMessage
from edge_central.web.webhooks.due import newest_deliveries
from tests.edge_central.parts import WARD
from tests.edge_central.web.test_oidc_parts import settings as oidc_settings
from tests.testbed.push_service import Subscriber

BOTH = (WARD, "bo-xuyen")


def test_the_rows_on_both_databases(database: Database) -> None:
    connections, console = DatabaseConnections(database), Console(idle_s=60, session_s=600)
    phone = Subscriber("/p")
    new = NewDevice(
        account="lan", name="phone", service="push.example", endpoint="https://push.example/p",
        keys=ReceiverKeys(phone.public, phone.auth), console_key="key", lang="vi",
    )  # fmt: skip
    message = NewMessage("event dt-001 a1", WARD, "topic", b"{}")
    with connections.writing() as connection:
        accounts.add_account(connection, Account("lan", Role.OFFICER, BOTH, 1))
        add_device(connection, new, 1)
        add_device(connection, replace(new, account="minh"), 2)  # the same browser, after another login
        add_device(connection, new, 3)
        (device,) = devices_of(connection, "lan")
        assert devices_of(connection, "minh") == []
        wanted = DeviceFilter((WARD,), ("crowding",), False, WARNING, 300, QuietHours(1, 2))
        assert not devices.change_device(connection, "minh", device.id, "x", "en", wanted)
        assert devices.change_device(connection, "lan", device.id, "x", "en", wanted)
        assert devices.recipients(connection, "key", console, 4)[0].device.filter == wanted
        waiting.enqueue(connection, device.id, message, 4)
        waiting.enqueue(connection, device.id, replace(message, topic="other"), 5)
        (first,) = waiting.next_messages(connection, "key", 6, 8)
        assert waiting.next_messages(connection, "another", 6, 8) == []
        waiting.postpone(connection, first, "busy", 60.0, 6)
        assert waiting.next_messages(connection, "key", 7, 8) == []
        (again,) = waiting.next_messages(connection, "key", 400_000, 8)
        waiting.record_unreachable(connection, "of-no-device.example", "no route", 400_000)
        waiting.record_unreachable(connection, "push.example", "no route", 400_000)
        waiting.record_unreachable(connection, "push.example", "no route", 400_000)
        assert list(connection.scalars(select(tables.push_service.c.service))) == ["push.example"]
        assert waiting.next_messages(connection, "key", 400_000, 8) == []
        waiting.record_reachable(connection, ["push.example"])
        waiting.record_success(connection, again, 400_000)
        waiting.record_answer(connection, again, 201, 400_000)
        assert (again.id, again.attempts) == (first.id, 1)
        waiting.give_up_expired(connection, 400_000 + LIFETIME_S * 1000)
        found = newest_deliveries(connection, 10, waiting.log_name("lan"))
        assert [(each.status, each.attempts, each.device) for each in found] == [(0, 0, "x"), (201, 2, "x")]
        assert devices.remove_device(connection, "minh", device.id) is None
        assert devices.remove_device(connection, "lan", device.id) == "x"
    connections.close()


def test_a_user_of_a_provider_who_signs_in_no_more_gets_nothing(database: Database) -> None:
    """Who is removed at the provider has no session, but the phone would go on."""
    connections, phone = DatabaseConnections(database), Subscriber("/p")
    oidc = oidc_settings("https://id.example")
    console = Console(idle_s=60, session_s=600, oidc=oidc, second_factor_roles=("officer",))
    new = NewDevice(
        account="lan", name="phone", service="push.example", endpoint="https://push.example/p",
        keys=ReceiverKeys(phone.public, phone.auth), console_key="key", lang="vi",
    )  # fmt: skip
    with connections.writing() as connection:
        identity = ProviderIdentity("https://id.example", "u-1")
        accounts.add_account(connection, Account("lan", Role.OFFICER, BOTH, 1, identity=identity))
        add_device(connection, new, 1)
        assert devices.recipients(connection, "key", console, 2) == []
        accounts.mark_signed_in(connection, "lan", 1_000)
        assert len(devices.recipients(connection, "key", console, 1_000 + CONFIRMED_MS)) == 1
        assert devices.recipients(connection, "key", console, 1_001 + CONFIRMED_MS) == []
        without = replace(console, oidc=None)
        assert devices.recipients(connection, "key", without, 1_000 + CONFIRMED_MS) == []
    connections.close()
