"""Sentences by code, and how they are filled with figures."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any

from edge_agent.core.languages import LANGS, VIETNAMESE_MARKS, Lang, Sentences
from edge_agent.core.problems.problem import CodedProblem, ProblemText, as_params
from edge_agent.core.problems.words import VIETNAMESE

MAX_DEPTH = 8
"""Limit for problems inside problems, because a gateway can send any depth."""
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)( \d\d:\d\d)?")
_UTC = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z")


class Catalogue:
    """``sentences`` are English and Vietnamese by code; ``{name}`` in them is a parameter.

    A list is joined with commas, with ``{name:and}`` by "and", with ``{name:;}`` by semicolons, with
    ``{name:lines}`` as indented lines.
    """

    def __init__(self, sentences: Sentences) -> None:
        self.sentences = sentences

    def text(self, code: str, /, **params: object) -> ProblemText:
        """Return a problem's English text. Raises KeyError for an unknown code or a missing parameter."""
        english, _ = self.sentences[code]
        if any(isinstance(value, list) for value in params.values()):
            text = _FORMATTERS["en"].vformat(english, (), params)
        else:  # the usual case, six times as fast
            text = english.format_map(params)
        return ProblemText(text, CodedProblem(code, as_params(params)))

    def say(self, problem: CodedProblem, lang: Lang, depth: int = 0) -> str | None:
        """Return the sentence in a language; None for an unknown code, or if the parameters do not fit it."""
        sentence = self.sentences.get(problem.code)
        if sentence is None or depth >= MAX_DEPTH:
            return None
        try:
            params = {
                name: self._shown(name, value, lang, depth + 1) for name, value in problem.params.items()
            }
            return _FORMATTERS[lang].vformat(sentence[LANGS.index(lang)], (), params).strip()
        except (KeyError, ValueError, TypeError):
            return None

    def _shown(self, name: str, value: object, lang: Lang, depth: int) -> object:
        if isinstance(value, CodedProblem):
            text = self.say(value, lang, depth)
            if text is None:
                raise KeyError(value.code)
            return text
        if isinstance(value, str):
            return _word(name, value, lang)
        if isinstance(value, list):
            return [self._shown(name, each, lang, depth) for each in value]
        return value


def _word(name: str, value: str, lang: Lang) -> str:
    """Return a word of the wire or a date in the language; any other text unchanged."""
    if lang == "en":
        return value
    if name in VIETNAMESE:
        return VIETNAMESE[name].get(value, value)
    if found := _DATE.fullmatch(value):
        year, month, day, time = found.groups("")
        return f"{day}/{month}/{year}{time}"
    if found := _UTC.fullmatch(value):
        year, month, day, time = found.groups()
        return f"{time} ngày {day}/{month}/{year} (giờ UTC)"
    return value


class _Formatter(string.Formatter):
    def __init__(self, conjunction: str, marks: Mapping[int, int]) -> None:
        """``marks``: a table for ``str.translate`` that replaces the comma of thousands and the decimal
        point."""
        self._conjunction = conjunction
        self._marks = marks

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, list):
            joint = {"and": self._conjunction, ";": "; ", "lines": "\n  "}.get(format_spec, ", ")
            return joint.join(value)
        text = str(super().format_field(value, format_spec))
        return text.translate(self._marks) if isinstance(value, (int, float)) else text


_FORMATTERS: Mapping[Lang, _Formatter] = {
    "en": _Formatter(" and ", {}),
    "vi": _Formatter(" và ", VIETNAMESE_MARKS),
}
