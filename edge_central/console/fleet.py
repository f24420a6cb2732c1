"""The fleet as it is now: wards, sites, cameras, each with its state, since when, and why.

From the newest heartbeat and birth of each gateway and from what was told of its presence. Sites of the
sheet that were never heard are in it too: a box that nobody plugged in must not be invisible.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from edge_agent.wire.received.bounds import bounded_time
from edge_central.console import documents
from edge_central.console.names import Names
from edge_central.store import tables
from edge_central.store.scope import Scope

log = logging.getLogger(__name__)

BOOT_GRACE_MS = 300_000
"""After power comes back a box needs about a minute, and its cameras, recorder and switch some more."""
FRESH_MS = 120_000
"""Of a heartbeat, where nothing was told of its gateway yet."""
UNREADABLE = "what the box says cannot be shown"
RAIN = "visibility-degraded"
TAMPERS = frozenset(("covered", "defocused", "moved", "frozen"))
HOT_C, FULL_PERCENT, LATE_S = 80.0, 90.0, 600.0
"""From here on a site is worth a look: temperature, disk, age of the oldest event in the outbox."""


class Standing(StrEnum):
    """Of a site."""

    ONLINE = "online"
    BOOTING = "booting"  # power came back a moment ago: what is not there yet is no trouble yet
    UNSTABLE = "unstable"
    OFFLINE = "offline"
    CUT = "cut"  # went together with others of its ward: one outage, not many
    STOPPED = "stopped"  # by somebody who meant it
    NEVER = "never"  # in the sheet, and never heard


THERE = (Standing.ONLINE, Standing.BOOTING, Standing.UNSTABLE)


class Sight(StrEnum):
    """Of a camera."""

    ONLINE = "online"
    DEGRADED = "degraded"
    STARTING = "starting"
    TAMPERED = "tampered"  # there, and shows nothing that can be relied on
    OFFLINE = "offline"
    AWAY = "away"  # its site is: nothing is known of it


class Level(StrEnum):
    """What a site asks of whoever watches."""

    CALM = "calm"
    LOOK = "look"  # when there is time
    HANDS = "hands"  # somebody has to do something
    AWAY = "away"  # nothing is expected of it, or it is told elsewhere


@dataclass(frozen=True, slots=True)
class CameraNow:
    gateway: str
    id: str
    name: str
    channel: str  # of the recorder
    sight: Sight
    cause: str | None
    since_ms: int | None
    view: tuple[str, ...] = ()  # what is wrong with what it sees
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float = 0.0


@dataclass(frozen=True, slots=True)
class BoxNow:
    """Figures of the newest heartbeat; None: not told."""

    temperature_c: float | None = None
    disk_percent: float | None = None
    memory_percent: float | None = None
    cpu_percent: float | None = None
    clock_synced: bool | None = None
    undervoltage: bool | None = None
    outbox_depth: int = 0
    outbox_oldest_s: float = 0.0
    version: str = ""
    board: str = ""
    model: str = ""  # what names the objects, with as much of its sha256 as tells two of one name apart
    notes: tuple[str, ...] = ()  # what the box says is wrong, a line each


@dataclass(frozen=True, slots=True)
class SiteNow:
    id: str
    ward: str
    name: str
    latitude: float | None
    longitude: float | None
    standing: Standing
    since_ms: int | None
    why: str
    heard_ms: int | None  # anything at all
    heartbeat_ms: int | None
    box: BoxNow
    cameras: tuple[CameraNow, ...]
    level: Level

    @property
    def sights(self) -> Counter[Sight]:
        return Counter(camera.sight for camera in self.cameras)


@dataclass(frozen=True, slots=True)
class WardNow:
    id: str
    name: str
    sites: Mapping[Standing, int]
    cameras: Mapping[Sight, int]
    levels: Mapping[Level, int]
    cut_since_ms: int | None = None

    @property
    def site_count(self) -> int:
        return sum(self.sites.values())

    @property
    def sites_there(self) -> int:
        return sum(self.sites.get(each, 0) for each in THERE)

    @property
    def camera_count(self) -> int:
        return sum(self.cameras.values())

    @property
    def cameras_seeing(self) -> int:
        """A picture comes, a good one or a bad one."""
        return self.cameras.get(Sight.ONLINE, 0) + self.cameras.get(Sight.DEGRADED, 0)


@dataclass(frozen=True, slots=True)
class Cut:
    """Sites of one ward that went together."""

    ward: str
    gateways: tuple[str, ...]
    of: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Fleet:
    at_ms: int
    wards: tuple[WardNow, ...]
    sites: tuple[SiteNow, ...]  # by ward, then by id
    cuts: tuple[Cut, ...]

    def site(self, gateway: str) -> SiteNow | None:
        return next((site for site in self.sites if site.id == gateway), None)

    def of_ward(self, ward: str) -> tuple[SiteNow, ...]:
        return tuple(site for site in self.sites if site.ward == ward)


def fleet(
    connection: Connection, names: Names, scope: Scope, now_ms: int, gateway: str | None = None
) -> Fleet:
    """All that is in scope, or one ``gateway`` of it."""
    cuts = _cuts(connection, scope)
    in_cut = {each: cut for cut in cuts for each in cut.gateways}
    columns = tables.gateway.c
    presence = tables.presence.c
    query = (
        select(
            *(columns.id, columns.ward, columns.last_ms, columns.birth, columns.heartbeat),
            *(columns.heartbeat_ms, presence.standing, presence.why, presence.since_ms),
        )
        .join_from(tables.gateway, tables.presence, columns.id == presence.gateway, isouter=True)
        .where(scope.of(columns.ward))
    )
    if gateway is not None:
        query = query.where(columns.id == gateway)
    sites = [_site_or_less(row, names, in_cut.get(row.id), now_ms) for row in connection.execute(query)]
    heard = {site.id for site in sites}
    sites += [
        _never(each, names)
        for each, of in names.sites.items()
        if each not in heard and scope.admits(of.ward) and gateway in (None, each)
    ]
    sites.sort(key=lambda site: (site.ward, site.id))
    return Fleet(now_ms, _wards(sites, names, cuts), tuple(sites), cuts)


def _cuts(connection: Connection, scope: Scope) -> tuple[Cut, ...]:
    rows = connection.execute(
        select(tables.outage).where(scope.of(tables.outage.c.ward)).order_by(tables.outage.c.since_ms)
    )
    return tuple(Cut(row.ward, tuple(row.gateways.split()), row.of, row.since_ms) for row in rows)


def _site_or_less(row: Any, names: Names, cut: Cut | None, now_ms: int) -> SiteNow:
    """A box whose data cannot be shown is listed as such; the other boxes are listed as usual."""
    try:
        return _site(row, names, cut, now_ms)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other sites are shown
        log.warning("%s: what it says cannot be shown: %s", row.id, repr(error)[:200])
    known = names.site(row.id)
    return SiteNow(
        row.id, row.ward, known.name or row.id, known.latitude, known.longitude, Standing.UNSTABLE, None,
        UNREADABLE, row.last_ms, row.heartbeat_ms, BoxNow(), (), Level.LOOK,
    )  # fmt: skip


def _site(row: Any, names: Names, cut: Cut | None, now_ms: int) -> SiteNow:
    beat, birth = documents.heartbeat(row.heartbeat), documents.birth(row.birth)
    known = names.site(row.id)
    standing, since_ms, why = _standing(row, beat, cut, now_ms)
    place = birth.location
    cameras = _cameras(row.id, names, birth, beat, standing)
    box = _box(beat, birth)
    return SiteNow(
        row.id,
        row.ward,
        known.name or birth.name or row.id,
        place.latitude if known.latitude is None and place is not None else known.latitude,
        place.longitude if known.longitude is None and place is not None else known.longitude,
        standing,
        since_ms,
        why,
        row.last_ms,
        row.heartbeat_ms,
        box,
        cameras,
        _level(standing, box, cameras),
    )


def _never(gateway: str, names: Names) -> SiteNow:
    known = names.site(gateway)
    cameras = tuple(
        CameraNow(gateway, each, of.name, of.channel, Sight.AWAY, None, None)
        for each, of in sorted(known.cameras.items())
    )
    return SiteNow(
        gateway, known.ward, known.name or gateway, known.latitude, known.longitude,
        Standing.NEVER, None, "", None, None, BoxNow(), cameras, Level.AWAY,
    )  # fmt: skip


def _standing(
    row: Any, beat: documents.Heartbeat, cut: Cut | None, now_ms: int
) -> tuple[Standing, int | None, str]:
    """What was told last, but for a ward's outage and a boot, which are told of nobody by himself."""
    if cut is not None and (row.heartbeat_ms or 0) <= cut.since_ms:
        return Standing.CUT, cut.since_ms, ""
    if row.heartbeat_ms is None and row.standing is None:
        return Standing.NEVER, row.last_ms, ""
    if row.standing is None:  # the watch has not said anything yet
        fresh = now_ms - row.heartbeat_ms < FRESH_MS
        return (Standing.ONLINE if fresh else Standing.OFFLINE), row.heartbeat_ms, ""
    told = Standing(row.standing)
    if told is Standing.ONLINE and row.heartbeat_ms is not None and beat.box.uptime_s is not None:
        booted_ms = bounded_time(row.heartbeat_ms - beat.box.uptime_s * 1000)
        if now_ms - booted_ms < BOOT_GRACE_MS:
            return Standing.BOOTING, booted_ms, ""
    return told, row.since_ms, row.why


def _cameras(
    gateway: str, names: Names, birth: documents.Birth, beat: documents.Heartbeat, standing: Standing
) -> tuple[CameraNow, ...]:
    ids = sorted({*beat.cameras} or {camera.id for camera in birth.cameras} or names.site(gateway).cameras)
    there = standing in THERE
    return tuple(
        _camera(gateway, each, names, beat.cameras.get(each), there, standing is Standing.BOOTING)
        for each in ids
    )


def _camera(
    gateway: str, camera: str, names: Names, beat: documents.Camera | None, there: bool, booting: bool
) -> CameraNow:
    of = names.camera(gateway, camera)
    if beat is None or not there:
        return CameraNow(gateway, camera, of.name, of.channel, Sight.AWAY, None, None)
    return CameraNow(
        *(gateway, camera, of.name, of.channel, _sight(beat, booting), beat.cause),
        documents.milliseconds(beat.since),
        tuple(beat.view),
        *(beat.codec, beat.width, beat.height, beat.packet_fps),
    )


def _sight(beat: documents.Camera, booting: bool) -> Sight:
    if beat.state == "starting" or (booting and beat.state != "online"):
        return Sight.STARTING
    if beat.state == "offline":
        return Sight.OFFLINE
    if TAMPERS & set(beat.view):
        return Sight.TAMPERED
    return Sight.ONLINE if beat.state == "online" else Sight.DEGRADED


def _box(beat: documents.Heartbeat, birth: documents.Birth) -> BoxNow:
    return BoxNow(
        *(beat.box.temperature_c, beat.box.disk_percent, beat.box.memory_percent, beat.box.cpu_percent),
        *(beat.clock.synced, beat.box.undervoltage, beat.outbox.depth, beat.outbox.oldest_s),
        *(beat.version or birth.version, birth.board or birth.profile, _model(birth), tuple(beat.degraded)),
    )


def _model(birth: documents.Birth) -> str:
    return f"{birth.detector.name} {(birth.detector.model_sha256 or '')[:6]}".strip()


def _level(standing: Standing, box: BoxNow, cameras: Iterable[CameraNow]) -> Level:
    if standing in (Standing.CUT, Standing.STOPPED, Standing.NEVER, Standing.BOOTING):
        return Level.AWAY
    sights = {camera.sight for camera in cameras}
    if standing is Standing.OFFLINE or sights & {Sight.OFFLINE, Sight.TAMPERED}:
        return Level.HANDS
    worth_a_look = (
        standing is Standing.UNSTABLE,
        Sight.DEGRADED in sights,
        (box.temperature_c or 0.0) >= HOT_C,
        (box.disk_percent or 0.0) >= FULL_PERCENT,
        box.outbox_oldest_s >= LATE_S,
        box.clock_synced is False,
        box.undervoltage is True,
    )
    return Level.LOOK if any(worth_a_look) else Level.CALM


def _wards(sites: Iterable[SiteNow], names: Names, cuts: Iterable[Cut]) -> tuple[WardNow, ...]:
    by_ward: dict[str, list[SiteNow]] = {}
    for site in sites:
        by_ward.setdefault(site.ward, []).append(site)
    cut_since_ms = {cut.ward: cut.since_ms for cut in cuts}
    return tuple(
        WardNow(
            ward,
            names.ward(ward),
            Counter(site.standing for site in own),
            Counter(camera.sight for site in own for camera in site.cameras),
            Counter(site.level for site in own),
            cut_since_ms.get(ward),
        )
        for ward, own in sorted(by_ward.items())
    )
