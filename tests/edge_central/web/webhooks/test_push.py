"""Web Push against a push service on this machine: who is sent what, when, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, update

from edge_central.console.incident_log import LogAuthor, acknowledge_all
from edge_central.console.site_names import FleetSheet
from edge_central.store import tables
from edge_central.store.ringing import WARNING
from edge_central.web.auth import accounts
from edge_central.web.auth.account_changes import AccountAuthor, disable
from edge_central.web.auth.accounts import Role, change_account
from edge_central.web.i18n import Lang
from edge_central.web.push import devices, waiting
from edge_central.web.push.devices import DeviceFilter, NewDevice, QuietHours, add_device, devices_of
from edge_central.web.push.encryption import ReceiverKeys
from edge_central.web.push.sender import PushSender
from edge_central.web.push.vapid import read_or_make_key
from edge_central.web.push.waiting import LIFETIME_S, MOST_WAITING
from edge_central.web.webhooks.due import newest_deliveries
from tests.edge_central.parts import OURS, THEIRS, WARD
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import House
from tests.edge_central.web.webhooks.test_webhooks import alarm, alert_row, with_names
from tests.host.fakes import FakeClock
from tests.testbed.push_service import PushService, Subscriber

BOTH = (WARD, "bo-xuyen")


@dataclass
class City:
    """A centre without a web server, its sender of notifications, and phones."""

    house: House
    service: PushService
    clock: FakeClock
    sender: PushSender

    def phone(
        self, account: str, lang: Lang = "vi", wanted: DeviceFilter | None = None, path: str = "/p1"
    ) -> Subscriber:
        """A phone of the account on which notifications are on."""
        phone = Subscriber(path)
        new = NewDevice(
            account=account,
            name=path,
            service=self.service.name,
            endpoint=self.service.url(path),
            keys=ReceiverKeys(phone.public, phone.auth),
            console_key=key_of(self.house),
            lang=lang,
        )
        with self.house.connections.writing() as connection:
            add_device(connection, new, self.house.now_ms())
            device = devices_of(connection, account)[-1].id
            devices.change_device(connection, account, device, path, lang, wanted or DeviceFilter())
        self.settle()  # from here on it is sent what comes
        return phone

    def settle(self) -> None:
        """Let the sender work until nothing is due."""
        for _ in range(200):
            if not self.sender.step():
                return
        raise AssertionError("the sender finds no end")

    def log(self, account: str = "lan") -> list[tuple[str, int, int]]:
        """The delivery log of an account, the oldest first."""
        with self.house.connections.reading() as connection:
            found = newest_deliveries(connection, 500, waiting.log_name(account))
        return [(each.subject, each.status, each.attempts) for each in reversed(found)]

    def waiting(self) -> int:
        with self.house.connections.reading() as connection:
            return len(connection.execute(select(tables.push_message)).all())


def key_of(house: House) -> str:
    return read_or_make_key(house.settings.state_dir / "push.key").public


@pytest.fixture
def city(tmp_path: Path, service: PushService) -> Iterator[City]:
    service.reset()
    yield from make_city(tmp_path, service, service.settings)


def make_city(folder: Path, service: PushService, push: dict[str, Any]) -> Iterator[City]:
    clock = FakeClock()
    folder.mkdir(exist_ok=True)
    keys = with_names(folder) | {"push": push, "second_factor_roles": ["admin"]}
    with House(folder / "house", clock=clock, **keys) as house:
        console = house.settings.console
        assert console is not None
        assert console.push is not None
        key = read_or_make_key(house.settings.state_dir / "push.key")
        sheet = FleetSheet(console.sites_file, console.wards_file)
        sender = PushSender(console, console.push, key, house.connections, sheet, clock)
        house.person("lan", Role.OFFICER, WARD)
        house.take(OURS.heartbeat("s"), THEIRS.heartbeat("s"))
        yield City(house, service, clock, sender)


def subjects(phone: Subscriber, city: City) -> list[str]:
    """What the notifications of the phone open, by event ids."""
    paths = [message["path"] for message in phone.messages(city.service)]
    columns = tables.event.c
    with city.house.connections.reading() as connection:
        ids = {
            f"/events/{row.cursor}": row.event_id
            for row in connection.execute(select(columns.cursor, columns.event_id))
        }
    return [ids.get(path, path) for path in paths]


def test_an_alarm_is_on_the_phone_in_the_words_of_its_user(city: City) -> None:
    city.house.person("ann", Role.VIEWER, WARD)
    lan, ann = city.phone("lan"), city.phone("ann", "en", path="/p2")
    city.house.take(alarm(OURS, 1, "a1"))
    city.settle()
    (vietnamese,), (english,) = lan.messages(city.service), ann.messages(city.service)
    assert vietnamese["title"] == "Báo động: Xâm nhập vùng: người"
    assert vietnamese["body"].splitlines() == [
        "Chợ Đề Thám · Cổng sau · Phường Đề Thám",
        "person in yard for 1 s",
        "20:42:15 24/11/2026",
    ]
    assert english["title"] == "Alarm: Zone intrusion: person"
    assert (vietnamese["path"], english["lang"]) == ("/events/1", "en")
    assert set(vietnamese) == {"title", "body", "path", "tag", "lang", "time_ms"}, "no picture and no name"
    assert city.log() == [("event dt-001 a1", 201, 1)]
    headers = city.service.accepted[0].headers
    assert (headers["ttl"], headers["urgency"], len(headers["topic"])) == ("3600", "high", 32)
    assert len({len(push.body) for push in city.service.accepted}) == 1, "padded: the length says little"


@pytest.mark.parametrize(
    "lost", ["disabled", "program", "ward", "password", "factor", "provider", "removed", "device"]
)
def test_who_may_not_read_an_alarm_any_more_gets_nothing_from_the_next_message_on(
    city: City, lost: str
) -> None:
    """Also of what waits already."""
    phone = city.phone("lan")
    city.service.answers = [(503, {})]
    city.house.take(alarm(OURS, 1, "a1"))
    city.settle()
    assert (city.waiting(), city.service.asked) == (1, 1)
    with city.house.connections.writing() as connection:
        match lost:
            case "disabled":
                disable(connection, AccountAuthor("minh", "::1", city.house.now_ms()), "lan")
            case "program":
                change_account(connection, "lan", role=Role.API.value)
            case "ward":
                change_account(connection, "lan", wards="bo-xuyen")
            case "password":
                change_account(connection, "lan", one_time_until_ms=city.house.now_ms() + 10**9)
            case "factor":
                change_account(connection, "lan", role=Role.ADMIN.value, wards="")
            case "provider":  # that the configuration does not have
                change_account(connection, "lan", issuer="https://id.example", subject="7")
            case "removed":
                accounts.remove_account(connection, "lan")
            case "device":
                devices.remove_devices(connection, "lan")
    city.house.take(alarm(OURS, 2, "a2", camera="cam-2"))
    for _ in range(4):
        city.clock.advance(300)
        city.settle()
    assert (phone.messages(city.service), city.service.asked) == ([], 1)
    city.clock.advance(LIFETIME_S)
    city.settle()
    assert city.waiting() == 0


QUIET_NOW = QuietHours(0, 1_439)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (DeviceFilter(), ["a1", "b1", "/alerts"]),
        (DeviceFilter(alerts=False), ["a1", "b1"]),
        (DeviceFilter(kinds=("crowding",)), ["b1", "/alerts"]),
        (DeviceFilter(kinds=(), wards=(WARD,)), ["/alerts"]),
        (DeviceFilter(wards=("bo-xuyen",)), []),  # not a ward of the account
        (DeviceFilter(severity=WARNING, alerts=False), ["a1", "b1", "w1"]),
        (DeviceFilter(quiet=QUIET_NOW), []),
    ],
    ids=["all", "no alerts", "kind", "alerts only", "another ward", "warnings", "quiet"],
)
def test_a_device_is_sent_what_its_user_chose(city: City, wanted: DeviceFilter, expected: list[str]) -> None:
    city.house.person("minh", Role.OFFICER, *BOTH)
    phone, other = city.phone("lan", wanted=wanted), city.phone("minh", path="/p2")
    city.house.take(
        alarm(OURS, 1, "a1"),
        alarm(OURS, 2, "b1", kind="crowding"),
        alarm(OURS, 3, "w1", kind="loitering", severity=WARNING),
        alarm(THEIRS, 1, "c1"),
    )
    with city.house.connections.writing() as connection:
        connection.execute(insert(tables.alert), alert_row(city.house.now_ms(), severity=17))
    city.settle()
    assert sorted(subjects(phone, city)) == sorted(expected)
    assert sorted(subjects(other, city)) == ["/alerts", "a1", "b1", "c1"], "each device has its own filter"


def test_only_what_nobody_has_acknowledged_in_time(city: City) -> None:
    phone = city.phone("lan", wanted=DeviceFilter(unacknowledged_s=300))
    city.house.take(alarm(OURS, 1, "a1"), alarm(OURS, 2, "a2", camera="cam-2"))
    city.settle()
    with city.house.connections.writing() as connection:
        acknowledge_all(connection, LogAuthor("minh", city.house.now_ms()), {"event dt-001 a1": WARD})
    city.clock.advance(290)
    city.settle()
    assert phone.messages(city.service) == []
    city.clock.advance(20)
    city.settle()
    assert subjects(phone, city) == ["a2"]
    assert phone.messages(city.service)[0]["title"] == "CHƯA CÓ NGƯỜI NHẬN XỬ LÝ sau 5 phút"


def test_repeated_alarms_of_a_camera_replace_each_other(city: City) -> None:
    phone = city.phone("lan")
    city.house.take(alarm(OURS, 1, "a1"), alarm(OURS, 2, "a2"), alarm(OURS, 3, "b1", camera="cam-2"))
    city.settle()
    assert subjects(phone, city) == ["a2", "b1"], "the first did not leave before the second came"
    city.house.take(alarm(OURS, 4, "a3"))
    city.settle()
    tags = [message["tag"] for message in phone.messages(city.service)]
    assert tags[0] == tags[2] != tags[1]


def test_nothing_from_before_and_nothing_from_yesterday(city: City) -> None:
    city.house.take(alarm(OURS, 1, "before"))
    phone = city.phone("lan")
    city.house.take(alarm(OURS, 2, "yesterday"))
    city.clock.advance(LIFETIME_S + 60)  # the console was not running
    city.house.take(alarm(OURS, 3, "now", camera="cam-2"))
    city.settle()
    assert subjects(phone, city) == ["now"]


def test_a_new_device_gets_no_escalation_of_what_came_before_it(city: City) -> None:
    late = DeviceFilter(unacknowledged_s=300)
    first = city.phone("lan", wanted=late)
    city.house.take(alarm(OURS, 1, "a1"))
    city.clock.advance(100)
    second = city.phone("lan", wanted=late, path="/p2")
    city.clock.advance(250)
    city.settle()
    assert (subjects(first, city), subjects(second, city)) == (["a1"], [])


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_forgotten(city: City, status: int) -> None:
    city.phone("lan")
    city.service.answers = [(status, {})]
    city.house.take(alarm(OURS, 1, "a1"), alarm(OURS, 2, "a2", camera="cam-2"))
    city.settle()
    with city.house.connections.reading() as connection:
        row = connection.execute(select(tables.push_device)).one()
    assert (row.endpoint, row.receiver, row.auth) == (None, None, None)
    assert (row.ended_ms, city.waiting(), city.service.asked) == (city.house.now_ms(), 0, 1)
    assert city.log() == [("event dt-001 a1", status, 1)]
    city.phone("lan")
    with city.house.connections.reading() as connection:
        assert [each.ended_ms for each in devices_of(connection, "lan")] == [None], "it was turned on again"


def test_a_busy_service_is_asked_again_when_it_says(city: City) -> None:
    phone = city.phone("lan")
    city.service.answers = [(429, {"Retry-After": "120"}), (413, {})]
    city.house.take(alarm(OURS, 1, "a1"), alarm(OURS, 2, "a2", camera="cam-2"))
    city.settle()
    city.clock.advance(119)
    city.settle()
    assert city.service.asked == 1
    city.clock.advance(2)
    city.settle()
    assert city.log() == [("event dt-001 a1", 413, 2), ("event dt-001 a2", 201, 1)]
    assert subjects(phone, city) == ["a2"], "what is rejected for good blocks no other"


def test_a_service_that_cannot_be_reached_is_named_and_what_is_old_is_given_up(city: City) -> None:
    phone = city.phone("lan")
    city.service.close()
    try:
        city.house.take(alarm(OURS, 1, "a1"))
        city.settle()
        with city.house.connections.reading() as connection:
            (state,) = waiting.service_states(connection, "lan")
        assert (state.service, state.devices, state.failing_ms) == (city.service.name, 1, city.house.now_ms())
        city.clock.advance(LIFETIME_S + 1)
        city.settle()
        assert (city.log(), city.waiting()) == ([("event dt-001 a1", 0, 0)], 0)
    finally:
        city.service.open()
    city.house.take(alarm(OURS, 2, "a2"))
    city.settle()
    assert subjects(phone, city) == ["a2"]
    with city.house.connections.reading() as connection:
        assert waiting.service_states(connection)[0].failing_ms is None


def test_a_service_with_a_private_address_or_off_the_list_is_not_asked(
    tmp_path: Path, service: PushService
) -> None:
    service.reset()
    changes: tuple[dict[str, Any], ...] = ({"networks": []}, {"services": ["fcm.googleapis.com"]})
    for number, push in enumerate(changes):
        for city in make_city(tmp_path / str(number), service, service.settings | push):
            city.phone("lan")
            city.house.take(alarm(OURS, 1, "a1"))
            city.settle()
            with city.house.connections.reading() as connection:
                (state,) = waiting.service_states(connection)
            says = "public" if number == 0 else "console.push.services"
            assert says in (state.problem or "")
    assert service.asked == 0


def test_the_queue_of_a_device_is_bounded(city: City) -> None:
    city.phone("lan")
    city.service.answers = [(503, {"Retry-After": "600"})]
    numbers = range(MOST_WAITING + 5)
    city.house.take(*(alarm(OURS, each + 1, f"a{each}", camera=f"cam-{each}") for each in numbers))
    city.settle()
    assert city.waiting() == MOST_WAITING
    assert [subject for subject, status, _ in city.log() if status == 0] == [
        f"event dt-001 a{number}" for number in range(5)
    ]


def test_a_device_of_another_console_is_left_to_that_one(city: City) -> None:
    phone = city.phone("lan")
    with city.house.connections.writing() as connection:
        connection.execute(update(tables.push_device).values(console_key="another"))
    city.house.take(alarm(OURS, 1, "a1"))
    city.settle()
    assert (phone.messages(city.service), city.service.asked, city.waiting()) == ([], 0, 0)


def test_words_of_a_gateway_cannot_stop_the_others(city: City) -> None:
    phone = city.phone("lan")
    city.house.take(
        event(OURS, 1, {"phase": "start", "event_id": "odd", "why": "\x00<script>" + "\u202e💥" * 5_000}),
        alarm(OURS, 2, "a2", camera="cam-2"),
    )
    city.settle()
    odd, _ = phone.messages(city.service)
    assert subjects(phone, city) == ["odd", "a2"]
    assert "\x00" not in odd["body"]
    assert len(odd["body"]) <= 600


def test_a_moment_of_the_city_is_in_its_time_zone(city: City) -> None:
    """Quiet from one minute before until one minute after the present minute of the city."""
    local = datetime.fromtimestamp(city.house.now_ms() / 1000, UTC).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    minute = local.hour * 60 + local.minute
    quiet = DeviceFilter(quiet=QuietHours((minute - 1) % 1_440, (minute + 1) % 1_440))
    phone = city.phone("lan", wanted=quiet)
    city.house.take(alarm(OURS, 1, "a1"))
    city.settle()
    assert phone.messages(city.service) == []
    city.clock.advance(180)
    city.house.take(alarm(OURS, 2, "a2", camera="cam-2"))
    city.settle()
    assert subjects(phone, city) == ["a2"]
