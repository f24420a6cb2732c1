"""Makes one line of text for each problem of the gateway.

The lines appear in the heartbeat's ``degraded``, in ``edge-agent status`` and in systemd's STATUS, the most
serious first: cameras without a picture, then what delays or loses events, then the gateway's hardware.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from math import ceil

from edge_agent import wire
from edge_agent.config.model.boards import Thermal
from edge_agent.config.model.settings import Rule, Settings, WhenUnsynced
from edge_agent.core.facts import TAMPER
from edge_agent.core.model import CameraState, CameraStatus, Cause
from edge_agent.core.problems import ProblemText, masked_problem, problem_text
from edge_agent.core.secrets import masked
from edge_agent.host.health.decode_load import DecodedStream, decode_load, fully_decoded

DISK_FULL_PERCENT = 90.0
MEMORY_FULL_PERCENT = 90.0
CERTIFICATE_WARN_DAYS = 30
WAITING_TOO_LONG_S = 60.0
"""A healthy link delivers within seconds. An event that waits longer is a problem, whatever the broker's
reason is: a refusal, no answer, a missing permission."""
RATES_KNOWN_S = 30.0  # a camera's first frames come in a burst, and its rate is a mean over ten seconds

CAUSE_TEXT: dict[Cause, ProblemText] = {cause: problem_text(f"cause-{cause}") for cause in Cause}
"""The general meaning of each cause, also shown on the web pages. ``cause_text`` prefers the detail from
capture, which is more specific."""


def cause_text(cause: Cause | None, detail: str) -> str:
    """Return why a camera gives no good video: the detail from capture or, if there is none, the cause's
    meaning.

    The cause's name, as in messages and the guide, follows in brackets. ``detail`` is masked here once more.
    """
    if cause is None:
        return masked_problem(detail) or problem_text("cause-unknown")
    return problem_text("camera-cause", why=masked_problem(detail) or CAUSE_TEXT[cause], cause=cause)


def since_text(since: datetime, now: datetime, zone: tzinfo) -> str:
    """Return ``12:03`` for today, ``2026-11-23 12:03`` for another day, in the site's time zone."""
    local, today = since.astimezone(zone), now.astimezone(zone).date()
    return local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d %H:%M")


def camera_lines(cameras: Sequence[CameraStatus], now: datetime, zone: tzinfo) -> Iterator[ProblemText]:
    """Yield a line for each camera that is offline, degraded or tampered with, but not while it starts."""
    for camera in sorted(cameras, key=lambda c: c.state is not CameraState.OFFLINE):
        if camera.state in (CameraState.OFFLINE, CameraState.DEGRADED):
            since = since_text(camera.since_at, now, zone)
            reason = cause_text(camera.cause, camera.detail)
            yield problem_text(
                "camera-state", camera=camera.camera_id, state=camera.state, since=since, why=reason
            )
        if camera.main_trouble and camera.state is not CameraState.OFFLINE:
            yield problem_text("camera-no-main", camera=camera.camera_id, cause=camera.main_trouble)
        if tampered := [state for state in camera.view if state in TAMPER]:
            yield problem_text("camera-tampered", camera=camera.camera_id, views=tampered)


CENTRE_SILENT_S = 300.0
"""The centre confirms within seconds; no confirmation for this long, while events wait, is a problem."""


def delivery_lines(
    outbox: wire.OutboxHealth,
    mqtt: wire.MqttHealth,
    online: bool,
    clock: wire.ClockHealth,
    now: datetime,
    zone: tzinfo,
) -> Iterator[ProblemText]:
    """Yield lines about delayed or lost events, the broker and the clock. ``mqtt.last_error`` is shown only
    while the agent is not ``online``: otherwise it is old."""
    waiting = outbox.depth - (outbox.unconfirmed if online else 0)
    if outbox.degraded:
        yield problem_text("outbox", why=outbox.degraded)
    if outbox.shed:
        yield problem_text("outbox-full", events=outbox.shed)
    if outbox.damaged:
        yield problem_text("outbox-damaged", events=outbox.damaged)
    if online and centre_is_silent(outbox, mqtt):
        yield _silence(outbox, mqtt, now, zone)
    elif waiting > 0 and outbox.oldest_s > WAITING_TOO_LONG_S:
        waits = {"events": waiting, "seconds": round(outbox.oldest_s)}
        if mqtt.refused:
            yield problem_text("broker-refuses", **waits, refused=mqtt.refused)
        else:
            yield problem_text("broker-waiting", **waits)
    if not online:
        reason = mqtt.last_error or problem_text("broker-first-attempt")
        yield problem_text("broker-not-connected", why=masked_problem(reason))
    if mqtt.no_retain:
        yield problem_text("broker-no-retain")
    if mqtt.no_subscriber:
        yield problem_text("broker-no-subscriber")
    if not clock.synced:
        yield problem_text("clock-not-synced")


def schedule_lines(rules: Iterable[Rule], clock_known: bool) -> Iterator[ProblemText]:
    """Yield how rules with a schedule behave while the clock has not been synchronised since the boot."""
    if clock_known:
        return
    schedules = [rule.schedule for rule in rules if rule.enabled and rule.schedule is not None]
    for way in WhenUnsynced:
        if count := sum(schedule.unsynced is way for schedule in schedules):
            yield problem_text(f"schedules-{way}", rules=count)


def healing_lines(healing: wire.HealingHealth) -> Iterator[ProblemText]:
    if not healing.tried:
        return
    last = healing.tried[-1]
    tried = {"hours": round(healing.without_s / 3600, 1), "recovery": last.step, "outcome": last.outcome}
    if last.detail:
        yield problem_text("broker-away-detail", **tried, detail=masked(last.detail))
    else:
        yield problem_text("broker-away", **tried)


def uplink_lines(uplink: wire.UplinkHealth) -> Iterator[ProblemText]:
    if uplink.step and uplink.monthly_bytes:
        yield problem_text(
            "uplink-step",
            used_mb=round(uplink.used_bytes / 1e6),
            budget_mb=round(uplink.monthly_bytes / 1e6),
            waits=problem_text(f"uplink-waits-{uplink.step}"),
            until=str(uplink.resets_on),
            step=uplink.step,
        )


OTHER_TRAFFIC_SHARE = 0.25
"""Share of the budget that docs/guide/uplink.md asks to leave for other programs on the card."""


MODEM_FAILURES = {"sim-missing": "modem-no-sim", "sim-error": "modem-sim-error"}
MODEM_LOCKS = {"sim-pin": "modem-pin", "sim-puk": "modem-puk"}


def modem_finding(modem: wire.ModemHealth) -> str | None:
    """Return the code of what keeps the modem offline or makes it expensive; None if nothing does."""
    if modem.state == "missing":
        return "modem-missing"
    if modem.lock is not None:
        return MODEM_LOCKS.get(modem.lock, "modem-locked")
    if modem.state == "failed":
        return MODEM_FAILURES.get(modem.failed or "", "modem-failed")
    if modem.registration == "denied":
        return "modem-denied"
    if modem.registration in ("idle", "searching", "emergency") and modem.state != "initializing":
        return "modem-not-registered"
    return "modem-roaming" if modem.registration == "roaming" else None


def modem_lines(uplink: wire.UplinkHealth, modem: wire.ModemHealth | None) -> Iterator[ProblemText]:
    """Yield problems of the modem if the uplink is a SIM card; with another uplink the modem is not used."""
    if modem is None or uplink.kind != "sim":
        return
    finding = modem_finding(modem)
    if finding == "modem-roaming":
        yield problem_text(finding, operator=modem.operator or modem.operator_code)
    elif finding is not None:
        yield problem_text(finding)
    counted = modem.sent_bytes + modem.received_bytes
    other = counted - uplink.used_bytes
    if uplink.monthly_bytes and other > OTHER_TRAFFIC_SHARE * uplink.monthly_bytes:
        yield problem_text("modem-other-traffic", modem_mb=round(counted / 1e6), other_mb=round(other / 1e6))


def certificate_lines(certificates: wire.CertificatesHealth) -> Iterator[ProblemText]:
    for which, days in (("certificate", certificates.client_days), ("ca", certificates.ca_days)):
        if days is not None and days < 0:
            yield problem_text(f"{which}-expired", days=-days)
        elif days is not None and days < CERTIFICATE_WARN_DAYS:
            yield problem_text(f"{which}-ends", days=days)
    if certificates.next_trouble:
        yield problem_text("certificate-next", why=certificates.next_trouble)


def centre_is_silent(outbox: wire.OutboxHealth, mqtt: wire.MqttHealth) -> bool:
    """Return whether events wait for the centre's confirmation, and no confirmation has come for too long."""
    waits = mqtt.delivery == "confirmed" and outbox.unconfirmed > 0
    heard_s = mqtt.confirmed_age_s
    return (
        waits
        and outbox.oldest_unconfirmed_s > CENTRE_SILENT_S
        and (heard_s is None or heard_s > CENTRE_SILENT_S)
    )


def _silence(outbox: wire.OutboxHealth, mqtt: wire.MqttHealth, now: datetime, zone: tzinfo) -> ProblemText:
    heard_s = mqtt.confirmed_age_s
    since: str = problem_text("agent-started")
    if heard_s is not None:
        since = since_text(now - timedelta(seconds=heard_s), now, zone)
    seconds = round(outbox.oldest_unconfirmed_s)
    return problem_text("centre-silent", since=since, events=outbox.unconfirmed, seconds=seconds)


def evidence_lines(evidence: wire.EvidenceHealth) -> Iterator[ProblemText]:
    if evidence.degraded:
        yield problem_text("evidence", why=evidence.degraded)
    if evidence.missed:
        yield problem_text("evidence-missed", clips=evidence.missed)


def command_lines(commands: wire.CommandsHealth) -> Iterator[ProblemText]:
    if commands.degraded:
        yield problem_text("commands", why=commands.degraded)
    for each in commands.rules:
        changed = {"rule": each.rule, "camera": each.camera, "override": each.what}
        # In minutes: a text that changed every second would be sent to systemd every second.
        minutes = ceil(each.left_s / 60)
        if minutes < 120:
            yield problem_text("rule-overridden", **changed, minutes=minutes)
        else:
            yield problem_text("rule-overridden-hours", **changed, hours=minutes // 60)


def collection_lines(collection: wire.CollectionHealth | None) -> Iterator[ProblemText]:
    """Yield a line while a collection runs: health must show that the gateway stores pictures of people."""
    if collection is None or collection.state != "taking":
        return
    if collection.paused is None:
        yield problem_text("collecting", cameras=list(collection.cameras))
    else:
        yield problem_text("collecting-paused", cameras=list(collection.cameras), why=collection.paused)


def update_lines(update: wire.UpdateHealth, now: datetime, zone: tzinfo) -> Iterator[ProblemText]:
    """Yield lines about updates for the heartbeat's ``degraded``, with times in the site's time zone."""
    if update.phase == "trial" and update.until:
        until = since_text(datetime.fromisoformat(update.until), now, zone)
        yield problem_text("update-trial", version=str(update.version), until=until)
    elif update.phase:
        yield problem_text(f"update-{update.phase}", version=str(update.version))
    if update.reverted and update.reverted_at:
        at = since_text(datetime.fromisoformat(update.reverted_at), now, zone)
        yield problem_text("update-reverted", at=at, why=update.why or "")


def model_lines(model: wire.ModelHealth, now: datetime, zone: tzinfo) -> Iterator[ProblemText]:
    """Yield a line about a new model that was reverted, until another one is tried."""
    if model.reverted and model.reverted_at:
        at = since_text(datetime.fromisoformat(model.reverted_at), now, zone)
        yield problem_text("model-given-up", at=at, why=model.why or "")


def box_lines(box: wire.BoxHealth, detector: wire.DetectorHealth, thermal: Thermal) -> Iterator[ProblemText]:
    if detector.degraded:
        yield problem_text("detector", why=detector.degraded)
    yield from _temperature(box.temperature_c, thermal)
    if box.undervoltage:
        yield problem_text("undervoltage")
    if box.throttled:
        yield problem_text("throttled")
    if box.disk_percent is not None and box.disk_percent >= DISK_FULL_PERCENT:
        yield problem_text("disk-full", percent=round(box.disk_percent))
    if box.memory_percent is not None and box.memory_percent >= MEMORY_FULL_PERCENT:
        yield problem_text("memory-full", percent=round(box.memory_percent))


def decode_lines(
    cameras: Sequence[CameraStatus], settings: Settings, now_mono: float
) -> Iterator[ProblemText]:
    """Yield a line if the cameras with known rates send more than the board's capacity."""
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
    yield problem_text(
        "decoding-too-much",
        requested=round(load.requested),
        size=str(load.size),
        profile=profile.name,
        limit=load.limit,
        camera=most.camera_id,
        camera_size=f"{most.width}x{most.height}",
        fps=round(most.fps),
        advice=problem_text("use-sub-stream" if load.oversized else "set-fewer-pictures"),
    )


def thermal_lines(thermal: wire.ThermalHealth, now: datetime, zone: tzinfo) -> Iterator[ProblemText]:
    if thermal.step and thermal.since:
        since = since_text(datetime.fromisoformat(thermal.since), now, zone)
        held_back = problem_text(f"thermal-step-{thermal.step}")
        yield problem_text("thermal-step", held_back=held_back, since=since, step=thermal.step)
    if thermal.held:
        yield problem_text("thermal-held", why=thermal.held)


def _temperature(celsius: float | None, thermal: Thermal) -> Iterator[ProblemText]:
    if celsius is None:
        return
    if celsius >= thermal.critical_c:
        yield problem_text("temperature-critical", celsius=round(celsius), limit=round(thermal.critical_c))
    elif celsius >= thermal.warn_c:
        yield problem_text("temperature-high", celsius=round(celsius), limit=round(thermal.warn_c))
