"""The processes of a simulation: start them, send them commands, add up their reports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType

import msgspec

from edge_agent.core.errors import EdgeAgentError
from edge_agent.tools.simulate.totals import SimulationTotals
from edge_agent.tools.simulate.worker import STOP, WorkerJob

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
