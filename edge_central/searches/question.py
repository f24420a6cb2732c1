"""The question of a search: its filters, parsed and bounded from JSON or from a form. Pure. Each search
stores one question; each gateway gets the part of the question that concerns it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from edge_agent.core.clock import rfc3339
from edge_agent.wire.base import Id, Unit
from edge_agent.wire.searches import Case, ColourTerm, Group, Part, Purpose
from edge_central.searches.geography import distance_m
from edge_central.sentences import problem_text

MAX_SPAN = timedelta(days=31)
DEFAULT_HOURS, MAX_HOURS = 24.0, 168.0
"""How long gateways may take to answer."""
MAX_PLACES = 500
MAX_BODY_BYTES = 65_536

PLACES = Meta(max_length=MAX_PLACES, extra_json_schema={"minItems": 1})
"""Not ``min_length``: the questions of searches that were stored earlier can have an empty list."""

Degrees = Annotated[float, Meta(ge=-180, le=180, description="WGS 84")]
CameraName = Annotated[
    str, Meta(pattern=r"^[a-z0-9-]{1,63}/[a-z0-9-]{1,63}$(?!\n)", description="gateway/camera")
]
Seconds = Annotated[float, Meta(ge=0, le=1e6)]
Speed = Annotated[float, Meta(ge=0, le=1000)]


class InvalidQuestion(Exception):
    """A question that is not valid. ``field`` is the wrong field; the text says why, and carries a code.
    ``also``: the other mistakes in the question."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.text = text
        self.also: tuple[InvalidQuestion, ...] = ()


class SearchCircle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Gateways within ``radius_m`` of a point of the map."""

    latitude: Annotated[float, Meta(ge=-90, le=90, description="degrees, WGS 84")]
    longitude: Degrees
    radius_m: Annotated[float, Meta(ge=10, le=100_000)]

    def contains(self, latitude: float, longitude: float) -> bool:
        return distance_m((self.latitude, self.longitude), (latitude, longitude)) <= self.radius_m


class QuestionLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line drawn on the picture of one camera: the path crosses it, either way."""

    gateway: Id
    camera: Id
    start: Annotated[tuple[Unit, Unit], Meta(description="x, y in 0..1 of the picture")] = field(name="from")
    end: Annotated[tuple[Unit, Unit], Meta(description="x, y in 0..1 of the picture")] = field(name="to")


class SecondPlace(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the object is seen afterwards, within so many minutes."""

    gateway: Id
    camera: Annotated[Id | None, Meta(description="null: any camera of the gateway")] = None
    within_min: Annotated[float, Meta(gt=0, le=240)] = 10.0


class SearchWindow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time in which one gateway is searched, within that of the question."""

    gateway: Id
    from_at: Annotated[str, Meta(max_length=40, description="RFC 3339")]
    to_at: Annotated[str, Meta(max_length=40, description="RFC 3339")]


class SearchQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is searched, where and why. A filter that is left out accepts all."""

    purpose: Purpose
    case: Case
    from_at: Annotated[str, Meta(max_length=40, description="RFC 3339, with Z or an offset")]
    to_at: Annotated[str, Meta(max_length=40, description="RFC 3339; at most 31 days after from_at")]
    wards: Annotated[list[Id], PLACES] | None = None
    gateways: Annotated[list[Id], PLACES] | None = None
    cameras: Annotated[list[CameraName], PLACES] | None = None
    circle: SearchCircle | None = None
    group: Group | None = None
    colour: Annotated[ColourTerm | None, Meta(description="of any part, unless part names one")] = None
    part: Part | None = None
    direction_deg: Annotated[
        Annotated[float, Meta(ge=0, lt=360)] | None,
        Meta(description="clockwise from the top of the picture; within 45 degrees"),
    ] = None
    line: QuestionLine | None = None
    min_height: Annotated[Unit | None, Meta(description="of the box, in 0..1 of the picture")] = None
    max_height: Unit | None = None
    min_speed: Annotated[Speed | None, Meta(description="lengths of the object a second")] = None
    max_speed: Speed | None = None
    min_speed_m_s: Annotated[Speed | None, Meta(description="cameras with a ground plane only")] = None
    max_speed_m_s: Speed | None = None
    min_still_s: Annotated[Seconds | None, Meta(description="stood still for at least this long")] = None
    min_for_s: Annotated[Seconds | None, Meta(description="was in sight for at least this long")] = None
    second: Annotated[
        SecondPlace | None,
        Meta(description="only pairs: the same group, and colour where both have one, later at this place"),
    ] = None
    windows: Annotated[
        Annotated[list[SearchWindow], Meta(max_length=MAX_PLACES)] | None,
        Meta(description="these gateways are searched in a shorter time; the others in from_at to to_at"),
    ] = None
    oldest_first: Annotated[
        bool, Meta(description="of more passages than a gateway sends, the oldest; not with a colour")
    ] = False
    hours: Annotated[
        float, Meta(gt=0, le=MAX_HOURS, description="gateways that are away now may answer until then")
    ] = DEFAULT_HOURS

    @property
    def from_ms(self) -> int:
        return _ms(self.from_at)

    @property
    def to_ms(self) -> int:
        return _ms(self.to_at)

    @property
    def second_until_ms(self) -> int:
        """The end of the time in which the second place is searched."""
        return self.to_ms + (0 if self.second is None else round(self.second.within_min * 60_000))

    def window_of(self, gateway: str) -> tuple[str, str]:
        """Return begin and end (RFC 3339) of the time in which this gateway is searched."""
        own = next((each for each in self.windows or () if each.gateway == gateway), self)
        return own.from_at, own.to_at

    def window_ms(self, gateway: str) -> tuple[int, int]:
        """Return the same as ``window_of``, in milliseconds since 1970."""
        from_at, to_at = self.window_of(gateway)
        return _ms(from_at), _ms(to_at)

    def cameras_of(self, gateway: str) -> tuple[str, ...] | None:
        """Return the cameras of this gateway that are asked. None: all of them."""
        if self.line is not None:
            return (self.line.camera,)
        if gateway in (self.gateways or ()):
            return None
        named = [each.split("/") for each in self.cameras or ()]
        return tuple(camera for of, camera in named if of == gateway) or None


def parse_question(body: bytes) -> SearchQuestion:
    """Parse JSON. Raises InvalidQuestion."""
    if len(body) > MAX_BODY_BYTES:
        raise InvalidQuestion("", f"a search must have at most {MAX_BODY_BYTES} bytes")
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidQuestion("", f"this is not JSON: {error}"[:200]) from None
    if not isinstance(found, dict):
        raise InvalidQuestion("", "a search must be a JSON object")
    return checked_question(found)


def checked_question(found: dict[str, Any]) -> SearchQuestion:
    """Make a question from its fields, in the form that JSON has them. Raises InvalidQuestion."""
    return _question(found, None, strict=True)


FORM_LISTS = ("wards", "gateways", "cameras")
"""Values of a form that are lists of ids, separated by spaces, commas or line ends."""
FORM_GROUPS = ("circle", "second", "line")
"""Groups of fields. Their names in a form are ``circle.latitude`` or ``second.camera``; a point is written
``0.1 0.5`` in ``line.from``."""


def question_of_form(form: Mapping[str, str], zone: ZoneInfo) -> SearchQuestion:
    """Make a question from the fields of a form. Empty fields and ``csrf`` are ignored. Times without an
    offset are in ``zone``. Raises InvalidQuestion."""
    found: dict[str, Any] = {}
    for name, value in form.items():
        text = value.strip()
        if not text or name == "csrf":
            continue
        group, _, key = name.partition(".")
        if group in FORM_GROUPS and key:
            point = re.split(r"[\s,]+", text) if (group, key) in (("line", "from"), ("line", "to")) else text
            found.setdefault(group, {})[key] = point
        elif name in FORM_LISTS:
            found[name] = re.split(r"[\s,]+", text)
        else:
            found[name] = text
    return _question(found, zone, strict=False)


def _question(found: dict[str, Any], zone: ZoneInfo | None, *, strict: bool) -> SearchQuestion:
    for name in ("purpose", "case"):
        if isinstance(found.get(name), str):
            found[name] = one_spelling(found[name])
    for each in (found, *_windows_of(found)):
        for name in ("from_at", "to_at"):
            each[name] = utc_moment(name, each.get(name), zone)
    try:
        question = msgspec.convert(found, SearchQuestion, strict=strict)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    _check(question)
    return question


def one_spelling(text: str) -> str:
    """Return a purpose or case number as it is stored and compared: with single spaces, and with each
    letter and its diacritics as one character, however a keyboard sends them."""
    return unicodedata.normalize("NFC", " ".join(text.replace("\0", " ").split()))


def _windows_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    windows = found.get("windows")
    return [each for each in windows if isinstance(each, dict)] if isinstance(windows, list) else []


def utc_moment(name: str, value: object, zone: ZoneInfo | None) -> str:
    """Return the time in the field ``name`` in UTC, as gateways read it. Raises InvalidQuestion."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is None:
            moment = None if zone is None else moment.replace(tzinfo=zone)
        if moment is not None and 1970 <= moment.year <= 2100:
            return rfc3339(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    raise InvalidQuestion(name, problem_text("search-time", field=name))


def _invalid(error: msgspec.ValidationError) -> InvalidQuestion:
    text = str(error)
    unknown = re.search(r"unknown field `([^`]{1,40})`", text)
    if unknown is not None:
        return InvalidQuestion(unknown[1], problem_text("search-unknown-field", field=unknown[1]))
    at = re.search(r"`\$\.([a-z_.]+)", text) or re.search(r"required field `([a-z_]+)`", text)
    name = "" if at is None else at[1]
    if name == "purpose":
        return InvalidQuestion(name, problem_text("search-purpose"))
    if name == "case":
        return InvalidQuestion(name, problem_text("search-case"))
    return InvalidQuestion(name, problem_text("search-field", field=name or "?"))


RANGES = (("min_height", "max_height"), ("min_speed", "max_speed"), ("min_speed_m_s", "max_speed_m_s"))


def _check(question: SearchQuestion) -> None:
    """Find the mistakes that only several fields together show. Raises InvalidQuestion for the first mistake;
    the exception has the others in ``also``."""
    mistakes = [InvalidQuestion(*each) for each in _mistakes(question)]
    if mistakes:
        mistakes[0].also = tuple(mistakes[1:])
        raise mistakes[0]


def _mistakes(question: SearchQuestion) -> Iterator[tuple[str, str]]:
    """Yield field and text of each mistake."""
    if question.to_ms < question.from_ms:
        yield "to_at", problem_text("search-order")
    if question.to_ms - question.from_ms > MAX_SPAN / timedelta(milliseconds=1):
        yield "to_at", problem_text("search-span", days=MAX_SPAN.days)
    for name in FORM_LISTS:
        if getattr(question, name) == []:
            yield name, problem_text("search-field", field=name)
    if question.part is not None and question.colour is None:
        yield "part", problem_text("search-needs-colour")
    for low, high in RANGES:
        least, most = getattr(question, low), getattr(question, high)
        if least is not None and most is not None and least > most:
            yield low, problem_text("search-range", field=low)
    for window in question.windows or ():
        from_ms, to_ms = _ms(window.from_at), _ms(window.to_at)
        if not question.from_ms <= from_ms <= to_ms <= question.to_ms:
            yield "windows", problem_text("search-window", place=window.gateway)
    if question.second is not None and not (question.gateways or question.cameras or question.line):
        yield "second", problem_text("search-second")


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
