"""Text that a gateway or a camera wrote, made safe for a terminal and for one line of a log.

Control characters move the cursor, colour or hide lines, and forge new ones; bidirectional ones reorder
what is read. They are shown as escapes instead.
"""

from __future__ import annotations

import json
from typing import Any


def printable(text: str) -> str:
    """One line in which every character shows: ``\\n``, ``\\x1b`` or ``\\u202e`` for what does not."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def printable_json(value: Any, indent: int | None = None) -> str:
    """The same value as JSON, on one line unless indented, with ``\\uXXXX`` for what does not show."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if text.replace("\n", "").isprintable():
        return text
    # Outside of strings JSON has nothing but line feeds of the layout that is not printable.
    return "".join(each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in text)
