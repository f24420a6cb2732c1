"""Alarms during searches: the time from publishing an alarm until it can be read in the database, and until a
browser's stream has it, in blocks with and without searches, one after the other.

The alarms come from gateways of their own without passages, each a plain MQTT session, 20 alarms a second in
all: simulated gateways raise too few. Broker, centre, console and this process run with real-time priority,
because in reality 465 gateways do not share two cores with them.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.result import percentile
from bench.scale.account import NOON_H, PATIENCE_S, account, city_of
from bench.scale.city import City, Meter, playing
from bench.scale.inquirer import QUESTIONS, Inquirer
from bench.scale.search import lower_priority
from edge_agent.commands.signature import make_key
from edge_agent.core.clock import rfc3339
from edge_central.config import load
from edge_central.store.database import DatabaseConnections
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import Account, Role
from tests.edge_central.parts import FakeGateway
from tests.testbed.mosquitto import free_port, wait_until

PASSAGES = 300
"""Of a camera and day: enough for answers of the largest size, and soon made."""
PROBES = 40
ALARMS_S = 20.0
"""Alarms a second, of all probes."""
WARD = "probes"
BLOCKS, BLOCK_S = 8, 40.0
"""Every second block has searches."""
SEARCHES_EACH = 3
"""10 searches take two minutes, as in ``search``."""
SETTLE_S = 20.0
POLL_S = 0.005
SEGMENT_S = 5.0
"""Delays within it depend on each other, so the error bars resample whole segments."""
RESAMPLES = 1_000
ALARM = 17


@dataclass(frozen=True, slots=True)
class SentAlarm:
    event_id: str
    at_mono: float
    searching: bool


@dataclass
class AlarmTimes:
    """What was sent and when it was seen, by event id. Threads only append or set."""

    sent: list[SentAlarm] = field(default_factory=list)
    stored_mono: dict[str, float] = field(default_factory=dict)
    live_mono: dict[str, float] = field(default_factory=dict)


def alarms(folder: Path, sites: int) -> dict[str, Any]:
    """Time alarms in ``BLOCKS`` blocks at noon, with searches of the whole city in every second one."""
    key = folder / "search.pem"
    make_key(key)
    scenario = city_of(sites, begins_at_h=NOON_H, passages_per_camera=PASSAGES, spread_s=10.0)
    probes = {f"probe-{number:03}": WARD for number in range(1, PROBES + 1)}
    with playing(
        folder / "city", scenario, most=sites * 2 + 200, search_key=key, own=probes
    ) as city, _console(city) as (url, pid):  # fmt: skip
        lower_priority(city)
        assert city.centre is not None
        for each in (city.broker.pid, city.centre.pid, pid, os.getpid()):
            _raise_priority(each)
        city.begin()
        city.watch_online(scenario.sites, PATIENCE_S)
        threading.Event().wait(SETTLE_S)
        times = AlarmTimes()
        with Inquirer(city, list(scenario.wards), city.workers) as inquirer, _watching(city, url, times):
            found = _blocks(city, inquirer, probes, times)
        return found | {"account": account(city, city.finish(PATIENCE_S))}


def _blocks(city: City, inquirer: Inquirer, probes: dict[str, str], times: AlarmTimes) -> dict[str, Any]:
    loads, spent, answers = [], {True: 0.0, False: 0.0}, list[str]()
    with _Probes(city, probes, times) as sending:
        for number in range(BLOCKS):
            sending.searching = number % 2 == 1
            meter, until_mono = Meter(city), time.monotonic() + BLOCK_S
            for _ in range(SEARCHES_EACH if sending.searching else 0):
                answers.append(inquirer.start(QUESTIONS["everything of a day"]))
                threading.Event().wait(BLOCK_S / SEARCHES_EACH)
            threading.Event().wait(max(0.0, until_mono - time.monotonic()))
            centre = meter.read().centre
            spent[sending.searching] += 0.0 if centre is None else centre.cpu_s
            loads.append(round(os.getloadavg()[0], 1))
            sending.pause()  # answers that are late belong to no block
            inquirer.wait(answers)
            sending.resume()
    threading.Event().wait(2.0)
    return {
        "load after each block": loads,
        "centre CPU, of a core: without, with": [
            round(spent[each] / (BLOCKS / 2 * BLOCK_S), 3) for each in (False, True)
        ],
        "answers": inquirer.times(answers),
        "until stored": _compared(times.sent, times.stored_mono),
        "until on a live stream": _compared(times.sent, times.live_mono),
    }


# --- the alarms ---


class _Probes:
    """Publishes alarms in turn, one session for each gateway, on a thread."""

    def __init__(self, city: City, gateways: dict[str, str], times: AlarmTimes) -> None:
        self.searching = False
        self._times = times
        self._gateways = [FakeGateway(id_, ward, epoch="00000001") for id_, ward in gateways.items()]
        self._clients = [_connected(city, each.id) for each in self._gateways]
        self._stop, self._running = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> _Probes:
        self._running.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._running.set()
        self._thread.join()
        for client in self._clients:
            client.disconnect()
            client.loop_stop()

    def pause(self) -> None:
        self._running.clear()

    def resume(self) -> None:
        self._running.set()

    def _run(self) -> None:
        rng, number = random.Random(1), 0
        while not self._stop.wait(rng.expovariate(ALARMS_S)):
            self._running.wait()
            probe = number % len(self._gateways)
            topic, payload = self._alarm(self._gateways[probe], number // len(self._gateways) + 1)
            event_id = str(json.loads(payload)["data"]["event_id"])
            self._times.sent.append(SentAlarm(event_id, time.monotonic(), self.searching))
            self._clients[probe].publish(topic, payload, qos=1)
            number += 1

    def _alarm(self, gateway: FakeGateway, sequence: int) -> tuple[str, bytes]:
        data = {"phase": "moment", "event_id": f"{gateway.id}-{sequence}", "label": "person"}
        topic, payload = gateway.of_kind("zone-intrusion", sequence, **data, rule_id="yard", zone="yard")
        document = json.loads(payload) | {
            "severitynumber": ALARM,
            "severitytext": "ERROR",
            "time": rfc3339(datetime.now(UTC)),
        }
        return topic, json.dumps(document).encode()


def _connected(city: City, gateway: str) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=gateway, protocol=paho.MQTTv5)
    tls = city.folder / "certificates"
    context = ssl.create_default_context(cafile=str(tls / "ca.crt"))
    context.load_cert_chain(tls / f"{gateway}.crt", tls / f"{gateway}.key")
    client.tls_set_context(context)
    client.connect("127.0.0.1", city.broker.port)
    client.loop_start()
    wait_until(client.is_connected, PATIENCE_S, f"the session of {gateway}")
    return client


# --- where they are seen ---


@contextmanager
def _console(city: City) -> Iterator[tuple[str, int]]:
    """The centre's console on the same database; its address and process."""
    settings = json.loads((city.folder / "central.yaml").read_text(encoding="utf-8"))
    port = free_port()
    settings["console"] = {"listen": f"127.0.0.1:{port}"}
    for key in ("search", "requests"):
        settings.pop(key, None)
    path = city.folder / "console.yaml"
    path.write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "edge_agent", "central", "console", str(path)]
    with (city.folder / "console.log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(url), PATIENCE_S, "the console")
            yield url, process.pid
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/login").status_code == httpx.codes.OK
    return False


@contextmanager
def _watching(city: City, url: str, times: AlarmTimes) -> Iterator[None]:
    """Read new alarms of the probes from the database and from a live stream."""
    database = load(city.folder / "central.yaml").database
    connections, token = DatabaseConnections(database), accounts.new_token()
    with connections.writing() as connection:
        accounts.add_account(connection, Account("probe", Role.API, (WARD,), 1), token=token)
    connections.close()
    stop = threading.Event()
    threads = [
        threading.Thread(target=_watch_database, args=(city.folder / "centre/central.db", stop, times)),
        threading.Thread(target=_watch_stream, args=(url, token, stop, times)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _watch_database(path: Path, stop: threading.Event, times: AlarmTimes) -> None:
    reader = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    query = "SELECT cursor, gateway, event_id FROM event WHERE cursor > ? ORDER BY cursor"
    (cursor,) = reader.execute("SELECT coalesce(max(cursor), 0) FROM event").fetchone()
    while not stop.wait(POLL_S):
        rows, now = reader.execute(query, (cursor,)).fetchall(), time.monotonic()
        for cursor, gateway, event_id in rows:  # noqa: B007 - the last one is where the next query begins
            if gateway.startswith("probe-"):
                times.stored_mono.setdefault(event_id, now)
    reader.close()


def _watch_stream(url: str, token: str, stop: threading.Event, times: AlarmTimes) -> None:
    head = {"Authorization": f"Bearer {token}"}
    with httpx.stream("GET", f"{url}/live", headers=head, timeout=60.0) as stream:
        for line in stream.iter_lines():
            now = time.monotonic()
            if line.startswith("data: {") and '"event_id"' in line:
                times.live_mono.setdefault(str(json.loads(line[6:])["event_id"]), now)
            if stop.is_set():
                return


# --- the comparison ---


def _compared(sent: Sequence[SentAlarm], seen_mono: dict[str, float]) -> dict[str, Any]:
    """Delays without and with searches in ms, and by how much the 99th percentile is larger, with the bounds
    within which 95 % of the resamples are."""
    found: dict[str, Any] = {}
    segments = {searching: _segments(sent, seen_mono, searching) for searching in (False, True)}
    for searching, name in ((False, "without"), (True, "with searches")):
        delays = [delay for segment in segments[searching] for delay in segment]
        shares = {f"p{share}": round(percentile(delays, share), 1) for share in (50, 90, 99, 99.9)}
        lost = sum(each.searching is searching and each.event_id not in seen_mono for each in sent)
        found[name] = {"alarms": len(delays), "never seen": lost, **shares, "most": round(max(delays), 1)}
    rng = random.Random(1)
    for share in (50, 99):
        ratios = sorted(
            percentile(_resampled(segments[True], rng), share)
            / percentile(_resampled(segments[False], rng), share)
            for _ in range(RESAMPLES)
        )
        bounds = (percentile(ratios, 2.5), percentile(ratios, 50), percentile(ratios, 97.5))
        found[f"p{share} with / without: 2.5, 50, 97.5 % of the resamples"] = [
            round(each, 2) for each in bounds
        ]
    return found


def _segments(sent: Sequence[SentAlarm], seen: dict[str, float], searching: bool) -> list[list[float]]:
    found: dict[int, list[float]] = {}
    for each in sent:
        if each.searching is searching and each.event_id in seen:
            delay_ms = (seen[each.event_id] - each.at_mono) * 1e3
            found.setdefault(int(each.at_mono / SEGMENT_S), []).append(delay_ms)
    return list(found.values())


def _resampled(segments: Sequence[list[float]], rng: random.Random) -> list[float]:
    return [delay for segment in rng.choices(segments, k=len(segments)) for delay in segment]


def _raise_priority(pid: int) -> None:
    """Real-time priority for all threads of a process; needs root, else nothing changes."""
    with contextlib.suppress(PermissionError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(1))
