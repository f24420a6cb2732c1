"""Threads do not get a heap each: read from the kernel, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

COUNT_HEAPS = """
import ctypes, re, sys, threading
from pathlib import Path
from edge_agent.device.memory import limit_malloc_arenas

if sys.argv[1] == "limited":
    assert limit_malloc_arenas()
allocated, read = threading.Barrier(9), threading.Barrier(9)

def allocate():
    kept = [ctypes.create_string_buffer(20_000) for _ in range(20)]
    allocated.wait()
    read.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
allocated.wait()
# glibc reserves 64 MiB for each arena beside the main one: a written part and one that nobody may touch.
lines = Path("/proc/self/maps").read_text().splitlines()
starts = [int(line.split("-")[0], 16) for line in lines if re.search(r"rw-p 00000000 00:00 0\\s*$", line)]
print(sum(start % (64 << 20) == 0 for start in starts))
read.wait()
"""


def heaps(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_HEAPS, how], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


def test_eight_threads_share_one_heap() -> None:
    assert heaps("as it is") >= 8, "or this test sees nothing"
    assert heaps("limited") == 0, "beside the main one"
