"""Finds the serial of a box, for root's programs. Uses Python's standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path

PLACES = ("proc/device-tree/serial-number", "sys/class/dmi/id/product_serial")
COUNTED = "0123456789" * 5 + "abcdef"


def find_serial(root: Path = Path("/")) -> str:
    """Return the serial from the board's number; from the machine id if the board has none.

    Raises OSError if there is no machine id either.
    """
    for place in PLACES:
        with contextlib.suppress(OSError):
            if serial := make_serial((root / place).read_text(errors="replace")):
                return serial
    machine = (root / "etc/machine-id").read_text().strip()
    if not machine:
        raise OSError("/etc/machine-id is empty: boxes of one image would get the same serial")
    return f"box-{hashlib.sha256(b'edge-agent serial ' + machine.encode()).hexdigest()[:16]}"


def make_serial(text: str) -> str:
    """Return ``box-`` and the letters and digits of a board's number; empty if it identifies no board.

    Boards without a number of their own have zeros, 0123456789, "System Serial Number", "Default string" or
    "To be filled by O.E.M.".
    """
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    if not 8 <= len(plain) <= 32 or len(set(plain)) <= 3 or plain in COUNTED:
        return ""
    if not re.search(r"\d", plain) or re.search("default|filled|serial", plain):
        return ""
    return f"box-{plain}"
