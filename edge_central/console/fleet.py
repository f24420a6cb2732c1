"""The current state of the fleet: wards, sites and cameras, each with its state, since when, and why.

The state is read from each gateway's newest heartbeat, birth and stored presence. Sites of the sheet from
which the centre never heard are included, so that a gateway that was never plugged in is visible.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, not_, or_, select

from edge_agent.wire.received.bounds import with_problem
from edge_central.console.documents import (
    BirthFields,
    CameraFields,
    CameraIdentityFields,
    HeartbeatFields,
    milliseconds,
    parse_birth,
    parse_heartbeat,
)
from edge_central.console.site_names import CameraNames, Names
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.presence_reports import PRESENT as PRESENT_GATEWAYS
from edge_central.store.presence_reports import OutageReport, read_outages
from edge_central.store.scope import Scope

log = logging.getLogger(__name__)

UNREADABLE = problem_text("unreadable")
UNKNOWN_IDENTITY = CameraIdentityFields()
RAIN = "visibility-degraded"
TAMPERS = frozenset(("covered", "defocused", "moved", "frozen"))
HOT_C, FULL_PERCENT, LATE_S = 80.0, 90.0, 600.0
"""A site needs a check at these values or above: temperature, disk, age of the outbox's oldest event."""


class SiteState(StrEnum):
    """The state of a site: the published one of its gateway (PresenceState), or ``never``."""

    ONLINE = "online"
    BOOTING = "booting"  # the power has just come back: missing cameras are no problem yet
    UNSTABLE = "unstable"
    OFFLINE = "offline"
    CUT = "cut"  # went offline together with others of its ward: one outage
    STOPPED = "stopped"  # stopped on purpose
    NEVER = "never"  # in the sheet, but without a published state


PRESENT = frozenset(SiteState(each) for each in PRESENT_GATEWAYS)


class CameraVisibility(StrEnum):
    """The state of a camera, as the console shows it."""

    ONLINE = "online"
    DEGRADED = "degraded"
    STARTING = "starting"
    TAMPERED = "tampered"  # connected, but its view is covered, defocused, moved or frozen
    OFFLINE = "offline"
    AWAY = "away"  # its site is away: the camera's state is unknown


class AttentionLevel(StrEnum):
    """How urgently officers have to look after a site."""

    NORMAL = "normal"
    CHECK = "check"  # check when there is time
    ACTION = "action"  # action is needed
    AWAY = "away"  # officers need do nothing, or another entry shows the problem


WORST_FIRST = (AttentionLevel.ACTION, AttentionLevel.CHECK, AttentionLevel.AWAY, AttentionLevel.NORMAL)


@dataclass(frozen=True, slots=True)
class CameraOverview:
    gateway: str
    id: str
    name: str
    channel: str  # number of the recorder channel
    visibility: CameraVisibility
    cause: str | None
    since_ms: int | None
    view: tuple[str, ...] = ()  # problems of the view
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float = 0.0
    identity: CameraIdentityFields = UNKNOWN_IDENTITY


@dataclass(frozen=True, slots=True)
class SiteOverview:
    id: str
    ward: str
    name: str
    latitude: float | None
    longitude: float | None
    state: SiteState
    since_ms: int | None
    why: str
    heard_ms: int | None  # time of its newest message of any kind
    heartbeat_ms: int | None
    health: HeartbeatFields  # its newest heartbeat
    birth: BirthFields
    cameras: tuple[CameraOverview, ...]
    level: AttentionLevel

    @property
    def version(self) -> str:
        return self.health.version or self.birth.version

    @property
    def model(self) -> str:
        """The name of the detection model, with the first digits of its SHA-256."""
        return f"{self.birth.detector.name} {(self.birth.detector.model_sha256 or '')[:6]}".strip()


@dataclass(frozen=True, slots=True)
class WardOverview:
    id: str
    name: str
    sites: Mapping[SiteState, int]
    cameras: Mapping[CameraVisibility, int]
    levels: Mapping[AttentionLevel, int]
    cut_since_ms: int | None = None

    @property
    def site_count(self) -> int:
        return sum(self.sites.values())

    @property
    def sites_there(self) -> int:
        return sum(self.sites.get(each, 0) for each in PRESENT)

    @property
    def camera_count(self) -> int:
        return sum(self.cameras.values())

    @property
    def cameras_seeing(self) -> int:
        """The number of cameras that deliver a picture, good or degraded."""
        return self.cameras.get(CameraVisibility.ONLINE, 0) + self.cameras.get(CameraVisibility.DEGRADED, 0)


@dataclass(frozen=True, slots=True)
class Fleet:
    at_ms: int
    wards: tuple[WardOverview, ...]
    sites: tuple[SiteOverview, ...]  # by ward, then by id
    cuts: tuple[OutageReport, ...]  # sites of one ward that went offline together, the oldest first

    def site(self, gateway: str) -> SiteOverview | None:
        return next((site for site in self.sites if site.id == gateway), None)

    def of_ward(self, ward: str) -> tuple[SiteOverview, ...]:
        return tuple(site for site in self.sites if site.ward == ward)


def read_fleet(
    connection: Connection, names: Names, scope: Scope, now_ms: int, gateway: str | None = None
) -> Fleet:
    """Read the fleet in this scope, or only one ``gateway`` of it."""
    cuts = tuple(sorted(read_outages(connection, scope), key=lambda cut: cut.since_ms))
    columns = tables.gateway.c
    presence = tables.presence.c
    query = (
        select(
            *(columns.id, columns.ward, columns.last_ms, columns.birth, columns.heartbeat),
            *(columns.heartbeat_ms, presence.standing, presence.why, presence.problem),
            presence.since_ms,
        )
        .join_from(tables.gateway, tables.presence, columns.id == presence.gateway, isouter=True)
        .where(scope.of(columns.ward))
    )
    if gateway is not None:
        query = query.where(columns.id == gateway)
    else:  # leave out removed gateways: their presence and retained state are cleared
        is_removed = and_(presence.gateway.is_(None), columns.state.is_(None), columns.state_ms.is_not(None))
        query = query.where(or_(not_(is_removed), columns.id.in_(sorted(names.sites))))
    sites = [_site_or_placeholder(row, names) for row in connection.execute(query)]
    heard = {site.id for site in sites}
    sites += [
        _unheard_site(site_id, names)
        for site_id, site_names in names.sites.items()
        if site_id not in heard and scope.admits(site_names.ward) and gateway in (None, site_id)
    ]
    sites.sort(key=lambda site: (site.ward, site.id))
    return Fleet(now_ms, _wards(sites, names, cuts), tuple(sites), cuts)


def _site_or_placeholder(row: Any, names: Names) -> SiteOverview:
    """Return the site, or a row that says that its data cannot be decoded: other sites are still listed."""
    state, since_ms, why = _site_state(row)
    try:
        return _site(row, names, state, since_ms, why)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other sites are shown
        log.warning("%s: its stored data cannot be shown: %s", row.id, repr(error)[:200])
    known = names.site(row.id)
    return SiteOverview(
        row.id, row.ward, known.name or row.id, known.latitude, known.longitude, state, since_ms,
        UNREADABLE, row.last_ms, row.heartbeat_ms, HeartbeatFields(), BirthFields(), (), AttentionLevel.CHECK,
    )  # fmt: skip


def _site(row: Any, names: Names, state: SiteState, since_ms: int | None, why: str) -> SiteOverview:
    heartbeat, birth = parse_heartbeat(row.heartbeat), parse_birth(row.birth)
    known = names.site(row.id)
    location = birth.location
    cameras = _cameras(row.id, names, birth, heartbeat, state)
    return SiteOverview(
        row.id, row.ward, known.name or birth.name or row.id,
        location.latitude if known.latitude is None and location is not None else known.latitude,
        location.longitude if known.longitude is None and location is not None else known.longitude,
        state, since_ms, why, row.last_ms, row.heartbeat_ms,
        heartbeat, birth, cameras, _level(state, heartbeat, cameras),
    )  # fmt: skip


def _unheard_site(gateway: str, names: Names) -> SiteOverview:
    known = names.site(gateway)
    cameras = tuple(
        CameraOverview(gateway, camera_id, camera.name, camera.channel, CameraVisibility.AWAY, None, None)
        for camera_id, camera in sorted(known.cameras.items())
    )
    return SiteOverview(
        gateway, known.ward, known.name or gateway, known.latitude, known.longitude,
        SiteState.NEVER, None, "", None, None, HeartbeatFields(), BirthFields(), cameras, AttentionLevel.AWAY,
    )  # fmt: skip


def _site_state(row: Any) -> tuple[SiteState, int | None, str]:
    """Return the site's state, since when, and why, as the centre has published them. This function decides
    nothing: ``edge_central/presence/presence.py`` does."""
    if row.standing is None:
        return SiteState.NEVER, None, ""
    try:
        return SiteState(row.standing), row.since_ms, with_problem(row.why, row.problem)
    except ValueError:  # a state that a later version wrote
        return SiteState.UNSTABLE, row.since_ms, UNREADABLE


def _cameras(
    gateway: str, names: Names, birth: BirthFields, heartbeat: HeartbeatFields, state: SiteState
) -> tuple[CameraOverview, ...]:
    ids = {*heartbeat.cameras} or {camera.id for camera in birth.cameras} or names.site(gateway).cameras
    identities = {camera.id: camera.identity for camera in birth.cameras}
    return tuple(
        replace(
            _camera(gateway, each, names.camera(gateway, each), heartbeat.cameras.get(each), state),
            identity=identities.get(each) or UNKNOWN_IDENTITY,
        )
        for each in sorted(ids)
    )


def _camera(
    gateway: str, id: str, named: CameraNames, heartbeat: CameraFields | None, state: SiteState
) -> CameraOverview:
    if heartbeat is None or state not in PRESENT:
        return CameraOverview(gateway, id, named.name, named.channel, CameraVisibility.AWAY, None, None)
    visibility = _visibility(heartbeat, state is SiteState.BOOTING)
    return CameraOverview(
        *(gateway, id, named.name, named.channel, visibility, heartbeat.cause),
        milliseconds(heartbeat.since),
        tuple(heartbeat.view),
        *(heartbeat.codec, heartbeat.width, heartbeat.height, heartbeat.packet_fps),
    )


def _visibility(heartbeat: CameraFields, booting: bool) -> CameraVisibility:
    if heartbeat.state == "starting" or (booting and heartbeat.state != "online"):
        return CameraVisibility.STARTING
    if heartbeat.state == "offline":
        return CameraVisibility.OFFLINE
    if TAMPERS & set(heartbeat.view):
        return CameraVisibility.TAMPERED
    return CameraVisibility.ONLINE if heartbeat.state == "online" else CameraVisibility.DEGRADED


def _level(state: SiteState, health: HeartbeatFields, cameras: Iterable[CameraOverview]) -> AttentionLevel:
    if state in (SiteState.CUT, SiteState.STOPPED, SiteState.NEVER, SiteState.BOOTING):
        return AttentionLevel.AWAY
    visibilities = {camera.visibility for camera in cameras}
    if state is SiteState.OFFLINE or visibilities & {CameraVisibility.OFFLINE, CameraVisibility.TAMPERED}:
        return AttentionLevel.ACTION
    needs_check = (
        state is SiteState.UNSTABLE,
        CameraVisibility.DEGRADED in visibilities,
        (health.box.temperature_c or 0.0) >= HOT_C,
        (health.box.disk_percent or 0.0) >= FULL_PERCENT,
        health.outbox.oldest_s >= LATE_S,
        health.clock.synced is False,
        health.box.undervoltage is True,
    )
    return AttentionLevel.CHECK if any(needs_check) else AttentionLevel.NORMAL


def _wards(
    sites: Iterable[SiteOverview], names: Names, cuts: Iterable[OutageReport]
) -> tuple[WardOverview, ...]:
    by_ward: dict[str, list[SiteOverview]] = {}
    for site in sites:
        by_ward.setdefault(site.ward, []).append(site)
    cut_since_ms = {cut.ward: cut.since_ms for cut in cuts}
    return tuple(
        WardOverview(
            ward,
            names.ward(ward),
            Counter(site.state for site in own),
            Counter(camera.visibility for site in own for camera in site.cameras),
            Counter(site.level for site in own),
            cut_since_ms.get(ward),
        )
        for ward, own in sorted(by_ward.items())
    )
