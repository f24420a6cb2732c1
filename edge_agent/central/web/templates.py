"""Jinja2 over ``templates/``: what is put in is escaped, what is missing is an error."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge_agent.central.web.words import Lang, say

HERE = Path(__file__).parent
STATIC = HERE / "static"


class Templates:
    """Any thread.

    In a template: ``say('key')``, ``static('base.css')``, ``ms|time`` (14:05:09), ``ms|moment`` (with the
    date); times in the timezone of the configuration.
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
        self._environment.filters["time"] = self._time
        self._environment.filters["moment"] = self._moment

    def render(self, template: str, lang: Lang, context: Mapping[str, Any]) -> str:
        return self._environment.get_template(template).render(
            context, lang=lang, say=partial(say, lang=lang)
        )

    def _local(self, time_ms: int) -> datetime:
        return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(self._timezone)

    def _time(self, time_ms: int) -> str:
        return f"{self._local(time_ms):%H:%M:%S}"

    def _moment(self, time_ms: int) -> str:
        return f"{self._local(time_ms):%d/%m/%Y %H:%M:%S}"


@cache
def static(name: str) -> str:
    """The address of a file of ``static/``: another one when the file changes, so browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"
