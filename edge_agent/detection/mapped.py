"""The file of a model as a library maps it: a copy that nobody else can change, and its memory."""

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
    """A name, for the time of the ``with``, of a copy of the file that has no name in any folder.

    Who writes over a file that is mapped takes its pages away, and the kernel ends
    the process (SIGBUS, mmap(2)).
    The copy lies beside the file: on disk, where its pages can be let go of, and gone with the last mapping.
    Where none can be made, it is the file itself. Raises OSError when the file cannot be read.
    """
    with path.open("rb") as file, contextlib.ExitStack() as stack:
        try:
            copy = os.fdopen(os.open(path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), "w+b")
            stack.enter_context(copy)
            shutil.copyfileobj(file, copy)
            copy.flush()
        except OSError as error:
            log.info(
                "%s is used where it lies, there is no copy (%s): do not write over it", path, error.strerror
            )
            yield path
            return
        yield Path(f"/proc/self/fd/{copy.fileno()}")


def mapped_name(path: Path) -> str:
    """As it stands in the list of mappings."""
    return os.readlink(path) if path.is_symlink() and path.parent.name == "fd" else str(path.resolve())


def forget_read_pages(name: str) -> None:
    """Let go of this process's pages of a file that is mapped for reading only; what is read again comes back
    from the file. Does nothing where the kernel or the C library cannot (it is about memory, no more).
    ``name``: by ``mapped_name``."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None).madvise
        for line in _MAPS.read_text(errors="replace").splitlines():
            # first-last permissions offset device inode path
            place, permissions, _, _, _, *file = line.split(maxsplit=5)
            if file == [name] and permissions[:3] == "r--":
                first, last = (int(address, 16) for address in place.split("-"))
                madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)
