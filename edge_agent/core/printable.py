"""Text from a gateway or a camera, made safe for a terminal and for one line of a log.

Control characters move the cursor, colour or hide lines, and forge new lines; bidirectional characters
reorder text. They are shown as escapes instead.
"""

from __future__ import annotations

import json
from typing import Any


def printable(text: str) -> str:
    """Return the text as one line; escapes such as ``\\n`` and ``\\u202e`` stand for invisible characters."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def printable_json(value: Any, indent: int | None = None) -> str:
    """Return JSON, on one line unless indented, with ``\\uXXXX`` for invisible characters."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if text.replace("\n", "").isprintable():
        return text
    # Outside of strings, the only unprintable characters of JSON are the line feeds of the layout.
    return "".join(each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in text)
