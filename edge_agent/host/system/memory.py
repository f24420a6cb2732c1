"""Reduces memory that the process does not use: malloc arenas of threads, library pages from the start."""

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
"""Each of the two threads per camera would keep its freed memory in an arena of its own: 10 MB more with four
cameras and a model. They rarely allocate at the same time: with one arena instead of two the agent used
1.003 times the CPU, quiet and busy (medians), and 1 MB less."""

SETTLED_S = 15.0
"""By then libraries are loaded and cameras are connected."""
SMAPS = Path("/proc/self/smaps")


def limit_malloc_arenas(count: int = ARENAS) -> bool:
    """Call before the first thread starts. False: the C library has no arenas (musl)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(ctypes.c_int(M_ARENA_MAX), ctypes.c_int(count)))


class StartupPageRelease:
    """Releases, once, the pages of libraries that were only needed to load them.

    The kernel maps the neighbours of each page that is read, and the whole of a library that was just
    installed; it evicts mapped executable pages last. A page that is needed again comes back from the page
    cache within a microsecond; the kernel can free the others without swapping (docs/decisions/0037).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_mono: float | None = clock.monotonic() + SETTLED_S

    def tick(self) -> None:
        """Release the pages when it is time. Call about once a second."""
        if self._due_mono is not None and self._clock.monotonic() >= self._due_mono:
            self._due_mono = None
            let_go_of_clean_pages()


def let_go_of_clean_pages() -> None:
    """Release the pages of files that this process only reads; they are loaded again when they are used.

    Does nothing where the kernel or the C library cannot do it."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None).madvise
        for first, last in _clean(SMAPS.read_text(encoding="utf-8", errors="replace")):
            madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)


def _clean(smaps: str) -> Iterator[tuple[int, int]]:
    """First and last address of each read-only mapping of a file without private changes: the loader has
    written relocations into some mappings, and those would be lost."""
    place, readable = "", False
    for line in smaps.splitlines():
        name, *rest = line.split(maxsplit=5)
        if not name.endswith(":"):  # first-last permissions offset device inode path
            place, readable = name, len(rest) == 5 and rest[4].startswith("/") and rest[0][:2] == "r-"
        elif name == "Anonymous:" and readable and rest[0] == "0":
            first, last = (int(address, 16) for address in place.split("-"))
            yield first, last
