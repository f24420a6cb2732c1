"""The types of the configuration table: sections, fields, and one walk that reads a tree by them.

Validation, suggestions for misspelt names and ``docs/reference/configuration.md`` use the same table
(``schema.py``). The walk reports each mistake and continues. Functions for error messages are here too: the
nearest valid name, and values that are safe to print.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, Final

from edge_agent.config.fields import tree
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.texts.messages import message
from edge_agent.config.texts.phrases import phrase
from edge_agent.core.clock import Clock
from edge_agent.core.errors import ConfigProblem


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that a person most likely meant, or None if no name is close."""
    by_lower = {name.lower(): name for name in valid}
    tidy = word.strip().lower().replace("-", "_")
    for candidate in (word.strip().lower(), tidy):
        close = get_close_matches(candidate, by_lower, n=1, cutoff=0.6)
        if close:
            return by_lower[close[0]]
    return None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` with the nearest valid name, or an empty text."""
    name = nearest(word, valid)
    return message("mean", name=name) if name else ""


def quoted(text: str) -> str:
    """Return ``text`` in quotes, or a general word for a text that could contain a secret."""
    if "@" in text or ":/" in text:
        return message("this-url" if ":/" in text else "this-text")  # its user part may contain a password
    cut = text if len(text) <= 40 else text[:39] + "…"
    return "'" + "".join(c if c.isprintable() else "·" for c in cut) + "'"


def either_of(names: Iterable[str]) -> str:
    """Join names to ``a, b or c``."""
    *most, last = names
    return message("either", most=", ".join(most), last=last) if most else last


class _Mark(Enum):
    INVALID = "what was read is wrong and has been reported"
    REQUIRED = "no default: the field must be given"


INVALID: Final = _Mark.INVALID
REQUIRED: Final = _Mark.REQUIRED


class ReloadScope(StrEnum):
    """What has to restart when a field changes."""

    NOTHING = "nothing"  # a running agent applies it
    AGENT = "agent"
    CAMERA = "camera"  # only the camera whose setting changed


class InvalidValue(Exception):
    """A value is wrong. The message says how, without a secret in it."""


class ReadContext:
    """Collects the mistakes and warnings of one walk over one merged tree."""

    def __init__(self, files: ConfigFiles, clock: Clock) -> None:
        self.files = files
        self.clock = clock  # some settings expire
        self.problems: list[ConfigProblem] = []
        self.warnings: list[ConfigProblem] = []
        self.incomplete = False  # a file could not be read, and may contain what is missing
        self._key = ""

    @contextmanager
    def about(self, key: str) -> Iterator[None]:
        """Put ``key:`` before the messages of this block."""
        outer, self._key = self._key, key
        try:
            yield
        finally:
            self._key = outer

    def refuse(self, place: tree.SourcePosition, text: str) -> None:
        about = message("about", key=self._key, text=text) if self._key else text
        self.problems.append(place.problem(about))

    def refuse_missing(self, place: tree.SourcePosition, text: str) -> None:
        """Report a missing value, unless a file that could not be read may contain it."""
        if not self.incomplete:
            self.refuse(place, text)

    def warn(self, place: tree.SourcePosition, text: str) -> None:
        self.warnings.append(place.problem(message("warning", text=text)))


class FieldType(ABC):
    """The type of a value."""

    @abstractmethod
    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        """Return the typed value, or report the mistake and return INVALID."""

    @abstractmethod
    def describe(self) -> str:
        """Describe the type in a few words, for messages ("must be ...") and the reference."""


class ScalarType(FieldType):
    """A type for one word or number."""

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if not isinstance(node, tree.Scalar):
            found = message("list" if isinstance(node, tree.Sequence) else "mapping")
            reading.refuse(node.place, message("must-be-not", kind=self.describe(), found=found))
            return INVALID
        if node.plain and node.text == "":
            reading.refuse(node.place, message("no-value", kind=self.describe()))
            return INVALID
        try:
            return self.parse(node, reading)
        except InvalidValue as error:
            reading.refuse(node.place, error.args[0])
            return INVALID

    @abstractmethod
    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> Any:
        """Return the typed value. Raises InvalidValue."""


@dataclass(frozen=True)
class Field:
    """One key of a section."""

    key: str
    kind: FieldType
    doc: str
    default: Any = REQUIRED
    default_text: str = ""  # default as the reference prints it; empty: in YAML
    reload: ReloadScope | None = None  # None: as the section around it; at the top level, AGENT


class SectionValues:
    """Values of one section by key, with their positions."""

    def __init__(self, node: tree.Mapping, reading: ReadContext) -> None:
        self._node = node
        self.reading = reading
        self.found: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        return self.found[key]

    def valid(self, key: str) -> Any:
        """Return the value, or None if it is wrong or missing: for checks of several fields."""
        value = self.found.get(key, INVALID)
        return None if value is INVALID else value

    def given(self, key: str) -> bool:
        return key in self._node.entries

    def place(self, key: str) -> tree.SourcePosition:
        """Return the position of the value; if the key is missing, that of the section."""
        entry = self._node.entries.get(key)
        return entry.value.place if entry else self._node.place

    def key_place(self, key: str) -> tree.SourcePosition:
        entry = self._node.entries.get(key)
        return entry.key if entry else self._node.place

    def node(self, key: str) -> tree.Node | None:
        """Return the node of the key, whether valid or not; None if the key is missing."""
        entry = self._node.entries.get(key)
        return entry.value if entry else None

    def require_both(self, one: str, other: str) -> None:
        """Report a mistake if only one of the two keys is there."""
        for key, missing in ((one, other), (other, one)):
            if self.given(key) and not self.given(missing):
                text = message("together", key=key, missing=missing)
                self.reading.refuse_missing(self.key_place(key), text)

    def warn(self, key: str, text: str) -> None:
        self.reading.warn(self.place(key), text)


def no_check(values: SectionValues) -> None:
    """Accept every section: the default of sections without a check across fields."""


@dataclass(frozen=True)
class Section(FieldType):
    """A mapping with known keys.

    ``build`` makes the frozen settings, and gets valid values only. ``check`` gets every section, also one
    with mistakes, so that mistakes across fields are reported in the same run.
    """

    name: str
    doc: str
    fields: tuple[Field, ...]
    build: Callable[[SectionValues], Any]
    check: Callable[[SectionValues], None] = no_check
    replacements: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Messages for keys that people write instead of valid ones."""
    example: str = ""  # how a short section is written

    def describe(self) -> str:
        if self.example:
            return message("mapping-like", example=self.example)
        keys = ", ".join(each.key for each in self.fields[:3])
        return message("mapping-of", keys=f"{keys}{', …' if len(self.fields) > 3 else ''}")

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if not isinstance(node, tree.Mapping):
            found = message("list" if isinstance(node, tree.Sequence) else "single")
            reading.refuse(node.place, message("must-be-not", kind=self.describe(), found=found))
            return INVALID
        before = len(reading.problems)
        values = SectionValues(node, reading)
        with reading.about(""):
            self._refuse_unknown(node, reading)
            for each in self.fields:
                values.found[each.key] = self._read_field(each, node, reading)
            self.check(values)
        wrong = len(reading.problems) > before or INVALID in values.found.values()
        return INVALID if wrong else self.build(values)

    def _read_field(self, each: Field, node: tree.Mapping, reading: ReadContext) -> Any:
        entry = node.entries.get(each.key)
        if entry is not None:
            with reading.about(each.key):
                return each.kind.read(entry.value, reading)
        if each.default is REQUIRED:
            doc, kind = each.doc.rstrip("."), each.kind.describe()
            text = message("missing", section=phrase(self.name), key=each.key, doc=doc, kind=kind)
            reading.refuse_missing(node.place, text)
            return INVALID
        if isinstance(each.kind, Section) and each.default is not None:
            return each.kind.read(tree.Mapping(node.place), reading)
        return each.default

    def _refuse_unknown(self, node: tree.Mapping, reading: ReadContext) -> None:
        for key, entry in node.entries.items():
            if all(key != each.key for each in self.fields):
                reading.refuse(entry.key, self._unknown(key, entry.value))

    def _unknown(self, key: str, value: tree.Node) -> str:
        """Return the message about an unknown key. It quotes the key only if it resembles a known one: in
        ``{url: rtsp://u:a,b}`` the key ``b`` is half of a password."""
        section = phrase(self.name)
        if key in self.replacements:
            return message("unknown-instead", key=key, section=section, instead=self.replacements[key])
        known = [each.key for each in self.fields]
        near = did_you_mean(key, known)
        if near:
            return message("unknown-near", key=quoted(key), section=section, near=near)
        split = isinstance(value, tree.Scalar) and value.plain and value.text == ""
        comma = message("comma") if split else ""
        return message("unknown", section=section, known=", ".join(known), comma=comma)
