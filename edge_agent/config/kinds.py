"""The kinds of single values: words, numbers, sizes, files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config import tree
from edge_agent.config.files import FileRefused
from edge_agent.config.spec import Reading, Refused, ScalarKind
from edge_agent.config.words import did_you_mean, listed, shown
from edge_agent.secrets import Secret

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
    """What YAML 1.1 readers (PyYAML, Ansible) make of an unquoted ``text`` that was meant as text."""
    if _BOOL.fullmatch(text):
        return "true or false"
    if _NULL.fullmatch(text):
        return "no value"
    if _SEXAGESIMAL.fullmatch(text):
        return "a number in base 60"
    if _DECIMAL.fullmatch(text) or _OTHER_NUMBER.fullmatch(text):
        return "a number"
    if _DATE.fullmatch(text):
        return "a date"
    return None


def text_of(scalar: tree.Scalar, what: str) -> str:
    """The text of a scalar; raises Refused where YAML would make something else of it."""
    other = _taken_for(scalar.text) if scalar.plain else None
    if other is not None:
        word = scalar.text
        raise Refused(f"must be {what}, but YAML reads {word} as {other}: put it in quotes, '{word}'")
    return scalar.text


@dataclass(frozen=True)
class Text(ScalarKind):
    """Free text of one line."""

    what: str = "text"
    most: int = 128
    pattern: str = r"[^\x00-\x1f\x7f]+"
    rule: str = ""
    reserved: Collection[str] = ()

    def describe(self) -> str:
        return f"{self.what}: {self.rule}" if self.rule else self.what

    def parse(self, scalar: tree.Scalar, reading: Reading) -> str:
        text = text_of(scalar, self.what)
        if len(text) > self.most:
            raise Refused(f"must be {self.what} of at most {self.most} characters, not {len(text)}")
        if not re.fullmatch(self.pattern, text):
            rule = self.rule or "one line without control characters"
            raise Refused(f"must be {self.what}: {rule}, not {shown(text)}{self._spelt(text)}")
        if text in self.reserved:
            raise Refused(f"{shown(text)} is reserved for the agent itself; choose another")
        return text

    def _spelt(self, text: str) -> str:
        """What an id was meant to be that has capitals, accents or blanks in it."""
        plain = unicodedata.normalize("NFKD", text.lower().replace("đ", "d"))
        near = re.sub(r"[\s_]+", "-", "".join(c for c in plain if not unicodedata.combining(c)))
        meant = self.pattern == ID and re.fullmatch(ID, near) and shown(text) == f"'{text}'"
        return f" (did you mean '{near}'?)" if meant else ""


def identifier(reserved: Collection[str] = ()) -> Text:
    return Text("an id", 63, ID, ID_RULE, reserved)


@dataclass(frozen=True)
class Number(ScalarKind):
    """A number within bounds."""

    low: float
    high: float
    unit: str = ""
    whole: bool = False
    or_zero: bool = False  # 0 is valid too, although below ``low``: it switches something off

    def describe(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        zero = "0 or " if self.or_zero else ""
        return f"{zero}{kind} from {self.low:g} to {self.high:g}{self.unit and ' ' + self.unit}"

    def parse(self, scalar: tree.Scalar, reading: Reading) -> float | int:
        number = number_of(scalar, self.describe())
        if not (self.low <= number <= self.high or (self.or_zero and number == 0)):
            raise Refused(f"must be {self.describe()}, not {shown(scalar.text)}")
        if not self.whole:
            return number
        if number != int(number):
            raise Refused(f"must be {self.describe()}, not {shown(scalar.text)}")
        return int(number)


def number_of(scalar: tree.Scalar, what: str) -> float:
    """The number a scalar is; raises Refused with the reason where it is none, or an ambiguous one."""
    text = scalar.text
    if not scalar.plain and _DECIMAL.fullmatch(text):
        raise Refused(f"must be {what}, not text; remove the quotes")
    if _SEXAGESIMAL.fullmatch(text):
        raise Refused(f"must be {what}; YAML reads {shown(text)} in base 60")
    if re.fullmatch(r"[-+]?0[\d_]+", text):
        raise Refused(f"must be {what}; YAML reads {shown(text)} as octal: remove the leading zero")
    if not _DECIMAL.fullmatch(text) or len(text) > 24:
        raise Refused(f"must be {what}, not {shown(text)}")
    return float(text)


@dataclass(frozen=True)
class Flag(ScalarKind):
    """true or false."""

    def describe(self) -> str:
        return "true or false"

    def parse(self, scalar: tree.Scalar, reading: Reading) -> bool:
        if not scalar.plain or not _BOOL.fullmatch(scalar.text):
            raise Refused(f"must be true or false, not {shown(scalar.text)}")
        return scalar.text.lower() in ("true", "yes", "on")


@dataclass(frozen=True)
class Choice(ScalarKind):
    """One of a few words."""

    words: tuple[str, ...]
    make: Callable[[str], str] = str  # what becomes of the word
    no: str | None = None  # the word that is meant where somebody writes no or off
    later: tuple[str, ...] = ()  # words that the design has and this version does not offer

    def describe(self) -> str:
        return listed(self.words)

    def parse(self, scalar: tree.Scalar, reading: Reading) -> str:
        if scalar.text in self.words:
            return self.make(scalar.text)
        if scalar.text in self.later:
            raise Refused(f"'{scalar.text}' comes with a later version; use {self.describe()}")
        if self.no and scalar.text.lower() in ("no", "off", "false", "null", "~"):
            raise Refused(f"must be {self.describe()}, not {shown(scalar.text)} (did you mean '{self.no}'?)")
        near = did_you_mean(scalar.text, self.words)
        raise Refused(f"must be {self.describe()}, not {shown(scalar.text)}{near}")


_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kMGT]i?B|[kmgt]i?b|B|)", re.IGNORECASE)
_UNITS = {"": 1, "b": 1} | {
    f"{letter}{i}b": (1024 if i else 1000) ** power
    for power, letter in enumerate("kmgt", start=1)
    for i in ("", "i")
}


def size_text(size: int) -> str:
    """``256 MB``."""
    for power, letter in ((4, "T"), (3, "G"), (2, "M"), (1, "k")):
        if size >= 1000**power:
            return f"{size / 1000**power:g}{letter}B"
    return f"{size}B"


@dataclass(frozen=True)
class Size(ScalarKind):
    """Bytes, with a unit."""

    low: int
    high: int

    def describe(self) -> str:
        return f"a size from {size_text(self.low)} to {size_text(self.high)}, such as 256MB"

    def parse(self, scalar: tree.Scalar, reading: Reading) -> int:
        match = _SIZE.fullmatch(scalar.text.strip())
        if not match:
            raise Refused(f"must be {self.describe()}, not {shown(scalar.text)}")
        size = int(float(match[1]) * _UNITS[match[2].lower()])
        if not self.low <= size <= self.high:
            raise Refused(f"must be {self.describe()}, not {shown(scalar.text)}")
        return size


@dataclass(frozen=True)
class PathKind(ScalarKind):
    """A path; relative to the configuration file. What is there is not looked at."""

    what: str

    def describe(self) -> str:
        return self.what

    def parse(self, scalar: tree.Scalar, reading: Reading) -> Path:
        text = text_of(scalar, self.what)
        if "\0" in text or not text.strip():
            raise Refused(f"must be {self.what}")
        return reading.files.base / text


@dataclass(frozen=True)
class ReadableFile(ScalarKind):
    """A file that must be readable, unless a copy of the configuration is checked elsewhere."""

    what: str
    private: bool = False

    def describe(self) -> str:
        return self.what

    def parse(self, scalar: tree.Scalar, reading: Reading) -> Path:
        name = text_of(scalar, self.what)
        try:
            path = reading.files.readable(name)
        except FileRefused as error:
            raise Refused(str(error)) from error
        if self.private:
            _warn_exposed(name, scalar.place, reading)
        return path


def _warn_exposed(name: str, place: tree.Place, reading: Reading) -> None:
    exposed = reading.files.world_readable(name)
    if exposed is not None:
        reading.warn(place, f"every user of this box can read {exposed}; chmod o-r it")


@dataclass(frozen=True)
class PasswordFile(ScalarKind):
    """A file whose one line is a password. The value is the Secret, never the path."""

    def describe(self) -> str:
        return "a file that holds a password"

    def parse(self, scalar: tree.Scalar, reading: Reading) -> Secret:
        name = text_of(scalar, self.describe())
        try:
            secret = Secret(reading.files.secret(name))
        except FileRefused as error:
            raise Refused(str(error)) from error
        _warn_exposed(name, scalar.place, reading)
        return secret
