"""Arenas and library pages of a separate process, read from the kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.host.system import process as memory
from edge_agent.host.system.process import SETTLED_S, StartupPageRelease
from tests.host.fakes import FakeClock

COUNT_HEAPS = """
import ctypes, re, sys, threading
from pathlib import Path
from edge_agent.host.system.process import limit_malloc_arenas

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
    command = [sys.executable, "-c", COUNT_HEAPS, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


def test_eight_threads_share_one_heap() -> None:
    assert heaps("as it is") >= 8, "or this test sees nothing"
    assert heaps("limited") == 0, "beside the main one"


LET_GO = """
import re
from pathlib import Path

import av
import cv2
import numpy as np

from edge_agent.host.system.process import release_clean_pages


def kilobytes(key):
    return int(re.search(rf"^{key}: +([0-9]+) kB$", Path("/proc/self/smaps_rollup").read_text(), re.M)[1])


def work():
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    done, jpeg = cv2.imencode(".jpg", cv2.resize(noise, (320, 180)))
    frame = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")
    return done, jpeg.tobytes(), frame.to_ndarray().tobytes()


before = work()
mapped = kilobytes("Rss"), kilobytes("Anonymous")
release_clean_pages()
left = kilobytes("Rss"), kilobytes("Anonymous")
assert work() == before
print(*mapped, *left)
"""


def test_libraries_work_on_after_their_clean_pages_were_let_go_of() -> None:
    command = [sys.executable, "-c", LET_GO]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    rss, anonymous, rss_left, anonymous_left = map(int, done.stdout.split())
    assert rss - anonymous > 20_000, "or this test sees nothing"
    assert rss_left - anonymous_left < (rss - anonymous) / 2
    assert anonymous_left > anonymous - 1000, "what was written stays"


def test_what_a_mapping_holds_of_its_own_is_not_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    smaps = """\
1000-2000 r-xp 00000000 08:01 11                         /lib/text.so
Size:                  4 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
2000-3000 r--p 00001000 08:01 11                         /lib/relocated.so
Anonymous:             4 kB
3000-4000 rw-p 00001000 08:01 11                         /lib/data.so
Anonymous:             0 kB
4000-5000 r--s 00000000 08:01 12                         /var/a model (deleted)
Anonymous:             0 kB
5000-6000 r--p 00000000 00:00 0
Anonymous:             0 kB
6000-7000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
"""
    assert list(memory._clean(smaps.splitlines(keepends=True))) == [(0x1000, 0x2000), (0x4000, 0x5000)]


def test_it_is_done_once_when_the_start_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, done = FakeClock(), []
    monkeypatch.setattr(memory, "release_clean_pages", lambda: done.append(clock.monotonic()))
    pages, begun = StartupPageRelease(clock), clock.monotonic()
    for _ in range(100):
        pages.tick()
        clock.advance(1.0)
    assert done == [begun + SETTLED_S]


def test_where_the_kernel_is_silent_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SMAPS", tmp_path / "smaps")
    memory.release_clean_pages()
