"""CPU seconds and memory of a process and its children, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_s: float
    rss_mb: float
    pss_mb: float


def usage(pid: int) -> Usage:
    """Of ``pid`` and all its living descendants."""
    parts = [_usage(one) for one in [pid, *descendants(pid)]]
    return Usage(sum(p.cpu_s for p in parts), sum(p.rss_mb for p in parts), sum(p.pss_mb for p in parts))


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def _usage(pid: int) -> Usage:
    # After the command name in parentheses: utime and stime are fields 14 and 15 of proc(5).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {line.split(":")[0]: line.split()[1] for line in rollup.splitlines()[1:]}
    return Usage(
        (int(fields[11]) + int(fields[12])) * TICK_S, int(sizes["Rss"]) / 1024, int(sizes["Pss"]) / 1024
    )
