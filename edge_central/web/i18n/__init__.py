"""The texts for people, in Vietnamese and English. Each part of the console has a module with ``WORDS``. No
page builds sentences itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from markupsafe import Markup

from edge_central.web.i18n import (
    alerts,
    availability,
    base,
    cases,
    commands,
    developers,
    events,
    fleet,
    journeys,
    papers,
    rehearsals,
    reports,
    searches,
    traffic,
    users,
)

Lang = Literal["vi", "en"]
LANGS: tuple[Lang, ...] = ("vi", "en")
MODULES: tuple[Mapping[str, tuple[str, str]], ...] = (
    base.WORDS,
    fleet.WORDS,
    availability.WORDS,
    events.WORDS,
    alerts.WORDS,
    searches.WORDS,
    journeys.WORDS,
    rehearsals.WORDS,
    cases.WORDS,
    papers.WORDS,
    developers.WORDS,
    traffic.WORDS,
    reports.WORDS,
    commands.WORDS,
    users.WORDS,
)
"""All modules with texts. Add each new module here."""
ALL: Mapping[str, tuple[str, str]] = {key: words for module in MODULES for key, words in module.items()}


def translate(key: str, lang: Lang, **values: object) -> str:
    """Return a key's text. Raises KeyError for an unknown key: a test renders all pages in both languages.

    If one of the values is HTML, such as a marked text, the sentence is HTML too; other values are escaped.
    """
    words = ALL[key][LANGS.index(lang)]
    is_markup = any(isinstance(value, Markup) for value in values.values())
    return (Markup(words) if is_markup else words).format(**values)


def translate_word(group: str, word: str | None, lang: Lang) -> str:
    """Return a word of the wire in the user's language. A word of a newer version is returned unchanged."""
    key = f"{group}-{word}"
    return translate(key, lang) if key in ALL else word or ""


def translate_duration(milliseconds: float, lang: Lang) -> str:
    """Write a duration in its largest unit: 47 s, 12 min, 3 h, 5 d."""
    seconds = max(0.0, milliseconds / 1000)
    for unit, length in (("d", 172_800), ("h", 7_200), ("min", 90)):
        if seconds >= length:
            return translate(f"span-{unit}", lang, count=round(seconds / SECONDS[unit]))
    return translate("span-s", lang, count=round(seconds))


SECONDS = {"d": 86_400, "h": 3_600, "min": 60}


def preferred_language(cookie: str | None, accepted: str) -> Lang:
    """Return the language that the user chose, else one that the browser prefers, else Vietnamese."""
    if cookie in LANGS:
        return "vi" if cookie == "vi" else "en"
    first = accepted.split(",")[0].split(";")[0].strip().lower()
    return "en" if first.partition("-")[0] == "en" else "vi"
