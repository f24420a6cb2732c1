"""Runs a broker as the Ansible role configures it, a centre, and a city of simulated gateways."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Usage, machine_busy_s, usage
from bench.scale.certificates import Issuer
from bench.scale.limits import raise_open_files
from edge_agent.tools.simulate.scenario import Scenario, make_sites, split_sites
from edge_agent.tools.simulate.totals import SimulationTotals
from edge_agent.tools.simulate.worker import BEGIN, QUIET, REPORT, WORKER, WorkerJob, WorkerPool
from edge_central.cli.status import CentralStatus, read_status
from edge_central.config import load as load_central
from tests.fleet.broker_side import FleetBroker
from tests.testbed.mosquitto import binary, wait_until

SAMPLE_S, SELDOM_S = 0.25, 5.0
"""Seconds between samples. Each sample queries every outbox, which costs CPU time of the worker processes."""
START_S = 60.0
CONSOLE_USER = "central-console"
"""The broker user that may send requests and searches to gateways, as in the role's defaults."""
FILES_BESIDE = 200
"""Files that a broker has open besides its connections."""


@dataclass(frozen=True, slots=True)
class Players:
    """How gateways are simulated: the module of each process, and its maximum number of gateways."""

    module: str
    most: int


REAL = Players(WORKER, 100)
"""Gateways with the agent's own outbox and publisher."""
LIGHT = Players("bench.scale.light", 2_500)
"""Gateways with a session only, see bench/scale/light."""


class CityBroker(FleetBroker):
    """A broker as ``roles/broker`` configures it, which tests can kill."""

    def start(self) -> None:
        (self.folder / "log").touch()
        before = self.log.count("running")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), "-c", self.configuration], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(lambda: self.log.count("running") > before, START_S, "mosquitto's start")

    def end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(START_S)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


@dataclass(frozen=True, slots=True)
class Sample:
    at_s: float  # since the city began
    totals: SimulationTotals


@dataclass
class City:
    """The city during ``playing``. ``watch`` collects ``samples``."""

    scenario: Scenario
    broker: CityBroker
    centre: subprocess.Popen[bytes] | None
    folder: Path
    workers: WorkerPool
    others: tuple[WorkerPool, ...] = ()  # of the scenarios beside the city; ``samples`` leaves them out
    began_mono: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    def begin(self) -> None:
        self.began_mono = time.monotonic()
        for pool in (self.workers, *self.others):
            pool.send(BEGIN)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began_mono

    def watch(self, until_s: float) -> None:
        pause = threading.Event()
        while self.elapsed_s < until_s:
            self.sample()
            pause.wait(SELDOM_S)

    def watch_online(self, count: int, longest_s: float) -> float | None:
        """Wait until so many gateways are online; returns when, or None if they never were."""
        pause, deadline_s = threading.Event(), self.elapsed_s + longest_s
        while self.elapsed_s < deadline_s:
            if self.sample().totals.online >= count:
                return self.elapsed_s
            pause.wait(SAMPLE_S)
        return None

    def sample(self) -> Sample:
        totals = self.workers.send(REPORT)
        taken = Sample(self.elapsed_s, totals)
        self.samples.append(taken)
        return taken

    def finish(self, longest_s: float) -> SimulationTotals:
        """Stop new events, wait until the outboxes are empty, and end the gateways."""
        for pool in self.others:
            pool.send(QUIET)
        self.workers.send(QUIET)
        pause, deadline_s = threading.Event(), self.elapsed_s + longest_s
        while self.elapsed_s < deadline_s and not self.sample().totals.complete:
            pause.wait(1.0)
        totals = self.workers.end()
        for pool in self.others:
            totals.add(pool.end())
        return totals

    def status(self) -> CentralStatus:
        return read_status(load_central(self.folder / "central.yaml").database, round(time.time() * 1000))

    @property
    def centre_log(self) -> str:
        return (self.folder / "central.log").read_text(encoding="utf-8")

    def reported_by_the_centre(self) -> dict[str, int]:
        """How often the centre reported which event type."""
        log = self.centre_log
        patterns = {
            "outage of a ward": r"gateways went offline at once",
            "outage is over": r"outage of the ward is over",
            "gateway offline": r"\): offline:",
            "gateway unstable": r"\): unstable:",
        }
        return {name: len(re.findall(pattern, log)) for name, pattern in patterns.items()}


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds and memory over a period."""

    lasted_s: float
    broker: Usage
    centre: Usage | None
    machine_busy_s: float


class Meter:
    """Measures what broker and centre use from now on."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._began_mono, self._busy_s = time.monotonic(), machine_busy_s()
        self._broker, self._centre = self._now()

    def read(self) -> Spent:
        broker, centre = self._now()
        spent = Usage(broker.cpu_s - self._broker.cpu_s, broker.rss_mb, broker.pss_mb)
        at_centre = None
        if centre is not None and self._centre is not None:
            at_centre = Usage(centre.cpu_s - self._centre.cpu_s, centre.rss_mb, centre.pss_mb)
        lasted_s = time.monotonic() - self._began_mono
        return Spent(lasted_s, spent, at_centre, machine_busy_s() - self._busy_s)

    def _now(self) -> tuple[Usage, Usage | None]:
        centre = self._city.centre
        return usage(self._city.broker.pid), None if centre is None else usage(centre.pid)


@contextmanager
def playing(
    folder: Path,
    scenario: Scenario,
    *,
    with_centre: bool = True,
    most: int = 2_000,
    players: Players = REAL,
    beside: Sequence[Scenario] = (),
    search_key: Path | None = None,
    own: Mapping[str, str] | None = None,
) -> Iterator[City]:
    """Start broker, centre and idle gateways. ``most``: connections that the broker accepts. ``beside``:
    further gateways in processes of their own, of other wards or with another prefix. ``search_key``: private
    key, with its public one beside it, of the centre's searches. ``own``: ids and wards of gateways that the
    caller plays; they have certificates."""
    own = own or {}
    raise_open_files(most + FILES_BESIDE)
    folder.mkdir(parents=True)
    scenarios = (scenario, *beside)
    sites = [site for each in scenarios for site in make_sites(each)]
    certificates = folder / "certificates"
    certificates.mkdir(mode=0o700)
    with ExitStack() as stack:
        broker = CityBroker(
            folder, {site.id: site.ward for site in sites} | dict(own), broker_max_connections=most
        )
        broker.start()
        stack.callback(lambda: broker.end(signal.SIGKILL))
        authority = folder / "city-CA"
        (certificates / "ca.crt").write_bytes(broker.ca.read_bytes())
        issuer = Issuer(broker.ca, authority / "ca.key")
        issuer.issue_all(certificates, ("central", CONSOLE_USER, *(site.id for site in sites), *own))
        wards = list(dict.fromkeys([*(ward for each in scenarios for ward in each.wards), *own.values()]))
        centre = None
        if with_centre:
            centre = stack.enter_context(_centre(folder, wards, broker.port, search_key))
        keys = () if search_key is None else (str(search_key.with_suffix(".pub.pem")),)
        pools = []
        for each in scenarios:
            jobs = [
                WorkerJob(
                    scenario=each,
                    sites=share,
                    brokers=(("127.0.0.1", broker.port, True),),
                    root="tb/v1",
                    ca_file=None,
                    certificates=str(certificates),
                    username=None,
                    password_file=None,
                    state_dir=str(folder / "outboxes"),
                    log_level="critical",
                    search_keys=keys,
                )
                for share in split_sites(make_sites(each), players.most)
            ]
            pools.append(stack.enter_context(WorkerPool(jobs, players.module)))
        for pool in pools:
            pool.wait_prepared()
        yield City(scenario, broker, centre, folder, pools[0], tuple(pools[1:]))


@contextmanager
def _centre(
    folder: Path, wards: Sequence[str], port: int, search_key: Path | None
) -> Iterator[subprocess.Popen[bytes]]:
    tls = folder / "certificates"
    files = {"ca_file": "ca.crt", "cert_file": "central.crt", "key_file": "central.key"}
    mqtt = {"brokers": [f"mqtts://127.0.0.1:{port}"]} | {key: str(tls / name) for key, name in files.items()}
    settings: dict[str, object] = {"wards": wards, "state_dir": str(folder / "centre"), "mqtt": mqtt}
    if search_key is not None:
        user = {"id": CONSOLE_USER, "cert_file": str(tls / f"{CONSOLE_USER}.crt")}
        settings["requests"] = user | {"key_file": str(tls / f"{CONSOLE_USER}.key")}
        settings["search"] = {"key_file": str(search_key)}
    configuration = folder / "central.yaml"
    configuration.write_text(json.dumps(settings), encoding="utf-8")
    log = folder / "central.log"
    with log.open("wb") as target:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "central", "run", str(configuration)], stderr=target
        )
    try:
        wait_until(lambda: "connected to" in log.read_text(), START_S, "the centre")
        yield process
    finally:
        process.terminate()
        process.wait(START_S)
