"""Reads ``boxes.csv``, the list of prepared boxes, and reads it again when it changes. ``fleet claims`` uses
it too."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from edge_agent.wire.claims import SERIAL
from edge_central.claims.model import BoxList
from edge_central.console.site_names import read_rows

log = logging.getLogger(__name__)

_KEY = re.compile(r"[0-9a-f]{64}")


class BoxesFile:
    """The boxes in the file; without a file the list is empty. If the file cannot be read, the last list
    stays in use."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._boxes = BoxList(is_there=path is not None)
        self._stamp: tuple[int, int] | None = None
        self._logged = ""

    def boxes(self) -> BoxList:
        if self._path is None:
            return self._boxes
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._stamp = stamp
                self._boxes = BoxList(_read(self._path), is_there=True)
            self._logged = ""
        except (OSError, ValueError) as error:
            if str(error) != self._logged:  # log once only: each batch of messages reads the list
                self._logged = str(error)
                log.error("cannot read the list of boxes; the previous one stays in use: %s", error)
        return self._boxes


def _read(path: Path) -> dict[str, str]:
    """Return the fingerprint of each box's key, by serial number. Rows with an unusable serial number are
    left out; an unusable key becomes empty."""
    found = {}
    for row in read_rows(path):
        serial, key = row.get("serial", "").lower(), row.get("key", "").lower()
        if SERIAL.fullmatch(serial):
            found[serial] = key if _KEY.fullmatch(key) else ""
    return found
