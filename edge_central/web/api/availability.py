"""``GET /api/availability``: how long cameras had a usable picture in a month, by camera, site or ward."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_central.availability.model import NOT_COUNTED, OUTAGES
from edge_central.availability.report import (
    AvailabilityReport,
    CameraAvailability,
    Month,
    SiteAvailability,
    counted_period,
    month_of,
    parse_month,
)
from edge_central.availability.summed_report import read_summed_availability
from edge_central.availability.timeline import ConditionTotals
from edge_central.store import tables
from edge_central.web.api.event_history import ApiDocument, Time
from edge_central.web.api.events import JSON
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.http_errors import BadRequest
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

KEYS = ("month", "ward", "gateway", "camera", "by")
_ID = re.compile(r"[a-z0-9-]{1,63}")
CONDITIONS = (*OUTAGES, *NOT_COUNTED)

Seconds = dict[str, float]


class AvailabilityLevel(StrEnum):
    """What one entry of the answer is about."""

    CAMERA = "camera"
    SITE = "site"
    WARD = "ward"
    ALL = "all"


class AvailabilityEntry(ApiDocument, frozen=True, kw_only=True):
    """The cameras of one entry together. `percent` is `usable_s / counted_s`; maintenance, and time that the
    centre could not observe, are not counted."""

    ward: Annotated[str | None, Meta(description="null: all wards that you may see")]
    gateway: Annotated[str | None, Meta(description="null: all of the ward")]
    camera: Annotated[str | None, Meta(description="null: all of the gateway")]
    ward_name: str | None
    site_name: str | None
    camera_name: str | None
    cameras: Annotated[int, Meta(description="how many are summed")]
    percent: Annotated[float | None, Meta(description="0 to 100; null: no time is counted")]
    missed_s: Annotated[
        float | None, Meta(description="by how much `usable_s` is below the target; null: there is no target")
    ]
    usable_s: float
    counted_s: Annotated[float, Meta(description="usable time and outages")]
    conditions_s: Annotated[
        Seconds,
        Meta(description="seconds of each outage (camera, tamper, network, power, gateway, absent), and of "
             "maintenance and unknown, which are not counted"),
    ]  # fmt: skip
    quality_s: Annotated[
        Seconds,
        Meta(description="usable seconds that were dark, overexposed, defocused or visibility-degraded"),
    ]


class AvailabilityAnswer(ApiDocument, frozen=True, kw_only=True):
    """One month. A camera is counted from its first report on."""

    month: Annotated[str, Meta(description="YYYY-MM")]
    timezone: Annotated[str, Meta(description="of the month, such as Asia/Ho_Chi_Minh")]
    from_at: Time
    to_at: Annotated[Time, Meta(description="what is counted ends here, at the latest now; not included")]
    complete: Annotated[bool, Meta(description="whether the month is over")]
    target_percent: Annotated[float | None, Meta(description="as configured; null: none is agreed")]
    by: Literal["camera", "site", "ward", "all"]
    entries: list[AvailabilityEntry]


@dataclass(frozen=True, slots=True)
class AvailabilityQuestion:
    month: Month
    ward: str
    gateway: str
    camera: str
    by: AvailabilityLevel


def availability(visit: UserRequestContext) -> Response:
    question = _question(visit)
    scope = visit.ward(question.ward) if question.ward else visit.scope
    console = visit.services.console
    whole = question.month.span(console.timezone)
    period = counted_period(visit.connection, visit.services.settings.id, whole, visit.now_ms)
    report = AvailabilityReport(period, ())
    if period.to_ms > period.from_ms:
        gateway = question.gateway or None
        report = read_summed_availability(
            visit.connection, scope, period, console.timezone, visit.now_ms, gateway
        )
    answer = AvailabilityAnswer(
        month=str(question.month),
        timezone=console.timezone.key,
        from_at=rfc3339_of_ms(period.from_ms),
        to_at=rfc3339_of_ms(period.to_ms),
        complete=period.to_ms == whole.to_ms,
        target_percent=console.availability_target_percent,
        by=question.by.value,
        entries=list(_entries(visit, question, report)),
    )
    return Response(encode_json(answer), media_type=JSON)


def _question(visit: UserRequestContext) -> AvailabilityQuestion:
    """Return the question in the query. Raises BadRequest."""
    for key in visit.request.query_params:
        if key not in KEYS:
            raise BadRequest(f"there is no parameter {key[:40]!r}; the parameters are {', '.join(KEYS)}")
    text = visit.query("month")
    month = month_of(visit.now_ms, visit.services.console.timezone) if text is None else parse_month(text)
    if month is None:
        raise BadRequest("month must be written YYYY-MM, from 2000 to 2099")
    by = visit.query("by") or AvailabilityLevel.CAMERA
    if by not in tuple(AvailabilityLevel):
        raise BadRequest(f"by must be one of {', '.join(AvailabilityLevel)}")
    ward, gateway, camera = (_id(visit, key) for key in ("ward", "gateway", "camera"))
    if camera and not gateway:
        raise BadRequest("the parameter camera needs the parameter gateway")
    return AvailabilityQuestion(month, ward, gateway, camera, AvailabilityLevel(by))


def _id(visit: UserRequestContext, key: str) -> str:
    """Return an id in the query; empty if it is not given. Raises BadRequest."""
    text = visit.query(key) or ""
    if text and _ID.fullmatch(text) is None:
        raise BadRequest(f"{key} must be 1 to 63 characters of a-z, 0-9 and -")
    return text


def _entries(
    visit: UserRequestContext, question: AvailabilityQuestion, report: AvailabilityReport
) -> Iterator[AvailabilityEntry]:
    chosen = [(site, _cameras(site, question.camera)) for site in report.sites]
    sites = [(site, cameras) for site, cameras in chosen if cameras]
    match question.by:
        case AvailabilityLevel.CAMERA:
            for site, cameras in sites:
                for each in cameras:
                    yield _entry(visit, [each], site.ward, site.gateway, each.camera)
        case AvailabilityLevel.SITE:
            for site, cameras in sites:
                yield _entry(visit, cameras, site.ward, site.gateway)
        case AvailabilityLevel.WARD:
            for ward in dict.fromkeys(site.ward for site, _ in sites):
                of_ward = [each for site, cameras in sites if site.ward == ward for each in cameras]
                yield _entry(visit, of_ward, ward)
        case AvailabilityLevel.ALL:
            yield _entry(visit, [each for _, cameras in sites for each in cameras])


def _cameras(site: SiteAvailability, camera: str) -> list[CameraAvailability]:
    return [each for each in site.cameras if not camera or each.camera == camera]


def _entry(
    visit: UserRequestContext,
    cameras: Sequence[CameraAvailability],
    ward: str | None = None,
    gateway: str | None = None,
    camera: str | None = None,
) -> AvailabilityEntry:
    totals, names = ConditionTotals(), visit.names
    for each in cameras:
        totals.add(each.totals)
    target = visit.services.console.availability_target_percent
    missed_ms = None if target is None else max(0.0, totals.counted_ms * target / 100 - totals.usable_ms)
    return AvailabilityEntry(
        ward=ward,
        gateway=gateway,
        camera=camera,
        ward_name=None if ward is None else names.ward(ward),
        site_name=None if gateway is None else names.site_name(gateway),
        camera_name=None if gateway is None or camera is None else names.camera(gateway, camera).name,
        cameras=len(cameras),
        percent=totals.percent,
        missed_s=None if missed_ms is None else round(missed_ms / 1000, 3),
        usable_s=totals.usable_ms / 1000,
        counted_s=totals.counted_ms / 1000,
        conditions_s={each.value: totals.by_condition.get(each, 0) / 1000 for each in CONDITIONS},
        quality_s={view: totals.by_quality.get(view, 0) / 1000 for view in tables.SUMMED_VIEWS},
    )


PAGES = (Page("/api/availability", availability, roles=ALL_ROLES),)
