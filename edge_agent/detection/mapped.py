"""Maps the file of a model: a private copy that no other process can change, and its memory."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import mmap
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

_MAPS = Path("/proc/self/maps")


@contextlib.contextmanager
def private_copy(path: Path) -> Iterator[Path]:
    """Yield a path to a copy of the file that has no name in any folder; valid inside the ``with``.

    Overwriting a mapped file removes its pages, and the kernel ends the process (SIGBUS, mmap(2)). The copy
    is on the disk of the file, so the kernel can drop its pages, and it disappears with the last mapping. If
    no copy can be made, yields ``path`` itself. Raises OSError when the file cannot be read.
    """
    with path.open("rb") as file, contextlib.ExitStack() as stack:
        try:
            copy = os.fdopen(os.open(path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), "w+b")
            stack.enter_context(copy)
            shutil.copyfileobj(file, copy)
            copy.flush()
        except OSError as error:
            log.info(
                "%s is used directly, because no copy of it can be made (%s): do not overwrite it while the "
                "agent runs",
                path,
                error.strerror,
            )
            yield path
            return
        yield Path(f"/proc/self/fd/{copy.fileno()}")


def mapped_name(path: Path) -> str:
    """The file's name in /proc/self/maps."""
    return os.readlink(path) if path.is_symlink() and path.parent.name == "fd" else str(path.resolve())


def forget_read_pages(name: str) -> None:
    """Drop this process's pages of a file that is mapped read-only; the kernel reads them again when needed.
    Saves memory only, so it does nothing where kernel or C library cannot. ``name``: from ``mapped_name``."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None).madvise
        for line in _MAPS.read_text(errors="replace").splitlines():
            # first-last permissions offset device inode path
            place, permissions, _, _, _, *file = line.split(maxsplit=5)
            if file == [name] and permissions[:3] == "r--":
                first, last = (int(address, 16) for address in place.split("-"))
                madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)
