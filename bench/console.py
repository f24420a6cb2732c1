"""Measures the centre's web server over 200,000 stored events, with 50 listening browsers and a program that
reads all of the history.

The database is that of a whole fleet, SQLite, in the temporary folder. The console is a separate process, as
``central run`` starts it. This process stores, listens and sends requests, so its own delays count in the
latencies.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx

from bench.plan import Plan
from bench.processes import usage
from bench.result import Result, percentile
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import WARDS, House, answers
from tests.testbed.mosquitto import free_port, wait_until

GATEWAYS = 465
EVENTS = 200_000
BATCH = 1_000
BROWSERS = 50
SESSIONS = 5
"""Login sessions of the browsers: each session may have 20 streams."""
PAGE = 1_000
GAP_S = 0.1
PATIENCE_S = 120.0


def measure(plan: Plan) -> list[Result]:
    folder, count = plan.own_folder("console"), int(plan.choose(EVENTS, 20_000))
    port = free_port()
    with House(folder, listen=f"127.0.0.1:{port}") as house:
        house.port = port
        fleet = Fleet(house)
        fleet.store(count)
        alone = _commits(fleet, plan)
        with console_process(house.config, port) as console:
            results = [_listening(console, fleet, plan), _paging(console, fleet, alone)]
    return results


class Fleet:
    """Gateways whose events come one after another."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stored = 0
        self._known = house.store.load()
        self._boxes = [
            FakeGateway(f"bench-{number:03}", WARDS[number % len(WARDS)]) for number in range(GATEWAYS)
        ]

    def store(self, count: int, batch: int = BATCH) -> None:
        """Store events in transactions of ``batch``, as the ingest does; the fleet state stays in memory."""
        for start in range(0, count, batch):
            arrived = [MessageReceived(*self._next(), 1) for _ in range(min(batch, count - start))]
            with self.house.store.batch() as rows:
                self.house.harness.writer.write(arrived, self._known, rows, self.house.now_ms())
            for stream in rows.streams.values():
                stream.clear_changes()
            for gateway in rows.gateways.values():
                gateway.changes.clear()

    def _next(self) -> tuple[str, bytes]:
        box, number = self._boxes[self.stored % GATEWAYS], self.stored // GATEWAYS + 1
        self.stored += 1
        return box.event(number, label="x" * 300)


class Browsers:
    """Event streams on one thread; ``received`` has the times at which each cursor came."""

    def __init__(self, house: House, cookies: list[str], count: int) -> None:
        self.received: dict[int, list[float]] = {}
        self._house, self._cookies, self._count = house, cookies, count
        self._open = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="browsers")
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._open == self._count, PATIENCE_S, "all streams")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        self._loop.run_until_complete(self._all())

    async def _all(self) -> None:
        cookies = itertools.islice(itertools.cycle(self._cookies), self._count)
        self._tasks = [asyncio.create_task(self._listen(cookie)) for cookie in cookies]
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _listen(self, cookie: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._house.port)
        request = f"GET /live HTTP/1.1\r\nHost: x\r\nSec-Fetch-Mode: cors\r\nCookie: {cookie}\r\n\r\n"
        writer.write(request.encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"retry:"):
                    self._open += 1
                elif line.startswith(b"data: {") and b'"cursor":' in line:
                    cursor = json.loads(line[6:])["cursor"]
                    self.received.setdefault(cursor, []).append(time.monotonic())
        finally:
            writer.close()


def _listening(console: subprocess.Popen[bytes], fleet: Fleet, plan: Plan) -> Result:
    house = fleet.house
    house.person("bench", Role.ADMIN)
    cookies = [f"session={house.browser('bench').client.cookies['session']}" for _ in range(SESSIONS)]
    idle_s, event_count = plan.choose(20.0, 3.0), int(plan.choose(200, 30))
    with Browsers(house, cookies, BROWSERS) as browsers:
        before = usage(console.pid)
        time.sleep(idle_s)
        idle = usage(console.pid)
        committed: dict[int, float] = {}
        for _ in range(event_count):
            fleet.store(1)
            committed[fleet.stored] = time.monotonic()
            time.sleep(GAP_S)
        last = fleet.stored
        wait_until(
            lambda: len(browsers.received.get(last, ())) == BROWSERS, PATIENCE_S, "the last event everywhere"
        )
        after = usage(console.pid)
    late = [moment - committed[cursor] for cursor, times in browsers.received.items() for moment in times]
    assert len(late) == event_count * BROWSERS, f"{len(late)} of {event_count * BROWSERS} received"
    figures = {
        "browsers": float(BROWSERS),
        "p50_s": percentile(late, 50),
        "p99_s": percentile(late, 99),
        "most_s": max(late),
        "idle_cpu_percent": (idle.cpu_s - before.cpu_s) / idle_s * 100,
        "telling_cpu_percent": (after.cpu_s - idle.cpu_s) / (event_count * GAP_S) * 100,
        "rss_mb": after.rss_mb,
    }
    return Result("console", "live", {name: round(value, 3) for name, value in figures.items()})


def _paging(console: subprocess.Popen[bytes], fleet: Fleet, alone: list[float]) -> Result:
    """One program reads all of the history; events that are stored meanwhile must not wait for it."""
    house, commits, done = fleet.house, list[float](), threading.Event()

    def stores() -> None:
        while not done.is_set():
            commits.append(_commit(fleet))
            time.sleep(GAP_S)

    client = house.program(house.token("bench-app", *WARDS))
    storing = threading.Thread(target=stores, name="storing")
    before, began, pages, read = usage(console.pid), time.monotonic(), list[float](), 0
    storing.start()
    try:
        for seconds, events in _pages(client):
            pages.append(seconds)
            read += events
    finally:
        done.set()
        storing.join()
    lasted_s, after = time.monotonic() - began, usage(console.pid)
    rare = _timed(client, kind="counts", ward=WARDS[0])
    figures = {
        "events": float(read),
        "events_per_s": read / lasted_s,
        "cpu_ms_each": (after.cpu_s - before.cpu_s) / read * 1e3,
        "page_p50_ms": percentile(pages, 50) * 1e3,
        "page_p99_ms": percentile(pages, 99) * 1e3,
        "rare_kind_ms": rare * 1e3,
        "commit_alone_p50_ms": percentile(alone, 50) * 1e3,
        "commit_beside_p50_ms": percentile(commits, 50) * 1e3,
        "commit_alone_p95_ms": percentile(alone, 95) * 1e3,
        "commit_beside_p95_ms": percentile(commits, 95) * 1e3,
        "rss_mb": after.rss_mb,
    }
    return Result("console", "api", {name: round(value, 3) for name, value in figures.items()})


def _pages(client: httpx.Client) -> Iterator[tuple[float, int]]:
    """Yield seconds and events of each page, to the end of the history."""
    after: dict[str, str] = {}
    while True:
        began = time.monotonic()
        page = client.get("/api/events", params={"limit": str(PAGE), **after}).raise_for_status().json()
        yield time.monotonic() - began, len(page["events"])
        after = {"after": page["next"]}
        if not page["more"]:
            return


def _timed(client: httpx.Client, **params: str) -> float:
    """Seconds of a query with an empty result."""
    began, after = time.monotonic(), dict[str, str]()
    while True:
        page = client.get("/api/events", params={**params, **after}).raise_for_status().json()
        assert page["events"] == []
        if not page["more"]:
            return time.monotonic() - began
        after = {"after": page["next"]}


def _commits(fleet: Fleet, plan: Plan) -> list[float]:
    found = []
    for _ in range(int(plan.choose(100, 20))):
        found.append(_commit(fleet))
        time.sleep(GAP_S)
    return found


def _commit(fleet: Fleet) -> float:
    began = time.monotonic()
    fleet.store(1)
    return time.monotonic() - began


@contextmanager
def console_process(config: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The console as a process of its own, as ``central run`` starts it."""
    command = [sys.executable, "-m", "edge_agent", "central", "console", str(config)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL) as running:
        try:
            wait_until(lambda: answers(port), PATIENCE_S, "the console")
            yield running
        finally:
            running.terminate()
