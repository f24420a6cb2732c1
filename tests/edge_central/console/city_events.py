"""A day of the invented city: the events of its rules, cameras and gateways, in a daily rhythm."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge_agent import wire
from edge_agent.core.clock import rfc3339_of_ms as at
from tests.edge_central.console.gateway import FRAME, MODEL, Gateway, media_id_of, snapshot_of
from tests.edge_central.console.scenery import street

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
RHYTHM = (2, 1, 1, 1, 2, 6, 12, 16, 12, 10, 9, 10, 12, 9, 9, 10, 13, 18, 14, 10, 8, 6, 4, 3)
"""Weight of each hour of the city's day."""
SCENES = 6
TRACKED: dict[str, Any] = {"label": "motorcycle", "group": "two-wheeler", "score": 0.83}
ON_FOOT: dict[str, Any] = {"label": "person", "group": "person", "score": 0.86}


@dataclass(frozen=True)
class CityEvent:
    """One invented event, from its start to its end."""

    time_ms: int
    gateway: Gateway
    camera: str
    kind: str
    severity: int
    pictured: bool = False
    lasts_ms: int = 20_000
    open: bool = False  # has no end yet
    state: str = ""


def a_day(gateways: list[Gateway], now_ms: int, count: int) -> list[CityEvent]:
    """Ordinary events until half an hour ago, oldest first."""
    rng = random.Random(11)
    hours = [now_ms - (23 - h) * HOUR_MS for h in range(24)]
    weights = [RHYTHM[int(((ms // HOUR_MS) + 7) % 24)] for ms in hours]
    found = []
    for _ in range(count):
        hour_ms = rng.choices(hours, weights)[0]
        gateway = rng.choice(gateways)
        kind, severity = rng.choices(
            [
                ("line-crossing", 9), ("zone-intrusion", 13), ("loitering", 13), ("stopped-vehicle", 13),
                ("wrong-way", 9), ("crowding", 13), ("camera-state", 13), ("zone-intrusion", 17),
            ],
            [40, 14, 10, 12, 14, 5, 3, 0.4],
        )[0]  # fmt: skip
        time_ms = min(hour_ms - rng.randrange(HOUR_MS), now_ms - 30 * MINUTE_MS)
        pictured = kind not in ("camera-state", "line-crossing") and rng.random() < 0.15
        found.append(CityEvent(time_ms, gateway, rng.choice(gateway.cameras), kind, severity, pictured))
    return sorted(found, key=lambda each: each.time_ms)


def messages_of(event: CityEvent) -> Iterator[tuple[int, Any]]:
    """Yield (arrival time in ms, message): start, picture, end, evidence, chain head."""
    gateway, camera, begun = event.gateway, event.camera, event.time_ms
    event_id = f"{event.kind}-{camera}-{begun % 100_000_000:x}"
    media_id = media_id_of(gateway.id + event_id)
    jpeg = _jpeg(event)
    shown = snapshot_of(media_id, jpeg) if event.pictured else None
    data = _data(event, event_id, shown)
    ended = begun + event.lasts_ms
    yield begun, gateway.event(camera, data, event.severity, begun)
    if event.severity == 17:
        yield begun + 500, gateway.head(begun + 500)
    if event.pictured:
        yield begun + 1500, gateway.picture(camera, event_id, jpeg, media_id)
    if event.open or getattr(data, "phase", None) != "start":
        return
    over = {"phase": "end", "ended_at": at(ended), "end_reason": "left", "snapshot": None}
    if event.kind in ("crowding", "camera-view"):
        over["end_reason"] = "over"
    yield ended, gateway.event(camera, _changed(data, over), event.severity, ended)
    if event.severity == 17:
        clip = wire.ClipRef(
            media_id=media_id_of("clip" + media_id), sha256=shown.sha256 if shown else "0" * 64,
            bytes=702_441, codec="h264", source="sub", began_at=at(begun - 5_200), pre_roll_s=5.2,
            duration_s=event.lasts_ms / 1000 + 10,
        )  # fmt: skip
        evidence = wire.EvidenceData(event_id=event_id, clip=clip)
        yield ended + 8_000, gateway.event(camera, evidence, event.severity, ended + 8_000)
        yield ended + 9_000, gateway.head(ended + 9_000)


def _changed(data: wire.Message, fields: dict[str, Any]) -> wire.Message:
    known = {name: getattr(data, name) for name in data.__struct_fields__}
    return type(data)(**{**known, **{key: value for key, value in fields.items() if key in known}})


def _jpeg(event: CityEvent) -> bytes:
    hour = (event.time_ms // HOUR_MS + 7) % 24
    return street(
        sum(event.gateway.id.encode()) % SCENES,
        night=not 6 <= hour < 18,
        rain=event.gateway.ward == "ky-ba",
        covered=event.state == "covered",
    )


def _data(event: CityEvent, event_id: str, shown: wire.SnapshotRef | None) -> wire.Message:
    started = at(event.time_ms)
    if event.kind == "camera-state":
        return wire.CameraStateData(
            state="offline", cause="stalled", detail="no packet for 10 s", since_at=started
        )
    if event.kind == "camera-view":
        return wire.CameraViewData(
            phase="start", event_id=event_id, state=event.state, features={}, started_at=started,  # type: ignore[arg-type]
            tamper=event.state != "visibility-degraded", snapshot=shown,
            why="structure in 4 % of 60 tiles, 92 % usual",
        )  # fmt: skip
    common: dict[str, Any] = {
        "phase": "start", "event_id": event_id, "rule_id": f"{event.kind}-1",
        "box": (0.4, 0.4, 0.55, 0.75), "frame": FRAME, "started_at": started,
        "model": MODEL, "snapshot": shown,
    }  # fmt: skip
    track = {**common, "track_id": f"{event.camera}-k3-7"}
    match event.kind:
        case "zone-intrusion":
            why = "person in yard for 10 s"
            return wire.ZoneIntrusionData(**track, **ON_FOOT, zone="yard", inside_s=10.0, why=why)
        case "loitering":
            why = "person in gate for 64 s"
            return wire.LoiteringData(**track, **ON_FOOT, zone="gate", inside_s=64.0, why=why)
        case "line-crossing":
            moment = {**track, "phase": "moment", "ended_at": started}
            why = "motorcycle crossed lane-2 from A to B"
            return wire.LineCrossingData(**moment, **TRACKED, line="lane-2", direction="a-to-b", why=why)
        case "stopped-vehicle":
            car = {"label": "car", "group": "vehicle", "score": 0.78}
            why = "car came and stands in junction for 184 s"
            return wire.StoppedVehicleData(**track, **car, zone="junction", still_s=184.0, why=why)  # type: ignore[arg-type]
        case "wrong-way":
            why = "motorcycle goes against the arrow of lane-1: at 172 degrees to it, over 0.31 of the width"
            return wire.WrongWayData(
                **track, **TRACKED, zone="lane-1", angle_deg=172.0, distance=0.31, why=why
            )
        case _:
            why = "14 in gate for 47 s"
            return wire.CrowdingData(**common, zone="gate", count=14, most=14, why=why)
