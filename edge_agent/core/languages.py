"""The two languages of the command line: how one is chosen, and sentences in both."""

from __future__ import annotations

import argparse
import os
import string
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal, Self

Lang = Literal["en", "vi"]
LANGS: tuple[Lang, ...] = ("en", "vi")
Sentences = Mapping[str, tuple[str, str]]
"""English and Vietnamese by key; ``{names}`` are replaced by figures."""


def default_lang(environ: Mapping[str, str]) -> Lang:
    """Return the language of the shell's locale (POSIX: LC_ALL, LC_MESSAGES, LANG)."""
    named = next((environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(key)), "")
    return "vi" if named.lower().startswith("vi") else "en"


def lang_of(args: argparse.Namespace) -> Lang:
    """Return the language of ``--lang``; without that option, the language of the shell."""
    return getattr(args, "lang", None) or default_lang(os.environ)


def add_lang(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lang", choices=LANGS, help="language of the output; default: that of the shell")


def without_diacritics(text: str) -> str:
    """Return ``Cong truong`` for ``Cổng trường``."""
    letters = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


VIETNAMESE_MARKS = str.maketrans(",.", ".,")


class _VietnameseFormatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        text = str(super().format_field(value, format_spec))
        return text.translate(VIETNAMESE_MARKS) if isinstance(value, (int, float)) else text


_VIETNAMESE = _VietnameseFormatter()


def filled(sentence: str, figures: Mapping[str, object], lang: Lang) -> str:
    """Return the sentence with its figures: Vietnamese writes ``1.234,5``, English ``1,234.5``."""
    return _VIETNAMESE.vformat(sentence, (), figures) if lang == "vi" else sentence.format_map(figures)


def say(sentences: Sentences, key: str, lang: Lang, /, **figures: object) -> str:
    """Return the sentence with that key. Raises KeyError for a key that the table lacks."""
    return filled(sentences[key][LANGS.index(lang)], figures, lang)


def named(sentences: Sentences, group: str, word: str, lang: Lang) -> str:
    """Return the name of a word of the wire in that language; the word itself if the table lacks it."""
    key = f"{group}-{word}"
    return say(sentences, key, lang) if key in sentences else word


class Bilingual(str):
    """An English text that carries its Vietnamese translation; other code sees a plain string."""

    vi: str

    def __new__(cls, en: str, vi: str) -> Self:
        text = super().__new__(cls, en)
        text.vi = vi
        return text

    def __reduce__(self) -> tuple[type[Bilingual], tuple[str, str]]:
        """Keep both languages in copies and pickles."""
        return type(self), (str(self), self.vi)


def in_lang(text: str, lang: Lang) -> str:
    """Return the text in that language; the text itself if it has no translation."""
    return text.vi if lang == "vi" and isinstance(text, Bilingual) else text


def both(sentences: Sentences, key: str, /, **figures: object) -> Bilingual:
    """Return the sentence in both languages; each language uses its own version of bilingual figures.

    Numbers keep the decimal point in both languages, because they come from a configuration, and the reader
    types them again.
    """
    en, vi = sentences[key]
    in_vi = {name: in_lang(each, "vi") if isinstance(each, str) else each for name, each in figures.items()}
    return Bilingual(en.format_map(figures), vi.format_map(in_vi))


def named_in_both(sentences: Sentences, group: str, words: Iterable[str]) -> Bilingual:
    """Return words of the wire, joined by commas: in English as they are, in Vietnamese by their names."""
    listed = list(words)
    return Bilingual(", ".join(listed), ", ".join(named(sentences, group, each, "vi") for each in listed))


_KINDS_OF_WARD = ("phường ", "xã ", "thị trấn ", "đặc khu ")


def ward_text(name: str, lang: Lang) -> str:
    """Return ``phường Đề Thám`` for the name ``Đề Thám`` or ``Phường Đề Thám``; in English ``ward Đề Thám``.

    A name that begins with the kind of its ward, such as ``xã …``, keeps that kind in both languages.
    """
    if name.casefold().startswith(_KINDS_OF_WARD):
        return name[:1].lower() + name[1:] if lang == "vi" else name
    return f"phường {name}" if lang == "vi" else f"ward {name}"


def day_text(day: date, lang: Lang) -> str:
    """Return the date as ``2026-12-01``, in Vietnamese ``01/12/2026``."""
    return f"{day:%d/%m/%Y}" if lang == "vi" else f"{day:%Y-%m-%d}"


def decimal(value: float, lang: Lang, digits: int | None = None) -> str:
    """Return the number with ``digits`` decimals (None: up to six digits in all); Vietnamese: ``12,5``."""
    text = f"{value:g}" if digits is None else f"{value:.{digits}f}"
    return text.replace(".", ",") if lang == "vi" else text


UNITS: Mapping[Lang, tuple[str, str, str, str]] = {
    "en": ("s", "min", "h", "d"),
    "vi": ("giây", "phút", "giờ", "ngày"),
}


def duration(seconds: float, lang: Lang = "en") -> str:
    """Return ``42 s``, ``3 min``, ``2 h 05 min`` or ``4 d 3 h``; in Vietnamese ``2 giờ 05 phút``."""
    second, minute, hour, day = UNITS[lang]
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 60:
        return f"{seconds:.0f} {second}"
    if hours < 1:
        return f"{minutes} {minute}"
    if days < 1:
        return f"{hours} {hour} {minutes % 60:02d} {minute}"
    return f"{days} {day} {hours % 24} {hour}"
