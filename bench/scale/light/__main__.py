"""One process of light gateways: receives orders on stdin and reports on stdout, as
``edge_agent.tools.simulate.worker`` does.

Thousands of gateways run on one event loop. Each has a session, a certificate, a will and a client id, makes
messages as ``edge-agent simulate`` does, and obeys confirmations. ``outbox.py`` and ``gateway.py`` say what
is missing: this measures a broker and a centre, not an agent.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from pathlib import Path

import msgspec

from bench.processes import usage
from bench.scale.light.gateway import LightGateway, Stage
from bench.scale.limits import raise_open_files
from edge_agent.config.model.settings import Broker
from edge_agent.core.clock import SystemClock
from edge_agent.tools.simulate.totals import SimulationTotals
from edge_agent.tools.simulate.worker import STOP, WorkerJob

STDIN = 0
GOODBYE_S = 10.0
OVER_AGAIN_S = 0.05


class Play:
    def __init__(self, orders: WorkerJob, loop: asyncio.AbstractEventLoop) -> None:
        assert orders.certificates is not None, "a light gateway signs on with a certificate"
        brokers = tuple(Broker(*each) for each in orders.brokers)
        self._stage = Stage(
            loop, SystemClock(), orders.scenario, brokers, orders.root, Path(orders.certificates)
        )
        self._gateways = [LightGateway(site, self._stage) for site in orders.sites]
        self._began_cpu_s = 0.0
        self._words = b""

    def obey(self) -> None:
        """Read an order from stdin; the end of stdin stops the process."""
        said = os.read(STDIN, 4096)
        self._words += said or f"{STOP}\n".encode()
        *words, self._words = self._words.split(b"\n")
        for word in words:
            self._do(word.decode())

    def totals(self) -> SimulationTotals:
        stage = self._stage
        totals = SimulationTotals(processes=1, gateways=len(self._gateways), counts=stage.counts)
        for gateway in self._gateways:
            gateway.add_to(totals)
        totals.behind_s, totals.most_behind_s = stage.behind_s, stage.most_behind_s
        totals.cpu_s = time.process_time() - self._began_cpu_s
        totals.pss_mb = usage(os.getpid()).pss_mb
        return totals

    def _do(self, word: str) -> None:
        match word:
            case "begin":
                self._stage.began_s = self._stage.loop.time()
                self._began_cpu_s = time.process_time()
                for gateway in self._gateways:
                    gateway.begin()
            case "quiet":
                self._stage.quiet = True
                for gateway in self._gateways:
                    gateway.end_all()
            case "stop":
                self._stage.loop.remove_reader(STDIN)
                for gateway in self._gateways:
                    gateway.session.stop()
                self._end_when_over(self._stage.loop.time() + GOODBYE_S)
                return
        say(self.totals())

    def _end_when_over(self, deadline_s: float) -> None:
        loop = self._stage.loop
        if all(gateway.session.over for gateway in self._gateways) or loop.time() > deadline_s:
            for reason, count in self._stage.failed.most_common():
                print(f"light gateways: {count} attempts or sessions: {reason}", file=sys.stderr)
            loop.stop()
        else:
            loop.call_later(OVER_AGAIN_S, self._end_when_over, deadline_s)


def say(totals: SimulationTotals) -> None:
    sys.stdout.write(msgspec.json.encode(totals).decode() + "\n")
    sys.stdout.flush()


def main() -> int:
    orders = msgspec.json.decode(sys.stdin.readline(), type=WorkerJob)
    raise_open_files(len(orders.sites) + 100)
    loop = asyncio.new_event_loop()
    play = Play(orders, loop)
    # These objects live until the end, so the garbage collector need not visit them again.
    gc.collect()
    gc.freeze()
    say(play.totals())
    loop.add_reader(STDIN, play.obey)
    loop.run_forever()
    say(play.totals())
    loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
