"""A publisher in a process of its own, to be killed: ``python -m tests.mqtt.victim PORT STATE_DIR``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.mqtt.conftest import TOPICS, MemoryOutbox, ShiftedClock, mqtt_settings
from tests.testbed.publisher import make_publisher


def main(port: int, state_dir: Path) -> None:
    clock = ShiftedClock()
    publisher = make_publisher(mqtt_settings(port), TOPICS, MemoryOutbox(clock), clock, state_dir)
    publisher.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
