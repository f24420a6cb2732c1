"""The fleet's sheet on the disk: read again when it changes, kept as it was when it cannot be read."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from edge_central.console.names import Names, read_names

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int], ...]


class FleetSheet:
    """Any thread."""

    def __init__(self, sites: Path | None, wards: Path | None) -> None:
        self._sites, self._wards = sites, wards
        self._lock = threading.Lock()  # protects the two below
        self._names = Names()
        self._stamp: Stamp | None = None

    def names(self) -> Names:
        with self._lock:
            stamp = _stamp(self._sites, self._wards)
            if stamp != self._stamp:
                self._stamp = stamp
                self._names = self._read()
            return self._names

    def _read(self) -> Names:
        try:
            return read_names(self._sites, self._wards)
        except (OSError, ValueError) as error:
            log.error("the sheet of the fleet cannot be read, names stay as they were: %s", error)
            return self._names


def _stamp(*paths: Path | None) -> Stamp:
    return tuple(_of(path) for path in paths if path is not None)


def _of(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
