"""Field types that contain others: lists, mappings by id, and tagged unions.

In a tagged union, the word under the key ``kind`` chooses the section and with it the other keys.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NoReturn

from edge_agent.config.fields import tree
from edge_agent.config.fields.field_types import ID
from edge_agent.config.fields.schema_types import (
    INVALID,
    Field,
    FieldType,
    ReadContext,
    Section,
    SectionValues,
    either_of,
)
from edge_agent.config.texts.messages import message
from edge_agent.config.texts.phrases import phrase

KIND_KEY = "kind"
"""The key of a tagged union whose word chooses the section."""


@dataclass(frozen=True)
class ListOf(FieldType):
    """A list whose items have one type."""

    kind: FieldType
    things: str  # plural, for messages
    least: int = 0
    most: int = 64
    unique: bool = False

    def describe(self) -> str:
        return message("list-of", things=phrase(self.things))

    def describe_items(self) -> str:
        """Describe each item, for the reference."""
        return f"{self.describe()}, each {self.kind.describe()}"

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if not isinstance(node, tree.Sequence):
            found = message("mapping" if isinstance(node, tree.Mapping) else "single")
            text = message("must-be-not", kind=self.describe(), found=found)
            reading.refuse(node.place, message("brackets", text=text))
            return INVALID
        if not self.least <= len(node.items) <= self.most:
            few = len(node.items) < self.least
            limit = message("at-least", count=self.least) if few else message("at-most", count=self.most)
            text = message("must-be", kind=self.describe())
            reading.refuse(node.place, message("limit", text=text, limit=limit, count=len(node.items)))
        values = [self.kind.read(item, reading) for item in node.items]
        if self.unique:
            self._refuse_repeated(node, values, reading)
        return INVALID if INVALID in values else tuple(values)

    def _refuse_repeated(self, node: tree.Sequence, values: list[Any], reading: ReadContext) -> None:
        for index, value in enumerate(values):
            if value is not INVALID and value in values[:index]:
                reading.refuse(node.items[index].place, message("in-list-twice"))


@dataclass(frozen=True)
class UnionOf(ListOf):
    """A list of sets of one type. The value is one set with all their members."""

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        sets = super().read(node, reading)
        return INVALID if sets is INVALID else frozenset().union(*sets)


@dataclass(frozen=True)
class MapOf(FieldType):
    """Values of one type, each under its id: ``{yard: …, gate: …}``."""

    kind: FieldType
    things: str  # plural, for messages
    most: int = 64

    def describe(self) -> str:
        return message("map-of", things=phrase(self.things))

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        """Return the values by id, in the order of the file."""
        if not isinstance(node, tree.Mapping):
            found = message("list" if isinstance(node, tree.Sequence) else "single")
            text = message("must-be-not", kind=self.describe(), found=found)
            reading.refuse(node.place, message("map-example", text=text, kind=self.kind.describe()))
            return INVALID
        if len(node.entries) > self.most:
            things, count = phrase(self.things), len(node.entries)
            reading.refuse(node.place, message("at-most-things", most=self.most, things=things, count=count))
        values: dict[str, Any] = {}
        for name, entry in node.entries.items():
            if not re.fullmatch(ID, name):
                # The message does not quote the key: in {url: rtsp://u:a,b} it is half of a password.
                reading.refuse(entry.key, message("id-rule"))
            values[name] = self.kind.read(entry.value, reading)
        return INVALID if INVALID in values.values() else values


@dataclass(frozen=True)
class TaggedUnion(FieldType):
    """One of ``sections``; the word under ``KIND_KEY`` chooses which. ``tagged_union`` makes it."""

    name: str
    doc: str
    sections: Mapping[str, Section]
    shared: tuple[Field, ...]  # fields that all sections have, ``KIND_KEY`` among them
    unknown: Section  # reads a section without a valid word, as far as possible

    def describe(self) -> str:
        return message("mapping-with", key=KIND_KEY, words=either_of(self.sections))

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        entry = node.entries.get(KIND_KEY) if isinstance(node, tree.Mapping) else None
        word = entry.value.text if entry is not None and isinstance(entry.value, tree.Scalar) else ""
        return self.sections.get(word, self.unknown).read(node, reading)

    def own_fields(self, word: str) -> tuple[Field, ...]:
        """Return the fields of this section that not all sections share."""
        return tuple(each for each in self.sections[word].fields if each not in self.shared)


def tagged_union(name: str, doc: str, sections: Mapping[str, Section]) -> TaggedUnion:
    """Make a union of ``sections`` by word. Each has the field ``KIND_KEY``, which accepts these
    words only."""
    first, *others = sections.values()
    shared = tuple(each for each in first.fields if all(each in other.fields for other in others))
    unknown = Section(name, doc, shared + _optional(sections, shared), _never, replacements=_advice(sections))
    advised = {
        word: replace(each, replacements=_keys_of_others(word, sections)) for word, each in sections.items()
    }
    return TaggedUnion(name, doc, MappingProxyType(advised), shared, unknown)


def _optional(sections: Mapping[str, Section], shared: tuple[Field, ...]) -> tuple[Field, ...]:
    """Return the fields that not all sections share, for a section whose word is not valid.

    A value is checked only if all sections that have the key agree on its type.
    """
    found: dict[str, list[Field]] = {}
    for each in itertools.chain(*(section.fields for section in sections.values())):
        if all(each.key != one.key for one in shared):
            found.setdefault(each.key, []).append(each)
    return tuple(
        Field(first.key, _common_type(first, others), first.doc, None) for first, *others in found.values()
    )


def _common_type(first: Field, others: Sequence[Field]) -> FieldType:
    return first.kind if all(first.kind == other.kind for other in others) else _AnyValue()


def _keys_of_others(word: str, sections: Mapping[str, Section]) -> Mapping[str, str]:
    """Return messages by key: for keys that only other sections have, then the section's own replacements."""
    own = {each.key for each in sections[word].fields}
    at_home: dict[str, list[str]] = {}
    for other, section in sections.items():
        for each in section.fields:
            at_home.setdefault(each.key, []).append(other)
    foreign = {
        key: message("belongs-to", key=key, homes=either_of(homes))
        for key, homes in at_home.items()
        if key not in own
    }
    return MappingProxyType(foreign | dict(sections[word].replacements))


def _advice(sections: Mapping[str, Section]) -> Mapping[str, str]:
    return MappingProxyType(
        {key: text for each in sections.values() for key, text in each.replacements.items()}
    )


@dataclass(frozen=True)
class _AnyValue(FieldType):
    """The type of a key in a section without a valid word, if the sections disagree. Any value is valid."""

    def describe(self) -> str:
        return "anything"

    def read(self, node: tree.Node, reading: ReadContext) -> None:
        return None


def _never(values: SectionValues) -> NoReturn:
    raise AssertionError("without a valid word for its key nothing is built")
