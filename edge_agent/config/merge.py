"""Merges the layers of a configuration to one tree: profile, file, drop-ins; a later layer wins."""

from __future__ import annotations

import json
import re
from hashlib import sha256

from edge_agent.config.fields.tree import Mapping, MappingEntry, Node, Scalar, Sequence
from edge_agent.core.secrets import masked

_BY_ID = ("cameras", "rules")


def merged(base: Mapping, over: Mapping) -> Mapping:
    """Merge ``over`` into ``base``: mappings by key, ``cameras`` and ``rules`` by id; other values are
    replaced.

    Every node keeps its position, so that an error names the right file.
    """
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        if below is not None:
            entry = MappingEntry(entry.key, _node_merged(key, below.value, entry.value))
        entries[key] = entry
    return Mapping(base.place if base.entries else over.place, entries)


def _node_merged(key: str, below: Node, above: Node) -> Node:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return merged(below, above)
    if key in _BY_ID and isinstance(below, Sequence) and isinstance(above, Sequence):
        return merged_by_id(below, above)
    return above


def merged_by_id(below: Sequence, above: Sequence) -> Sequence:
    """Merge each item of ``above`` into the item with its id; append it if there is none."""
    items = list(below.items)
    at = {id_: i for i, item in enumerate(items) if (id_ := id_of(item)) is not None}
    for item in above.items:
        id_ = id_of(item)
        if id_ is None or id_ not in at:
            items.append(item)
        else:
            index, known = at[id_], items[at[id_]]
            assert isinstance(known, Mapping)  # both have an id, so both are mappings
            assert isinstance(item, Mapping)
            items[index] = merged(known, item)
    return Sequence(below.place, tuple(items))


def id_of(node: Node) -> str | None:
    """Return the id of a camera or rule; None if it has none."""
    entry = node.entries.get("id") if isinstance(node, Mapping) else None
    return entry.value.text if entry and isinstance(entry.value, Scalar) else None


def without_nulls(node: Mapping) -> Mapping:
    """Drop keys whose value is an explicit ``null``, which stands for the default."""
    kept: dict[str, MappingEntry] = {}
    for key, entry in node.entries.items():
        if not _is_null(entry.value):
            kept[key] = MappingEntry(entry.key, _without_nulls_below(entry.value))
    return Mapping(node.place, kept)


def _without_nulls_below(node: Node) -> Node:
    if isinstance(node, Mapping):
        return without_nulls(node)
    if isinstance(node, Sequence):
        return Sequence(node.place, tuple(_without_nulls_below(item) for item in node.items))
    return node


def _is_null(node: Node) -> bool:
    return (
        isinstance(node, Scalar) and node.plain and re.fullmatch(r"~|null|Null|NULL", node.text) is not None
    )


def hash_of(tree: Mapping) -> str:
    """Return the sha256 of the merged tree in canonical form, without passwords and user parts of URLs."""
    text = json.dumps(_canonical(tree), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode("utf-8")).hexdigest()


def _canonical(node: Node) -> object:
    if isinstance(node, Mapping):
        return {key: _canonical(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [_canonical(item) for item in node.items]
    try:
        return float(node.text) if node.plain else masked(node.text)  # 5 and 5.0 are the same setting
    except ValueError:
        return masked(node.text)
