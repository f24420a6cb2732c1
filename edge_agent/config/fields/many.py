"""The kinds that hold several of one kind: lists, and mappings by id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edge_agent.config.fields import tree
from edge_agent.config.fields.kinds import ID
from edge_agent.config.fields.spec import INVALID, FieldType, ReadContext
from edge_agent.config.texts.messages import message, phrase


@dataclass(frozen=True)
class ListOf(FieldType):
    """A list of one kind of thing."""

    kind: FieldType
    things: str  # plural, for messages
    least: int = 0
    most: int = 64
    unique: bool = False

    def describe(self) -> str:
        return message("list-of", things=phrase(self.things))

    def describe_items(self) -> str:
        """For the reference: what each item is."""
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
class MapOf(FieldType):
    """One kind of thing, each under an id of its own: ``{yard: …, gate: …}``."""

    kind: FieldType
    things: str  # plural, for messages
    most: int = 64

    def describe(self) -> str:
        return message("map-of", things=phrase(self.things))

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        """The values by id, in the order of the file."""
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
                # Not quoted: of {url: rtsp://u:a,b} the half of a password after the comma is a key.
                reading.refuse(entry.key, message("id-rule"))
            values[name] = self.kind.read(entry.value, reading)
        return INVALID if INVALID in values.values() else values
