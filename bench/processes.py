"""CPU seconds and memory of a process and its children."""

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
    """Of ``pid`` and all its living descendants."""
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
    """The kernel's clock of a process's CPU time, clock_getcpuclockid(3): what /proc/PID/stat shows in steps
    of 10 ms, without the steps. An idle agent spends less than one step in a window."""
    return (~pid << 3) | 2


def machine_busy_s() -> float:
    """CPU seconds that all cores together have worked since boot, for anybody."""
    # cpu user nice system idle iowait irq softirq steal ...: guest time is inside user time.
    fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) * TICK_S
