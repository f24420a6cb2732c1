"""One line of text for each problem of the gateway.

Shown in the heartbeat's ``degraded``, in ``edge-agent status`` and in systemd's STATUS. The most serious
come first: cameras without a picture, then what delays or loses events, then the gateway's hardware.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from math import ceil

from edge_agent.config.model.boards import Thermal
from edge_agent.config.model.settings import Rule, Settings, WhenUnsynced
from edge_agent.core.facts import TAMPER
from edge_agent.core.model import CameraState, CameraStatus, Cause
from edge_agent.core.secrets import masked
from edge_agent.host.health.decode_load import DecodedStream, decode_load, fully_decoded
from edge_agent.wire import (
    BoxHealth,
    CertificatesHealth,
    ClockHealth,
    CollectionHealth,
    CommandsHealth,
    DetectorHealth,
    EvidenceHealth,
    HealingHealth,
    ModelHealth,
    MqttHealth,
    OutboxHealth,
    ThermalHealth,
    UplinkHealth,
)

DISK_FULL_PERCENT = 90.0
MEMORY_FULL_PERCENT = 90.0
CERTIFICATE_WARN_DAYS = 30
WAITING_TOO_LONG_S = 60.0
"""A healthy link delivers within seconds. An event that waits longer is a problem, whatever the broker's
reason is: a refusal, no answer, a missing permission."""
RATES_KNOWN_S = 30.0
"""A camera's first frames come in a burst, and its rate is a mean over ten seconds."""

CAUSE_TEXT: dict[Cause, str] = {
    Cause.UNREACHABLE: "it does not answer, or with a server error",
    Cause.REFUSED: "it refuses the connection or one more viewer",
    Cause.UNAUTHORIZED: "user name, password or file rights do not let the agent in",
    Cause.NOT_FOUND: "no such stream, file or device",
    Cause.NO_VIDEO: "it answers, but with no video",
    Cause.UNSUPPORTED: "a kind of address, codec or size the agent cannot take",
    Cause.STALLED: "connected, but nothing comes",
    Cause.ENDED: "it closed the stream",
    Cause.DECODE_ERROR: "packets come, but no whole picture",
}
"""The general meaning of each cause, also shown on the web pages. The detail from capture is more specific,
so ``cause_text`` prefers it."""


def cause_text(cause: Cause | None, detail: str) -> str:
    """Say why a camera gives no good video: the detail from capture, else the meaning of the cause.

    The cause's name in messages and guide follows in brackets. ``detail`` is masked here once more.
    """
    if cause is None:
        return masked(detail) or "cause unknown"
    return f"{masked(detail) or CAUSE_TEXT[cause]} ({cause})"


def since_text(since: datetime, now: datetime, zone: tzinfo) -> str:
    """``12:03`` today, ``2026-11-23 12:03`` on another day, in the site's time zone."""
    local, today = since.astimezone(zone), now.astimezone(zone).date()
    return local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d %H:%M")


def camera_lines(cameras: Sequence[CameraStatus], now: datetime, zone: tzinfo) -> Iterator[str]:
    """Cameras that are offline, degraded or tampered with; not those that still start."""
    for camera in sorted(cameras, key=lambda c: c.state is not CameraState.OFFLINE):
        if camera.state in (CameraState.OFFLINE, CameraState.DEGRADED):
            since = since_text(camera.since_at, now, zone)
            reason = cause_text(camera.cause, camera.detail)
            yield f"camera {camera.camera_id} {camera.state} since {since}: {reason}"
        if camera.main_trouble and camera.state is not CameraState.OFFLINE:
            instead = "clips come from the other"
            yield f"camera {camera.camera_id} has no main stream ({camera.main_trouble}): {instead}"
        if tampered := [state for state in camera.view if state in TAMPER]:
            yield f"camera {camera.camera_id} is {' and '.join(tampered)}: somebody has to look after it"


CENTRE_SILENT_S = 300.0
"""The centre confirms within seconds; no confirmation for this long, while events wait, is a problem."""


def delivery_lines(
    outbox: OutboxHealth, mqtt: MqttHealth, online: bool, clock: ClockHealth, now: datetime, zone: tzinfo
) -> Iterator[str]:
    """Events that are delayed or lost, the broker and the clock. ``mqtt.last_error`` is shown only while
    not ``online``: it is old otherwise."""
    waiting = outbox.depth - (outbox.unconfirmed if online else 0)
    if outbox.degraded:
        yield f"outbox: {outbox.degraded}"
    if outbox.shed:
        yield f"outbox: {outbox.shed} events given up since start, it was full"
    if outbox.damaged:
        yield f"outbox: {outbox.damaged} events given up since start, the disk had damaged them"
    if online and centre_is_silent(outbox, mqtt):
        yield _silence(outbox, mqtt, now, zone)
    elif waiting > 0 and outbox.oldest_s > WAITING_TOO_LONG_S:
        refused = f"; it refused {mqtt.refused} since start" if mqtt.refused else ""
        yield f"broker: {waiting} events wait, the oldest for {outbox.oldest_s:.0f} s{refused}"
    if not online:
        reason = mqtt.last_error or "the first attempt is to come (mqtt.spread_s)"
        yield f"broker: not connected: {masked(reason)}"
    if mqtt.no_retain:
        yield "broker: it keeps no retained messages, so whoever subscribes later misses the state"
    if mqtt.no_subscriber:
        yield "broker: nobody subscribes to some events or pictures, they are kept"
    if not clock.synced:
        yield "clock not synchronised, times may be wrong"


def schedule_lines(rules: Iterable[Rule], clock_known: bool) -> Iterator[str]:
    """How rules with a schedule behave while the clock was never synchronised since the boot."""
    if clock_known:
        return
    schedules = [rule.schedule for rule in rules if rule.enabled and rule.schedule is not None]
    for way, text in UNSYNCED.items():
        if count := sum(schedule.unsynced is way for schedule in schedules):
            yield f"clock not synchronised since the box started: rules with a schedule {text} ({count})"


UNSYNCED = {
    WhenUnsynced.ARMED: "are armed all day",
    WhenUnsynced.OFF: "are off",
    WhenUnsynced.CLOCK: "believe it",
}


def healing_lines(healing: HealingHealth) -> Iterator[str]:
    if not healing.tried:
        return
    last = healing.tried[-1]
    detail = f": {masked(last.detail)}" if last.detail else ""
    away_h = healing.without_s / 3600
    yield f"broker: away for {away_h:.1f} h; tried last: {last.step}, {last.outcome}{detail}"


WAITS = ("", "pictures wait", "pictures and infos wait", "pictures and infos wait, heartbeats are slow")
"""Indexed by the step of the budget ladder."""


def uplink_lines(uplink: UplinkHealth) -> Iterator[str]:
    if uplink.step and uplink.monthly_bytes:
        used = f"{uplink.used_bytes / 1e6:,.0f} of {uplink.monthly_bytes / 1e6:,.0f} MB used"
        yield f"uplink: {used}, {WAITS[uplink.step]} until {uplink.resets_on} (step {uplink.step} of 3)"


def certificate_lines(certificates: CertificatesHealth) -> Iterator[str]:
    for name, days in (("certificate", certificates.client_days), ("CA certificate", certificates.ca_days)):
        if days is not None and days < 0:
            yield f"broker: the {name} has expired, {-days} days ago: have the centre renew it"
        elif days is not None and days < CERTIFICATE_WARN_DAYS:
            yield f"broker: the {name} ends in {days} days: have the centre renew it"
    if certificates.next_trouble:
        yield f"broker: {certificates.next_trouble}"


def centre_is_silent(outbox: OutboxHealth, mqtt: MqttHealth) -> bool:
    """Whether events wait for the centre's confirmation, and none has come for too long."""
    waits = mqtt.delivery == "confirmed" and outbox.unconfirmed > 0
    heard_s = mqtt.confirmed_age_s
    return (
        waits
        and outbox.oldest_unconfirmed_s > CENTRE_SILENT_S
        and (heard_s is None or heard_s > CENTRE_SILENT_S)
    )


def _silence(outbox: OutboxHealth, mqtt: MqttHealth, now: datetime, zone: tzinfo) -> str:
    heard_s = mqtt.confirmed_age_s
    since = "the agent started"
    if heard_s is not None:
        since = since_text(now - timedelta(seconds=heard_s), now, zone)
    return (
        f"centre: nothing confirmed since {since}: {outbox.unconfirmed} events are sent and kept, the oldest "
        f"for {outbox.oldest_unconfirmed_s:.0f} s"
    )


def evidence_lines(evidence: EvidenceHealth) -> Iterator[str]:
    if evidence.degraded:
        yield f"evidence: {evidence.degraded.removeprefix('evidence: ')}"
    if evidence.missed:
        yield f"evidence: {evidence.missed} clips could not be made since start"


def command_lines(commands: CommandsHealth) -> Iterator[str]:
    if commands.degraded:
        yield f"commands: {commands.degraded}, most are refused"
    for each in commands.rules:
        left = _duration(each.left_s)
        yield f"rule {each.rule} of {each.camera}: {each.what} for {left} more, as the centre asked"


def collection_lines(collection: CollectionHealth | None) -> Iterator[str]:
    """A running collection: health must show that the gateway keeps pictures of people."""
    if collection is None or collection.state != "taking":
        return
    cameras = ", ".join(collection.cameras)
    paused = "" if collection.paused is None else f"; none now: {collection.paused}"
    yield f"frames of {cameras} are kept for training, as an operator asked{paused}"


def model_lines(model: ModelHealth, now: datetime, zone: tzinfo) -> Iterator[str]:
    """A new model that was reverted, until another one is tried."""
    if model.reverted and model.reverted_at:
        at = since_text(datetime.fromisoformat(model.reverted_at), now, zone)
        yield f"model: given up at {at}: {model.why}"


def _duration(seconds: float) -> str:
    """In minutes: a text that changes every second would be sent to systemd every second."""
    minutes = ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def box_lines(box: BoxHealth, detector: DetectorHealth, thermal: Thermal) -> Iterator[str]:
    if detector.degraded:
        yield f"detector: {detector.degraded}"
    yield from _temperature(box.temperature_c, thermal)
    if box.undervoltage:
        yield "undervoltage: the power supply is too weak"
    if box.throttled:
        yield "the processor is throttled"
    if box.disk_percent is not None and box.disk_percent >= DISK_FULL_PERCENT:
        yield f"disk {box.disk_percent:.0f} % full"
    if box.memory_percent is not None and box.memory_percent >= MEMORY_FULL_PERCENT:
        yield f"memory {box.memory_percent:.0f} % used"


def decode_lines(cameras: Sequence[CameraStatus], settings: Settings, now_mono: float) -> Iterator[str]:
    """Cameras that send more than the board's capacity; only once their real rates are known."""
    profile, whole = settings.profile, fully_decoded(settings.cameras)
    if profile.platform is None:
        return
    streams = [
        DecodedStream(camera.camera_id, camera.width, camera.height, camera.packet_fps)
        for camera in cameras
        if camera.camera_id in whole and camera.state in (CameraState.ONLINE, CameraState.DEGRADED)
        if camera.width and camera.height and now_mono - camera.since_mono >= RATES_KNOWN_S
    ]
    load = decode_load(profile.platform.capacity, streams)
    if load is None or not load.is_exceeded:
        return
    most = load.heaviest
    advice = "use its sub-stream" if load.oversized else "set fewer pictures a second"
    yield (
        f"decoding: the cameras send as much as {load.requested:.0f} pictures of {load.size} a second, "
        f"{profile.name} is made for {load.limit}; most comes from {most.camera_id} "
        f"({most.width}x{most.height}, {most.fps:.0f} a second): {advice}"
    )


HELD_BACK = ("", "fewer inferences", "fewer inferences and pictures", "keyframes only")
"""Indexed by the step of the thermal ladder."""


def thermal_lines(thermal: ThermalHealth, now: datetime, zone: tzinfo) -> Iterator[str]:
    if thermal.step and thermal.since:
        since = since_text(datetime.fromisoformat(thermal.since), now, zone)
        yield f"hot: {HELD_BACK[thermal.step]} since {since} (step {thermal.step} of 3)"
    if thermal.held:
        yield f"heat: {thermal.held}"


def _temperature(celsius: float | None, thermal: Thermal) -> Iterator[str]:
    if celsius is None:
        return
    if celsius >= thermal.critical_c:
        yield f"temperature {celsius:.0f} C, critical from {thermal.critical_c:.0f}"
    elif celsius >= thermal.warn_c:
        yield f"temperature {celsius:.0f} C above {thermal.warn_c:.0f}"
