"""A filled database: 465 sites and 1,194 cameras on an evening with rain, a power cut and the usual problems.

All of it is invented; it is written by the real batch writer, from documents of the wire's own types.
"""

from __future__ import annotations

import json
import math
import random
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from edge_agent import wire
from edge_agent.core.clock import rfc3339_of_ms as at
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_central.console.incident_log import IncidentOutcome, LogAuthor, acknowledge_all, close_all
from edge_central.console.site_names import Names, read_names
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.batch import Store
from edge_central.store.database import open_engine
from edge_central.store.fleet_state import FleetState
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceState, write_report
from tests.edge_central.console.city_events import MINUTE_MS, CityEvent, a_day, messages_of
from tests.edge_central.console.gateway import Gateway
from tests.edge_central.console.plan import NEVER_HEARD, WARD_OF, WARDS, gateways, write_sheet
from tests.edge_central.ingest_harness import alert_row, writer_in

BATCH = 400
SLOT_MS = 600_000
CUT = tuple(f"dt-{n:03d}" for n in range(1, 12))
BACK = tuple(f"bx-{n:03d}" for n in range(1, 7))
OFFLINE, UNSTABLE, STOPPED, HOT, FULL = "tl-007", "tl-020", "qt-031", "hd-004", "hd-011"
COVERED, UNAUTHORIZED, STALLED = ("qt-002", "cam-1"), ("qt-009", "cam-2"), ("pk-015", "cam-1")
SHOWN = "bx-010"
"""All cameras of this gateway have a picture."""
ALERTS = (
    ("dt", "", "ward-outage", 17, "11 of 21 gateways went offline at once", 23),
    (OFFLINE, "", "box-offline", 17, "no heartbeat for 99 s", 47),
    (*COVERED, "tamper", 17, "view covered", 14),
    (*STALLED, "camera-down", 13, "offline (stalled)", 8),
    (*UNAUTHORIZED, "camera-down", 13, "offline (unauthorized)", 340),
    (FULL, "", "disk", 13, "disk 93 % full, above 90", 611),
    (HOT, "", "temperature", 13, "processor at 84 °C, above 80", 66),
    (UNSTABLE, "", "box-unstable", 13, "went offline 4 times in 60 min", 12),
)
"""Gateway id or only a ward's prefix, camera, rule, severity, text, minutes ago."""
RAIN_WARD, RAIN_SHARE = "ky-ba", 0.72


@dataclass(frozen=True)
class City:
    database: Database
    state_dir: Path
    sites_file: Path
    wards_file: Path
    now_ms: int
    gateways: dict[str, Gateway]

    @property
    def names(self) -> Names:
        return read_names(self.sites_file, self.wards_file)


def build(
    folder: Path, now_ms: int | None = None, *, events: int = 3_000, database: Database | None = None
) -> City:
    """Build the city in a few seconds. ``now_ms``: the moment of the evening; None: now."""
    now = round(time.time() * 1000) if now_ms is None else now_ms
    folder.mkdir(parents=True, exist_ok=True)
    city = city_in(folder, now, database)
    online = [each for each in city.gateways.values() if each.id not in NEVER_HEARD]
    filler = _Filler(city.database, folder / "media")
    day = [message for each in a_day(online, now, events) for message in messages_of(each)]
    filler.write_in_order(day)
    filler.write([each.birth(now - 86_400_000) for each in online], now - 86_400_000)
    filler.write_in_order([message for each in _tonight(online, now) for message in messages_of(each)], 5_000)
    filler.write_in_order([_beat(each, now) for each in online])
    filler.presence(online, now)
    filler.history(online, now)
    filler.seen(now)
    filler.store.close()
    return city


def city_in(folder: Path, now_ms: int, database: Database | None = None) -> City:
    """The city whose database is, or shall be, in this folder."""
    all_gateways = gateways()
    sites_file, wards_file = write_sheet(folder, all_gateways)
    database = database or Database(f"sqlite:///{folder / 'central.db'}")
    return City(database, folder, sites_file, wards_file, now_ms, {each.id: each for each in all_gateways})


class _Filler:
    def __init__(self, database: Database, pictures: Path) -> None:
        self.store = Store(database)
        self._database = database
        self._writer = writer_in(pictures, *(ward for ward, *_ in WARDS))
        self._fleet: FleetState = self.store.load()

    def write_in_order(
        self, messages: Iterable[tuple[int, MessageReceived]], within_ms: int = 300_000
    ) -> None:
        """Write messages in the order of their arrival, one commit per ``within_ms``; messages of one
        gateway keep their order."""
        made = list(messages)
        order = sorted(range(len(made)), key=lambda index: made[index][0])
        batch: list[MessageReceived] = []
        began_ms = last_ms = 0
        for time_ms, arrived in (made[index] for index in order):
            if batch and (len(batch) == BATCH or time_ms - began_ms > within_ms):
                self.write(batch, last_ms + 400)
                batch = []
            began_ms = began_ms if batch else time_ms
            batch.append(arrived)
            last_ms = time_ms
        self.write(batch, last_ms + 400)

    def write(self, messages: Sequence[MessageReceived], now_ms: int) -> None:
        with self.store.batch() as batch:
            result = self._writer.write(messages, self._fleet, batch, now_ms)
        assert result.rejected == 0, result.first_rejected
        for stream in batch.streams.values():
            stream.clear_changes()
        for gateway in batch.gateways.values():
            gateway.changes.clear()

    def presence(self, online: Iterable[Gateway], now_ms: int) -> None:
        with self.store.batch() as batch:
            for each in online:
                write_report(batch.connection, _report(each, now_ms))
            write_report(batch.connection, OutageReport("de-tham", CUT, 21, now_ms - 23 * MINUTE_MS))

    def seen(self, now_ms: int) -> None:
        """Write the alerts of gateways, and acknowledge and close the day's alarms."""
        engine = open_engine(self._database)
        with engine.begin() as connection:
            for number, (gateway, camera, rule, severity, words, minutes) in enumerate(ALERTS, 1):
                since_ms = now_ms - minutes * MINUTE_MS
                place = {"ward": WARD_OF[gateway[:2]], "gateway": gateway if "-" in gateway else ""}
                row = alert_row(since_ms, camera=camera, rule=rule, severity=severity, text=words)
                row |= {**place, "opened_ms": since_ms + 60_000}
                connection.execute(insert(tables.alert), row)
                if severity == 17:
                    by = LogAuthor("lan", since_ms + 130_000)
                    acknowledge_all(connection, by, {f"alert {number}": WARD_OF[gateway[:2]]})
            listed, event = tables.open_alarm.c, tables.event.c
            alarms = select(listed.subject, event.ward, event.time_ms).join_from(
                tables.open_alarm, tables.event, event.cursor == listed.cursor
            )
            newest_first = connection.execute(alarms.order_by(listed.cursor.desc())).all()
            for number, alarm in enumerate(newest_first):
                if alarm.time_ms > now_ms - 28 * MINUTE_MS:
                    continue
                by = LogAuthor("lan" if number % 2 else "minh", alarm.time_ms + 41_000)
                outcome = (IncidentOutcome.FALSE, IncidentOutcome.HANDLED, IncidentOutcome.REAL)[number % 3]
                acknowledge_all(connection, by, {alarm.subject: alarm.ward})
                later = LogAuthor(by.who, alarm.time_ms + 600_000)
                close_all(connection, later, {alarm.subject: alarm.ward}, outcome, "")
        engine.dispose()

    def history(self, online: Iterable[Gateway], now_ms: int) -> None:
        """Write a day of heartbeat history for two wards and some other gateways."""
        chosen = {"de-tham", "bo-xuyen", HOT, FULL, COVERED[0]}
        with self.store.batch() as batch:
            boxes = [each for each in online if {each.ward, each.id} & chosen]
            batch.health += [row for each in boxes for row in _past(each, now_ms)]


def _report(gateway: Gateway, now_ms: int) -> GatewayReport:
    since_ms = now_ms - 86_400_000 * 3 + (sum(gateway.id.encode()) % 400) * 300_000
    known = {
        OFFLINE: (PresenceState.OFFLINE, "no heartbeat for 99 s", now_ms - 47 * MINUTE_MS),
        UNSTABLE: (PresenceState.UNSTABLE, "went offline 4 times in 60 min", now_ms - 12 * MINUTE_MS),
        STOPPED: (PresenceState.STOPPED, "stopped", now_ms - 190 * MINUTE_MS),
        **dict.fromkeys(BACK, (PresenceState.BOOTING, "heartbeat", now_ms - 80_000)),
    }
    cut = PresenceState.CUT, "went offline together with its ward", now_ms - 23 * MINUTE_MS
    known |= dict.fromkeys(CUT, cut)
    standing, why, since_ms = known.get(gateway.id, (PresenceState.ONLINE, "heartbeat", since_ms))
    return GatewayReport(gateway.id, gateway.ward, standing, why, since_ms)


def _tonight(online: Sequence[Gateway], now_ms: int) -> list[CityEvent]:
    """The last half hour: three unacknowledged alarms, a covered camera, rain."""
    by_id = {each.id: each for each in online}
    found = [
        CityEvent(now_ms - 26 * MINUTE_MS, by_id["lp-012"], "cam-1", "zone-intrusion", 17, True, 95_000),
        CityEvent(now_ms - 9 * MINUTE_MS, by_id["pk-003"], "cam-2", "zone-intrusion", 17, True, 40_000),
        CityEvent(now_ms - 2 * MINUTE_MS, by_id["qt-014"], "cam-1", "zone-intrusion", 17, True, open=True),
        CityEvent(
            *(now_ms - 14 * MINUTE_MS, by_id[COVERED[0]], COVERED[1], "camera-view", 13, True),
            open=True, state="covered",
        ),
    ]  # fmt: skip
    for n, camera in enumerate(by_id[SHOWN].cameras):
        time_ms = now_ms - (16 + 7 * n) * MINUTE_MS
        found.append(CityEvent(time_ms, by_id[SHOWN], camera, "stopped-vehicle", 13, True))
    rng = random.Random(3)
    for each in [each for each in online if each.ward == RAIN_WARD][:20]:
        time_ms = now_ms - rng.randrange(18, 29) * MINUTE_MS
        state = "visibility-degraded"
        found.append(CityEvent(time_ms, each, "cam-1", "camera-view", 9, True, open=True, state=state))
    for _ in range(70):
        each = rng.choice([each for each in online if each.id not in CUT])
        kind = rng.choice(["line-crossing", "wrong-way", "loitering", "stopped-vehicle", "crowding"])
        severity = 9 if kind in ("line-crossing", "wrong-way") else 13
        time_ms = now_ms - rng.randrange(20_000, 30 * MINUTE_MS)
        camera, pictured = rng.choice(each.cameras), kind != "line-crossing"
        found.append(CityEvent(time_ms, each, camera, kind, severity, pictured, 15_000))
    return sorted(found, key=lambda each: each.time_ms)


def _beat(gateway: Gateway, now_ms: int) -> tuple[int, MessageReceived]:
    heard_ms = now_ms - 9_000
    if gateway.id in CUT:
        heard_ms = now_ms - 25 * MINUTE_MS
    elif gateway.id in (OFFLINE, STOPPED):
        heard_ms = now_ms - 50 * MINUTE_MS
    booted_ms = now_ms - 95_000 if gateway.id in BACK else now_ms - 9 * 86_400_000
    warm = 52.0 + sum(gateway.id.encode()) % 14
    box = wire.BoxHealth(
        cpu_percent=41.0, memory_percent=46.0, disk_percent=93.0 if gateway.id == FULL else 38.0,
        disk_free_mb=17_800.0, temperature_c=83.5 if gateway.id == HOT else warm,
        uptime_s=(heard_ms - booted_ms) / 1000,
    )  # fmt: skip
    cameras = {camera: camera_health(gateway, camera, now_ms) for camera in gateway.cameras}
    return heard_ms, gateway.heartbeat(heard_ms, cameras, booted_ms=booted_ms, box=box)


def camera_health(gateway: Gateway, camera: str, now_ms: int) -> wire.CameraHealth:
    place = gateway.id, camera
    wet = gateway.ward == RAIN_WARD and zlib.crc32(f"{place}".encode()) % 100 < RAIN_SHARE * 100
    known: dict[str, Any] = {
        "state": "online", "cause": None, "since": at(now_ms - 2 * 86_400_000), "codec": "h264", "width": 640,
        "height": 360, "packet_fps": 10.0, "decoded_fps": 10.0, "analysed_fps": 5.0, "bitrate_kbps": 512.0,
        "last_frame_age_s": 0.1, "view": ["visibility-degraded"] if wet else [],
    }  # fmt: skip
    down: dict[str, Any] = {"state": "offline", "packet_fps": 0.0, "last_frame_age_s": 3_000.0, "view": []}
    if place == COVERED:
        known |= {"view": ["covered"]}
    elif place == UNAUTHORIZED:
        known |= {**down, "cause": "unauthorized", "since": at(now_ms - 340 * MINUTE_MS)}
    elif place == STALLED:
        known |= {**down, "cause": "stalled", "since": at(now_ms - 8 * MINUTE_MS)}
    elif gateway.id in BACK and camera != "cam-1":
        known |= {**down, "state": "starting", "since": at(now_ms - 40_000)}
    return wire.CameraHealth(**known)


def _past(gateway: Gateway, now_ms: int) -> list[dict[str, Any]]:
    rng = random.Random(gateway.id)
    base = 74.0 if gateway.id == HOT else 55.0
    rows = []
    last_ms = now_ms - now_ms % SLOT_MS - (2 * SLOT_MS if gateway.id in CUT else SLOT_MS)
    for slot_ms in range(last_ms - 86_400_000, last_ms + 1, SLOT_MS):
        hour = (slot_ms / 3_600_000 + 7) % 24
        sun = math.sin((hour - 8) / 24 * 2 * math.pi)
        cut = 40 if 11.5 < hour < 12.5 else 0
        rates = {
            camera: ["online", 0.0 if cut and camera == "cam-2" else round(10 + rng.uniform(-0.3, 0.2), 1)]
            for camera in gateway.cameras
        }
        rows.append(
            {
                "gateway": gateway.id, "slot_ms": slot_ms, "cpu_percent": 41.0, "clock_offset_ms": 0.4,
                "temperature_c": round(base + 7 * sun + rng.uniform(-1, 1), 1),
                "memory_percent": round(46 + rng.uniform(-1, 1), 1),
                "disk_percent": round(30 + (slot_ms - last_ms + 86_400_000) / 86_400_000 * 8, 1),
                "outbox_depth": max(0, cut + rng.randrange(-3, 3)), "outbox_oldest_s": 0.0,
                "cameras": json.dumps(rates),
            }
        )  # fmt: skip
    return rows
