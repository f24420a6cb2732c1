"""Writes what gateways and cameras did to the database, in the transaction that stores their messages."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec
from sqlalchemy import Connection, select

from edge_agent.core.clock import Clock, wall_ms
from edge_agent.wire.received.health import read_health
from edge_agent.wire.received.messages import (
    BirthDocument,
    EventMessage,
    HeartbeatMessage,
    MalformedMessage,
    StateDocument,
    StateMessage,
    milliseconds,
)
from edge_central.availability.camera_tracker import DAY_MS, MAX_CHANGES_A_DAY, CameraSeries
from edge_central.availability.intervals import delete_before, write_change
from edge_central.availability.link_tracker import CORRECTABLE, Absence, GatewayLink
from edge_central.availability.model import (
    AWAY,
    STORED_DAYS,
    Layer,
    LinkState,
    RangeChange,
    SeriesKey,
    StateChange,
    TimeSpan,
)
from edge_central.ingest.batch_result import BatchResult
from edge_central.ingest.status_rows import bounded_boot_id
from edge_central.store import tables
from edge_central.store.batch import Store
from edge_central.store.database import read_meta, write_meta
from edge_central.trusted_time.clock import Correction

log = logging.getLogger(__name__)

GRACE_MS = 90_000
"""After the centre has connected, gateways may take this time to reconnect: a broker that restarts closes all
connections (``grace_s`` of PresenceThresholds)."""
CORRECTED_DAYS = 14.0
"""After a restart of the centre, late events do not correct absences that ended longer ago than this."""
PAUSE_MS = 60_000
MAX_AWAY = 1_000
"""How many absences of the centre are kept in memory: the newest."""
ChangeLimit = tuple[str, bool]
"""A gateway, and whether the limit is that of its link (else: of its cameras). Two limits, so that cameras
that change without end do not use up the limit of the link."""
_BIRTH = msgspec.json.Decoder(BirthDocument)


def alive_key(central_id: str) -> str:
    """Return the key in ``meta`` of the time until which this centre has listened to its gateways,
    milliseconds since 1970."""
    return f"availability {central_id}"


class AvailabilityRecorder:
    """Follows the gateways of some wards. The ingest thread calls it; not thread-safe.

    After a failed transaction call ``reset``: the recorder then reads its state again from the database.
    """

    def __init__(self, central_id: str, wards: Collection[str]) -> None:
        self._central_id = central_id
        self._wards = frozenset(wards)
        self._links: dict[str, GatewayLink] = {}
        self._gateway_wards: dict[str, str] = {}
        self._cameras: dict[str, CameraSeries] = {}
        self._centre_away: list[TimeSpan] = []
        self._away_since_ms: int | None = None  # None: the centre is connected
        self._day = 0
        self._changes_today: Counter[ChangeLimit] = Counter()
        self._changes_of_batch: Counter[ChangeLimit] = Counter()  # included in the day's
        self._active_ms: int | None = None  # time of the newest call; None: no call since the start
        self._loaded = False

    def reset(self) -> None:
        # The newest batch may have failed: only a stored batch counts.
        self._changes_today -= self._changes_of_batch
        self._changes_of_batch.clear()
        self._loaded = False

    def apply_correction(self, correction: Correction) -> None:
        """Correct the times in memory after the stored times were corrected; read the others again."""
        if self._active_ms is not None:
            self._active_ms = correction.of(self._active_ms)
        if self._away_since_ms is not None:
            self._away_since_ms = correction.of(self._away_since_ms)
        self.reset()

    def record(self, result: BatchResult, connection: Connection, now_ms: int) -> None:
        """Record the messages of a batch."""
        self._begin_day(now_ms)
        self._changes_of_batch.clear()
        self._load(connection)
        self._notice_pause(connection, now_ms)
        changes: list[StateChange] = []
        away = self._away_until(now_ms)
        for gateway, boot_id in result.boot_ids.items():
            self._link(gateway).next_boot_id = boot_id
        for status in result.status_messages:
            self._gateway_wards.setdefault(status.gateway, status.ward)
            if isinstance(status, HeartbeatMessage):
                self._gateway_wards[status.gateway] = status.ward
                changes += self._link(status.gateway).on_heartbeat(status.health, now_ms, away)
                changes += self._series(status.gateway).on_heartbeat(status.health, now_ms)
            else:
                changes += self._on_state(status, now_ms, away)
        changes += self._on_events(result.stored, now_ms)
        for change in changes:
            if self._may_write(change.key):
                write_change(connection, change)

    def follow(self, store: Store, clock: Clock, connected_mono: float | None) -> None:
        """Follow the centre's connection and its gateways; call this about once a second. ``connected_mono``:
        when the centre's present connection began; None: there is none. Raises DatabaseUnavailable."""
        now_ms, since_ms = wall_ms(clock), None
        if connected_mono is not None:
            since_ms = now_ms - round((clock.monotonic() - connected_mono) * 1000)
        if self.is_due(now_ms, since_ms):
            with store.batch() as batch:
                self.tick(batch.connection, now_ms, since_ms)

    def tick(self, connection: Connection, now_ms: int, connected_since_ms: int | None) -> None:
        """Follow the centre's own connection, and find gateways that are silent. ``connected_since_ms``:
        when the present connection began; None: there is none."""
        self._load(connection)
        self._notice_pause(connection, now_ms)
        if connected_since_ms is None:
            if self._away_since_ms is None:
                self._away_since_ms = now_ms
            return
        if self._away_since_ms is not None:
            self._end_absence(connection, self._away_since_ms, min(connected_since_ms, now_ms))
            self._away_since_ms = None
        listening_ms = self._listening_ms(connected_since_ms)
        if now_ms - listening_ms >= GRACE_MS:
            away = self._away_until(now_ms)
            for link in self._links.values():
                for change in link.on_silence(now_ms, listening_ms, away):
                    write_change(connection, change)

    def is_due(self, now_ms: int, connected_since_ms: int | None) -> bool:
        """Return whether ``tick`` would write anything. A pause between two calls of ``tick`` counts as an
        absence of the centre."""
        if not self._loaded or self._has_paused(now_ms):
            return True
        self._active_ms = now_ms
        if (connected_since_ms is None) != (self._away_since_ms is not None):
            return True
        if connected_since_ms is None:
            return False
        listening_ms = self._listening_ms(connected_since_ms)
        if now_ms - listening_ms < GRACE_MS:
            return False
        return any(link.is_silent(now_ms, listening_ms) for link in self._links.values())

    def mark_alive(self, connection: Connection, now_ms: int) -> None:
        """Store that the centre listens at ``now_ms``. If the process is killed, nothing is known from then
        on."""
        if self._loaded and self._away_since_ms is None:
            write_meta(connection, alive_key(self._central_id), str(now_ms))

    @staticmethod
    def delete_old(connection: Connection, now_ms: int) -> None:
        """Delete intervals that are no longer stored."""
        delete_before(connection, now_ms - round(STORED_DAYS * DAY_MS))

    # --- messages ---

    def _begin_day(self, now_ms: int) -> None:
        """Begin the count of a new day at zero. If changes were left out, memory and rows differ: read the
        rows again, so that the next messages correct them."""
        if now_ms // DAY_MS == self._day:
            return
        self._day = now_ms // DAY_MS
        if any(count > MAX_CHANGES_A_DAY for count in self._changes_today.values()):
            self.reset()
        self._changes_today.clear()

    def _may_write(self, key: SeriesKey) -> bool:
        """Return whether a gateway may still change its intervals today: a gateway that begins sessions
        without end must not fill the database."""
        limit = key.gateway, key.layer is Layer.LINK
        self._changes_today[limit] += 1
        self._changes_of_batch[limit] += 1
        return self._changes_today[limit] <= MAX_CHANGES_A_DAY

    def _link(self, gateway: str) -> GatewayLink:
        return self._links.setdefault(gateway, GatewayLink(gateway))

    def _series(self, gateway: str) -> CameraSeries:
        return self._cameras.setdefault(gateway, CameraSeries(gateway))

    def _on_state(self, status: StateMessage, now_ms: int, away: Sequence[TimeSpan]) -> list[RangeChange]:
        link, document = self._link(status.gateway), status.document
        if document is None:
            moved = self._gateway_wards.get(status.gateway) != status.ward
            return [] if moved else link.on_removal(now_ms)
        match document.state:
            case "online":
                link.on_online(document.session, now_ms)
                return []
            case "stopped":
                return link.on_stopped(document.session, _said_ms(document, now_ms), now_ms)
            case _:
                return link.on_will(document.session, now_ms, away)

    def _on_events(self, events: Iterable[EventMessage], now_ms: int) -> list[StateChange]:
        changes: list[StateChange] = []
        newest: dict[tuple[str, str], int] = {}
        for event in events:
            if event.kind in ("camera-state", "camera-view") and event.gateway in self._cameras:
                changes += self._cameras[event.gateway].on_event(event, now_ms)
            link = self._links.get(event.gateway)
            if link is not None and any(each.from_ms < event.time_ms < each.to_ms for each in link.absences):
                boot = event.gateway, _boot_of(event)
                newest[boot] = max(newest.get(boot, 0), event.time_ms)
        for (gateway, boot_id), time_ms in newest.items():
            change = self._links[gateway].on_proof(boot_id, time_ms) if boot_id else None
            changes += [] if change is None else [change]
        return changes

    # --- the centre itself ---

    def _away_until(self, now_ms: int) -> list[TimeSpan]:
        """Return the absences of the centre, each with the time afterwards in which gateways reconnect."""
        spans = [TimeSpan(each.from_ms, min(each.to_ms + GRACE_MS, now_ms)) for each in self._centre_away]
        if self._away_since_ms is not None:
            spans.append(TimeSpan(self._away_since_ms, now_ms))
        return spans

    def _listening_ms(self, connected_since_ms: int) -> int:
        """Return since when the centre receives messages without a pause."""
        return max([connected_since_ms, *(each.to_ms for each in self._centre_away[-1:])])

    def _has_paused(self, now_ms: int) -> bool:
        return self._active_ms is not None and now_ms - self._active_ms > PAUSE_MS

    def _notice_pause(self, connection: Connection, now_ms: int) -> None:
        """Count a long pause between two calls as an absence of the centre: the database or this process
        stood still, and nothing was received."""
        if self._has_paused(now_ms) and self._away_since_ms is None and self._active_ms is not None:
            self._end_absence(connection, self._active_ms, now_ms)
        self._active_ms = now_ms

    def _end_absence(self, connection: Connection, from_ms: int, to_ms: int) -> None:
        if to_ms <= from_ms:
            return
        self._centre_away.append(TimeSpan(from_ms, to_ms))
        del self._centre_away[:-MAX_AWAY]
        key = SeriesKey("", self._central_id, Layer.CENTRE)
        write_change(connection, RangeChange(key, from_ms, to_ms, AWAY))

    # --- after a start ---

    def _load(self, connection: Connection) -> None:
        if self._loaded:
            return
        first = self._active_ms is None
        self._links, self._cameras, self._gateway_wards = {}, {}, {}
        self._load_centre(connection)
        self._load_gateways(connection)
        self._load_open(connection)
        self._load_absences(connection)
        alive = read_meta(connection, alive_key(self._central_id))
        if first and alive is not None:  # a new process
            self._away_since_ms = int(alive)
        self._loaded = True

    def _load_centre(self, connection: Connection) -> None:
        columns = tables.availability.c
        query = select(columns.from_ms, columns.to_ms).where(columns.gateway == "")
        query = query.where(columns.camera == self._central_id, columns.to_ms.is_not(None))
        rows = connection.execute(query.order_by(columns.from_ms.desc()).limit(MAX_AWAY)).all()
        self._centre_away = [TimeSpan(row.from_ms, row.to_ms) for row in reversed(rows)]

    def _load_gateways(self, connection: Connection) -> None:
        columns = tables.gateway.c
        wanted = (columns.id, columns.ward, columns.heartbeat, columns.heartbeat_ms, columns.birth)
        for row in connection.execute(select(*wanted).where(columns.ward.in_(self._wards))):
            self._gateway_wards[row.id] = row.ward
            link = self._link(row.id)
            try:
                if row.heartbeat is not None:
                    link.learn(read_health(row.heartbeat), row.heartbeat_ms)
                if row.birth is not None:
                    link.boot_id = link.next_boot_id = bounded_boot_id(_BIRTH.decode(row.birth).boot_id)
            except (msgspec.DecodeError, RecursionError) as error:
                log.debug("%s: its stored heartbeat or birth cannot be read: %s", row.id, error)

    def _load_open(self, connection: Connection) -> None:
        """Load the newest interval of each series, which has no end."""
        for row in connection.execute(
            select(tables.availability).where(tables.availability.c.to_ms.is_(None))
        ):
            if row.gateway not in self._links:
                continue  # a gateway of another centre that uses this database
            if row.layer == Layer.LINK:
                link = self._links[row.gateway]
                link.state, link.since_ms = LinkState(row.state), row.from_ms
                link.away_from_ms = row.from_ms
            else:
                key = SeriesKey(row.gateway, row.camera, Layer(row.layer))
                self._series(row.gateway).load(key, row.state, row.from_ms)

    def _load_absences(self, connection: Connection) -> None:
        columns = tables.availability.c
        newest_ms = max((link.heard_ms for link in self._links.values()), default=0)
        query = select(tables.availability).where(
            columns.to_ms > newest_ms - round(CORRECTED_DAYS * DAY_MS),
            columns.layer == Layer.LINK.value,
            columns.state.in_([each.value for each in CORRECTABLE]),
            columns.detail != "",
        )
        for row in connection.execute(query.order_by(columns.from_ms)):
            if row.gateway in self._links:
                absence = Absence(row.from_ms, row.to_ms, LinkState(row.state), row.detail)
                self._links[row.gateway].absences.append(absence)


class _Boot(msgspec.Struct):
    bootid: str = ""
    clock: str = ""


_BOOT = msgspec.json.Decoder(_Boot)


def _boot_of(event: EventMessage) -> str:
    """Return the boot id of an event; empty if the event's clock was not synchronised, or the event cannot be
    read."""
    try:
        found = _BOOT.decode(event.payload)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return bounded_boot_id(found.bootid) if found.clock == "synced" else ""


def _said_ms(document: StateDocument, now_ms: int) -> int:
    try:
        return milliseconds(document.time)
    except MalformedMessage:
        return now_ms
