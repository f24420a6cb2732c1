"""One finding in two languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from edge_agent.core.languages import Lang, day_text, duration, in_lang
from edge_agent.tools.doctor.check import CheckLevel, Figure


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of one finding; ``{names}`` in them are its figures."""

    level: CheckLevel
    en: str
    vi: str
    en_do: str = ""  # what to do; empty: nothing
    vi_do: str = ""

    def said(self, lang: Lang, figures: Mapping[str, Figure]) -> str:
        return (self.vi if lang == "vi" else self.en).format_map(_shown(figures, lang))

    def todo(self, lang: Lang, figures: Mapping[str, Figure]) -> str | None:
        text = self.vi_do if lang == "vi" else self.en_do
        return text.format_map(_shown(figures, lang)) or None


def _shown(figures: Mapping[str, Figure], lang: Lang) -> dict[str, str | int | float]:
    """Texts, dates and spans of time in the language; the sentence itself formats the numbers."""
    return {name: _written(figure, lang) for name, figure in figures.items()}


def _written(figure: Figure, lang: Lang) -> str | int | float:
    if isinstance(figure, str):
        return in_lang(figure, lang)
    if isinstance(figure, timedelta):
        return duration(figure.total_seconds(), lang)
    if isinstance(figure, date):
        day = day_text(figure, lang)
        return f"{day} {figure:%H:%M}" if isinstance(figure, datetime) else day
    return figure


def green(en: str, vi: str) -> Wording:
    return Wording(CheckLevel.GREEN, en, vi)


def skipped(en: str, vi: str, en_do: str = "", vi_do: str = "") -> Wording:
    return Wording(CheckLevel.SKIPPED, en, vi, en_do, vi_do)


def yellow(en: str, vi: str, en_do: str, vi_do: str) -> Wording:
    return Wording(CheckLevel.YELLOW, en, vi, en_do, vi_do)


def red(en: str, vi: str, en_do: str, vi_do: str) -> Wording:
    return Wording(CheckLevel.RED, en, vi, en_do, vi_do)
