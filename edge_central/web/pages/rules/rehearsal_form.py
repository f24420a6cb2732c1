"""The form of a rehearsal: the fields of a rule that officers change without an editor, and the draft made
from them. Settings that are not in the form are copied from the gateway's rule; the gateway checks the whole
draft."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from edge_agent.config.model.rules import MAX_OBJECTS
from edge_agent.config.model.zones import MAX_EXCLUDED
from edge_agent.config.written import Written
from edge_agent.core.model import LABELS
from edge_central.rehearsals.model import DAYS, RehearsalDraft
from edge_central.rehearsals.rules import DURATIONS, ConfiguredRule, Point, RulePlace
from edge_central.web.pages.rules.shape_text import (
    PART,
    is_polygon,
    listed,
    points_of,
    points_text,
    split_parts,
)
from edge_central.web.pages.search_form import FormError, InvalidForm

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, LABEL = "day.", "label."
"""Beginnings of the names of checkboxes: each checkbox has a different name."""
MAX_SECONDS = 86_400.0
MAX_NAME = 63
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_NUMBER = re.compile(r"[0-9.]{1,20}")

Values = defaultdict[str, str]


def usual_values(rule: ConfiguredRule) -> Values:
    """Return the form's fields for an unchanged rule that is rehearsed over a week."""
    return values_of(rule) | {"span": str(DAYS[0]), "examples": "1"}


def values_of(rule: ConfiguredRule) -> Values:
    points = "" if rule.place is None else points_text(rule.place.points)
    values = Values(str, begin=rule.begin or "", end=rule.end or "", points=points)
    values |= {f"{DAY}{day}": "1" for day in _week_days(rule.days)}
    values |= {f"{LABEL}{label}": "1" for label in rule.labels if label in LABELS}
    if rule.seconds is not None:
        values["seconds"] = f"{rule.seconds:g}"
    if rule.count is not None:
        values["count"] = str(rule.count)
    if rule.min_score > 0:
        values["score"] = f"{rule.min_score:g}"
    if rule.place is not None and rule.place.excluded:
        values["excluded"] = PART.join(map(points_text, rule.place.excluded))
    return values


def place_shown(rule: ConfiguredRule, values: Mapping[str, str]) -> RulePlace | None:
    """Return the zone or line of the rule, with the excluded parts of the form if these can be read."""
    parts = _excluded_of(values.get("excluded", ""))
    if rule.place is None or parts is None:
        return rule.place
    return replace(rule.place, excluded=tuple(map(tuple, parts)))


def draft_of(rule: ConfiguredRule, form: Mapping[str, str], *, is_new: bool = False) -> RehearsalDraft:
    """Return the rule with the changes of the form. ``is_new``: the gateway does not have the rule, so the
    draft has its zone or line too. Raises InvalidForm with all mistakes."""
    errors: dict[str, FormError] = {}
    before, written = values_of(rule), dict(rule.written)
    changed = {name for name in {*before, *form} if before[name] != form.get(name, "").strip()}
    if changed & {"begin", "end", *(f"{DAY}{day}" for day in WEEK)}:
        _change_schedule(written, form, errors)
    if any(f"{LABEL}{label}" in changed for label in LABELS):
        written["labels"] = [label for label in LABELS if form.get(f"{LABEL}{label}")]
        if not written["labels"]:
            errors["labels"] = FormError("rehearsal-error-labels")
    duration = DURATIONS.get(rule.kind)
    if duration is not None and "seconds" in changed:
        written[duration] = _number(form, "seconds", 0, MAX_SECONDS, errors)
    if rule.count is not None and "count" in changed:
        written["count"] = round(_number(form, "count", 2, MAX_OBJECTS, errors))
    if "score" in changed:
        _change_score(written, form, errors)
    places: dict[str, Written] = {}
    if rule.place is not None and (is_new or changed & {"points", "excluded"}):
        # Named after the rule: rules that share a zone get one each, which the next draft replaces.
        name = rule.place.name if is_new else f"{rule.id[: MAX_NAME - 4]}-new"
        places = _changed_place(rule, name, written, form, errors)
    if errors:
        raise InvalidForm(errors)
    return RehearsalDraft(rule=written, zones=places.get("zones", {}), lines=places.get("lines", {}))


def span_of(form: Mapping[str, str]) -> int:
    """Return the number of days of the rehearsal. Raises InvalidForm."""
    text = form.get("span", "")
    if text not in map(str, DAYS):
        raise InvalidForm({"span": FormError("rehearsal-error-span")})
    return int(text)


def _change_schedule(written: Written, form: Mapping[str, str], errors: dict[str, FormError]) -> None:
    before = written.get("schedule")
    schedule: dict[str, Any] = dict(before) if isinstance(before, dict) else {}
    begin, end = form.get("begin", "").strip(), form.get("end", "").strip()
    for name, text, also in (("begin", begin, ""), ("end", end, "24:00")):
        if not (_TIME.fullmatch(text) or text == also or (text == "" and begin == end)):
            errors[name] = FormError("rehearsal-error-time")
    for key, text in (("from", begin), ("to", end)):
        schedule.pop(key, None)
        if text:
            schedule[key] = text
    days = [day for day in WEEK if form.get(f"{DAY}{day}")]
    schedule.pop("days", None)
    if not days:
        errors["days"] = FormError("rehearsal-error-days")
    elif len(days) < len(WEEK):
        schedule["days"] = days
    written.pop("schedule", None)
    if schedule:
        written["schedule"] = schedule


def _number(
    form: Mapping[str, str], name: str, least: float, most: float, errors: dict[str, FormError]
) -> float:
    text = form.get(name, "").strip().replace(",", ".")
    try:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        word = {"word": f"rehearsal-{name}", "least": least, "most": most}
        errors[name] = FormError("search-error-number", word)
        return 0
    return round(value) if value == round(value) else value


def _change_score(written: Written, form: Mapping[str, str], errors: dict[str, FormError]) -> None:
    written.pop("min_score", None)
    if form.get("score", "").strip():
        written["min_score"] = _number(form, "score", 0, 1, errors)


def _changed_place(
    rule: ConfiguredRule,
    name: str,
    written: Written,
    form: Mapping[str, str],
    errors: dict[str, FormError],
) -> dict[str, Written]:
    """Return a new zone or line ``name``; other rules may use the present one. Mistakes: in ``errors``."""
    assert rule.place is not None
    points = points_of(form.get("points", ""))
    is_line = rule.place.key == "lines"
    valid = points is not None and (len(points) == 2 if is_line else is_polygon(points))
    if points is None or not valid:
        errors["points"] = FormError("rehearsal-error-line" if is_line else "rehearsal-error-points")
        return {}
    written[rule.place.key.removesuffix("s")] = name
    corners = listed(points)
    named = {"name": rule.place.display_name} if rule.place.display_name else {}
    if is_line:
        return {"lines": {name: {"from": corners[0], "to": corners[1], **named}}}
    parts = _excluded_of(form.get("excluded", ""))
    if parts is None:
        errors["excluded"] = FormError("rehearsal-error-excluded")
        return {}
    more = {"exclude": [listed(part) for part in parts]} if parts else {}
    return {"zones": {name: {"polygon": corners, **more, **named}}}


def _excluded_of(text: str) -> list[list[Point]] | None:
    """Return the excluded parts of a zone. None: ``text`` is something else, or has too many."""
    texts = split_parts(text)
    parts = [points for part in texts if (points := points_of(part)) is not None and is_polygon(points)]
    return parts if len(parts) == len(texts) <= MAX_EXCLUDED else None


def _week_days(days: Iterable[str]) -> Iterable[str]:
    """Return the days that texts such as ``mon-fri`` mean; all days for an empty or unknown text."""
    found: set[str] = set()
    for each in days:
        first, _, last = each.partition("-")
        if first in WEEK and (last or first) in WEEK:
            begin, end = WEEK.index(first), WEEK.index(last or first)
            found |= {WEEK[n % 7] for n in range(begin, end + 1 + (7 if end < begin else 0))}
    return found or WEEK
