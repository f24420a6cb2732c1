"""The status document as a person reads it: what is wrong first, then one line a part."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge_agent.device.degraded import HELD_BACK, WAITS, since_text, why
from edge_agent.model import Cause
from edge_agent.wire import (
    BoxHealth,
    CameraHealth,
    CertificatesHealth,
    Heartbeat,
    MqttHealth,
    UplinkHealth,
)

if TYPE_CHECKING:
    from edge_agent.device.status import StatusDocument

LABEL = 10


def status_text(document: StatusDocument) -> str:
    beat = document.heartbeat
    head = f"{document.gateway} ({document.name}), ward {document.ward}: edge-agent {beat.version}"
    return "\n".join([head, *_wrong(beat), *_parts(document), *_cameras(document)])


def _wrong(beat: Heartbeat) -> Iterator[str]:
    if not beat.degraded:
        yield "all is well"
    for line in beat.degraded:
        yield f"  ! {line}"


def _parts(document: StatusDocument) -> Iterator[str]:
    beat = document.heartbeat
    outbox, detector, clock = beat.outbox, beat.detector, beat.clock
    yield _line(
        "agent", f"pid {document.pid}", f"up {duration(beat.uptime_s)}", f"profile {document.profile}"
    )
    yield _line("box", *_box(beat.box))
    if beat.thermal.step:
        yield _line("heat", f"step {beat.thermal.step} of 3", HELD_BACK[beat.thermal.step])
    offset = None if clock.offset_ms is None else f"offset {clock.offset_ms:.3g} ms"
    yield _line("clock", f"synchronised by {clock.source}" if clock.synced else "not synchronised", offset)
    yield _line("mqtt", *_mqtt(beat.mqtt))
    if beat.uplink.monthly_bytes:
        yield _line("uplink", *_uplink(beat.uplink))
    if beat.certificates.client_days is not None:
        yield _line("tls", *_certificates(beat.certificates))
    yield _line(
        "outbox",
        f"{outbox.depth} events and {outbox.media_depth} pictures wait, {outbox.bytes / 1e6:.1f} MB",
        f"oldest {duration(outbox.oldest_s)}" if outbox.depth else None,
        f"{outbox.unconfirmed} sent and not confirmed" if outbox.unconfirmed else None,
        f"sequence {outbox.sequence} of epoch {outbox.epoch}",
    )
    evidence = beat.evidence
    if evidence.bytes or evidence.clips:
        held = f"{evidence.held} events held" if evidence.held else None
        yield _line("evidence", f"{evidence.bytes / 1e6:.1f} MB", f"{evidence.clips} clips", held)
    latency = None if detector.latency_ms is None else f"{detector.latency_ms:.0f} ms"
    yield _line(
        "detector", detector.name, latency, f"{detector.queue} waiting", f"{detector.inferences} inferences"
    )


def _box(box: BoxHealth) -> Iterator[str | None]:
    yield _number("cpu", box.cpu_percent, "%")
    yield _number("load", box.load_1, "", 2)
    yield _number("memory", box.memory_percent, "%")
    yield _number("agent", box.agent_rss_mb, "MB")
    yield None if box.disk_free_mb is None else f"disk {box.disk_free_mb / 1e3:.1f} GB free"
    yield _number("writing", box.disk_write_kb_s, "kB/s")
    yield _number("", box.temperature_c, "C", 1)
    yield None if box.uptime_s is None else f"up {duration(box.uptime_s)}"
    yield None if box.boot_reason is None else f"last boot: {box.boot_reason}"


def _mqtt(mqtt: MqttHealth) -> Iterator[str | None]:
    yield f"{mqtt.reconnects} reconnects"
    yield f"{mqtt.inflight} in flight"
    yield f"{mqtt.refused} refused" if mqtt.refused else None
    if mqtt.delivery == "confirmed":
        heard_s = mqtt.confirmed_age_s
        yield "nothing confirmed yet" if heard_s is None else f"confirmed {duration(heard_s)} ago"
        yield f"{mqtt.resends} sent again" if mqtt.resends else None
        yield f"{mqtt.ignored_acks} acks ignored" if mqtt.ignored_acks else None
    for label, sent in (("today", mqtt.bytes_today), ("this month", mqtt.bytes_month)):
        total = sent.event + sent.heartbeat + sent.media + sent.reply
        yield f"{total / 1e6:.1f} MB {label}"


def _uplink(uplink: UplinkHealth) -> Iterator[str | None]:
    used, budget = uplink.used_bytes / 1e6, (uplink.monthly_bytes or 0) / 1e6
    yield f"{used:,.0f} of {budget:,.0f} MB since {uplink.period_from}"
    if uplink.forecast_bytes is not None:
        yield f"{uplink.forecast_bytes / 1e6:,.0f} MB expected by {uplink.resets_on}"
    yield WAITS[uplink.step] or None


def _certificates(certificates: CertificatesHealth) -> Iterator[str | None]:
    yield f"certificate for {certificates.client_days} days"
    yield None if certificates.ca_days is None else f"CA for {certificates.ca_days} days"


def _cameras(document: StatusDocument) -> Iterator[str]:
    cameras = document.heartbeat.cameras
    width = max((len(camera) for camera in cameras), default=0)
    for camera_id, camera in cameras.items():
        detail = "" if camera.state == "online" else document.details.get(camera_id, "")
        line = "  ".join(part for part in _camera(document, camera, detail) if part)
        yield f"{'camera':<{LABEL}}{camera_id:<{width}}  {line}".rstrip()


def _camera(document: StatusDocument, camera: CameraHealth, detail: str) -> Iterator[str | None]:
    zone, now = ZoneInfo(document.timezone), datetime.fromisoformat(document.heartbeat.time)
    yield f"{camera.state:<8} since {since_text(datetime.fromisoformat(camera.since), now, zone)}"
    if camera.cause or detail:
        yield why(Cause(camera.cause) if camera.cause else None, detail)
    if camera.codec:
        yield f"{camera.codec} {camera.width}x{camera.height}" if camera.width else camera.codec
    if camera.state in ("online", "degraded"):
        yield f"{camera.packet_fps:g} fps in, {camera.analysed_fps:g} analysed"
        yield f"{camera.bitrate_kbps:.0f} kbit/s"
        yield f"gear {camera.gear}" + (f" ({camera.idle_share:.0%} idle)" if camera.idle_share else "")
    yield f"{camera.dropped} dropped" if camera.dropped else None
    yield f"{camera.corrupt} corrupt" if camera.corrupt else None
    yield f"{camera.reconnects} reconnects" if camera.reconnects else None
    yield f"view: {', '.join(camera.view)}" if camera.view else None
    yield f"always awake: {camera.kept_awake}" if camera.kept_awake else None
    yield f"no main stream: {camera.main_trouble}" if camera.main_trouble else None


UNITS = {"en": ("s", "min", "h", "d"), "vi": ("giây", "phút", "giờ", "ngày")}


def duration(seconds: float, lang: str = "en") -> str:
    """``42 s``, ``3 min``, ``2 h 05 min``, ``4 d 3 h``; ``2 giờ 05 phút``."""
    second, minute, hour, day = UNITS[lang]
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 60:
        return f"{seconds:.0f} {second}"
    if hours < 1:
        return f"{minutes} {minute}"
    if days < 1:
        return f"{hours} {hour} {minutes % 60:02d} {minute}"
    return f"{days} {day} {hours % 24} {hour}"


def _line(label: str, *parts: str | None) -> str:
    return f"{label:<{LABEL}}" + ", ".join(part for part in parts if part)


def _number(label: str, value: float | None, unit: str, digits: int = 0) -> str | None:
    return None if value is None else f"{label} {value:.{digits}f} {unit}".strip()
