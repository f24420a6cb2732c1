"""Notifications in a real Chromium: the page, and the service worker from a message to the opened event.

A subscription in Chromium needs Google's push service, which no test reaches: ``pushManager.subscribe`` is a
stub. Its endpoint is a push service on this machine, and what that receives and decrypts is given to the
service worker over DevTools. So nothing is tested between Google and the browser.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_central.web.auth.accounts import Role
from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, Room
from tests.edge_central.parts import OURS, WARD
from tests.edge_central.web.house import House
from tests.edge_central.web.webhooks.test_webhooks import alarm
from tests.testbed import desktop
from tests.testbed.chromium import Chromium, installed
from tests.testbed.desktop import Desktop
from tests.testbed.mosquitto import wait_until
from tests.testbed.push_service import PushService, Subscriber

PAGE = "/account/notifications"
SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
STUB = """
(() => {
  const answer = SUBSCRIPTION;
  const unsubscribe = async () => sessionStorage.removeItem("on");
  const given = { endpoint: answer.endpoint, toJSON: () => answer, unsubscribe };
  PushManager.prototype.subscribe = async function (options) {
    if (options.applicationServerKey.length !== 65 || !options.userVisibleOnly) throw new Error("no key");
    sessionStorage.setItem("on", "yes");
    return given;
  };
  PushManager.prototype.getSubscription = async () => (sessionStorage.getItem("on") ? given : null);
})()
"""
SHOWN = """
navigator.serviceWorker.getRegistration("/").then((found) => found.getNotifications()).then((all) =>
    all.map((each) => [each.title, each.body, each.data.path]))
"""

pytestmark = pytest.mark.skipif(
    not installed() or not desktop.installed(), reason="no chromium or no D-Bus here"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    with PushService(tmp_path_factory.mktemp("push")) as started:
        yield started


@pytest.fixture(scope="module")
def screen() -> Iterator[Desktop]:
    with Desktop() as started:
        yield started


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, service: PushService, screen: Desktop) -> Iterator[Room]:
    with House(tmp_path_factory.mktemp("house"), push=service.settings) as house:
        house.person("lan", Role.OFFICER, WARD, "bo-xuyen")
        house.take(OURS.heartbeat("s"))
        house.start()
        with Chromium(tmp_path_factory.mktemp("profile")) as browser:
            browser.ask("Browser.grantPermissions", permissions=["notifications"], origin=house.url)
            browser.ask("ServiceWorker.enable")
            yield Room(house, browser, "lan")


@pytest.fixture(scope="module")
def phone(room: Room, service: PushService) -> Subscriber:
    """The keys of this browser, after its user has turned notifications on."""
    made = Subscriber("/p1")
    stub = STUB.replace("SUBSCRIPTION", json.dumps(made.subscription(service)))
    room.browser.ask("Page.addScriptToEvaluateOnNewDocument", source=stub)
    room.browser.resize(*PHONE, phone=True)
    room.open(PAGE)
    room.browser.wait_until("!document.querySelector('#this-device button').disabled")
    room.run("document.querySelector('#this-device [name=name]').value = 'Điện thoại trực'")
    room.browser.click("#this-device button")
    room.browser.wait_until("document.querySelector('[data-this]:not([hidden])')")
    return made


def deliver(room: Room, message: dict[str, object]) -> None:
    """Give the service worker a decrypted message, as the browser does."""
    scope = f"{room.house.url}/"
    room.browser.wait_until("navigator.serviceWorker.ready.then(() => true)")
    room.browser.ask(
        "ServiceWorker.deliverPushMessage",
        origin=room.house.url,
        registrationId=room.browser.workers[scope],
        data=json.dumps(message),
    )


def pages(room: Room) -> dict[str, str]:
    """The open pages: ids by address."""
    found = room.browser.ask("Target.getTargets")["targetInfos"]
    return {each["url"]: each["targetId"] for each in found}


def test_a_test_message_reaches_the_screen(
    room: Room, phone: Subscriber, service: PushService, screen: Desktop
) -> None:
    service.reset()
    room.browser.click("#devices form[action$='/test'] button")
    wait_until(lambda: bool(service.accepted), what="the test message")
    (message,) = phone.messages(service)
    deliver(room, message)
    shown = screen.wait_shown()
    assert shown["title"] == message["title"]
    assert message["body"] in shown["body"]
    room.browser.wait_until("document.querySelector('#deliveries td')?.textContent.includes('/')")
    assert room.browser.complaints == []


def test_a_click_on_the_notification_opens_the_event(
    room: Room, phone: Subscriber, service: PushService, screen: Desktop
) -> None:
    service.reset()
    room.house.take(alarm(OURS, 1, "a1"))
    wait_until(lambda: bool(service.accepted), what="the alarm")
    (message,) = phone.messages(service)
    deliver(room, message)
    shown = screen.wait_shown()
    assert shown["title"] == message["title"] == "Báo động: Xâm nhập vùng: người"
    assert [message["title"], message["body"], "/events/1"] in room.run(SHOWN)
    screen.click(shown)
    event = f"{room.house.url}/events/1"
    wait_until(lambda: event in pages(room), what="the page of the event")
    room.browser.ask("Target.closeTarget", targetId=pages(room)[event])
    assert room.browser.complaints == []


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("size", [WALL, (1366, 768), PHONE])
def test_it_fits_has_names_and_can_be_read(
    room: Room, phone: Subscriber, size: tuple[int, int], lang: str
) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    room.open(f"/language/{lang}?next={PAGE}")
    room.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    if SHOTS.is_dir():
        room.browser.screenshot(SHOTS / f"notifications-{lang}-{size[0]}.png")
    assert room.run("document.documentElement.lang") == lang
    assert room.run(FITS_WIDTH), "it can be scrolled sideways"
    assert room.run(NAMELESS) == []
    assert room.run(FAINT) == {}
    assert room.axe_violations() == []
    assert room.browser.complaints == []


def test_turning_it_off_ends_the_subscription_of_the_browser(room: Room, phone: Subscriber) -> None:
    room.open(PAGE)
    room.browser.click("#devices form[action$='/off'] button")
    room.browser.wait_until("document.querySelector('#devices [data-this]') === null")
    room.browser.wait_until("sessionStorage.getItem('on') === null")
