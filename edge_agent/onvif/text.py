"""Cleans text from the network for a terminal, a log line and a comment in YAML."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

from edge_agent.core.languages import UNITS, Lang

# Control, format (bidirectional overrides among them), surrogate, private use, unassigned, line and paragraph
# separators: what moves a cursor, reorders a line or ends it.
_UNFIT = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
MAX_CHARACTERS = 60


def clean(text: str, most: int = MAX_CHARACTERS) -> str:
    """Return one line of at most ``most`` printable characters; other characters become spaces."""
    printable = "".join(" " if unicodedata.category(c) in _UNFIT else c for c in text[: most * 4])
    return " ".join(printable.split())[:most].rstrip()


def scope_value(scopes: list[str], name: str) -> str:
    """Return VALUE of ``onvif://www.onvif.org/NAME/VALUE``, percent-decoded and clean; empty when there is
    none."""
    start = f"onvif://www.onvif.org/{name}/"
    for scope in scopes:
        if scope.lower().startswith(start):
            return clean(unquote(scope[len(start) :], errors="replace"))
    return ""


def duration(seconds: float, lang: Lang = "en") -> str:
    """Write a duration in its two largest units: ``3 d 4 h``, ``7 min 0 s``."""
    second, minute, hour, day = UNITS[lang]
    whole = round(seconds)
    for name, size, below, below_size in (
        (day, 86400, hour, 3600),
        (hour, 3600, minute, 60),
        (minute, 60, second, 1),
    ):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // below_size} {below}"
    return f"{seconds:.0f} {second}"
