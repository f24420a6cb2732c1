"""Counts of traffic: a list of lines and cameras, and a page of each one, with the week before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo
from urllib.parse import urlencode

from starlette.responses import Response

from edge_agent.core.model import GROUP_OF_LABEL, LABELS
from edge_central.console.history import Series
from edge_central.traffic.calendar import day_span, local_day, quarter_of
from edge_central.traffic.congestion import CongestionLevel, CongestionPeriod, FreeFlow, sum_congestion
from edge_central.traffic.flow_series import read_flow
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.periods import (
    WEEK,
    PeriodLength,
    TrafficPeriod,
    split_span,
    sum_counts,
    sum_periods,
)
from edge_central.traffic.reports import A_TO_B, APPEARED, B_TO_A, OTHER, QUARTER_MS, Counts
from edge_central.traffic.series import (
    CountedPlace,
    DaySums,
    TooMuchTraffic,
    TrafficFilter,
    TrafficSeries,
    read_series,
    read_sums,
)
from edge_central.traffic.turn_series import read_turns
from edge_central.web.api.traffic_question import too_much_traffic
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.pages.charts import LineChart, line_chart
from edge_central.web.pages.numbers.traffic_files import offered_files
from edge_central.web.pages.numbers.turns import TurnMatrix, turn_matrix
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

DEFAULT_DAYS, MAX_DAYS = 7, 400
MAX_LISTED_DAYS = 31
"""Maximum number of days in the list of all gateways; the list of one gateway has up to MAX_DAYS."""
FINEST = {PeriodLength.QUARTER: 2, PeriodLength.HOUR: 14, PeriodLength.DAY: MAX_DAYS}
"""Limit of days that the page shows in periods of this length; more would be too many rows to read."""
MAX_PLACES = 300
CLASSES = tuple(dict.fromkeys((*LABELS, *GROUP_OF_LABEL.values(), OTHER)))
"""The labels in the order of the table."""
LEAST_CEILING = 10.0
ONE_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TrafficForm:
    """The values of the form; both days are included."""

    place: CountedPlace  # empty fields: not chosen
    from_day: date
    to_day: date
    step: PeriodLength
    is_shortened: bool  # the list shows only the last MAX_LISTED_DAYS of what was asked

    @property
    def days(self) -> list[date]:
        return [self.from_day + timedelta(days=n) for n in range((self.to_day - self.from_day).days + 1)]

    def link(self, place: CountedPlace, path: str = "/traffic", **more: str) -> str:
        fields = {
            "ward": place.ward,
            "gateway": place.gateway,
            "camera": place.camera,
            "rule": place.rule,
            "line": place.line,
            "from": self.from_day.isoformat(),
            "to": self.to_day.isoformat(),
            **more,
        }
        return f"{path}?{urlencode({key: value for key, value in fields.items() if value})}"

    def export(
        self, file_format: str, path: str = "/api/traffic", *, step: PeriodLength | None = None
    ) -> str:
        """Return the address of the same numbers in the API, where ``to`` is not included."""
        to = (self.to_day + timedelta(days=1)).isoformat()
        return self.link(self.place, path, to=to, step=(step or self.step).value, format=file_format)


@dataclass(frozen=True, slots=True)
class ComparedPeriod:
    """The traffic of one period and of the same period a week before.

    ``before``: the count of the same time a week earlier; None: counting had not begun then. ``congestion``:
    the congestion at a camera; None for a line.
    """

    period: TrafficPeriod
    before: TrafficPeriod | None
    congestion: CongestionPeriod | None = None


@dataclass(frozen=True, slots=True)
class ListedPlace:
    place: CountedPlace
    link: str
    total: int | None  # None: no data
    before: int | None
    measured_percent: int | None
    is_under_1_percent: bool


@dataclass(frozen=True, slots=True)
class PlaceFigures:
    """The numbers of one place on the page. Totals and classes include counts without a known time. They are
    None if there is no data."""

    rows: tuple[ComparedPeriod, ...]
    by_class: tuple[tuple[str, Mapping[str, tuple[int | None, int | None]]], ...]
    """Label, and by direction the counts of this time and of the week before."""
    total: int | None
    before_total: int | None
    change_percent: int | None
    undated: int
    undated_before: int
    chart: LineChart
    chart_before: LineChart
    usual: FreeFlow | None  # of a camera whose free-flow speed is known


def traffic_page(visit: UserRequestContext) -> Response:
    """Return the page of traffic. With ``gateway`` and ``camera`` in the query it shows this camera, and with
    ``rule`` and ``line`` too it shows this line; otherwise it shows the list of all. Raises NotFound for a
    place that is not in the scope of the account."""
    form = _form(visit)
    if form.place.ward:
        visit.ward(form.place.ward)
    gateway = form.place.gateway
    if gateway and visit.fleet(gateway=gateway).site(gateway) is None:
        raise NotFound
    chosen = bool(gateway and form.place.camera)
    figures = _figures(visit, form) if chosen else None
    matrix, is_too_long = None, False
    if chosen and not form.place.line:
        try:
            matrix = _matrix(visit, form)
        except TooMuchTraffic:  # the counts of the camera alone may be few enough
            is_too_long = True
    listed = [] if chosen else _listed(visit, form)
    return visit.render(
        "traffic.html",
        form=form,
        files=offered_files(visit, form.place, form.days, form.step),
        figures=figures,
        matrix=matrix,
        is_too_long=is_too_long,
        turn_classes=() if matrix is None else _turn_classes(matrix),
        chosen=chosen,
        listed=listed[:MAX_PLACES],
        more=max(0, len(listed) - MAX_PLACES),
        wards=sorted(_wards(visit).items()),
        steps=tuple(PeriodLength),
        directions=(A_TO_B, B_TO_A) if form.place.line else (APPEARED,),
        levels=tuple(CongestionLevel),
        most_days=MAX_LISTED_DAYS,
        is_today=form.to_day >= local_day(visit.now_ms, visit.services.console.timezone),
        no_place=CountedPlace("", "", ""),
    )


def _wards(visit: UserRequestContext) -> dict[str, str]:
    """Return the names of the wards that the account may see."""
    return {ward.id: ward.name for ward in visit.fleet().wards}


# --- the form ---


def _form(visit: UserRequestContext) -> TrafficForm:
    """Return the values of the form. Raises BadRequest."""
    names = [(visit.query(key) or "")[:63] for key in ("ward", "gateway", "camera", "rule", "line")]
    place = CountedPlace(*names)
    if place.line and not place.rule:
        raise BadRequest("the parameter line needs the parameter rule")
    today = local_day(visit.now_ms, visit.services.console.timezone)
    to_day = _date(visit.query("to")) or today
    from_day = _date(visit.query("from")) or to_day - timedelta(days=DEFAULT_DAYS - 1)
    count = (to_day - from_day).days + 1
    if not 1 <= count <= MAX_DAYS:
        raise BadRequest(f"the dates must cover 1 to {MAX_DAYS} days")
    is_shortened = not place.gateway and count > MAX_LISTED_DAYS
    if is_shortened:
        from_day = to_day - timedelta(days=MAX_LISTED_DAYS - 1)
    return TrafficForm(place, from_day, to_day, _step(visit.query("step"), count), is_shortened)


def _step(text: str | None, days: int) -> PeriodLength:
    """Return the step of the form, or the next longer one that can show so many days. Raises BadRequest."""
    try:
        asked = PeriodLength.HOUR if text is None else PeriodLength(text)
    except ValueError:
        raise BadRequest(f"step must be one of {', '.join(PeriodLength)}") from None
    steps = list(PeriodLength)
    return next(step for step in steps[steps.index(asked) :] if days <= FINEST[step])


def _date(text: str | None) -> date | None:
    """Return the day of the form; None: it is not given. Raises BadRequest."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        raise BadRequest("the day must be written YYYY-MM-DD") from None
    if not 1971 <= day.year <= 2099:
        raise BadRequest("the day must be in the years 1971 to 2099")
    return day


# --- the list ---


def _listed(visit: UserRequestContext, form: TrafficForm) -> list[ListedPlace]:
    place, timezone = form.place, visit.services.console.timezone
    asked = TrafficFilter(place.ward, place.gateway)
    here = visit.connection, visit.scope, asked
    sums = read_sums(*here, form.days)
    before = read_sums(*here, [day - ONE_WEEK for day in form.days])
    span = day_span(form.from_day, timezone)[0], day_span(form.to_day, timezone)[1]
    over = min(span[1], quarter_of(visit.now_ms)) - span[0]
    found = [_listed_place(form, each, sums.get(each), before.get(each), over) for each in {*sums, *before}]
    names = visit.names

    def order(each: ListedPlace) -> tuple[str, ...]:
        of = each.place
        return names.ward(of.ward), names.site_name(of.gateway), of.gateway, of.camera, of.rule, of.line

    return sorted(found, key=order)


def _listed_place(
    form: TrafficForm, place: CountedPlace, sums: DaySums | None, before: DaySums | None, over: int
) -> ListedPlace:
    share = None if sums is None or over <= 0 else min(100, round(100 * sums.measured / over))
    is_under_1_percent = share == 0 and sums is not None and (sums.measured or sums.total) > 0
    return ListedPlace(place, form.link(place), _total(sums), _total(before), share, is_under_1_percent)


def _total(sums: DaySums | None) -> int | None:
    """Return the total. None: no data, because nothing was counted and the camera had no picture."""
    return None if sums is None or not (sums.total or sums.measured) else sums.total


# --- one place ---


def _figures(visit: UserRequestContext, form: TrafficForm) -> PlaceFigures:
    timezone = visit.services.console.timezone
    span = day_span(form.from_day, timezone)[0], day_span(form.to_day, timezone)[1]
    spans = list(split_span(span, form.step, timezone))
    earlier = [(first - WEEK, last - WEEK) for first, last in spans]
    now = quarter_of(visit.now_ms)
    series = _series(visit, form, span)
    periods = [] if series is None else sum_periods(series, spans, now)
    series_before = _series(visit, form, (span[0] - WEEK, span[1] - WEEK))
    periods_before = [] if series_before is None else sum_periods(series_before, earlier, now)
    rows = _compared(periods, periods_before)
    usual = None
    if not form.place.line:
        rows, usual = _with_congestion(visit, form, rows, span)
    totals, before = _all_counts(periods, series), _all_counts(periods_before, series_before)
    highest = max((period.total or 0 for period in (*periods, *periods_before)), default=0)
    ceiling = max(LEAST_CEILING, float(highest))
    return PlaceFigures(
        rows,
        _by_class(totals, before),
        None if totals is None else totals.total(),
        None if before is None else before.total(),
        _change_percent(rows),
        0 if series is None else series.undated.total(),
        0 if series_before is None else series_before.undated.total(),
        _chart(periods, span, 0, ceiling, timezone),
        _chart(periods_before, span, WEEK, ceiling, timezone),
        usual,
    )


def _all_counts(periods: Sequence[TrafficPeriod], series: TrafficSeries | None) -> Counts | None:
    """Return all counts, including those of an unknown time, as the list does. None: no data."""
    counts = sum_counts(periods) + (Counts() if series is None else series.undated)
    return counts if counts or any(each.counts is not None for each in periods) else None


def _series(visit: UserRequestContext, form: TrafficForm, span: Span) -> TrafficSeries | None:
    """Return the series of the place. None: there is none. Raises BadRequest."""
    place = form.place
    is_line = bool(place.line)
    asked = TrafficFilter(
        *(place.ward, place.gateway, place.camera, place.rule, place.line),
        pictures=not is_line,
        lines=is_line,
    )
    try:
        found = read_series(visit.connection, visit.scope, asked, span, visit.services.console.timezone)
    except TooMuchTraffic:
        raise too_much_traffic() from None
    return found[0] if found else None


def _with_congestion(
    visit: UserRequestContext, form: TrafficForm, rows: tuple[ComparedPeriod, ...], span: Span
) -> tuple[tuple[ComparedPeriod, ...], FreeFlow | None]:
    """Add the congestion to the rows, and return them with the usual traffic. Raises BadRequest."""
    place, timezone, now = form.place, visit.services.console.timezone, quarter_of(visit.now_ms)
    asked = TrafficFilter(place.ward, place.gateway, place.camera)
    try:
        found = read_flow(visit.connection, visit.scope, asked, span, timezone, now)
    except TooMuchTraffic:
        raise too_much_traffic() from None
    flow = next(iter(found.values()), None)
    if flow is None:
        return rows, None
    spans = [row.period.span for row in rows]
    levels = sum_congestion(flow.flow, flow.usual, spans, now)
    joined = zip(rows, levels, strict=True)
    return tuple(replace(row, congestion=each) for row, each in joined), flow.usual


def _matrix(visit: UserRequestContext, form: TrafficForm) -> TurnMatrix | None:
    """Return the turning movements of the camera. None: it has none. Raises TooMuchTraffic."""
    place, timezone = form.place, visit.services.console.timezone
    span = day_span(form.from_day, timezone)[0], day_span(form.to_day, timezone)[1]
    asked = TrafficFilter(place.ward, place.gateway, place.camera)
    found = read_turns(visit.connection, visit.scope, asked, span, timezone)
    return turn_matrix(found, span, quarter_of(visit.now_ms))


def _turn_classes(matrix: TurnMatrix) -> tuple[str, ...]:
    return tuple(label for label in CLASSES if any(turn.by_label.get(label) for turn in matrix.turns))


def _compared(
    periods: Sequence[TrafficPeriod], before: Sequence[TrafficPeriod]
) -> tuple[ComparedPeriod, ...]:
    by_begin: dict[Quarter, TrafficPeriod] = {each.span[0] + WEEK: each for each in before}
    return tuple(ComparedPeriod(each, by_begin.get(each.span[0])) for each in periods)


def _change_percent(rows: Sequence[ComparedPeriod]) -> int | None:
    """Return the change, in per cent, over the periods that are complete in both weeks. None: there are no
    such periods, or they had no counts the week before."""
    both = [(row.period, row.before) for row in rows if _is_complete(row.period) and row.before is not None]
    pairs = [(now.total or 0, before.total or 0) for now, before in both if _is_complete(before)]
    base = sum(before for _, before in pairs)
    return None if not base else round(100 * (sum(now for now, _ in pairs) - base) / base)


def _is_complete(period: TrafficPeriod) -> bool:
    first, last = period.span
    return period.counts is not None and period.measured == last - first


def _by_class(
    totals: Counts | None, before: Counts | None
) -> tuple[tuple[str, Mapping[str, tuple[int | None, int | None]]], ...]:
    """Return the classes that were counted in at least one of the weeks."""
    directions = A_TO_B, B_TO_A, APPEARED
    both = Counts(totals) + Counts(before)

    def pair(key: tuple[str, str]) -> tuple[int | None, int | None]:
        return None if totals is None else totals[key], None if before is None else before[key]

    return tuple(
        (label, {direction: pair((direction, label)) for direction in directions})
        for label in CLASSES
        if any(both[direction, label] for direction in directions)
    )


def _chart(
    periods: Sequence[TrafficPeriod], span: Span, shift: int, ceiling: float, timezone: tzinfo
) -> LineChart:
    """Draw the counts of a period and of the week before.

    ``shift``: by how many quarters of an hour a series is moved to the right, so that the week before lies
    under the same days.
    """
    from_ms, to_ms = span[0] * QUARTER_MS, span[1] * QUARTER_MS
    points = tuple(
        ((each.span[0] + shift) * QUARTER_MS, None if each.total is None else float(each.total))
        for each in periods
    )
    # Each period has a point, and so has a gap: so the distance of points does not matter for the connection.
    connect_ms = float(to_ms - from_ms)
    series = Series("", "", points)
    return line_chart(series, from_ms, to_ms, 0.0, ceiling, connect_ms=connect_ms, timezone=timezone)


PAGES = (Page("/traffic", traffic_page),)
