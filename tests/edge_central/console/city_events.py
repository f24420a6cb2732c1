"""A day of the invented city: the events of its rules, cameras and gateways, in a daily rhythm."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from edge_agent import wire
from edge_agent.core.clock import rfc3339_of_ms as at
from tests.edge_central.console.gateway import FRAME, MODEL, Gateway, media_id_of, snapshot_of
from tests.edge_central.console.scenery import street

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
RHYTHM = (2, 1, 1, 1, 2, 6, 12, 16, 12, 10, 9, 10, 12, 9, 9, 10, 13, 18, 14, 10, 8, 6, 4, 3)
"""Weight of each hour of the city's day."""
SCENES = 6
EXAMPLES = Path(__file__).parents[3] / "docs/reference/examples"


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
    reason = "over" if event.kind in ("crowding", "camera-view") else "left"
    over = changed(data, phase="end", ended_at=at(ended), end_reason=reason, snapshot=None)
    yield ended, gateway.event(camera, over, event.severity, ended)
    if event.severity == 17:
        clip = changed(
            example("evidence").clip, media_id=media_id_of("clip" + media_id), began_at=at(begun - 5_200),
            sha256=shown.sha256 if shown else "0" * 64, pre_roll_s=5.2, duration_s=event.lasts_ms / 1000 + 10,
        )  # fmt: skip
        evidence = wire.EvidenceData(event_id=event_id, clip=clip)
        yield ended + 8_000, gateway.event(camera, evidence, event.severity, ended + 8_000)
        yield ended + 9_000, gateway.head(ended + 9_000)


@cache
def example(kind: str) -> Any:
    """The data of the documented example of an event."""
    document = json.loads((EXAMPLES / f"event-{kind}.json").read_text(encoding="utf-8"))
    return msgspec.convert(document["data"], wire.DATA_OF_KIND[kind])


def changed(message: Any, **fields: Any) -> Any:
    """Replace those of the fields that the message has."""
    return replace(message, **{name: fields[name] for name in fields if hasattr(message, name)})


def _jpeg(event: CityEvent) -> bytes:
    hour = (event.time_ms // HOUR_MS + 7) % 24
    seed, rain = sum(event.gateway.id.encode()) % SCENES, event.gateway.ward == "ky-ba"
    return street(seed, night=not 6 <= hour < 18, rain=rain, covered=event.state == "covered")


def _data(event: CityEvent, event_id: str, shown: wire.SnapshotRef | None) -> Any:
    started = at(event.time_ms)
    if event.kind == "camera-state":
        return changed(example(event.kind), cause="stalled", detail="no packet for 10 s", since_at=started)
    data = changed(
        example(event.kind), event_id=event_id, rule_id=f"{event.kind}-1", frame=FRAME, model=MODEL,
        snapshot=shown, started_at=started, track_id=f"{event.camera}-k3-7",
    )  # fmt: skip
    if event.kind == "line-crossing":  # a moment
        return changed(data, ended_at=started)
    data = changed(data, phase="start", ended_at=None, end_reason=None)
    if event.kind == "camera-view":
        return changed(data, state=event.state, tamper=event.state != "visibility-degraded")
    return data
