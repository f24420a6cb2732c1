"""The form of a search: makes a question from its fields, and the fields from a question.

Fields have the units that people type: per cent, km/h, a site of the list. If several fields are wrong, the
page names all of them at once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from edge_central.console.fleet import CameraOverview, Fleet, SiteOverview
from edge_central.searches.question import (
    InvalidQuestion,
    SearchCircle,
    SearchQuestion,
    question_of_form,
    utc_moment,
)
from edge_central.sentences import problem_text

USUAL_SPAN_MS = 3_600_000
USUAL_RADIUS_M = 500
KM_H = 3.6
"""One metre a second in km/h."""
SITE, CAMERA, WARD = "site.", "camera.", "ward."
"""Beginnings of the names of checkboxes: each checkbox has a different name."""


@dataclass(frozen=True, slots=True)
class FormError:
    """The message about a wrong field. ``text`` is the message; if it is empty, ``key`` is the key of a
    sentence of the pages, with ``values``."""

    key: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    text: str = ""


class InvalidForm(Exception):
    """The form is not valid. ``errors``: messages by field; empty: the form as a whole is not valid."""

    def __init__(self, errors: Mapping[str, FormError]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class NumberField:
    """A number that people type. ``to``: the field of the question that gets it."""

    name: str
    word: str  # its name on the page
    to: str
    least: float
    most: float
    by: float = 1.0  # the number is divided by this for the question


NUMBERS = (
    NumberField("radius", "search-radius", "circle.radius_m", 10, 100_000),
    NumberField("min_height", "search-height", "min_height", 0, 100, 100),
    NumberField("max_height", "search-height", "max_height", 0, 100, 100),
    NumberField("min_speed", "search-speed", "min_speed", 0, 1000),
    NumberField("max_speed", "search-speed", "max_speed", 0, 1000),
    NumberField("min_km_h", "search-speed-km-h", "min_speed_m_s", 0, 400, KM_H),
    NumberField("max_km_h", "search-speed-km-h", "max_speed_m_s", 0, 400, KM_H),
    NumberField("min_still_s", "search-still", "min_still_s", 0, 86_400),
    NumberField("min_for_s", "search-for", "min_for_s", 0, 86_400),
    NumberField("within", "search-within", "second.within_min", 1, 240),
)
WORDS = {
    "purpose": "purpose", "case": "case", "from": "from_at", "to": "to_at", "group": "group",
    "colour": "colour", "part": "part", "direction": "direction_deg", "life": "hours",
}  # fmt: skip
"""Field of the form -> field of the question that gets the text as it was typed."""
ADAPTED = ("from", "to", "direction", "life")
LIVES = ("1", "24", "72", "168")
"""Choices for how many hours gateways may take to answer."""
MORE = (
    "min_height",
    "max_height",
    "min_speed",
    "max_speed",
    "min_km_h",
    "max_km_h",
    "min_still_s",
    "min_for_s",
)
"""Fields below a heading that is closed while they are empty."""
LINE = ("line_x1", "line_y1", "line_x2", "line_y2")
"""The fields of a line: per cent from the left and from the top, for both ends."""

Values = defaultdict[str, str]


def usual_values(now_ms: int, zone: ZoneInfo) -> Values:
    """Return the fields of a new form: the last hour, in whole minutes."""
    values = Values(str, radius=str(USUAL_RADIUS_M), within="10", life="24")
    minute_ms = now_ms - now_ms % 60_000
    return values | {"from": _local(minute_ms - USUAL_SPAN_MS, zone), "to": _local(minute_ms + 60_000, zone)}


def times_around(at_ms: int, zone: ZoneInfo) -> dict[str, str]:
    """Return the fields for half an hour before and after a time."""
    minute_ms, half_ms = at_ms - at_ms % 60_000, USUAL_SPAN_MS // 2
    return {"from": _local(minute_ms - half_ms, zone), "to": _local(minute_ms + half_ms, zone)}


def values_of(question: SearchQuestion, fleet: Fleet, zone: ZoneInfo) -> Values:
    """Return the fields of the form that make this question."""
    values = usual_values(question.to_ms, zone)
    values |= {name: getattr(question, to) or "" for name, to in WORDS.items() if name not in ADAPTED}
    values |= {"from": _local(question.from_ms, zone), "to": _local(question.to_ms, zone)}
    values["life"] = min(LIVES, key=lambda hours: abs(float(hours) - question.hours))
    if question.direction_deg is not None:
        values["direction"] = str(round(question.direction_deg / 45) * 45 % 360)
    for each in NUMBERS:
        value = None if "." in each.to else getattr(question, each.to)
        if value is not None:
            values[each.name] = f"{round(value * each.by, 2):g}"
    if question.circle is not None:
        values["radius"] = f"{question.circle.radius_m:g}"
        site = site_at(fleet, question.circle)
        values["near"] = "" if site is None else site.id
    if question.second is not None:
        values["second"] = f"{question.second.gateway}/{question.second.camera or ''}"
        values["within"] = f"{question.second.within_min:g}"
    if question.line is not None:
        line = question.line
        ends = zip(LINE, (*line.start, *line.end), strict=True)
        values |= {name: f"{100 * value:.4g}" for name, value in ends}
        values["line_camera"] = f"{line.gateway}/{line.camera}"
    for prefix, names in ((WARD, question.wards), (SITE, question.gateways), (CAMERA, question.cameras)):
        values |= {prefix + name: "1" for name in names or ()}
    return values


def somewhere_else(values: Values) -> Values:
    """Return the form's values without its places, and without the fields that are drawn on one camera's
    picture: direction and line."""
    bound = (WARD, SITE, CAMERA)
    gone = {name for name in values if name.startswith(bound)} | {
        "second",
        "direction",
        "line_camera",
        *LINE,
        *MORE[:2],
    }
    return Values(str, {name: value for name, value in values.items() if name not in gone})


def earlier(values: Values, gateway: str, until_ms: int, zone: ZoneInfo) -> Values:
    """Return the values for the same question to one gateway, for passages before a time."""
    own = {name for name in values if name.startswith(f"{CAMERA}{gateway}/")}
    kept = {
        name: value
        for name, value in values.items()
        if name in own or (name != "near" and not name.startswith((WARD, SITE, CAMERA)))
    }
    place = {} if own else {SITE + gateway: "1"}
    return Values(str, kept | place | {"to": _local(until_ms, zone)})


def site_at(fleet: Fleet, circle: SearchCircle) -> SiteOverview | None:
    """Return the site in the middle of a circle. None: there is none."""
    at = (circle.latitude, circle.longitude)
    return next((site for site in fleet.sites if (site.latitude, site.longitude) == at), None)


def question_of(form: Mapping[str, str], fleet: Fleet, zone: ZoneInfo) -> SearchQuestion:
    """Make a question from the form. Raises InvalidForm with all mistakes that are found."""
    errors: dict[str, FormError] = {}
    if len(form.get("purpose", "").strip()) < 3:
        errors["purpose"] = FormError("search-error-purpose")
    if not form.get("case", "").strip():
        errors["case"] = FormError("search-error-case")
    _check_times(form, zone, errors)
    found = {to: form.get(name, "") for name, to in WORDS.items()}
    found |= _numbers(form, errors) | _places(form, fleet, errors) | _line(form, errors)
    if not form.get("near") or "near" in errors:
        found.pop("circle.radius_m", None)
    if not form.get("second"):
        found.pop("second.within_min", None)
    question = _checked_together(found, zone, errors)
    if question is None or errors:
        raise InvalidForm(errors)
    return question


def _check_times(form: Mapping[str, str], zone: ZoneInfo, errors: dict[str, FormError]) -> None:
    for name in ("from", "to"):
        try:
            utc_moment(WORDS[name], form.get(name, ""), zone)
        except InvalidQuestion as error:
            errors[name] = FormError(text=error.text) if form.get(name) else FormError("search-error-time")


def _checked_together(
    found: dict[str, str], zone: ZoneInfo, errors: dict[str, FormError]
) -> SearchQuestion | None:
    """Return the question; None: it is wrong. Fields that are wrong by themselves are replaced by valid
    values, so that mistakes that only several fields together show are found too."""
    for name, value in (("purpose", "---"), ("case", "-")):
        if name in errors:
            found[name] = value
    if errors.keys() & {"from", "to"}:
        found |= dict.fromkeys(("from_at", "to_at"), "2026-01-01T00:00")
    try:
        return question_of_form(found, zone)
    except InvalidQuestion as error:
        for each in (error, *error.also):
            errors.setdefault(field_of(each.field), FormError(text=each.text))
    return None


def field_of(name: str) -> str:
    """Return the field of the form from which this field of a question is made; empty: there is none."""
    names = {to: ours for ours, to in WORDS.items()} | {each.to: each.name for each in NUMBERS}
    names |= dict.fromkeys(("wards", "gateways", "cameras"), "place")
    names |= dict.fromkeys(("circle", "circle.latitude", "circle.longitude"), "near")
    names |= dict.fromkeys(("line", "line.from", "line.to"), LINE[0])
    names |= dict.fromkeys(("second", "second.gateway", "second.camera"), "second")
    return names.get(name, "")


def _numbers(form: Mapping[str, str], errors: dict[str, FormError]) -> dict[str, str]:
    found = {}
    for each in NUMBERS:
        text = form.get(each.name, "").strip().replace(",", ".")
        if not text:
            continue
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if each.least <= number <= each.most:
            found[each.to] = f"{number / each.by:.6g}"
        else:
            bounds = {"least": f"{each.least:g}", "most": f"{each.most:g}"}
            errors[each.name] = FormError("search-error-number", {"word": each.word, **bounds})
    return found


def _places(form: Mapping[str, str], fleet: Fleet, errors: dict[str, FormError]) -> dict[str, str]:
    """Return wards, sites, cameras, the circle and the second camera. If some cameras of a site are ticked,
    only these are asked."""
    cameras = _ticked(form, CAMERA)
    sites = set(_ticked(form, SITE)) - {camera.partition("/")[0] for camera in cameras}
    found = {"wards": _ticked(form, WARD), "gateways": sorted(sites), "cameras": cameras}
    texts = {name: " ".join(values) for name, values in found.items() if values}
    errors |= unknown_places(form, fleet)
    near, second = form.get("near", ""), form.get("second", "")
    if near:
        site = fleet.site(near)
        if site is None or site.latitude is None or site.longitude is None:
            errors["near"] = FormError("search-error-near")
        else:
            texts |= {"circle.latitude": repr(site.latitude), "circle.longitude": repr(site.longitude)}
            texts |= {} if form.get("radius") else {"circle.radius_m": str(USUAL_RADIUS_M)}
    if second:
        gateway, _, camera = second.partition("/")
        texts |= {"second.gateway": gateway, "second.camera": camera}
    return texts


def unknown_places(form: Mapping[str, str], fleet: Fleet) -> dict[str, FormError]:
    """Return an error for the first ticked site or camera that the account cannot see. Its box is not on the
    page, so the form would look as if no place was chosen."""
    gateways = [*_ticked(form, SITE), *(each.partition("/")[0] for each in _ticked(form, CAMERA))]
    unknown = next((each for each in gateways if fleet.site(each) is None), None)
    if unknown is None:
        return {}
    return {"place": FormError(text=problem_text("search-not-yours", place=unknown[:63]))}


def _line(form: Mapping[str, str], errors: dict[str, FormError]) -> dict[str, str]:
    """Return the line on the picture of one camera; empty while none of its numbers is given."""
    texts = [form.get(name, "").strip().replace(",", ".") for name in LINE]
    if not any(texts):
        return {}
    try:
        ends = [float(text) / 100 for text in texts]
    except ValueError:
        ends = []
    if not ends or not all(0 <= value <= 1 for value in ends):
        errors[LINE[0]] = FormError("search-error-line")
        return {}
    gateway, _, camera = form.get("line_camera", "").partition("/")
    start, end = (f"{x:.4f} {y:.4f}" for x, y in (ends[:2], ends[2:]))
    return {"line.gateway": gateway, "line.camera": camera, "line.from": start, "line.to": end}


def line_camera(values: Mapping[str, str], fleet: Fleet) -> tuple[str, CameraOverview | None]:
    """Return the gateway and the camera on whose picture a line may be drawn: those of the hidden field
    ``line_camera``."""
    gateway, _, name = values.get("line_camera", "").partition("/")
    site = fleet.site(gateway)
    cameras = () if site is None else site.cameras
    return gateway, next((each for each in cameras if each.id == name), None)


def _ticked(form: Mapping[str, str], prefix: str) -> list[str]:
    return sorted(
        name.removeprefix(prefix) for name, value in form.items() if name.startswith(prefix) and value
    )


def opened(values: Mapping[str, str], fleet: Fleet) -> dict[str, object]:
    """Return which parts of the form are open: those with a value."""
    picked = {name.removeprefix(SITE) for name in values if name.startswith(SITE)}
    picked |= {name.removeprefix(CAMERA).partition("/")[0] for name in values if name.startswith(CAMERA)}
    return {
        "more": any(values.get(name) for name in MORE),
        "sites": bool(picked),
        "wards": _wards(picked, fleet),
    }


def _wards(gateways: Iterable[str], fleet: Fleet) -> frozenset[str]:
    found = (fleet.site(gateway) for gateway in gateways)
    return frozenset(site.ward for site in found if site is not None)


def _local(time_ms: int, zone: ZoneInfo) -> str:
    """Format a time for a ``datetime-local`` field; whole seconds, rounded up."""
    moment = datetime.fromtimestamp(-(-time_ms // 1000), UTC).astimezone(zone)
    return moment.strftime("%Y-%m-%dT%H:%M:%S" if moment.second else "%Y-%m-%dT%H:%M")
