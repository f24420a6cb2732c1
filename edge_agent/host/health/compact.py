"""A message in as few bytes as its schema allows: a heartbeat comes every few seconds, over a paid link."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from edge_agent.wire import Message


def compact(message: Message) -> bytes:
    """JSON without the optional fields that have their default; ``schema`` always stays.

    Whole numbers lose their ``.0``, which JSON Schema does not tell from it.
    """
    return msgspec.json.encode(_without_defaults(message))


def _without_defaults(value: object) -> Any:
    if isinstance(value, Message):
        kept = {}
        for each in _fields(type(value)):
            content = getattr(value, each.name)
            if each.required or each.name == "schema" or content != _default(each):
                kept[each.encode_name] = _without_defaults(content)
        return kept
    if isinstance(value, dict):
        return {key: _without_defaults(content) for key, content in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@functools.cache
def _fields(kind: type[Message]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Looking them up takes most of the time otherwise."""
    return msgspec.structs.fields(kind)


def _default(each: msgspec.structs.FieldInfo) -> object:
    return each.default if each.default_factory is msgspec.NODEFAULT else each.default_factory()
