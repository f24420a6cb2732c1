"""Renders ``templates/`` with Jinja2: values are escaped, and a missing value is an error."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from edge_agent.core.languages import decimal
from edge_agent.core.problems import problem_of
from edge_agent.wire.received.bounds import bounded_time
from edge_central.sentences import CATALOGUE
from edge_central.web.i18n import Lang, translate, translate_duration, translate_word

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
STATIC = HERE / "static"


class Templates:
    """Renders the templates. Thread-safe.

    In a template: ``say('key')``, ``named('kind', word)`` (a word of the wire, unchanged if it is unknown),
    ``line(text)`` (a text of a gateway or an alert), ``span(ms)`` (a duration in words), ``decimal(2.5, 1)``
    (a number with one digit after the comma, or ``decimal(2.5)`` with as many as it needs),
    ``static('base.css')``, ``ms|time`` (14:05:09), ``ms|moment`` (with the date), ``brief(ms)`` (14:05, with
    the date on another day), ``ms|iso``, ``ms|offset`` (+07:00); times are in the time zone of the
    configuration.
    ``safely('li', macro, row)`` renders one row: if it fails, the element says "cannot be shown", and the
    rest of the page stays.
    """

    def __init__(self, timezone: ZoneInfo) -> None:
        self._timezone = timezone
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["static"] = static
        self._environment.filters["time"] = lambda time_ms: f"{self._local(time_ms):%H:%M:%S}"
        self._environment.filters["moment"] = lambda time_ms: f"{self._local(time_ms):%d/%m/%Y %H:%M:%S}"
        self._environment.filters["iso"] = lambda time_ms: self._local(time_ms).isoformat(timespec="seconds")
        self._environment.filters["offset"] = lambda time_ms: self._local(time_ms).isoformat()[-6:]
        self._environment.filters["wall"] = self._wall

    def render(self, template: str, lang: Lang, context: Mapping[str, Any]) -> str:
        return self._environment.get_template(template).render(
            context,
            lang=lang,
            say=partial(translate, lang=lang),
            named=partial(translate_word, lang=lang),
            span=partial(translate_duration, lang=lang),
            decimal=partial(_decimal, lang),
            line=partial(_line, lang=lang),
            safely=partial(safely, lang),
            brief=partial(self._brief, now_ms=context.get("now_ms", 0)),
        )

    def _local(self, time_ms: int) -> datetime:
        return datetime.fromtimestamp(bounded_time(time_ms) / 1000, UTC).astimezone(self._timezone)

    def _brief(self, time_ms: int, now_ms: int) -> str:
        local, now = self._local(time_ms), self._local(now_ms)
        return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%d/%m %H:%M}"

    def _wall(self, time_ms: float) -> str:
        """Return the label of an axis: a date at midnight, else a time."""
        local = self._local(round(time_ms))
        return f"{local:%d/%m}" if local.hour == local.minute == 0 else f"{local:%H:%M}"


@cache
def templates_in(timezone: ZoneInfo) -> Templates:
    """Return the templates; they are compiled once for all consoles of a process."""
    return Templates(timezone)


CANNOT_BE_SHOWN = {
    "li": '<li class="none">{}</li>',
    "tr": '<tr><td colspan="9">{}</td></tr>',
    "figure": '<figure class="chart"><figcaption>{}</figcaption></figure>',
    "section": '<section><p class="none">{}</p></section>',
    "svg": "",
}
"""Element of a row -> what replaces a row that cannot be shown."""


def safely(lang: Lang, element: str, macro: Callable[..., str], *values: object) -> str:
    """Render one row with ``macro``. If that fails, return a row that says so."""
    try:
        return macro(*values)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others are shown
        log.warning("one row of a page cannot be shown, the others are: %s", repr(error)[:200])
    instead, cursor = translate("cannot-be-shown", lang), getattr(values[0], "cursor", None)
    # Link to the page of the event, where an administrator can hide it.
    link = Markup('<a href="/events/{}">{}</a>').format(cursor, instead) if cursor else instead
    return Markup(CANNOT_BE_SHOWN[element]).format(link)


def _line(text: str, lang: Lang) -> Markup:
    """Render a text: one with a code from the catalogue, any other as it is. English text is marked as
    English on a Vietnamese page, so that a screen reader reads it correctly."""
    problem = problem_of(text)
    ours = None if problem is None else CATALOGUE.say(problem, lang)
    if lang == "vi" and ours is not None:
        return Markup('<span title="{}">{}</span>').format(text, ours)
    return Markup('<span lang="en">{}</span>').format(ours or text)


def line_text(text: str, lang: Lang) -> str:
    """Return what ``line`` returns in a template, as plain text."""
    problem = problem_of(text)
    return (None if problem is None else CATALOGUE.say(problem, lang)) or text


def _decimal(lang: Lang, value: float, digits: int | None = None) -> str:
    return decimal(value, lang, digits)


@cache
def static(name: str) -> str:
    """Return the address of a file of ``static/``; it changes with the file, so it may be cached for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"
