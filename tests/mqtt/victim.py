"""A publisher in a process of its own, to be killed: ``python -m tests.mqtt.victim PORT STATE_DIR``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.uplink.usage import DataUsage
from tests.mqtt.conftest import TOPICS, MemoryOutbox, ShiftedClock, mqtt_settings


def main(port: int, state_dir: Path) -> None:
    clock = ShiftedClock()
    publisher = Publisher(
        mqtt_settings(port),
        TOPICS,
        MemoryOutbox(clock),
        usage=DataUsage(state_dir / "usage.json", ZoneInfo("UTC"), clock, lambda: True),
        clock=clock,
        birth=lambda session: b"{}",
        on_down=lambda message: None,
        clock_trusted=lambda: True,
    )
    publisher.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
