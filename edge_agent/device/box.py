"""How the box itself is doing: a handful of kernel files, read once a heartbeat.

No psutil here: it fails under systemd's ``ProcSubset=pid`` and cannot be pointed at another root,
and what is needed is a dozen numbers. What the board does not tell is None.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.device.sensors import Thermometer, ThrottleSensors, Vcgencmd, read_text, run_vcgencmd
from edge_agent.wire import BoxHealth

SECTOR_BYTES = 512  # /proc/diskstats counts these whatever the device's own sector size is
MB = 1e6
SHORTEST_WINDOW_S = 1.0


@dataclass(frozen=True, slots=True)
class _Sample:
    """Counters whose difference over time is a rate."""

    mono: float
    cpu_busy: int | None
    cpu_total: int | None
    sectors_written: int | None


class BoxMetrics:
    """Reads ``wire.BoxHealth``. Thread-safe; within a second the same answer is given again.

    CPU and disk rates are means since the read before, so the heartbeat shows the whole interval
    unless ``edge-agent status`` asked in between.
    """

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        sysroot: Path = Path("/"),
        boot_reason: str | None = None,
        vcgencmd: Vcgencmd = run_vcgencmd,
    ) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._sysroot = sysroot
        self._boot_reason = boot_reason
        self._thermometer = Thermometer(sysroot)
        self._throttle = ThrottleSensors(sysroot, clock, vcgencmd)
        self._disk = _disk_numbers(state_dir, sysroot)
        self._lock = threading.Lock()  # protects _last, _health and the sensors: two threads read
        self._last = self._sample()
        self._health: BoxHealth | None = None

    def read(self) -> BoxHealth:
        """Today's numbers. On a Pi without the firmware node it may wait up to 2 s for vcgencmd."""
        with self._lock:
            if self._health is None or self._clock.monotonic() - self._last.mono >= SHORTEST_WINDOW_S:
                self._health = self._measure()
            return self._health

    def _measure(self) -> BoxHealth:
        before, self._last = self._last, self._sample()
        throttling = self._throttle.read()
        free_mb, disk_percent = self._disk_space()
        return BoxHealth(
            cpu_percent=_cpu_percent(before, self._last),
            load_1=self._first_float("proc/loadavg"),
            memory_percent=self._memory_percent(),
            agent_rss_mb=self._rss_mb(),
            disk_free_mb=free_mb,
            disk_percent=disk_percent,
            disk_write_kb_s=_write_kb_s(before, self._last),
            temperature_c=self._thermometer.read_c(),
            throttled=throttling.throttled,
            undervoltage=throttling.undervoltage,
            uptime_s=self._first_float("proc/uptime"),
            boot_reason=self._boot_reason,
        )

    def _sample(self) -> _Sample:
        busy = total = None
        words = (read_text(self._sysroot / "proc/stat") or "").partition("\n")[0].split()
        if len(words) >= 6 and words[0] == "cpu":
            ticks = [int(word) for word in words[1:9]]  # guest time is already inside user time
            total = sum(ticks)
            busy = total - ticks[3] - ticks[4]  # idle and iowait
        return _Sample(self._clock.monotonic(), busy, total, self._sectors_written())

    def _sectors_written(self) -> int | None:
        if self._disk is None:
            return None
        for line in (read_text(self._sysroot / "proc/diskstats") or "").splitlines():
            words = line.split()
            if len(words) > 9 and (words[0], words[1]) == self._disk:
                return int(words[9])
        return None

    def _first_float(self, path: str) -> float | None:
        text = read_text(self._sysroot / path)
        try:
            return round(float(text.split()[0]), 2) if text else None
        except ValueError:
            return None

    def _memory_percent(self) -> float | None:
        kb: dict[str, int] = {}
        for line in (read_text(self._sysroot / "proc/meminfo") or "").splitlines()[:5]:
            name, _, rest = line.partition(":")
            kb[name] = int(rest.split()[0])
        total, available = kb.get("MemTotal"), kb.get("MemAvailable")
        return round(100.0 * (total - available) / total, 1) if total and available is not None else None

    def _rss_mb(self) -> float | None:
        words = (read_text(self._sysroot / "proc/self/statm") or "").split()
        return round(int(words[1]) * os.sysconf("SC_PAGE_SIZE") / MB, 1) if len(words) > 1 else None

    def _disk_space(self) -> tuple[float | None, float | None]:
        """Free MB and percent used, both as an unprivileged user sees them, like ``df``."""
        try:
            disk = os.statvfs(self._state_dir)
        except OSError:
            return None, None
        used = disk.f_blocks - disk.f_bfree
        usable = used + disk.f_bavail
        free_mb = round(disk.f_bavail * disk.f_frsize / MB, 1)
        return free_mb, round(100.0 * used / usable, 1) if usable else None


def _cpu_percent(before: _Sample, after: _Sample) -> float | None:
    """Of all cores together, 0..100."""
    if before.cpu_total is None or after.cpu_total is None:
        return None
    if before.cpu_busy is None or after.cpu_busy is None:
        return None
    ticks = after.cpu_total - before.cpu_total
    return round(100.0 * (after.cpu_busy - before.cpu_busy) / ticks, 1) if ticks > 0 else None


def _write_kb_s(before: _Sample, after: _Sample) -> float | None:
    seconds = after.mono - before.mono
    if before.sectors_written is None or after.sectors_written is None or seconds <= 0:
        return None
    return round((after.sectors_written - before.sectors_written) * SECTOR_BYTES / 1e3 / seconds, 1)


def _disk_numbers(state_dir: Path, sysroot: Path) -> tuple[str, str] | None:
    """Major and minor of the whole disk under ``state_dir``: a card wears as a whole.

    None where the file system has no block device of its own (overlay, btrfs, tmpfs).
    """
    try:
        device = state_dir.stat().st_dev
    except OSError:
        return None
    major, minor = os.major(device), os.minor(device)
    if major == 0:
        return None
    node = sysroot / f"sys/dev/block/{major}:{minor}"
    if (node / "partition").exists():
        parent = read_text(node.resolve().parent / "dev")
        if parent and ":" in parent:
            disk_major, _, disk_minor = parent.partition(":")
            return disk_major, disk_minor
    return str(major), str(minor)
