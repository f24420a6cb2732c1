"""Coordinates of the plots and the map, for inline SVG. No tile server is used."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from edge_central.console.fleet import Fleet, SiteOverview
from edge_central.console.history import Series

WIDTH, HEIGHT = 640, 132
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 20
MOST_POINTS = 320  # maximum number of points of a series; more cannot be distinguished at that width
MAP_WIDTH, MAP_MARGIN = 1000.0, 40.0
FAR_DEGREES = 1.0  # maximum distance from the middle of all sites, in each direction: some 100 km


@dataclass(frozen=True, slots=True)
class AxisTick:
    at: float
    value: float


@dataclass(frozen=True, slots=True)
class LineChart:
    """A chart of lines. ``lines``: the ``points`` of polylines; a gap in the data is a gap in the line."""

    name: str
    unit: str
    lines: tuple[str, ...]
    across: tuple[AxisTick, ...]  # at y; the value
    along: tuple[AxisTick, ...]  # at x; milliseconds since 1970
    newest: float | None
    lowest: float | None
    highest: float | None
    limit: float | None = None  # y of the value above which the user should look at it

    @property
    def is_empty(self) -> bool:
        return self.newest is None


def line_chart(
    series: Series,
    from_ms: int,
    to_ms: int,
    floor: float,
    ceiling: float,
    limit: float | None = None,
    connect_ms: float = 3_600_000,
    *,
    timezone: tzinfo,
) -> LineChart:
    """Draw a series. The axis reaches at least from ``floor`` to ``ceiling``, and further if values are
    beyond. Points that are further apart than ``connect_ms`` are not connected."""
    values = [value for _, value in series.points if value is not None]
    low = min([floor, *values])
    high = max([ceiling, *values])
    step = _step(high - low)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step

    def y(value: float) -> float:
        return round(TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    def x(time_ms: int) -> float:
        return round(LEFT + (time_ms - from_ms) / (to_ms - from_ms) * (WIDTH - LEFT - RIGHT), 1)

    drawn = [(x(time_ms), None if value is None else y(value)) for time_ms, value in _thinned(series.points)]
    return LineChart(
        series.name,
        series.unit,
        _lines(drawn, (WIDTH - LEFT - RIGHT) * connect_ms / (to_ms - from_ms)),
        tuple(AxisTick(y(low + n * step), low + n * step) for n in range(round((high - low) / step) + 1)),
        time_ticks(from_ms, to_ms, timezone),
        *(series.newest, min(values, default=None), max(values, default=None)),
        None if limit is None or not low <= limit <= high else y(limit),
    )


def time_ticks(from_ms: int, to_ms: int, timezone: tzinfo) -> tuple[AxisTick, ...]:
    """Return the ticks of a time axis, at full hours or midnights of the time zone: at x, milliseconds since
    1970."""
    scale = (WIDTH - LEFT - RIGHT) / (to_ms - from_ms)
    times = _times(from_ms, to_ms, timezone)
    return tuple(AxisTick(round(LEFT + (time_ms - from_ms) * scale, 1), time_ms) for time_ms in times)


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A bar. ``value`` is the value that it shows; the other fields are coordinates of its rectangle."""

    x: float
    y: float
    width: float
    height: float
    value: int


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars side by side: for each label one bar of each series."""

    series: tuple[tuple[ChartBar, ...], ...]
    across: tuple[AxisTick, ...]  # at y; the value
    labels: tuple[tuple[float, str], ...]  # x and text


def bar_chart(series: Sequence[Sequence[int]], labels: Sequence[str], label_every: int = 3) -> BarChart:
    """Draw bars. ``series``: each has one count for each of ``labels``."""
    step = max(1.0, _step(max(max(each, default=0) for each in series)))
    most = max(step, math.ceil(max(max(each, default=0) for each in series) / step) * step)
    slot = (WIDTH - LEFT - RIGHT) / len(labels)
    width, full = slot * 0.8 / len(series), HEIGHT - TOP - BOTTOM

    def bar(number: int, at: int, value: int) -> ChartBar:
        height = round(value / most * full, 1)
        x = LEFT + at * slot + slot * 0.1 + number * width
        return ChartBar(round(x, 1), round(TOP + full - height, 1), round(width, 1), height, value)

    bars = tuple(
        tuple(bar(number, at, value) for at, value in enumerate(each)) for number, each in enumerate(series)
    )
    ticks = [step * n for n in range(math.floor(most / step) + 1)]
    across = tuple(AxisTick(round(TOP + full - value / most * full, 1), value) for value in ticks)
    named = [(round(LEFT + (n + 0.5) * slot, 1), text) for n, text in enumerate(labels)]
    return BarChart(bars, across, tuple(named[::label_every]))


def _step(span: float) -> float:
    """Return the distance of three or four grid lines: 1, 2 or 5 times a power of ten."""
    rough = max(span, 1e-9) / 3
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(each * power for each in (1, 2, 5, 10) if each * power >= rough)


def _times(from_ms: int, to_ms: int, timezone: tzinfo) -> list[int]:
    hours = (to_ms - from_ms) / 3_600_000
    every_ms = round(3_600_000 * next((h for h in (1, 3, 6, 24, 72, 168) if hours / h <= 8), 168))
    shift_ms = _offset_ms(from_ms, timezone)
    first = -(-(from_ms + shift_ms) // every_ms) * every_ms - shift_ms
    # Midnight stays midnight where the clocks change in between.
    ticks = (at_ms + shift_ms - _offset_ms(at_ms, timezone) for at_ms in range(first, to_ms, every_ms))
    return [at_ms for at_ms in ticks if from_ms <= at_ms < to_ms]


def _offset_ms(at_ms: int, timezone: tzinfo) -> int:
    offset = datetime.fromtimestamp(at_ms / 1000, timezone).utcoffset() or timedelta()
    return round(offset.total_seconds() * 1000)


def _thinned(points: Sequence[tuple[int, float | None]]) -> Sequence[tuple[int, float | None]]:
    """Reduce each run of points to its highest point, so that a short peak stays visible."""
    size = -(-len(points) // MOST_POINTS)
    if size <= 1:
        return points
    runs = (points[start : start + size] for start in range(0, len(points), size))
    return [max(run, key=lambda point: -math.inf if point[1] is None else point[1]) for run in runs]


def _lines(points: Sequence[tuple[float, float | None]], distance: float) -> tuple[str, ...]:
    """Return polylines. ``distance``: points that are further apart in x are not connected."""
    lines: list[list[str]] = [[]]
    before = -math.inf
    for x, y in points:
        if y is None or x - before > distance:
            lines.append([])
        if y is not None:
            lines[-1].append(f"{x:g},{y:g}")
            before = x
    # A single point is drawn twice, because it would not be visible otherwise.
    return tuple(" ".join(line if len(line) > 1 else line * 2) for line in lines if line)


@dataclass(frozen=True, slots=True)
class SiteMarker:
    site: SiteOverview
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class WardLabel:
    ward: str
    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class SiteMap:
    width: float
    height: float
    spots: tuple[SiteMarker, ...]  # sites that need action are drawn last, so that they are on top
    labels: tuple[WardLabel, ...]
    without_place: int
    metre: float  # length of a metre in units of the drawing

    @property
    def radius(self) -> float:
        return 6.0 if len(self.spots) > 100 else 11.0


def site_map(now: Fleet) -> SiteMap:
    """Place the sites on a map with north at the top. The curvature of the earth is ignored within a city."""
    placed = _near_each_other(now)
    if not placed:
        return SiteMap(MAP_WIDTH, 200.0, (), (), len(now.sites), 0.0)
    latitudes = [site.latitude or 0.0 for site in placed]
    longitudes = [site.longitude or 0.0 for site in placed]
    squeeze = math.cos(math.radians(sum(latitudes) / len(latitudes)))
    wide = max((max(longitudes) - min(longitudes)) * squeeze, 0.002)
    high = max(max(latitudes) - min(latitudes), 0.002)
    scale = (MAP_WIDTH - 2 * MAP_MARGIN) / wide
    west, north = min(longitudes), max(latitudes)

    def spot(site: SiteOverview) -> SiteMarker:
        x = MAP_MARGIN + ((site.longitude or 0.0) - west) * squeeze * scale
        return SiteMarker(site, round(x, 1), round(MAP_MARGIN + (north - (site.latitude or 0.0)) * scale, 1))

    spots = sorted(map(spot, placed), key=lambda each: _ON_TOP[each.site.level.value])
    labels = []
    for ward in now.wards:
        own = [each for each in spots if each.site.ward == ward.id]
        if own:
            # Above its sites: a name between them would hide a site that needs action.
            x, y = sum(each.x for each in own) / len(own), min(each.y for each in own) - 14
            labels.append(WardLabel(ward.id, ward.name, round(x, 1), round(y, 1)))
    height = round(high * scale + 2 * MAP_MARGIN, 1)
    return SiteMap(
        MAP_WIDTH, height, tuple(spots), tuple(labels), len(now.sites) - len(placed), scale / 111_320
    )


def _near_each_other(now: Fleet) -> list[SiteOverview]:
    """Return the sites with a location, but none far from all others, which would make the map too small."""
    placed = [site for site in now.sites if site.latitude is not None and site.longitude is not None]
    if not placed:
        return []
    north = statistics.median(site.latitude or 0.0 for site in placed)
    east = statistics.median(site.longitude or 0.0 for site in placed)
    return [
        site
        for site in placed
        if abs((site.latitude or 0.0) - north) <= FAR_DEGREES
        and abs((site.longitude or 0.0) - east) <= FAR_DEGREES
    ]


_ON_TOP = {"normal": 0, "away": 1, "check": 2, "action": 3}
