"""Memory of a file that a library has mapped and read once."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from pathlib import Path

_MAPS = Path("/proc/self/maps")


def forget_read_pages(path: Path) -> None:
    """Let go of this process's pages of a file that is mapped for reading only; what is read again comes back
    from the file. Does nothing where the kernel or the C library cannot (it is about memory, no more)."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise, name = ctypes.CDLL(None).madvise, str(path.resolve())
        for line in _MAPS.read_text(errors="replace").splitlines():
            # first-last permissions offset device inode path
            place, permissions, _, _, _, *file = line.split(maxsplit=5)
            if file == [name] and permissions[:3] == "r--":
                first, last = (int(address, 16) for address in place.split("-"))
                madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)
