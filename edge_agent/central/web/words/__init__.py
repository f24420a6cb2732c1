"""What people read, Vietnamese and English: one module of ``WORDS`` a part of the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from edge_agent.central.web.words import base

Lang = Literal["vi", "en"]
LANGS: tuple[Lang, ...] = ("vi", "en")
MODULES: tuple[Mapping[str, tuple[str, str]], ...] = (base.WORDS,)
"""A new module joins here."""
ALL: Mapping[str, tuple[str, str]] = {key: words for module in MODULES for key, words in module.items()}


def say(key: str, lang: Lang, **values: object) -> str:
    """Raises KeyError for a key that is not there: a test renders every page in both languages."""
    return ALL[key][LANGS.index(lang)].format(**values)


def chosen(cookie: str | None, accepted: str) -> Lang:
    """What was chosen by hand, else what the browser asks for, else Vietnamese."""
    if cookie in LANGS:
        return "vi" if cookie == "vi" else "en"
    first = accepted.split(",")[0].split(";")[0].strip().lower()
    return "en" if first.partition("-")[0] == "en" else "vi"
