"""The processes of a simulation: each plays its share of the gateways; commands on stdin, reports on stdout.

paho waits with ``select``, which works with file descriptors below 1024 only: a process plays about 100
gateways.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.host.system.process import limit_malloc_arenas
from edge_agent.tools.simulate.condition_ledger import ConditionLedger
from edge_agent.tools.simulate.gateway import SearchAccess, SimulatedGateway, mqtt_of
from edge_agent.tools.simulate.runner import GatewayRunner
from edge_agent.tools.simulate.scenario import Scenario, SimulatedSite
from edge_agent.tools.simulate.totals import SimulationTotals

GATEWAYS_A_PLAYER = 25
JOIN_S = 30.0
REPORT, BEGIN, QUIET, STOP = "report", "begin", "quiet", "stop"  # commands on stdin, one word a line


class WorkerJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a process has to simulate; the process reads it from the first line of its stdin."""

    scenario: Scenario
    sites: tuple[SimulatedSite, ...]
    brokers: tuple[tuple[str, int, bool], ...]
    root: str
    ca_file: str | None
    certificates: str | None
    username: str | None
    password_file: str | None
    state_dir: str
    log_level: str
    search_keys: tuple[str, ...] = ()  # files of public keys
    ledger: str | None = None  # file for the condition ledger

    def mqtt(self) -> Mqtt:
        credentials = None
        if self.username is not None:
            text = "" if self.password_file is None else Path(self.password_file).read_text(encoding="utf-8")
            credentials = Credentials(self.username, Secret(text.rstrip("\n")))
        return Mqtt(
            brokers=tuple(Broker(*broker) for broker in self.brokers),
            root=self.root,
            ca_file=None if self.ca_file is None else Path(self.ca_file),
            cert_file=None,
            key_file=None,
            credentials=credentials,
            delivery=self.scenario.delivery,
            spread_s=self.scenario.spread_s,
        )


class SimulationWorker:
    def __init__(self, orders: WorkerJob, nowhere: Broker) -> None:
        clock, scenario, mqtt = SystemClock(), orders.scenario, orders.mqtt()
        certificates = None if orders.certificates is None else Path(orders.certificates)
        self._access = access = SearchAccess(tuple(Path(key) for key in orders.search_keys))
        self._conditions = ConditionLedger(None if orders.ledger is None else Path(orders.ledger), clock)
        self._gateways = [
            SimulatedGateway(
                site,
                mqtt_of(mqtt, site.id, certificates),
                nowhere,
                Path(orders.state_dir),
                scenario,
                clock,
                access,
                self._conditions,
            )
            for site in orders.sites
        ]
        self._runners = [
            GatewayRunner(
                f"player-{first}", self._gateways[first : first + GATEWAYS_A_PLAYER], scenario, clock
            )
            for first in range(0, len(self._gateways), GATEWAYS_A_PLAYER)
        ]
        self._began_cpu_s = 0.0

    def prepare(self) -> None:
        """Open the outboxes and store passages, which is not part of the measurement."""
        for gateway in self._gateways:
            gateway.prepare("power")

    def begin(self) -> None:
        self._began_cpu_s = time.process_time()
        for player in self._runners:
            player.loop.start()

    def drain(self) -> None:
        for player in self._runners:
            player.drain()

    def stop(self) -> None:
        for player in self._runners:
            player.loop.stop()
        for player in self._runners:
            player.loop.join(JOIN_S)
        for gateway in self._gateways:
            gateway.begin_stop()
        for gateway in self._gateways:
            gateway.end_stop()
        self._conditions.close()

    def totals(self) -> SimulationTotals:
        # Read this first: if an action ends during the count, its effect is counted only in part, and this
        # number then still says that it was in progress.
        unsettled = sum(not player.settled for player in self._runners)
        totals = SimulationTotals(processes=1, gateways=len(self._gateways), unsettled=unsettled)
        for gateway in self._gateways:
            totals.add(gateway.totals())
        for player in self._runners:
            totals.behind_s = max(totals.behind_s, player.behind_s)
            totals.most_behind_s = max(totals.most_behind_s, player.most_behind_s)
            if player.loop.failure is not None:
                totals.failures.append(f"{player.loop.name}: {player.loop.failure!r}")
        totals.searches, totals.search_cpu_s = self._access.turns.count, self._access.turns.cpu_s
        totals.cpu_s = time.process_time() - self._began_cpu_s
        totals.pss_mb = _pss_mb()
        return totals


def _pss_mb() -> float:
    """Return the memory in use, in MB; shared pages are divided among the processes that share them (PSS)."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> int:
    limit_malloc_arenas()
    orders = msgspec.json.decode(sys.stdin.readline(), type=WorkerJob)
    logging.basicConfig(level=orders.log_level.upper(), format="%(levelname)s %(message)s", stream=sys.stderr)
    # The socket is bound but does not listen: it refuses connections, and no other program gets its port.
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        worker = SimulationWorker(orders, Broker("127.0.0.1", int(closed.getsockname()[1]), tls=False))
        worker.prepare()
        _say(worker.totals())
        for line in sys.stdin:
            match line.strip():
                case "begin":
                    worker.begin()
                case "quiet":
                    worker.drain()
                case "stop":
                    break
            _say(worker.totals())
        worker.stop()  # reached also if the parent process has ended, which closes stdin
        _say(worker.totals())
    sys.stdout.flush()
    os._exit(0)  # do not wait for threads that block in a resolver


def _say(totals: SimulationTotals) -> None:
    sys.stdout.write(msgspec.json.encode(totals).decode() + "\n")
    sys.stdout.flush()


# --- the parent process ---

END_S = 60.0
WORKER = "edge_agent.tools.simulate.worker"


class SimulationFailed(EdgeAgentError):
    """A process of the simulation has ended by itself."""


class WorkerPool:
    """Runs all processes for the ``with`` block. One thread uses it. ``module`` is the module that each
    process runs."""

    def __init__(self, orders: Sequence[WorkerJob], module: str = WORKER) -> None:
        self._jobs = orders
        self._module = module
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> WorkerPool:
        for _ in self._jobs:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", self._module],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    # Ctrl-C must reach only the parent, which tells the workers.
                    start_new_session=True,
                )
            )
        for process, orders in zip(self._processes, self._jobs, strict=True):
            self._write(process, msgspec.json.encode(orders).decode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait(END_S)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(process.pid for process in self._processes)

    def wait_prepared(self) -> None:
        """Wait until all processes are prepared. Raises SimulationFailed."""
        self._read()

    def send(self, word: str) -> SimulationTotals:
        """Send a word to all processes and add up their answers. Raises SimulationFailed."""
        for process in self._processes:
            self._write(process, word)
        return self._read()

    def end(self) -> SimulationTotals:
        """Stop cleanly: every gateway publishes its `stopped` state. Raises SimulationFailed."""
        return self.send(STOP)

    def _write(self, process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except OSError as error:
            raise SimulationFailed(self._ended(process)) from error

    def _read(self) -> SimulationTotals:
        totals = SimulationTotals()
        for process in self._processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SimulationFailed(self._ended(process))
            totals.add(msgspec.json.decode(line, type=SimulationTotals))
        return totals

    def _ended(self, process: subprocess.Popen[str]) -> str:
        code = process.wait(END_S)
        return f"a process of the simulation has ended with code {code}; the others are ended too"


if __name__ == "__main__":
    sys.exit(main())
