"""Parses the query of ``GET /api/events``; each mistake is refused with a text that names it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from edge_agent import wire
from edge_agent.core.model import GROUP_OF_LABEL, Severity
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.documents import parse_birth, parse_heartbeat
from edge_central.console.site_names import Names
from edge_central.store import tables
from edge_central.store.scope import Scope
from edge_central.web.api.event_history import HistoryFilter
from edge_central.web.http_errors import BadRequest, NotFound

MOST_EVENTS = 1_000
DEFAULT_EVENTS = 100
MOST_WAIT_S = 30.0
SEVERITIES = {"info": Severity.INFO, "warning": Severity.WARNING, "alarm": Severity.ALARM}
LABELS = tuple(sorted(GROUP_OF_LABEL))
KEYS = (
    *("after", "limit", "ward", "gateway", "camera", "kind", "label", "severity"),
    *("from", "to", "wait"),
)
OF_GATEWAY = "gateway"
"""The name that stands for the gateway itself where the name of a camera is expected."""
_ID = re.compile(r"[a-z0-9-]{1,63}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class EventQuery:
    after: str | None
    limit: int
    event_filter: HistoryFilter
    wait_s: float


def parse_event_query(query: Mapping[str, str], scope: Scope) -> EventQuery:
    """Parse the query; ``check_places`` then checks it in the database. Raises BadRequest, NotFound."""
    check_keys(query, KEYS)
    gateway, camera = _parse_id(query, "gateway"), _parse_id(query, "camera")
    if camera and not gateway:
        raise BadRequest(
            "the parameter camera needs the parameter gateway: the id of a camera is unique in its gateway "
            "only"
        )
    from_ms, to_ms = _parse_time(query, "from"), _parse_time(query, "to")
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise BadRequest("to must be later than from")
    event_filter = HistoryFilter(
        parse_ward(query.get("ward"), scope),
        _parse_kinds(query.get("kind")),
        _parse_severity(query.get("severity")),
        gateway,
        camera,
        _parse_label(query.get("label")),
        from_ms,
        to_ms,
    )
    limit = parse_limit(query.get("limit"), DEFAULT_EVENTS, MOST_EVENTS)
    return EventQuery(query.get("after") or None, limit, event_filter, parse_wait(query.get("wait")))


def check_places(connection: Connection, wanted: HistoryFilter, scope: Scope, names: Names) -> None:
    """Refuse a gateway or a camera that does not exist in ``scope``. Raises BadRequest."""
    if not wanted.gateway:
        return
    columns = tables.gateway.c
    query = select(columns.ward, columns.birth, columns.heartbeat).where(columns.id == wanted.gateway)
    stored = connection.execute(query.where(scope.of(columns.ward))).first()
    sheet = names.site(wanted.gateway)
    if stored is None and not (sheet.ward and scope.admits(sheet.ward)):
        raise BadRequest(f"there is no gateway {wanted.gateway!r} in your wards; /api/inventory lists them")
    if not wanted.camera or wanted.camera == OF_GATEWAY or wanted.camera in sheet.cameras:
        return
    cameras = set() if stored is None else _reported_cameras(stored.birth, stored.heartbeat)
    if wanted.camera not in cameras and not _has_media(connection, wanted):
        raise BadRequest(f"{wanted.gateway} has no camera {wanted.camera!r}; /api/inventory lists them")


def _reported_cameras(birth: bytes | None, heartbeat: bytes | None) -> set[str]:
    return {camera.id for camera in parse_birth(birth).cameras} | set(parse_heartbeat(heartbeat).cameras)


def _has_media(connection: Connection, wanted: HistoryFilter) -> bool:
    """Whether a picture of the camera is stored. So a camera that was removed but has a history is
    accepted."""
    columns = tables.media.c
    of_camera = (columns.gateway == wanted.gateway, columns.camera == wanted.camera)
    return connection.execute(select(columns.media_id).where(*of_camera).limit(1)).first() is not None


# --- single parameters, also used by other queries ---


def check_keys(query: Mapping[str, str], keys: tuple[str, ...]) -> None:
    """Raises BadRequest for a parameter that is not one of ``keys``."""
    for key in query:
        if key not in keys:
            raise BadRequest(f"there is no parameter {key[:40]!r}; the parameters are {', '.join(keys)}")


def parse_ward(ward: str | None, scope: Scope) -> Scope:
    """Return ``scope``, limited to ``ward`` if that is given. Raises NotFound."""
    if ward and not scope.admits(ward):
        raise NotFound("there is no such ward, or you may not see it")
    return scope.narrowed(ward or None)


def parse_limit(text: str | None, default: int, most: int) -> int:
    """Parse the parameter ``limit``. Raises BadRequest."""
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= most:
        raise BadRequest(f"limit must be a whole number from 1 to {most}")
    return int(text)


def parse_wait(text: str | None) -> float:
    """Return the seconds of a long poll. Raises BadRequest."""
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MOST_WAIT_S:
        raise BadRequest(f"wait must be a number of seconds from 0 to {MOST_WAIT_S:.0f}")
    return seconds


def _parse_id(query: Mapping[str, str], key: str) -> str:
    text = query.get(key) or ""
    if text and not _ID.fullmatch(text):
        raise BadRequest(f"{key} must be an id: 1 to 63 characters of a-z, 0-9 and -")
    return text


def _parse_kinds(text: str | None) -> frozenset[str]:
    kinds = frozenset(filter(None, (text or "").split(",")))
    for kind in sorted(kinds - wire.DATA_OF_KIND.keys()):
        raise BadRequest(f"there is no kind {kind[:40]!r}; the kinds are {', '.join(wire.DATA_OF_KIND)}")
    return kinds


def _parse_label(text: str | None) -> str:
    if text and text not in LABELS:
        raise BadRequest(f"there is no label {text[:40]!r}; the labels are {', '.join(LABELS)}")
    return text or ""


def _parse_severity(text: str | None) -> int:
    if text is None:
        return 0
    if text not in SEVERITIES:
        raise BadRequest(f"severity must be one of {', '.join(SEVERITIES)}; it selects that one and worse")
    return SEVERITIES[text].number


def _parse_time(query: Mapping[str, str], key: str) -> int | None:
    """Return a time of the query in milliseconds since 1970."""
    text = query.get(key)
    if not text:
        return None
    try:
        if _TIME.fullmatch(text):
            return bounded_time(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise BadRequest(
        f"{key} must be a time such as 2026-11-27T21:00:00Z; in an address, the + of +07:00 is written %2B"
    )
