"""Reads ``boxes.csv``, the list of prepared boxes, again when it changes; ``fleet claims`` reads it too."""

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
    """The boxes in the file; without a file there is no list. If it cannot be read, the last list stays in
    use."""

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
            if str(error) != self._logged:  # each batch of messages asks
                self._logged = str(error)
                log.error("cannot read the list of boxes; the previous one stays in use: %s", error)
        return self._boxes


def _read(path: Path) -> dict[str, str]:
    """Serial -> fingerprint of the box's key. Unusable cells are left out."""
    found = {}
    for row in read_rows(path):
        serial, key = row.get("serial", "").lower(), row.get("key", "").lower()
        if SERIAL.fullmatch(serial):
            found[serial] = key if _KEY.fullmatch(key) else ""
    return found
