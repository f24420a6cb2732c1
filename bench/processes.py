"""Reads CPU seconds and memory of a process and its children."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_s: float
    rss_mb: float
    pss_mb: float

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu_s + other.cpu_s, self.rss_mb + other.rss_mb, self.pss_mb + other.pss_mb)


def usage(pid: int) -> Usage:
    """CPU seconds and memory of ``pid`` and all its living descendants."""
    return sum((_usage(one) for one in descendants(pid)), _usage(pid))


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def _usage(pid: int) -> Usage:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {line.split(":")[0]: line.split()[1] for line in rollup.splitlines()[1:]}
    return Usage(time.clock_gettime(_cpu_clock(pid)), int(sizes["Rss"]) / 1024, int(sizes["Pss"]) / 1024)


def _cpu_clock(pid: int) -> int:
    """The kernel's clock of a process's CPU time, clock_getcpuclockid(3). /proc/PID/stat shows the same in
    steps of 10 ms, which is more than an idle agent uses in a window."""
    return (~pid << 3) | 2


def machine_busy_s() -> float:
    """CPU seconds of all cores and all processes together, since boot."""
    # cpu user nice system idle iowait irq softirq steal ...: guest time is inside user time.
    fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) * TICK_S
