"""The parameters of a request for counts: places, time, step and format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from edge_central.store.scope import Scope
from edge_central.traffic.calendar import day_span, local_day, quarter_of
from edge_central.traffic.increases import Span
from edge_central.traffic.periods import QUARTERS_OF, PeriodLength
from edge_central.traffic.reports import QUARTER_MS
from edge_central.traffic.series import TrafficFilter
from edge_central.web.http_errors import BadRequest
from edge_central.web.request_context import UserRequestContext

KEYS = ("ward", "gateway", "camera", "rule", "line", "from", "to", "step", "format")
DEFAULT_QUARTERS = 96
MAX_DAYS = {PeriodLength.QUARTER: 31, PeriodLength.HOUR: 93, PeriodLength.DAY: 800}
_ID = re.compile(r"[a-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True)
class TrafficQuestion:
    asked: TrafficFilter
    span: Span
    step: PeriodLength
    format: str

    def scope(self, visit: UserRequestContext) -> Scope:
        """Return the scope of the question. Raises NotFound for a ward that the account may not see."""
        return visit.ward(self.asked.ward) if self.asked.ward else visit.scope


def traffic_question(visit: UserRequestContext, formats: Sequence[str]) -> TrafficQuestion:
    """Read the question from the query. Raises BadRequest."""
    for key in visit.request.query_params:
        if key not in KEYS:
            raise BadRequest(f"there is no parameter {key[:40]!r}; the parameters are {', '.join(KEYS)}")
    step = _one_of(visit, "step", tuple(PeriodLength), PeriodLength.HOUR)
    answer_format = _one_of(visit, "format", formats, "json")
    rule, line = _id(visit, "rule"), _id(visit, "line")
    asked = TrafficFilter(
        *(_id(visit, "ward"), _id(visit, "gateway"), _id(visit, "camera"), rule, line),
        pictures=not (rule or line),
    )
    return TrafficQuestion(asked, _span(visit, PeriodLength(step)), PeriodLength(step), answer_format)


def _one_of(visit: UserRequestContext, key: str, known: Sequence[str], default: str) -> str:
    text = visit.query(key) or default
    if text not in known:
        raise BadRequest(f"{key} is {', '.join(known)}")
    return text


def _id(visit: UserRequestContext, key: str) -> str:
    text = visit.query(key) or ""
    if text and _ID.fullmatch(text) is None:
        raise BadRequest(f"{key} must be 1 to 63 characters of a-z, 0-9 and -")
    return text


def _span(visit: UserRequestContext, step: PeriodLength) -> Span:
    """Return the span from the begin of the first period to the end of the last one. Raises BadRequest."""
    timezone = visit.services.console.timezone
    to_ms = _moment(visit, "to")
    last_ms = visit.now_ms if to_ms is None else to_ms - 1
    from_ms = _moment(visit, "from")
    if from_ms is None:
        from_ms = last_ms + 1 - DEFAULT_QUARTERS * QUARTER_MS
    if from_ms > last_ms:
        raise BadRequest("from must be before to")
    size = QUARTERS_OF[step]
    begins = [day_span(local_day(each, timezone), timezone)[0] for each in (from_ms, last_ms)]
    first = begins[0] + (quarter_of(from_ms) - begins[0]) // size * size
    last = begins[1] + (quarter_of(last_ms) - begins[1]) // size * size + size
    if last - first > MAX_DAYS[step] * 96:
        raise BadRequest(f"at most {MAX_DAYS[step]} days in steps of {step}")
    return first, last


def _moment(visit: UserRequestContext, key: str) -> int | None:
    """Return a time with an offset, or a date's midnight, in ms since 1970. Raises BadRequest."""
    text = visit.query(key)
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-28"):
            time = datetime.combine(
                date.fromisoformat(text), datetime.min.time(), visit.services.console.timezone
            )
        else:
            time = datetime.fromisoformat(text[:40])
        if time.tzinfo is None or not 1971 <= time.year <= 2099:
            raise ValueError
    except ValueError:
        raise BadRequest(
            f"{key} must be a date, or a time with its offset: 2026-11-28T07:00:00+07:00"
        ) from None
    return round(time.timestamp() * 1000)


def too_much_traffic() -> BadRequest:
    return BadRequest(
        "that is too much for one answer: name a ward or a gateway, a shorter time, or a longer step"
    )
