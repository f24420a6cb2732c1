"""Loads all cores with decoding and inference, and reads temperature and throttling meanwhile.

``python -m bench.board.heat CLIP`` is the load of one core; it ends when it is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.board.measure import LABELS, decoded_pictures
from bench.board.record import HeatTest
from edge_agent.config.model.boards import Profile
from edge_agent.core.clock import SystemClock
from edge_agent.detection.choose import SHIPPED
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.host.board.sensors import Thermometer, ThrottleSensors, Throttling

EVERY_S = 1.0


def heat_test(profile: Profile, clip: Path, minutes: float, sysroot: Path = Path("/")) -> HeatTest:
    """Load all cores for ``minutes``. Stops its load however it ends."""
    thermometer = Thermometer(sysroot, profile.thermal.sensors)
    throttle = ThrottleSensors(sysroot, SystemClock(), nodes=profile.alarm_nodes)
    idle_c = thermometer.read_c()
    throttle.read()  # counters count from here
    words = [sys.executable, "-m", "bench.board.heat", str(clip)]
    loads = [subprocess.Popen(words) for _ in range(os.cpu_count() or 1)]
    try:
        return watch(
            lambda: (thermometer.read_c(), throttled_by_heat(throttle.read())),
            idle_c,
            minutes,
            time.monotonic,
            time.sleep,
        )
    finally:
        for load in loads:
            load.kill()
            load.wait()


def throttled_by_heat(reading: Throttling) -> bool | None:
    """A weak power supply throttles a board too, at any temperature. None: the board does not report it."""
    return False if reading.undervoltage else reading.throttled


def watch(
    read: Callable[[], tuple[float | None, bool | None]],
    idle_c: float | None,
    minutes: float,
    monotonic: Callable[[], float],
    sleep: Callable[[float], object],
) -> HeatTest:
    """``read``: temperature in degrees Celsius, and whether the board is throttled."""
    highest_c, throttled, throttled_c = idle_c, None, None
    deadline = monotonic() + 60 * minutes
    while monotonic() < deadline:
        now_c, is_throttled = read()
        if now_c is not None and (highest_c is None or now_c > highest_c):
            highest_c = now_c
        if is_throttled and not throttled:
            throttled_c = now_c
        throttled = throttled or is_throttled
        sleep(EVERY_S)
    return HeatTest(minutes, idle_c, highest_c, throttled, throttled_c)


def load_one_core(clip: Path) -> None:
    """Decode and infer until the process is killed."""
    detector = LiteRtDetector(SHIPPED, LABELS, 0.3)
    width, height = detector.input_size
    picture = np.zeros((height, width, 3), np.uint8)
    while True:
        decoded_pictures(clip)
        detector.detect(picture)


if __name__ == "__main__":
    load_one_core(Path(sys.argv[1]))
