"""Field types of single values: words, numbers, sizes, files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.fields import tree
from edge_agent.config.fields.files import FileRefused
from edge_agent.config.fields.schema_types import (
    FieldType,
    InvalidValue,
    ReadContext,
    ScalarType,
    did_you_mean,
    either_of,
    quoted,
)
from edge_agent.config.texts.messages import message
from edge_agent.config.texts.phrases import phrase
from edge_agent.core.languages import without_diacritics
from edge_agent.core.secrets import Secret

_BOOL = re.compile(r"(yes|no|on|off|true|false)", re.IGNORECASE)
_NULL = re.compile(r"(~|null)", re.IGNORECASE)
_SEXAGESIMAL = re.compile(r"[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_DECIMAL = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_OTHER_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(\.[\d_]*)?|\.(inf|nan))", re.IGNORECASE
)
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?")

ID = r"[a-z0-9-]{1,63}"
ID_RULE = "1 to 63 of a-z, 0-9 and -"


def _taken_for(text: str) -> str | None:
    """Return what YAML 1.1 readers (PyYAML, Ansible) make of ``text`` without quotes; None for text."""
    if _BOOL.fullmatch(text):
        return message("as-true")
    if _NULL.fullmatch(text):
        return message("as-nothing")
    if _SEXAGESIMAL.fullmatch(text):
        return message("as-base-60")
    if _DECIMAL.fullmatch(text) or _OTHER_NUMBER.fullmatch(text):
        return message("as-number")
    if _DATE.fullmatch(text):
        return message("as-date")
    return None


def text_of(scalar: tree.Scalar, what: str) -> str:
    """Return the text of a scalar. Raises InvalidValue where YAML 1.1 reads another type."""
    other = _taken_for(scalar.text) if scalar.plain else None
    if other is not None:
        raise InvalidValue(message("read-as", what=phrase(what), word=scalar.text, other=other))
    return scalar.text


@dataclass(frozen=True)
class Text(ScalarType):
    """Text of one line."""

    what: str = "text"
    most: int = 128
    pattern: str = r"[^\x00-\x1f\x7f]+"
    rule: str = ""
    reserved: Collection[str] = ()

    def describe(self) -> str:
        what = phrase(self.what)
        return message("about", key=what, text=phrase(self.rule)) if self.rule else what

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.what)
        if len(text) > self.most:
            raise InvalidValue(message("too-long", what=phrase(self.what), most=self.most, count=len(text)))
        if not re.fullmatch(self.pattern, text):
            rule = phrase(self.rule) if self.rule else message("one-line")
            what, near = phrase(self.what), self._spelt(text)
            raise InvalidValue(message("spelt", what=what, rule=rule, found=quoted(text), near=near))
        if text in self.reserved:
            raise InvalidValue(message("reserved", found=quoted(text)))
        return text

    def _spelt(self, text: str) -> str:
        """Suggest a valid id for a text with capitals, accents or blanks."""
        near = re.sub(r"[\s_]+", "-", without_diacritics(text.lower()))
        meant = self.pattern == ID and re.fullmatch(ID, near) and quoted(text) == f"'{text}'"
        return message("mean", name=near) if meant else ""


def identifier(reserved: Collection[str] = ()) -> Text:
    return Text("an id", 63, ID, ID_RULE, reserved)


@dataclass(frozen=True)
class Number(ScalarType):
    """A number within limits."""

    low: float
    high: float
    unit: str = ""
    whole: bool = False
    or_zero: bool = False  # 0 is valid too, although below ``low``: it disables the function

    def describe(self) -> str:
        unit = message("unit", unit=phrase(self.unit)) if self.unit else ""
        key = "whole" if self.whole else "number"
        number = message(key, low=f"{self.low:g}", high=f"{self.high:g}", unit=unit)
        return message("or-zero", number=number) if self.or_zero else number

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> float | int:
        number = number_of(scalar, self)
        if not (self.low <= number <= self.high or (self.or_zero and number == 0)):
            raise InvalidValue(message("must-be-not", kind=self.describe(), found=quoted(scalar.text)))
        if not self.whole:
            return number
        if number != int(number):
            raise InvalidValue(message("must-be-not", kind=self.describe(), found=quoted(scalar.text)))
        return int(number)


def number_of(scalar: tree.Scalar, kind: FieldType) -> float:
    """Return the number in a scalar. Raises InvalidValue for no number, or an ambiguous one."""
    text = scalar.text
    if not scalar.plain and _DECIMAL.fullmatch(text):
        raise InvalidValue(message("quoted-number", what=kind.describe()))
    if _SEXAGESIMAL.fullmatch(text):
        raise InvalidValue(message("base-60", what=kind.describe(), found=quoted(text)))
    if re.fullmatch(r"[-+]?0[\d_]+", text):
        raise InvalidValue(message("octal", what=kind.describe(), found=quoted(text)))
    if not _DECIMAL.fullmatch(text) or len(text) > 24:
        raise InvalidValue(message("must-be-not", kind=kind.describe(), found=quoted(text)))
    return float(text)


@dataclass(frozen=True)
class Flag(ScalarType):
    """true or false."""

    def describe(self) -> str:
        return message("flag")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> bool:
        if not scalar.plain or not _BOOL.fullmatch(scalar.text):
            raise InvalidValue(message("must-be-not", kind=self.describe(), found=quoted(scalar.text)))
        return scalar.text.lower() in ("true", "yes", "on")


@dataclass(frozen=True)
class WordChoice(ScalarType):
    """One of a few words."""

    words: tuple[str, ...]
    make: Callable[[str], str] = str  # converts the word to the value
    no: str | None = None  # the word to suggest for no or off
    later: tuple[str, ...] = ()  # words that the design names and this version does not implement

    def describe(self) -> str:
        return either_of(self.words)

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        if scalar.text in self.words:
            return self.make(scalar.text)
        if scalar.text in self.later:
            raise InvalidValue(message("later", found=quoted(scalar.text), what=self.describe()))
        if self.no and scalar.text.lower() in ("no", "off", "false", "null", "~"):
            raise InvalidValue(self._not(scalar, message("mean", name=self.no)))
        raise InvalidValue(self._not(scalar, did_you_mean(scalar.text, self.words)))

    def _not(self, scalar: tree.Scalar, hint: str) -> str:
        text = message("must-be-not", kind=self.describe(), found=quoted(scalar.text))
        return message("with-hint", text=text, hint=hint)


_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kMGT]i?B|[kmgt]i?b|B|)", re.IGNORECASE)
_UNITS = {"": 1, "b": 1} | {
    f"{letter}{i}b": (1024 if i else 1000) ** power
    for power, letter in enumerate("kmgt", start=1)
    for i in ("", "i")
}


def size_text(size: int) -> str:
    """Return a size as text, such as ``256 MB``."""
    for power, letter in ((4, "T"), (3, "G"), (2, "M"), (1, "k")):
        if size >= 1000**power:
            return f"{size / 1000**power:g}{letter}B"
    return f"{size}B"


@dataclass(frozen=True)
class ByteSize(ScalarType):
    """A number of bytes with a unit."""

    low: int
    high: int

    def describe(self) -> str:
        return message("size", low=size_text(self.low), high=size_text(self.high))

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> int:
        match = _SIZE.fullmatch(scalar.text.strip())
        if not match:
            raise InvalidValue(message("must-be-not", kind=self.describe(), found=quoted(scalar.text)))
        size = int(float(match[1]) * _UNITS[match[2].lower()])
        if not self.low <= size <= self.high:
            raise InvalidValue(message("must-be-not", kind=self.describe(), found=quoted(scalar.text)))
        return size


@dataclass(frozen=True)
class PathType(ScalarType):
    """A path, relative to the configuration file. The file need not exist."""

    what: str

    def describe(self) -> str:
        return phrase(self.what)

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> Path:
        text = text_of(scalar, self.what)
        if "\0" in text or not text.strip():
            raise InvalidValue(message("must-be", kind=self.describe()))
        return reading.files.base / text


@dataclass(frozen=True)
class ReadableFile(ScalarType):
    """A readable file. It need not exist when a copy of the configuration is checked elsewhere."""

    what: str
    private: bool = False

    def describe(self) -> str:
        return phrase(self.what)

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> Path:
        name = text_of(scalar, self.what)
        try:
            path = reading.files.readable(name)
        except FileRefused as error:
            raise InvalidValue(error.args[0]) from error
        if self.private:
            _warn_exposed(name, scalar.place, reading)
        return path


def _warn_exposed(name: str, place: tree.SourcePosition, reading: ReadContext) -> None:
    exposed = reading.files.world_readable(name)
    if exposed is not None:
        reading.warn(place, message("exposed", path=exposed))


@dataclass(frozen=True)
class PasswordFile(ScalarType):
    """A file with a password in its one line. The value is a Secret, never the path."""

    def describe(self) -> str:
        return message("password-file")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> Secret:
        name = text_of(scalar, self.describe())
        try:
            secret = Secret(reading.files.secret(name))
        except FileRefused as error:
            raise InvalidValue(error.args[0]) from error
        _warn_exposed(name, scalar.place, reading)
        return secret
