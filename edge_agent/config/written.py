"""Parts of a configuration as it was written: plain values, without the defaults that a section fills in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from edge_agent.config.fields import tree
from edge_agent.config.merge import id_of

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
Written = dict[str, Any]
"""Mappings, lists, numbers, booleans and texts, as JSON has them."""


def mappings(node: tree.Mapping, key: str) -> Iterator[tuple[str, tree.Mapping]]:
    """Yield the entries of a list such as ``cameras`` or ``rules``, each with its id."""
    entry = node.entries.get(key)
    items = entry.value.items if entry is not None and isinstance(entry.value, tree.Sequence) else ()
    for each in items:
        id_ = id_of(each)
        if isinstance(each, tree.Mapping) and id_ is not None:
            yield id_, each


def with_id(node: tree.Mapping, key: str, id_: str) -> tree.Mapping | None:
    """Return the entry with this id of a list such as ``cameras`` or ``rules``; None if there is none."""
    return next((each for found, each in mappings(node, key) if found == id_), None)


def plain(node: tree.Mapping) -> Written:
    return {key: _value(entry.value) for key, entry in node.entries.items()}


def plain_entry(node: tree.Mapping, key: str) -> Any:
    """Return the value of a key as plain data; None if the key is missing."""
    entry = node.entries.get(key)
    return None if entry is None else _value(entry.value)


def _value(node: tree.Node) -> Any:
    if isinstance(node, tree.Mapping):
        return plain(node)
    if isinstance(node, tree.Sequence):
        return [_value(each) for each in node.items]
    if node.plain and node.text in ("true", "false"):
        return node.text == "true"
    if node.plain and _NUMBER.fullmatch(node.text):
        return int(node.text) if node.text.lstrip("+-").isdecimal() else float(node.text)
    return node.text
