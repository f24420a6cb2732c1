"""Measures what an open page of the console costs its server while events arrive, and the time from the
publishing of an alarm until the page shows it.

Broker, centre and console are real. The centre runs on a thread of this process, the console in a process of
its own, whose CPU time is measured without a page and with one, at the same rate of events. The page is open
in a Chromium on the same machine, which shares the cores with all others.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from bench.console import PATIENCE_S, console_process
from bench.plan import Plan
from bench.processes import usage
from bench.result import Result, Skip, percentile
from edge_central.config import load
from edge_central.store.database import DatabaseConnections
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import Account, Role, hash_password
from tests.edge_central.parts import Centre, FakeGateway
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import NO_CERTIFICATES, PASSWORD, Browser
from tests.testbed.chromium import Chromium, installed
from tests.testbed.mosquitto import Mosquitto, Subscriber, free_port, wait_until

GATEWAYS, WARDS = 465, 21
EVENTS_S, BURSTS_S = 120, 10
"""Events a second, and the parts of a second in which they come."""
SETTLE_S = 3.0
"""A page that was just opened follows the first events at once: HURRIES in live.js."""
ALARM_GAP_S = 0.6
WATCH = """
(() => {
    const alarms = document.getElementById("alarms");
    const count = () => (alarms.dataset.ringing || "").split(";").filter(Boolean).length;
    window.shown = [[Date.now(), count()]];
    new MutationObserver(() => {
        if (count() !== window.shown.at(-1)[1]) window.shown.push([Date.now(), count()]);
    }).observe(alarms, {attributes: true, childList: true, subtree: true});
})()
"""
LIVE = "document.getElementById('live').className.includes('on')"


def measure(plan: Plan) -> list[Result]:
    if not installed():
        raise Skip("chromium is not installed: tests/testbed/install.sh browser")
    folder, port, seconds = plan.own_folder("page"), free_port(), plan.choose(15.0, 6.0)
    with Mosquitto(folder / "broker") as broker:
        wards = [f"ward-{number:02}" for number in range(WARDS)]
        centre = Centre(folder, broker.port, *wards, console={"listen": f"127.0.0.1:{port}"})
        with centre, Subscriber(broker.port, "tb/v1/none", client_id="bench-fleet") as publisher:
            fleet = EventFleet(publisher, wards)
            fleet.report_all()
            _add_person(centre)
            with console_process(centre.config, port) as console, fleet.events():
                alone = _cpu_share(console.pid, seconds)
                with Chromium(folder / "profile", size=(1920, 1080)) as browser:
                    _open(browser, f"http://127.0.0.1:{port}")
                    time.sleep(SETTLE_S)
                    began = fleet.sent
                    with_page = _cpu_share(console.pid, seconds)
                    rate = (fleet.sent - began) / seconds
                    delays = _alarm_delays(browser, fleet, int(plan.choose(40, 10)))
    figures = {
        "events_per_s": rate,
        "no_page_cpu_percent": alone * 100,
        "page_cpu_percent": (with_page - alone) * 100,
        "alarm_p50_s": percentile(delays, 50),
        "alarm_p99_s": percentile(delays, 99),
        "alarm_most_s": max(delays),
    }
    return [Result("page", "overview", {name: round(value, 3) for name, value in figures.items()})]


class EventFleet:
    """465 gateways behind one MQTT client."""

    def __init__(self, publisher: Subscriber, wards: list[str]) -> None:
        self.sent = 0
        self._publisher = publisher
        self._boxes = [FakeGateway(f"bench-{number:03}", wards[number % WARDS]) for number in range(GATEWAYS)]
        self._numbers = [itertools.count(1) for _ in self._boxes]
        self._lock = (
            threading.Lock()
        )  # protects the numbers and the client: events and alarms are two threads

    def report_all(self) -> None:
        for box in self._boxes:
            for message in (box.state("online", "s"), box.heartbeat("s")):
                self._publisher.publish(*message)

    @contextmanager
    def events(self) -> Iterator[None]:
        """Publish EVENTS_S events a second on a thread of its own."""
        done = threading.Event()

        def publish() -> None:
            next_mono = time.monotonic()
            while not done.wait(max(0.0, next_mono - time.monotonic())):
                next_mono += 1 / BURSTS_S
                for _ in range(EVENTS_S // BURSTS_S):
                    with self._lock:
                        index = self.sent % GATEWAYS
                        self._publisher.publish(*self._boxes[index].event(next(self._numbers[index])))
                        self.sent += 1

        thread = threading.Thread(target=publish, name="events")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def raise_alarm(self, number: int) -> float:
        """Publish an alarm of the gateway ``number``; return when, in seconds since 1970."""
        with self._lock:
            box = self._boxes[number]
            data = {
                "phase": "start",
                "event_id": f"alarm-{number}",
                "rule_id": "yard",
                "why": "person in yard",
            }
            message = event(box, next(self._numbers[number]), data)
            now = time.time()
            self._publisher.publish(*message)
        return now


def _add_person(centre: Centre) -> None:
    connections = DatabaseConnections(load(centre.config).database)
    with connections.writing() as connection:
        account = Account("bench", Role.ADMIN, (), 0)
        accounts.add_account(connection, account, password=hash_password(PASSWORD, 4))
    connections.close()


def _open(browser: Chromium, url: str) -> None:
    """Open the overview with a login, and wait for its live stream."""
    with httpx.Client(base_url=url, timeout=PATIENCE_S, verify=NO_CERTIFICATES) as client:
        Browser(client).log_in("bench")
        for cookie in client.cookies.jar:
            browser.give_cookie(url, cookie.name, cookie.value or "")
    browser.open(f"{url}/")
    browser.wait_until(f"document.readyState === 'complete' && {LIVE}")


def _cpu_share(pid: int, seconds: float) -> float:
    """Share of one core that the process uses."""
    before, began = usage(pid), time.monotonic()
    time.sleep(seconds)
    return (usage(pid).cpu_s - before.cpu_s) / (time.monotonic() - began)


def _alarm_delays(browser: Chromium, fleet: EventFleet, count: int) -> list[float]:
    """Seconds from the publishing of each alarm until the page shows that one more rings."""
    browser.run(WATCH)
    before = int(browser.run("window.shown[0][1]"))
    published = []
    for number in range(count):
        published.append(fleet.raise_alarm(number))
        time.sleep(ALARM_GAP_S)
    wait_until(
        lambda: browser.run("window.shown.at(-1)[1]") >= before + count,
        PATIENCE_S,
        "the last alarm in the page",
    )
    shown: list[tuple[int, int]] = json.loads(browser.run("JSON.stringify(window.shown)"))
    return [
        next(at_ms for at_ms, rings in shown if rings > before + number) / 1000 - at_s
        for number, at_s in enumerate(published)
    ]
