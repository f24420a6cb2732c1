"""``/fleet``: a row for each gateway, the broken ones first, with its differences; also as CSV files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from urllib.parse import urlencode

from starlette.responses import Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.fleet import PRESENT, CameraOverview, SiteOverview, SiteState
from edge_central.console.site_names import Names
from edge_central.fleet.comparison import (
    ComparedGateway,
    Deviation,
    DeviationKind,
    FleetComparison,
    FleetFilter,
    read_comparison,
)
from edge_central.fleet.rollouts import read_rollouts
from edge_central.web.csv_file import csv_response
from edge_central.web.i18n import translate, translate_word
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page
from edge_central.web.templates import line_text

PAGE_ROWS = 100
MAX_COUNTED = 8
"""Number of versions and models that are listed with their counts; the others are counted together."""
MAX_TYPED = 500
MAX_PAGE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class CountedText:
    """A version or model, the number of gateways that have it, and the address that lists these gateways."""

    text: str
    count: int
    link: str


def fleet_page(visit: UserRequestContext) -> Response:
    asked = _asked(visit)
    found = _comparison(visit, asked.ward)
    matching = [row for row in found.rows if asked.matches(row)]
    pages = max(1, -(-len(matching) // PAGE_ROWS))
    page = min(_page(visit), pages)
    return visit.render(
        "fleet.html",
        found=found,
        asked=asked,
        rows=matching[(page - 1) * PAGE_ROWS : page * PAGE_ROWS],
        matching=len(matching),
        page=page,
        pages=pages,
        link=fleet_link,
        only=partial(FleetFilter, ward=asked.ward),
        csv=fleet_link(asked, path="/fleet/gateways.csv"),
        cameras_csv=fleet_link(asked, path="/fleet/cameras.csv"),
        versions=list(_counted(found.versions, lambda text: FleetFilter(asked.ward, version=text))),
        models=list(_counted(found.models, lambda text: FleetFilter(asked.ward, model=text))),
        kinds=tuple(DeviationKind),
        states=tuple(SiteState),
        present=PRESENT,
        wards=_wards(visit, found),
        rollout=next(
            (each for each in read_rollouts(visit.connection, visit.scope, 1) if each.goes_on), None
        ),
    )


def fleet_csv(visit: UserRequestContext) -> Response:
    """Return all rows that match the filters of the page."""
    asked = _asked(visit)
    found = _comparison(visit, asked.ward)
    say = partial(translate, lang=visit.lang)
    columns = ("gateway", "site", "ward", "state", "since", "version", "config", "origin", "model", "board")
    more = ("certificate", "ca", "budget", "used", "forecast", "cameras", "differences")
    header = [say(f"fleet-column-{name}") for name in (*columns, *more)]
    rows = [_cells(visit, row) for row in found.rows if asked.matches(row)]
    return csv_response("fleet.csv", header, rows)


def cameras_csv(visit: UserRequestContext) -> Response:
    """Return a row for each camera of the gateways that match the filters of the page."""
    asked = _asked(visit)
    say = partial(translate, lang=visit.lang)
    columns = ("gateway", "site", "ward", "camera", "camera-name", "state", "manufacturer", "camera-model")
    header = [say(f"fleet-column-{name}") for name in (*columns, "firmware", "serial", "mac")]
    rows = [
        _camera_cells(visit, row.site, camera)
        for row in _comparison(visit, asked.ward).rows
        if asked.matches(row)
        for camera in row.site.cameras
    ]
    return csv_response("cameras.csv", header, rows)


def _camera_cells(visit: UserRequestContext, site: SiteOverview, camera: CameraOverview) -> list[object]:
    found = camera.identity
    cells = (
        *(site.id, site.name, visit.names.ward(site.ward), camera.id, camera.name),
        translate(f"visibility-{camera.visibility}", visit.lang),
        *(found.manufacturer, found.model, found.firmware, found.serial, found.mac),
    )
    return [cell or "" for cell in cells]


def _comparison(visit: UserRequestContext, ward: str) -> FleetComparison:
    """Return the gateways of the user's wards or of ``ward``. Raises NotFound if the user may not see it."""
    scope = visit.ward(ward) if ward else visit.scope
    alerts = visit.services.settings.alerts
    return read_comparison(visit.connection, visit.names, scope, alerts, visit.now_ms)


def fleet_link(asked: FleetFilter, page: int = 1, path: str = "/fleet") -> str:
    """Return the address of the rows that ``asked`` selects."""
    fields = {key: str(int(value)) if value is True else value for key, value in asdict(asked).items()}
    query = {key: value for key, value in fields.items() if value}
    if page > 1:
        query["page"] = str(page)
    return f"{path}?{urlencode(query)}" if query else path


def deviation_text(deviation: Deviation, names: Names, visit: UserRequestContext) -> str:
    """Return a deviation in words, without marks."""
    detail = deviation.detail
    if deviation.kind is DeviationKind.OTHER_WARD:
        detail = names.ward(detail)
    words = translate(f"differs-{deviation.kind}", visit.lang)
    return f"{words}: {line_text(detail, visit.lang)}" if detail else words


def _asked(visit: UserRequestContext) -> FleetFilter:
    def text(name: str) -> str:
        return (visit.query(name) or "")[:MAX_TYPED]

    return FleetFilter(
        *(text("ward"), text("state"), text("version"), text("model"), text("differs")),
        expiring=bool(text("expiring")),
        exceeding=bool(text("exceeding")),
    )


def _page(visit: UserRequestContext) -> int:
    text = visit.query("page") or ""
    return max(1, int(text)) if text.isdecimal() and len(text) <= MAX_PAGE_DIGITS else 1


def _counted(counts: Counter[str], asked: Callable[[str], FleetFilter]) -> Iterator[CountedText]:
    for text, count in counts.most_common(MAX_COUNTED):
        yield CountedText(text, count, fleet_link(asked(text)))


def _wards(visit: UserRequestContext, found: FleetComparison) -> list[str]:
    """Return the wards that can be chosen."""
    there = {row.site.ward for row in found.rows}
    return sorted(there | {ward for ward in visit.names.wards if visit.scope.admits(ward)})


def _cells(visit: UserRequestContext, row: ComparedGateway) -> list[object]:
    site, health = row.site, row.site.health
    certificates, uplink = health.certificates, health.uplink
    since = None if site.since_ms is None else rfc3339_of_ms(bounded_time(site.since_ms))
    cells = (
        *(site.id, site.name, visit.names.ward(site.ward)),
        *(translate(f"standing-{site.state}", visit.lang), since, site.version, health.config_hash),
        translate_word("config-origin", health.config.origin, visit.lang) if health.config_hash else None,
        *(site.model, site.birth.board, certificates.client_days, certificates.ca_days),
        *(uplink.monthly_bytes, uplink.used_bytes if uplink.monthly_bytes else None, uplink.forecast_bytes),
        len(site.cameras),
        "; ".join(deviation_text(each, visit.names, visit) for each in row.deviations),
    )
    return ["" if cell is None else cell for cell in cells]


PAGES = (
    Page("/fleet", fleet_page),
    Page("/fleet/gateways.csv", fleet_csv),
    Page("/fleet/cameras.csv", cameras_csv),
)
