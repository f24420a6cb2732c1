"""Vietnamese for English texts without a code: those in the centre's own tables, and those of older agents.

The patterns are made from the English sentences of the catalogue, so wording has one place. A text that no
sentence fits is shown as it is.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import lru_cache

from edge_agent.core.problems import CATALOGUE as AGENT
from edge_agent.core.problems import CodedProblem
from edge_agent.core.problems.catalogue import Catalogue
from edge_agent.core.problems.problem import as_params
from edge_agent.core.problems.words import VIETNAMESE
from edge_central.web.i18n.sentences import SENTENCES

CATALOGUE = Catalogue({**AGENT.sentences, **SENTENCES})
MAX_LENGTH, MAX_DEPTH = 500, 4
"""Characters of a text, and sentences inside sentences: a gateway may send any text."""
NESTED = frozenset(
    {
        *("why", "saved", "waits", "held_back", "origin", "agreement", "since", "advice", "changes"),
        *("difference", "reference", "reason"),
    }
)
"""Parameters that may be sentences themselves."""
WITH_SPACES = NESTED | {
    *("at", "by", "until", "file", "error", "detail", "cameras", "codecs", "keys", "views", "fix", "command"),
}
OPEN_WORDS = frozenset({"label", "outcome", "views"})
"""Words that may be missing in ``VIETNAMESE``, such as classes of another model."""
AROUND_OTHERS = frozenset({"outbox-in-memory"})
"""Used only around a sentence: another code has the same English around other texts."""
_JOINTS = (("; ", "; "), (", ", ", "), (" and ", " và "))


@dataclass(frozen=True, slots=True)
class _Pattern:
    code: str
    regex: re.Pattern[str]
    formats: dict[str, str]  # by parameter
    literals: str  # of the sentence, without its parameters

    @property
    def is_generic(self) -> bool:
        """Whether it fits almost any text: then a part of the text must be known."""
        return self.code in AROUND_OTHERS or re.search("[a-z]", self.literals) is None

    @property
    def order(self) -> tuple[bool, int, bool, bool]:
        """Sentences that begin with a word before those that begin with a parameter, the longest first."""
        begins_free = CATALOGUE.sentences[self.code][0].startswith("{")
        has_nested = bool(NESTED & self.formats.keys())
        return begins_free, -len(self.literals), self.code not in AROUND_OTHERS, has_nested


@lru_cache(1024)
def vietnamese_of(text: str, depth: int = 0) -> str | None:
    """None: no sentence fits."""
    if len(text) > MAX_LENGTH or depth > MAX_DEPTH:
        return None
    for pattern in _PATTERNS:
        found = pattern.regex.fullmatch(text)
        if found is not None and (words := _rendered(pattern, found.groupdict(), depth + 1)) is not None:
            return words
    return None


def _rendered(pattern: _Pattern, texts: dict[str, str], depth: int) -> str | None:
    if not all(_is_word(name, text) for name, text in texts.items()):
        return None
    params = {name: _param(name, text, pattern.formats[name], depth) for name, text in texts.items()}
    if pattern.is_generic and not any(params[name] != texts[name] or name in VIETNAMESE for name in params):
        return None
    return CATALOGUE.say(CodedProblem(pattern.code, as_params(params)), "vi")


def _is_word(name: str, text: str) -> bool:
    """Whether the text fits a parameter that is a word of the wire."""
    return name not in VIETNAMESE or name in OPEN_WORDS or text in VIETNAMESE[name]


def _param(name: str, text: str, spec: str, depth: int) -> object:
    if name == "views":
        return re.split(", | and ", text)
    if spec and spec != "and":
        number = float(text.replace(",", ""))
        return int(number) if spec == "," else number
    return (_inner(text, depth) or text) if name in NESTED else text


def _inner(text: str, depth: int) -> str | None:
    """A sentence inside another one, or several that are joined."""
    if (whole := vietnamese_of(text, depth)) is not None:
        return whole
    for joint, ours in _JOINTS:
        pieces = [vietnamese_of(piece, depth) for piece in text.split(joint)]
        if len(pieces) > 1 and None not in pieces:
            return ours.join(map(str, pieces))
    return None


def _pattern(code: str, english: str) -> _Pattern:
    regex, formats, literals = "", {}, ""
    for literal, name, spec, _ in string.Formatter().parse(english):
        regex, literals = regex + re.escape(literal), literals + literal
        if name is not None:
            formats[name] = spec or ""
            one_word = r"-?[\d,]*\.?\d+" if spec and spec != "and" else r"\S+"
            regex += f"(?P<{name}>{'.+?' if name in WITH_SPACES else one_word})"
    return _Pattern(code, re.compile(regex), formats, literals)


_PATTERNS = sorted(
    (_pattern(code, english) for code, (english, _) in CATALOGUE.sentences.items()),
    key=lambda pattern: pattern.order,
)
