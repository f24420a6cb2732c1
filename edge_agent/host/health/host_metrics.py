"""CPU, memory, disk, temperature and supply of the gateway, read once per heartbeat.

psutil reads the values that every Linux has, ``host/board/sensors.py`` those that differ from board to
board; see docs/decisions/0010. A value that cannot be read is None; the others are still reported.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from edge_agent.core.clock import Clock
from edge_agent.host.board.platform import whole_disk
from edge_agent.host.board.sensors import Thermometer, ThrottleSensors, Vcgencmd, run_vcgencmd
from edge_agent.wire import BoxHealth

MB = 1e6
SHORTEST_WINDOW_S = 1.0

# If /proc is hidden (systemd's ProcSubset=pid) or unusual (containers), psutil raises its own errors and
# also those of its parsers.
UNREADABLE = (psutil.Error, OSError, RuntimeError, ValueError, LookupError, TypeError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _CpuTime:
    """Seconds of CPU time since boot, of all cores together."""

    total_s: float
    idle_s: float


@dataclass(frozen=True, slots=True)
class _Sample:
    """Counters whose difference over time is a rate."""

    mono: float
    cpu: _CpuTime | None
    bytes_written: int | None


class HostMetrics:
    """Reads ``wire.BoxHealth``. Thread-safe; a second call within a second returns the same values.

    CPU and disk rates are means since the previous read, so the heartbeat shows the whole interval unless
    ``edge-agent status`` has read in between. The board's kernel files are below ``sysroot``, those of
    psutil below ``psutil.PROCFS_PATH``.
    """

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        sysroot: Path = Path("/"),
        boot_reason: str | None = None,
        vcgencmd: Vcgencmd = run_vcgencmd,
        sensors: Sequence[str] = (),
        alarm_nodes: Sequence[str] = (),
    ) -> None:
        """``sensors``: see ``Thermometer``. ``alarm_nodes``: see ``ThrottleSensors``."""
        self._state_dir = state_dir
        self._clock = clock
        self._boot_reason = boot_reason
        self._thermometer = Thermometer(sysroot, sensors)
        self._throttle = ThrottleSensors(sysroot, clock, vcgencmd, alarm_nodes)
        self._disk = _or_none(lambda: whole_disk(state_dir.stat().st_dev, sysroot))
        self._lock = threading.Lock()  # protects _last, _health and the sensors, because two threads read
        self._last = self._sample()
        self._health: BoxHealth | None = None

    def read(self) -> BoxHealth:
        """Return the current values. On a Pi without the firmware node it may block 2 s for vcgencmd."""
        with self._lock:
            if self._health is None or self._clock.monotonic() - self._last.mono >= SHORTEST_WINDOW_S:
                self._health = self._measure()
            return self._health

    def _measure(self) -> BoxHealth:
        before, self._last = self._last, self._sample()
        throttling = self._throttle.read()
        disk = _or_none(lambda: psutil.disk_usage(str(self._state_dir)))  # the same figures as those of df
        return BoxHealth(
            cpu_percent=_cpu_percent(before.cpu, self._last.cpu),
            load_1=_or_none(lambda: round(psutil.getloadavg()[0], 2)),
            memory_percent=_or_none(lambda: psutil.virtual_memory().percent),
            agent_rss_mb=_or_none(lambda: float(round(psutil.Process().memory_info().rss / MB))),
            disk_free_mb=float(round(disk.free / MB)) if disk else None,
            disk_percent=disk.percent if disk else None,
            disk_write_kb_s=_write_kb_s(before, self._last),
            temperature_c=self._thermometer.read_c(),
            throttled=throttling.throttled,
            undervoltage=throttling.undervoltage,
            uptime_s=_uptime_s(),
            boot_reason=self._boot_reason,
        )

    def _sample(self) -> _Sample:
        return _Sample(self._clock.monotonic(), _or_none(_cpu_time), self._bytes_written())

    def _bytes_written(self) -> int | None:
        if self._disk is None:
            return None
        disks = _or_none(lambda: psutil.disk_io_counters(perdisk=True)) or {}
        counters = disks.get(self._disk)
        return None if counters is None else counters.write_bytes


def _or_none(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except UNREADABLE:
        return None


def _cpu_time() -> _CpuTime:
    """Return the CPU time of the system. ``psutil.cpu_percent`` does not fit: its window is per thread, and a
    thread's first result is 0.0."""
    times = psutil.cpu_times()
    guest = times.guest + times.guest_nice  # these two are already included in user and nice
    return _CpuTime(sum(times) - guest, times.idle + times.iowait)


def _cpu_percent(before: _CpuTime | None, after: _CpuTime | None) -> float | None:
    """Return the load of all cores together, 0..100; None without two samples."""
    if before is None or after is None or after.total_s <= before.total_s:
        return None
    idle = (after.idle_s - before.idle_s) / (after.total_s - before.total_s)
    return round(100.0 * min(max(1.0 - idle, 0.0), 1.0), 1)  # the kernel's iowait may go back


def _write_kb_s(before: _Sample, after: _Sample) -> float | None:
    seconds = after.mono - before.mono
    if before.bytes_written is None or after.bytes_written is None or seconds <= 0:
        return None
    return round((after.bytes_written - before.bytes_written) / 1e3 / seconds, 1)


def _uptime_s() -> float:
    """Return the seconds since the boot; ``psutil.boot_time`` would jump when the wall clock is set."""
    return float(round(time.clock_gettime(time.CLOCK_BOOTTIME)))
