"""Assembles the heartbeat: the state of the gateway and of every camera in one small message.

A heartbeat is made on demand, never stored, and costs well under 1 ms of CPU: see docs/design/health.md.
``compact`` encodes it in few bytes, because one is sent every few seconds over a paid link.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from edge_agent import __version__, wire
from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import Clock, rfc3339, wall_time_of
from edge_agent.core.model import CameraStatus
from edge_agent.core.problems import problem_of
from edge_agent.core.problems.problem import encode_text
from edge_agent.host.health import degraded

JUMP = timedelta(seconds=2)
JITTER = 0.1  # 465 gateways that one power cut restarted must not send at the same moments


_Part = TypeVar("_Part", bound=wire.Message)


@dataclass(frozen=True, slots=True)
class HealthSources:
    """Functions that return the parts of the heartbeat. They are called on the thread that makes the
    heartbeat, must not block, and must be thread-safe."""

    session: Callable[[], str]  # id of the broker session; empty before the first
    clock: Callable[[], wire.ClockHealth]
    box: Callable[[], wire.BoxHealth]
    outbox: Callable[[], wire.OutboxHealth]
    mqtt: Callable[[], wire.MqttHealth]
    online: Callable[[], bool]  # whether there is a session with a broker
    detector: Callable[[], wire.DetectorHealth]
    cameras: Callable[[], Sequence[CameraStatus]]
    evidence: Callable[[], wire.EvidenceHealth] = wire.EvidenceHealth
    configuration: Callable[[], Iterable[str]] = tuple  # lines: what in the file is not in force
    units: Callable[[], Iterable[str]] = tuple  # lines: failed systemd units
    thermal: Callable[[], wire.ThermalHealth] = wire.ThermalHealth
    config: Callable[[], wire.ConfigHealth] = wire.ConfigHealth
    storm: Callable[[], wire.StormHealth | None] = lambda: None
    collection: Callable[[], wire.CollectionHealth | None] = lambda: None
    passages: Callable[[], str | None] = lambda: None  # why no rows are stored; None: they are stored
    uplink: Callable[[], wire.UplinkHealth] = wire.UplinkHealth
    modem: Callable[[], wire.ModemHealth | None] = lambda: None
    commands: Callable[[], wire.CommandsHealth] = wire.CommandsHealth
    certificates: Callable[[], wire.CertificatesHealth] = wire.CertificatesHealth
    update: Callable[[], wire.UpdateHealth] = wire.UpdateHealth
    healing: Callable[[], wire.HealingHealth] = wire.HealingHealth
    model: Callable[[], wire.ModelHealth] = wire.ModelHealth
    # Whether the clock was synchronised at any time since the boot.
    clock_has_been_synced: Callable[[], bool] = lambda: True
    identities: Callable[[], Iterable[str]] = tuple  # cameras power-cycled, replaced, or with old firmware
    platform: Sequence[str] = ()  # lines: differences of the platform from the board's profile


class HeartbeatMaker:
    """Makes heartbeats; any thread may call ``make``. A reload replaces ``settings``, so that they are always
    those in force."""

    def __init__(self, settings: Settings, clock: Clock, sources: HealthSources) -> None:
        self.settings = settings
        self._clock = clock
        self._sources = sources
        self._started_mono = clock.monotonic()

    def make(self) -> wire.Heartbeat:
        sources, settings = self._sources, self.settings
        cameras = [with_wall_time(camera, self._clock) for camera in sources.cameras()]
        clock, box, mqtt, online = sources.clock(), sources.box(), sources.mqtt(), sources.online()
        outbox, detector = sources.outbox(), sources.detector()
        evidence, thermal, commands = sources.evidence(), sources.thermal(), sources.commands()
        collection, certificates, update = sources.collection(), sources.certificates(), sources.update()
        passages, modem = sources.passages(), sources.modem()
        uplink, healing, model = sources.uplink(), sources.healing(), sources.model()
        now, zone = self._clock.now(), settings.gateway.timezone
        rules = [rule for camera in settings.cameras for rule in camera.rules]
        lines = [
            *degraded.camera_lines(cameras, now, zone),
            *degraded.delivery_lines(outbox, mqtt, online, clock, now, zone),
            *degraded.schedule_lines(rules, sources.clock_has_been_synced()),
            *degraded.healing_lines(healing),
            *degraded.uplink_lines(uplink),
            *degraded.modem_lines(uplink, modem),
            *degraded.certificate_lines(certificates),
            *degraded.evidence_lines(evidence),
            *sources.configuration(),
            *degraded.box_lines(box, detector, settings.profile.thermal),
            *degraded.decode_lines(cameras, settings, self._clock.monotonic()),
            *sources.units(),
            *degraded.thermal_lines(thermal, now, zone),
            *degraded.command_lines(commands),
            *degraded.collection_lines(collection),
            *([] if passages is None else [passages]),
            *degraded.update_lines(update, now, zone),
            *degraded.model_lines(model, now, zone),
            *sources.identities(),
            *sources.platform,
        ]
        return wire.Heartbeat(
            time=rfc3339(now),
            session=sources.session(),
            uptime_s=float(round(self._clock.monotonic() - self._started_mono)),
            clock=clock,
            box=box,
            outbox=_plain(outbox, "degraded"),
            mqtt=_plain(mqtt, "last_error"),
            detector=_plain(detector, "degraded"),
            config_hash=settings.config_hash,
            version=__version__,
            evidence=_plain(evidence, "degraded"),
            thermal=_plain(thermal, "held"),
            config=sources.config(),
            storm=sources.storm(),
            collection=None if collection is None else _plain(collection, "paused"),
            uplink=uplink,
            modem=modem,
            commands=_plain(commands, "degraded"),
            certificates=_plain(certificates, "next_trouble"),
            update=_plain(update, "why"),
            healing=healing,
            model=_plain(_plain(model, "why"), "refusal"),
            cameras={camera.camera_id: camera_health(camera) for camera in cameras},
            degraded=[str(line) for line in lines],
            problems=[problem_of(line) for line in lines],
        )


def _plain(part: _Part, field: str) -> _Part:
    """Return ``part`` with its text as a plain string, which every encoder accepts."""
    text = getattr(part, field)
    return part if problem_of(text) is None else msgspec.structs.replace(part, **{field: str(text)})


def with_wall_time(status: CameraStatus, clock: Clock) -> CameraStatus:
    """Return ``status`` with ``since_at`` corrected if the clock has jumped since.

    Otherwise ``since_at`` stays: the two clocks cannot be read at the same instant, and a time that moves by
    a millisecond per heartbeat looks like a change. A corrected time has whole seconds.
    """
    since_at = wall_time_of(clock, status.since_mono)
    if abs(since_at - status.since_at) < JUMP:
        return status
    return replace(status, since_at=since_at.replace(microsecond=0))


def next_interval_s(heartbeat_s: float, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Return the seconds until the next heartbeat: ``heartbeat_s`` +-10 %."""
    return heartbeat_s * uniform(1.0 - JITTER, 1.0 + JITTER)


def camera_health(status: CameraStatus) -> wire.CameraHealth:
    age = status.last_frame_age_s
    return wire.CameraHealth(
        state=status.state.value,
        cause=status.cause.value if status.cause else None,
        since=rfc3339(status.since_at),
        codec=status.codec,
        width=status.width,
        height=status.height,
        packet_fps=round(status.packet_fps, 1),
        decoded_fps=round(status.decoded_fps, 1),
        analysed_fps=round(status.analysed_fps, 1),
        dropped=status.dropped,
        corrupt=status.corrupt,
        bitrate_kbps=float(round(status.bitrate_kbps)),
        last_frame_age_s=None if age is None else round(age, 1),
        reconnects=status.reconnects,
        gear=status.gear.value,
        idle_share=round(status.idle_share, 2),
        wake_ups=status.wake_ups,
        kept_awake=None if status.kept_awake is None else str(status.kept_awake),
        main_trouble=None if status.main_trouble is None else str(status.main_trouble),
        view=list(status.view),
    )


def compact(message: wire.Message) -> bytes:
    """Encode as JSON, without optional fields that have their default. ``schema`` is always included.

    Whole floats are written without ``.0``: for JSON Schema both are the same number.
    """
    return msgspec.json.encode(_without_defaults(message), enc_hook=encode_text)


def _without_defaults(value: object) -> Any:
    if isinstance(value, wire.Message):
        kept = {}
        for each in _fields(type(value)):
            content = getattr(value, each.name)
            if each.required or each.name == "schema" or content != _default(each):
                kept[each.encode_name] = _without_defaults(content)
        return kept
    if isinstance(value, dict):
        return {key: _without_defaults(content) for key, content in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@functools.cache
def _fields(kind: type[wire.Message]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of a message type; cached, as the lookup would take most of ``compact``'s time."""
    return msgspec.structs.fields(kind)


def _default(each: msgspec.structs.FieldInfo) -> object:
    return each.default if each.default_factory is msgspec.NODEFAULT else each.default_factory()
