"""The kinds that hold several of one kind: lists, and mappings by id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edge_agent.config import tree
from edge_agent.config.kinds import ID, ID_RULE
from edge_agent.config.spec import INVALID, Kind, Reading


@dataclass(frozen=True)
class ListOf(Kind):
    """A list of one kind of thing."""

    kind: Kind
    things: str  # plural, for messages
    least: int = 0
    most: int = 64
    unique: bool = False

    def describe(self) -> str:
        return f"a list of {self.things}"

    def describe_items(self) -> str:
        """For the reference: what each item is."""
        return f"{self.describe()}, each {self.kind.describe()}"

    def read(self, node: tree.Node, reading: Reading) -> Any:
        if not isinstance(node, tree.Sequence):
            found = "a mapping" if isinstance(node, tree.Mapping) else "a single value"
            reading.refuse(node.place, f"must be {self.describe()}, not {found}; write [ … ] around it")
            return INVALID
        if not self.least <= len(node.items) <= self.most:
            limit = f"at least {self.least}" if len(node.items) < self.least else f"at most {self.most}"
            reading.refuse(node.place, f"must be {self.describe()}: {limit}, not {len(node.items)}")
        values = [self.kind.read(item, reading) for item in node.items]
        if self.unique:
            self._refuse_repeated(node, values, reading)
        return INVALID if INVALID in values else tuple(values)

    def _refuse_repeated(self, node: tree.Sequence, values: list[Any], reading: Reading) -> None:
        for index, value in enumerate(values):
            if value is not INVALID and value in values[:index]:
                reading.refuse(node.items[index].place, "stands in this list twice")


@dataclass(frozen=True)
class MapOf(Kind):
    """One kind of thing, each under an id of its own: ``{yard: …, gate: …}``."""

    kind: Kind
    things: str  # plural, for messages
    most: int = 64

    def describe(self) -> str:
        return f"a mapping of {self.things} by id"

    def read(self, node: tree.Node, reading: Reading) -> Any:
        """The values by id, in the order of the file."""
        if not isinstance(node, tree.Mapping):
            found = "a list" if isinstance(node, tree.Sequence) else "a single value"
            example = f"; write {{some-id: …}}, each {self.kind.describe()}"
            reading.refuse(node.place, f"must be {self.describe()}, not {found}{example}")
            return INVALID
        if len(node.entries) > self.most:
            reading.refuse(node.place, f"at most {self.most} {self.things}, not {len(node.entries)}")
        values: dict[str, Any] = {}
        for name, entry in node.entries.items():
            if not re.fullmatch(ID, name):
                # Not quoted: of {url: rtsp://u:a,b} the half of a password after the comma is a key.
                reading.refuse(entry.key, f"an id is {ID_RULE}: no capitals, accents or blanks")
            values[name] = self.kind.read(entry.value, reading)
        return INVALID if INVALID in values.values() else values
