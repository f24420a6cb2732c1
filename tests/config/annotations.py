"""Compares the values of settings with the annotations of their fields: mypy does not see what Key reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from edge_agent.config.fields.collections import ListOf, MapOf, TaggedUnion
from edge_agent.config.fields.schema_types import Section


def misfits(value: Any, kind: Any, where: str) -> Iterator[str]:
    """Yield the places in ``value`` whose type is not the annotated one."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from misfits(value, arguments[0], where)
    elif origin in (UnionType, Union):
        yield from min((list(misfits(value, each, where)) for each in arguments), key=len)
    elif not _is_of(value, origin or kind or NoneType):
        yield f"{where}: {value!r} is not of {kind}"
    elif origin in (tuple, frozenset):
        pair = origin is tuple and arguments[-1] is not Ellipsis
        for each, of in zip(value, arguments if pair else (arguments[0],) * len(value), strict=True):
            yield from misfits(each, of, where)
    elif origin is Mapping:
        for key, each in value.items():
            yield from misfits(each, arguments[1], f"{where}.{key}")
    elif is_dataclass(value):
        for field in fields(value):
            if not isinstance(field.type, str):  # a class without keys
                yield from misfits(getattr(value, field.name), field.type, f"{where}.{field.name}")


def _is_of(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def keys_of(section: Section) -> Iterator[str]:
    """Yield every key of the section and of the sections in it."""
    for each in section.fields:
        yield each.key
        kind = each.kind.kind if isinstance(each.kind, ListOf | MapOf) else each.kind
        for inner in kind.sections.values() if isinstance(kind, TaggedUnion) else (kind,):
            if isinstance(inner, Section):
                yield from keys_of(inner)
