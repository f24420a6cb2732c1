"""Parses YAML to a tree with the position of each node.

PyYAML's events have positions and the text as written. Its constructor would lose both and turn ``22:00``
into 1320, ``no`` into False, and drop the first of two equal keys. So scalars stay text here, and the types
in ``field_types.py`` decide what a text may mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from edge_agent.config.texts.messages import message
from edge_agent.core.errors import ConfigProblem

MAX_BYTES = 256 * 1024  # a gateway of 8 cameras with 20 polygons each needs about 40 kB
MAX_VALUES = 20_000  # counted with every alias written out, so that nested aliases cannot multiply
MAX_DEPTH = 32

_STR_TAG = "tag:yaml.org,2002:str"
_UNPRINTABLE = re.compile("[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


@dataclass(frozen=True, slots=True, order=True)
class SourcePosition:
    file: str
    line: int  # from 1
    column: int  # from 1, in characters

    def problem(self, message: str) -> ConfigProblem:
        return ConfigProblem(self.file, self.line, self.column, message)


@dataclass(frozen=True, slots=True)
class Scalar:
    place: SourcePosition
    text: str
    plain: bool  # True: without quotes, so other YAML readers may read another type


@dataclass(frozen=True, slots=True)
class Sequence:
    place: SourcePosition
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MappingEntry:
    key: SourcePosition
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    place: SourcePosition
    entries: dict[str, MappingEntry] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


class NotYaml(Exception):
    """The rest of the text cannot be parsed."""

    def __init__(self, problem: ConfigProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def parse(data: bytes, file: str) -> tuple[Node | None, list[ConfigProblem]]:
    """Return the tree of ``data`` (None for an empty document) and the mistakes that did not end the parsing.

    Raises only NotYaml, whatever the bytes are.
    """
    if len(data) > MAX_BYTES:
        raise NotYaml(SourcePosition(file, 1, 1).problem(message("file-too-large", kib=MAX_BYTES // 1024)))
    text = _decode(data, file)
    builder = _Builder(file)
    try:
        # libyaml's parser: 17 times as fast as the Python one, and it limits nesting itself.
        return builder.document(yaml.parse(text, Loader=yaml.CSafeLoader)), builder.problems
    except yaml.MarkedYAMLError as error:
        raise NotYaml(_explain(error, text, file)) from None  # the cause's text may quote a secret
    except yaml.YAMLError:
        raise NotYaml(SourcePosition(file, 1, 1).problem(message("not-yaml"))) from None


def _decode(data: bytes, file: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_at(data[: error.start].decode("utf-8", "replace"), file)
        raise NotYaml(place.problem(message("not-utf-8"))) from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        place = _place_at(text[: bad.start()], file)
        character = f"U+{ord(bad.group()):04X}"
        raise NotYaml(place.problem(message("control-character", character=character)))
    return text


def _place_at(before: str, file: str) -> SourcePosition:
    lines = before.split("\n")
    return SourcePosition(file, len(lines), len(lines[-1]) + 1)


def _explain(error: yaml.MarkedYAMLError, text: str, file: str) -> ConfigProblem:
    """Explain the parser's error without a quotation, which could be a password."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return SourcePosition(file, 1, 1).problem(message("not-yaml"))
    place = SourcePosition(file, mark.line + 1, mark.column + 1)
    found = _character_at(text, mark.line, mark.column)
    problem = error.problem or "not readable as YAML"
    if "cannot start any token" in problem:
        if found == "\t":
            return place.problem(message("tab"))
        return place.problem(message("start", found=repr(found)))
    if "undefined tag handle" in problem:
        return place.problem(message("no-yaml-tag"))
    context = f" ({error.context})" if error.context else ""
    return place.problem(message("yaml", problem=problem, context=context))


def _character_at(text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    return lines[line][column : column + 1] if line < len(lines) else ""


class _Builder:
    """Makes the tree from the parser's events. An instance makes one tree."""

    def __init__(self, file: str) -> None:
        self.problems: list[ConfigProblem] = []
        self._file = file
        self._values = 0
        self._anchors: dict[str, tuple[Node, int]] = {}

    def document(self, events: Iterator[Any]) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self._stop(event, message("second-document"))
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, events, 0)
        if isinstance(root, Scalar) and root.plain and root.text == "":
            return None
        return root

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._count(event, 1)
        if depth > MAX_DEPTH:
            self._stop(event, message("too-deep", levels=MAX_DEPTH))
        if event.tag not in (None, "!", _STR_TAG):
            self.problems.append(self._place(event).problem(message("no-yaml-tag")))
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(self._place(event), event.value, not event.style and event.tag is None)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Sequence(self._place(event), tuple(self._children(events, depth)))
        else:
            node = self._mapping(event, list(self._children(events, depth)))
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._values - before)
        return node

    def _children(self, events: Iterator[Any], depth: int) -> Iterator[Node]:
        for event in events:
            if isinstance(event, yaml.CollectionEndEvent):
                return
            yield self._node(event, events, depth + 1)

    def _mapping(self, event: Any, children: list[Node]) -> Mapping:
        entries: dict[str, MappingEntry] = {}
        merged: list[Mapping] = []
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.problems.append(key.place.problem(message("one-word")))
            elif key.text == "<<" and key.plain:
                merged.extend(self._merge_sources(value))
            elif key.text in entries:
                first = entries[key.text].key
                text = message("key-twice", line=first.line)
                self.problems.append(key.place.problem(text))
            else:
                entries[key.text] = MappingEntry(key.place, value)
        for source in merged:  # YAML merge keys: a key of this mapping wins, then the earlier source
            for name, entry in source.entries.items():
                entries.setdefault(name, entry)
        return Mapping(self._place(event), entries)

    def _merge_sources(self, value: Node) -> list[Mapping]:
        sources = value.items if isinstance(value, Sequence) else (value,)
        for source in sources:
            if not isinstance(source, Mapping):
                self.problems.append(source.place.problem(message("merge-mappings")))
        return [source for source in sources if isinstance(source, Mapping)]

    def _alias(self, event: Any) -> Node:
        known = self._anchors.get(event.anchor)
        if known is None:
            self._stop(event, message("alias"))
        node, size = known
        self._count(event, size)
        return node

    def _count(self, event: Any, values: int) -> int:
        before = self._values
        self._values += values
        if self._values > MAX_VALUES:
            self._stop(event, message("too-many-values", count=MAX_VALUES))
        return before

    def _stop(self, event: Any, text: str) -> NoReturn:
        raise NotYaml(self._place(event).problem(text))

    def _place(self, event: Any) -> SourcePosition:
        return SourcePosition(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
