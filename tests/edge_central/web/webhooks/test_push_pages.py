"""``/account/notifications`` at a console that runs: turn on, test, change, turn off; what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from edge_central.store import tables
from edge_central.store.ringing import WARNING
from edge_central.web.auth.accounts import Role
from edge_central.web.push.devices import MOST_DEVICES, DeviceFilter, QuietHours, devices_of
from edge_central.web.webhooks.due import WebhookDelivery, record_delivery
from tests.edge_central.parts import WARD
from tests.edge_central.web.house import Browser, House, csrf_of
from tests.testbed.mosquitto import wait_until
from tests.testbed.push_service import PushService, Subscriber, vapid_claims

PAGE = "/account/notifications"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, service: PushService) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), push=service.settings) as built:
        built.person("lan", Role.OFFICER, WARD, "bo-xuyen")
        built.person("hoa", Role.OFFICER, WARD)
        built.person("minh", Role.ADMIN)
        yield built.start()


@pytest.fixture
def lan(house: House) -> Iterator[Browser]:
    """An officer without devices."""
    yield house.browser("lan")
    with house.connections.writing() as connection:
        connection.execute(tables.push_device.delete())


def turn_on(browser: Browser, sent: dict[str, Any], **headers: str) -> httpx.Response:
    """As ``static/push.js`` does."""
    token = csrf_of(browser.get(PAGE).text)
    return browser.client.post(PAGE, json=sent, headers={"X-CSRF-Token": token, **headers})


def rows(house: House) -> list[Any]:
    with house.connections.reading() as connection:
        return list(connection.execute(select(tables.push_device).order_by(tables.push_device.c.id)))


def test_a_device_is_turned_on_tried_and_turned_off(house: House, service: PushService, lan: Browser) -> None:
    service.reset()
    phone = Subscriber("/p1")
    assert turn_on(lan, phone.subscription(service)).status_code == 201
    page = lan.get(PAGE).text
    device = re.search(r'name="device" value="(\d+)"', page)
    assert device is not None
    assert "Android Chrome" in page
    assert phone.path not in page, "the address is secret"
    assert lan.post(f"{PAGE}/test", {"device": device[1]}, page=PAGE).status_code == 303
    wait_until(lambda: bool(service.accepted), what="the test message")
    (message,) = phone.messages(service)
    assert (message["path"], message["lang"]) == (PAGE, "vi")
    assert "Thông báo thử" in message["body"]
    claims = vapid_claims(service.accepted[0], re.findall(r'data-key="([^"]+)"', page)[0])
    assert claims["aud"] == f"https://{service.name}"
    assert claims["sub"] == "mailto:it@city.example"
    assert 0 < claims["exp"] - house.now_ms() // 1000 <= 86_400
    wait_until(lambda: "hoạt động" in lan.get(PAGE).text, what="the state")
    assert "đã nhận" in lan.get(PAGE).text
    assert lan.post(f"{PAGE}/off", {"device": device[1]}, page=PAGE).status_code == 303
    assert rows(house) == []
    log = house.browser("minh").get("/access?kind=accounts&account=lan").text
    assert "bật thông báo trên máy của" in log
    assert "tắt thông báo trên máy của" in log


def test_what_the_user_chooses_is_stored(house: House, service: PushService, lan: Browser) -> None:
    turn_on(lan, Subscriber("/p1").subscription(service))
    form = {
        "device": str(rows(house)[0].id), "name": "Điện thoại <b>", "lang": "en", f"ward {WARD}": "on",
        "kind crowding": "on", "severity": "13", "unacknowledged": "300", "quiet-from": "22:00",
        "quiet-to": "05:30",
    }  # fmt: skip
    assert lan.post(f"{PAGE}/change", form, page=PAGE).status_code == 303
    with house.connections.reading() as connection:
        (device,) = devices_of(connection, "lan")
    assert (device.name, device.lang) == ("Điện thoại <b>", "en")
    assert device.filter == DeviceFilter((WARD,), ("crowding",), False, WARNING, 300, QuietHours(1320, 330))
    page = lan.get(PAGE).text
    form["csrf"] = csrf_of(page)
    assert "<b>" not in page.partition("<main")[2].partition("Điện thoại")[2][:10]
    assert 'value="22:00"' in page
    for wrong, status in (
        ({"quiet-to": ""}, 400),
        ({"quiet-to": "22:00"}, 400),
        ({"quiet-from": "25:00"}, 400),
        ({"severity": "9"}, 400),
        ({"unacknowledged": "1"}, 400),
        ({"kind counts": "on"}, 400),
        ({"ward quang-trung": "on"}, 400),
        ({"device": "999"}, 404),
        ({"device": "x"}, 404),
    ):
        assert lan.client.post(f"{PAGE}/change", data=form | wrong).status_code == status, wrong
    nothing = {name: value for name, value in form.items() if not name.startswith(("kind", "ward"))}
    assert "Hãy chọn ít nhất một loại" in lan.client.post(f"{PAGE}/change", data=nothing).text
    with house.connections.reading() as connection:
        assert devices_of(connection, "lan") == [device]


def test_a_device_belongs_to_its_user(house: House, service: PushService, lan: Browser) -> None:
    turn_on(lan, Subscriber("/p1").subscription(service))
    device = str(rows(house)[0].id)
    hoa = house.browser("hoa")
    assert "Android Chrome" not in hoa.get(PAGE).text
    form = {"device": device, "severity": "17", "unacknowledged": "0", "alerts": "on", f"ward {WARD}": "on"}
    assert hoa.post(f"{PAGE}/change", form, page=PAGE).status_code == 404
    assert hoa.post(f"{PAGE}/test", form, page=PAGE).status_code == 404
    hoa.post(f"{PAGE}/off", form, page=PAGE)
    assert [row.account for row in rows(house)] == ["lan"]
    turn_on(hoa, Subscriber("/p1").subscription(service))
    assert [row.account for row in rows(house)] == ["hoa"], "one browser has one user"
    minh = house.browser("minh")
    assert minh.post("/users/notifications", {"user": "hoa"}, page="/users?user=hoa").status_code == 303
    assert rows(house) == []


def test_the_log_shows_what_the_user_may_see_now(house: House, lan: Browser) -> None:
    with house.connections.writing() as connection:
        for subject, ward in (("event dt-001 e1", WARD), ("event qt-001 e2", "quang-trung"), ("test", "")):
            delivery = WebhookDelivery("push lan", house.now_ms(), subject, ward, 201, 1, "Android")
            record_delivery(connection, delivery)
    page = lan.get(PAGE).text.partition('id="deliveries"')[2]
    assert ("event dt-001 e1" in page, "Gửi thử" in page) == (True, True)
    assert "qt-001" not in page, "the user had this ward before, or another user had this name"


def test_an_endpoint_or_key_that_is_none_is_refused(house: House, service: PushService, lan: Browser) -> None:
    right = Subscriber("/p1").subscription(service)
    keys, token = right["keys"], csrf_of(lan.get(PAGE).text)
    for wrong in (
        {"endpoint": "https://127.0.0.1/x"},
        {"endpoint": "https://push.evil.example/x"},
        {"endpoint": right["endpoint"].replace("https", "http")},
        {"endpoint": right["endpoint"] + "x" * 3_000},
        {"keys": {**keys, "auth": "AAAA"}},
        {"keys": {**keys, "p256dh": "B" * 87}},
        {"keys": {**keys, "auth": "ắ"}},
        {"keys": {**keys, "p256dh": "A" * 5_000}},
        {"keys": None},
        {"name": "x" * 501},
    ):
        answer = lan.client.post(PAGE, json={**right, **wrong}, headers={"X-CSRF-Token": token})
        assert answer.status_code == 400, wrong
        assert answer.json()["error"], "a sentence for the user"
    headers = {"X-CSRF-Token": token, "Content-Type": "application/json"}
    assert lan.client.post(PAGE, content=b"{", headers=headers).status_code == 400
    assert lan.client.post(PAGE, json=right).status_code == 403, "without the token of a form"
    assert rows(house) == []


def test_an_account_has_a_bounded_number_of_devices(house: House, service: PushService, lan: Browser) -> None:
    token = {"X-CSRF-Token": csrf_of(lan.get(PAGE).text)}
    found = [
        lan.client.post(PAGE, json=Subscriber(f"/p{number}").subscription(service), headers=token).status_code
        for number in range(MOST_DEVICES + 1)
    ]
    assert found == [201] * MOST_DEVICES + [409]


def test_a_service_that_cannot_be_reached_is_said(house: House, service: PushService, lan: Browser) -> None:
    service.reset()
    turn_on(lan, Subscriber("/p1").subscription(service))
    service.close()
    try:
        lan.post(f"{PAGE}/test", {"device": str(rows(house)[0].id)}, page=PAGE)
        said = f"không kết nối được với dịch vụ thông báo {service.name}"
        wait_until(lambda: said in lan.get(PAGE).text, what="the state of the service")
        page = house.browser("minh").get("/webhooks").text
        assert service.name in page
        assert "không gửi được từ" in page
    finally:
        service.open()


def test_the_worker_may_serve_the_whole_console_and_the_manifest_has_icons(house: House) -> None:
    client = house.anybody()
    worker = client.get("/static/push-worker.js")
    assert worker.headers["service-worker-allowed"] == "/"
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["cache-control"] == "no-cache", "a new worker is found"
    assert "service-worker-allowed" not in client.get("/static/push.js").headers
    manifest = client.get("/static/manifest.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    for icon in json.loads(manifest.text)["icons"]:
        found = client.get(icon["src"])
        assert (found.status_code, found.headers["content-type"]) == (200, icon["type"])
    assert 'rel="manifest"' in client.get("/login").text


def test_without_the_section_nothing_can_be_turned_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    with House(tmp_path_factory.mktemp("none")) as house:
        house.person("lan", Role.VIEWER, WARD)
        browser = Browser(house.start().anybody())
        assert browser.log_in("lan").status_code == 303
        page = browser.get(PAGE).text
        assert "this-device" not in page
        sent = {"endpoint": "https://fcm.googleapis.com/x", "keys": {"p256dh": "", "auth": ""}, "name": "x"}
        assert turn_on(browser, sent).status_code == 404
        assert not (house.settings.state_dir / "push.key").exists()
