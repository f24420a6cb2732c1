"""What the process keeps of the box's memory without a use for it: heaps of threads, pages of start-up."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Iterator
from pathlib import Path

from edge_agent.core.clock import Clock

M_ARENA_MAX = -8
"""``mallopt(3)``: glibc's malloc.h."""
ARENAS = 1
"""The agent has two threads a camera, each of which would keep what it once freed: with four cameras and a
model 10 MB more. They rarely allocate at the same time: beside an agent with two arenas one with a single
arena took 1.003 of its CPU, quiet and busy (medians), and 1 MB less."""

SETTLED_S = 15.0
"""After the start: libraries are loaded, cameras are connected."""
SMAPS = Path("/proc/self/smaps")


def limit_malloc_arenas(count: int = ARENAS) -> bool:
    """Before the first thread starts; False where the C library knows no arenas (musl)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(ctypes.c_int(M_ARENA_MAX), ctypes.c_int(count)))


class StartupPageRelease:
    """Lets go, once, of the pages of libraries that only their loading has touched.

    The kernel maps whole neighbourhoods of a page that is read, of a library that was just installed all of
    it, and keeps what is mapped and executable before anything else. What is needed comes back from its
    cache, at a microsecond a page; the rest is its to take, without swapping (docs/decisions/0037).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_mono: float | None = clock.monotonic() + SETTLED_S

    def tick(self) -> None:
        """Call it now and then."""
        if self._due_mono is not None and self._clock.monotonic() >= self._due_mono:
            self._due_mono = None
            let_go_of_clean_pages()


def let_go_of_clean_pages() -> None:
    """Unmap what this process has of files that it only reads; it comes back when it is read again. Does
    nothing where the kernel or the C library cannot (it is about memory, no more)."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None).madvise
        for first, last in _clean(SMAPS.read_text(encoding="utf-8", errors="replace")):
            madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)


def _clean(smaps: str) -> Iterator[tuple[int, int]]:
    """First and last address of each mapping of a file that nobody here may write to, nor has: the loader
    has written relocations into some, and those would be lost."""
    place, readable = "", False
    for line in smaps.splitlines():
        name, *rest = line.split(maxsplit=5)
        if not name.endswith(":"):  # first-last permissions offset device inode path
            place, readable = name, len(rest) == 5 and rest[4].startswith("/") and rest[0][:2] == "r-"
        elif name == "Anonymous:" and readable and rest[0] == "0":
            first, last = (int(address, 16) for address in place.split("-"))
            yield first, last
