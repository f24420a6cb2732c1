"""A disk whose syncs fail or hang, below SQLite: the real library meets the fault in its own commit.

SQLite can use a custom file system (https://www.sqlite.org/vfs.html): here it is the default one, with the
``xSync`` of each file replaced. ``os.fsync``, for files that Python writes itself, is replaced as well.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SQLITE_IOERR_FSYNC = 1034
X_SYNC = 5  # of the words in sqlite3_io_methods: version, close, read, write, truncate, sync
X_OPEN = 5  # of the words in sqlite3_vfs: version and file size, longest name, next, name, data, then xOpen
METHODS = 19  # words of its version 3

_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_Any = ctypes.c_void_p
_Open = ctypes.CFUNCTYPE(ctypes.c_int, _Any, _Any, _Any, ctypes.c_int, _Any)


class FaultyDisk:
    """Files that are opened while it is in place have its faults."""

    def __init__(self) -> None:
        self.fails = False
        self.asked = threading.Event()  # a sync has come while it hung
        self._answers = threading.Event()
        self._answers.set()
        self._kept: list[object] = []  # objects that C code points to

    def hang(self) -> None:
        self._answers.clear()

    def answer(self) -> None:
        self._answers.set()

    def sync(self) -> bool:
        """Whether the sync succeeds; returns when the disk answers."""
        if not self._answers.is_set():
            self.asked.set()
            self._answers.wait(30)
        return not self.fails

    @contextmanager
    def in_place(self) -> Iterator[FaultyDisk]:
        library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_vfs_find.restype = ctypes.c_void_p
        vfs = ctypes.cast(library.sqlite3_vfs_find(None), ctypes.POINTER(ctypes.c_void_p))
        usual = vfs[X_OPEN]
        opening = _Open(self._opening(_Open(usual or 0)))
        self._kept.append(opening)
        vfs[X_OPEN] = ctypes.cast(opening, ctypes.c_void_p).value
        real = os.fsync

        def fsync(handle: Any) -> None:
            if not self.sync():
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(handle)

        try:
            os.fsync = fsync  # type: ignore[assignment]
            yield self
        finally:
            os.fsync = real
            vfs[X_OPEN] = usual
            self.fails = False
            self.answer()

    def _opening(self, usual: Callable[..., int]) -> Callable[..., int]:
        def open_file(vfs: int, name: int, file: int, flags: int, out_flags: int) -> int:
            status = usual(vfs, name, file, flags, out_flags)
            methods = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
            if status == 0 and methods[0]:
                methods[0] = self._replaced(methods[0])
            return status

        return open_file

    def _replaced(self, methods: int) -> int:
        """The address of a copy of ``methods`` with another ``xSync``."""
        copy = (ctypes.c_void_p * METHODS).from_buffer_copy(ctypes.string_at(methods, 8 * METHODS))
        usual = _Sync(copy[X_SYNC] or 0)

        def sync(file: int, flags: int) -> int:
            return int(usual(file, flags)) if self.sync() else SQLITE_IOERR_FSYNC

        replacement = _Sync(sync)
        copy[X_SYNC] = ctypes.cast(replacement, ctypes.c_void_p).value
        self._kept += [copy, replacement]
        return ctypes.addressof(copy)
