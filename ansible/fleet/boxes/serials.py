"""Reads ``boxes.csv``, the list of the boxes that were prepared: no other box may claim a site.

Columns: ``serial``; optional ``words`` (the fingerprint of the box's page, as the box prints it), ``key``
(SHA-256 of the box's public key, 64 hex digits: then no other key may claim under this serial), ``batch`` and
``note``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_agent.wire.claims import SERIAL
from fleet.problems import Problems
from fleet.sheet import read

COLUMNS = ("words", "key", "batch", "note")


@dataclass(frozen=True, slots=True)
class KnownBox:
    serial: str
    words: str = ""
    key_sha256: str = ""  # empty: any key
    batch: str = ""
    note: str = ""


def read_boxes(problems: Problems) -> dict[str, KnownBox]:
    """The boxes by serial; mistakes are added to ``problems``. Raises OSError."""
    found: dict[str, KnownBox] = {}
    for row in read(problems, ("serial",), COLUMNS):
        serial = row["serial"].lower()
        if serial == "serial":
            continue  # the header, which each box prints with its row
        if SERIAL.fullmatch(serial) is None:
            problems.error(row.line, f"'{row['serial']}' is not a serial", "such as box-10000000a1b2c3d4")
        elif serial in found:
            problems.error(row.line, f"{serial} is there twice", "remove one of the rows")
        elif row["key"] and re.fullmatch(r"[0-9a-f]{64}", row["key"].lower()) is None:
            problems.error(
                row.line, f"{serial}: the key is not 64 hex digits", "as the box prints it, or empty"
            )
        else:
            found[serial] = KnownBox(serial, row["words"], row["key"].lower(), row["batch"], row["note"])
    return found
