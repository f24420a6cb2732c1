"""Declares the keys of a section on its settings class, and derives the section from the class.

    @dataclass(frozen=True, slots=True)
    class Outbox:
        "Events that wait for delivery."

        max_bytes: Annotated[int, Key("space on disk", ByteSize(10**6, 10**12))] = 256 * 10**6

    OUTBOX = section(Outbox, "outbox")

The field is the key: its name, its type, its default. ``Key`` adds the text for people and the valid values.
Such a module must not import ``annotations`` from ``__future__``, which would turn them into text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, MISSING, dataclass, replace
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from edge_agent.config.fields.schema_types import (
    REQUIRED,
    Field,
    FieldType,
    ReloadScope,
    Section,
    SectionValues,
    no_check,
)

_Recipe = Callable[[SectionValues], Any]
_NONE: Mapping[str, Any] = MappingProxyType({})
OF_THE_FIELD: Final = object()
"""Default of ``Key.default``: an absent key gets the default of the dataclass field."""


@dataclass(frozen=True, eq=False, slots=True)
class Key:
    """The key of a settings field, in the field's annotation."""

    doc: str
    kind: FieldType
    default_text: str = ""  # default as the reference prints it; empty: in YAML
    _: KW_ONLY
    key: str = ""  # its name in the file; empty: the name of the field
    default: Any = OF_THE_FIELD  # value of an absent key, if not the field's default
    make: _Recipe | None = None  # makes the setting from the section's values; None: it is the key's value
    reload: ReloadScope | None = None  # None: as the section around it; at the top level, AGENT


@dataclass(frozen=True, eq=False, slots=True)
class Made:
    """Marks a settings field whose value is computed from several keys, or from keys of other fields."""

    make: _Recipe
    keys: tuple[Field, ...] = ()


def section(
    cls: type[Any],
    name: str,
    doc: str = "",
    *,
    check: Callable[[SectionValues], None] = no_check,
    replacements: Mapping[str, str] = _NONE,
    example: str = "",
    make: Callable[..., Any] | None = None,
    changes: Mapping[str, Mapping[str, Any]] = _NONE,
    without: Collection[str] = (),
) -> Section:
    """Derive the section of a settings class, a dataclass; its docstring is the section's ``doc``.

    Fields whose annotation has no ``Key``, ``Made`` or ``Section`` have no key. ``make`` is called instead of
    the class, with the settings by name. If several sections share a class, ``changes`` has, by key, the
    arguments of ``Field`` that differ in this section, and ``without`` lists the keys that this section does
    not have.
    """
    fields: list[Field] = []
    recipes: dict[str, _Recipe] = {}
    for each in dataclasses.fields(cls):
        declared = _declared(cls, each)
        if declared is None:
            continue
        keys = declared.keys if isinstance(declared, Made) else (_key(each, declared),)
        if any(key.key in without for key in keys):
            continue
        fields += [replace(key, **changes[key.key]) if key.key in changes else key for key in keys]
        recipes[each.name] = declared.make or itemgetter(keys[0].key)
    build = _builder(make or cls, recipes)
    text = doc or " ".join((cls.__doc__ or "").split())
    return Section(name, text, tuple(fields), build, check, replacements, example)


def _declared(cls: type[Any], field: dataclasses.Field[Any]) -> Key | Made | None:
    if isinstance(field.type, str):
        raise TypeError(f"{cls.__name__}.{field.name}: do not import annotations from __future__ there")
    for each in getattr(field.type, "__metadata__", ()):
        if isinstance(each, Key | Made):
            return each
        if isinstance(each, Section):
            return Key(each.doc, each)
    return None


def _key(field: dataclasses.Field[Any], declared: Key) -> Field:
    key, default = declared.key or field.name, _default(field, declared)
    return Field(key, declared.kind, declared.doc, default, declared.default_text, declared.reload)


def _default(field: dataclasses.Field[Any], key: Key) -> Any:
    """Return the value of an absent key: for an optional section an empty one, so that its checks run."""
    if key.default is not OF_THE_FIELD:
        return key.default
    if isinstance(key.kind, Section) and field.default is not None:
        return REQUIRED if any(each.default is REQUIRED for each in key.kind.fields) else {}
    if field.default_factory is not MISSING:
        return field.default_factory()
    return REQUIRED if field.default is MISSING else field.default


def _builder(make: Callable[..., Any], recipes: Mapping[str, _Recipe]) -> _Recipe:
    return lambda values: make(**{name: recipe(values) for name, recipe in recipes.items()})
