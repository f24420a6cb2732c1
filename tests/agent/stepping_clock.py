"""Runs the agent with a clock in 2024 until the file ``synchronised`` appears."""

from __future__ import annotations

import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.host.health.clock_sync import KernelSync
from edge_agent.host.system import logs

BEHIND = timedelta(days=700)


class SteppingClock:
    def __init__(self, synchronised: Path) -> None:
        self._synchronised = synchronised

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC) - (timedelta() if self._synchronised.exists() else BEHIND)


def main(config_file: Path) -> int:
    synchronised = config_file.with_name("synchronised")
    logs.setup_logging()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return Agent(
        config.load(config_file),
        stop,
        repeat_files=True,
        clock=SteppingClock(synchronised),
        kernel_sync=lambda: KernelSync(synchronised.exists(), 0.0),
    ).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
