"""The measures that alert rules judge: a number or fact of a gateway, camera or ward, with its text. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.core.facts import TAMPER
from edge_agent.host.board.platform import is_older
from edge_agent.wire.received.health import ReceivedCameraHealth, ReceivedHealth

MAX_TEXT = 200


class Measure(StrEnum):
    """Every measure, in the order of the reference page."""

    WARD_OUTAGE = "ward_outage"
    OFFLINE = "offline"
    STOPPED = "stopped"
    UNSTABLE = "unstable"
    CAMERA_OFFLINE = "camera_offline"
    CAMERA_DEGRADED = "camera_degraded"
    TAMPER = "tamper"
    RULE_MUTED = "rule_muted"
    VIEW_RELEARNED = "view_relearned"
    DISK_PERCENT = "disk_percent"
    MEMORY_PERCENT = "memory_percent"
    TEMPERATURE_C = "temperature_c"
    UNDERVOLTAGE = "undervoltage"
    THROTTLED = "throttled"
    CLOCK_UNSYNCED = "clock_unsynced"
    CERTIFICATE_DAYS = "certificate_days"
    OUTBOX_OLDEST_S = "outbox_oldest_s"
    OUTBOX_DEGRADED = "outbox_degraded"
    VERSION_BEHIND = "version_behind"
    MISSING_EVENTS = "missing_events"
    CONFLICT = "conflict"
    ALARMS = "alarms_in_10_min"
    UPLINK_PERCENT = "uplink_percent"
    FAILED_UNITS = "failed_units"
    DETECTOR_DEGRADED = "detector_degraded"
    EVIDENCE_DEGRADED = "evidence_degraded"
    UPDATE_REVERTED = "update_reverted"
    MODEL_REVERTED = "model_reverted"
    CONFIG_GIVEN_UP = "config_given_up"
    RETAINED_MESSAGES = "retained_messages"
    CENTRE_CLOCK = "centre_clock"
    DELETIONS_HELD = "deletions_held"


NUMBERS = frozenset(
    {
        Measure.DISK_PERCENT,
        Measure.MEMORY_PERCENT,
        Measure.TEMPERATURE_C,
        Measure.CERTIFICATE_DAYS,
        Measure.OUTBOX_OLDEST_S,
        Measure.MISSING_EVENTS,
        Measure.ALARMS,
        Measure.RETAINED_MESSAGES,
        Measure.UPLINK_PERCENT,
    }
)
"""Measures with a number: a rule needs a bound for them. The others are true or false."""
PRESENCE = frozenset({Measure.OFFLINE, Measure.STOPPED, Measure.UNSTABLE})
AWAY = frozenset({Measure.OFFLINE, Measure.STOPPED})
"""While one of these is reported, it explains all other problems of the gateway."""
GRACED = frozenset({Measure.CAMERA_OFFLINE, Measure.CAMERA_DEGRADED})
"""Measures that are not judged while a gateway starts: after a power cut cameras start later than their
gateway."""

CENTRE_MEASURES = {
    Measure.CENTRE_CLOCK: "the centre's clock is right",
    Measure.DELETIONS_HELD: "retention deletes again",
}
"""Measures of the centre itself, each with the text when all is well. They are alerts of its first ward."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """``value`` is None if unknown; 1 or 0 for a measure that is true or false."""

    value: float | None
    text: str


def plain(text: str) -> str:
    """A gateway's text as one line, without control characters."""
    visible = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return " ".join(visible.split())[:MAX_TEXT]


def _fact(holds: bool | None, text: str, otherwise: str) -> Measurement:
    if holds is None:
        return Measurement(None, "not known any more")
    return Measurement(float(holds), plain(text) if holds else otherwise)


def _number(value: float | None, text: str) -> Measurement:
    return Measurement(value, text.format(value) if value is not None else "not known any more")


def _of(what: str, problem: str | None) -> Measurement:
    """The measurement of a problem that a part reports; None: no problem."""
    return _fact(problem is not None, f"{what}: {problem}", f"{what}: well")


def _certificate_days(health: ReceivedHealth) -> Measurement:
    own, ca = health.certificates.client_days, health.certificates.ca_days
    days = [each for each in (own, ca) if each is not None]
    if not days:
        return Measurement(None, "not known any more")
    what = "the gateway's certificate" if own is not None and own == min(days) else "the CA that it trusts"
    return Measurement(float(min(days)), f"{what} ends in {min(days)} days")


def _outbox_oldest(health: ReceivedHealth) -> Measurement:
    held = health.uplink.held
    if "info" in held:  # infos are held back to save uplink budget
        return Measurement(None, "events wait for the uplink's budget")
    return _number(health.outbox.oldest_s, "the oldest event waits for {:.0f} s")


def _uplink_percent(health: ReceivedHealth) -> Measurement:
    uplink = health.uplink
    if not uplink.monthly_bytes:
        return Measurement(None, "there is no budget any more")
    used, budget = uplink.used_bytes / 1e6, uplink.monthly_bytes / 1e6
    return Measurement(100.0 * used / budget, f"{used:,.0f} of {budget:,.0f} MB of the period used")


def _failed_units(health: ReceivedHealth) -> Measurement:
    lines = [line for line in health.degraded if line.startswith(("unit ", "units: "))]
    return _fact(bool(lines), "; ".join(lines), "no unit has failed")


def _reverted(health: ReceivedHealth) -> Measurement:
    update = health.update
    return _of("update", None if update.reverted is None else f"went back: {update.reverted}: {update.why}")


def _model_reverted(health: ReceivedHealth) -> Measurement:
    model = health.model
    return _of("model", None if model.reverted is None else f"given up: {model.why}")


GATEWAY_MEASURES: dict[Measure, Callable[[ReceivedHealth], Measurement]] = {
    Measure.DISK_PERCENT: lambda health: _number(health.box.disk_percent, "disk {:.0f} % full"),
    Measure.MEMORY_PERCENT: lambda health: _number(health.box.memory_percent, "memory {:.0f} % used"),
    Measure.TEMPERATURE_C: lambda health: _number(health.box.temperature_c, "processor at {:.0f} °C"),
    Measure.UNDERVOLTAGE: lambda health: _fact(
        health.box.undervoltage, "undervoltage: the power supply is too weak", "the voltage is well"
    ),
    Measure.THROTTLED: lambda health: _fact(
        health.box.throttled, "the processor is throttled", "the processor is not throttled"
    ),
    Measure.CLOCK_UNSYNCED: lambda health: _fact(
        not health.clock.synced, "clock not synchronised, times may be wrong", "clock synchronised"
    ),
    Measure.CERTIFICATE_DAYS: _certificate_days,
    Measure.OUTBOX_OLDEST_S: _outbox_oldest,
    Measure.OUTBOX_DEGRADED: lambda health: _of("outbox", health.outbox.degraded),
    Measure.UPLINK_PERCENT: _uplink_percent,
    Measure.FAILED_UNITS: _failed_units,
    Measure.DETECTOR_DEGRADED: lambda health: _of("detector", health.detector.degraded),
    Measure.EVIDENCE_DEGRADED: lambda health: _of("evidence", health.evidence.degraded),
    Measure.UPDATE_REVERTED: _reverted,
    Measure.MODEL_REVERTED: _model_reverted,
    Measure.CONFIG_GIVEN_UP: lambda health: _of("configuration taken back", health.config.given_up),
}
"""Measures of a gateway, from its heartbeat."""


def _state(camera: ReceivedCameraHealth, state: str) -> Measurement:
    cause = f" ({camera.cause})" if camera.cause else ""
    return _fact(camera.state == state, f"{state}{cause}", camera.state or "not known any more")


def _tamper(camera: ReceivedCameraHealth) -> Measurement:
    found = [state for state in camera.view if state in TAMPER]
    return _fact(bool(found), f"view {', '.join(found)}", "the view is as it was")


CAMERA_MEASURES: dict[Measure, Callable[[ReceivedCameraHealth], Measurement]] = {
    Measure.CAMERA_OFFLINE: lambda camera: _state(camera, "offline"),
    Measure.CAMERA_DEGRADED: lambda camera: _state(camera, "degraded"),
    Measure.TAMPER: _tamper,
}


def override_measure(what: str, rule: str | None) -> tuple[Measure, str] | None:
    """The measure of an operator's override and its text; None: the camera watches as much as before, or
    more."""
    if what == "relearn":
        return Measure.VIEW_RELEARNED, "the view"
    if what in ("mask", "disarm") and rule is not None:
        return Measure.RULE_MUTED, f"{rule} ({what})"
    return None


OVERRIDE_MEASURES = (Measure.RULE_MUTED, Measure.VIEW_RELEARNED)
"""Measures of a camera, from override events and from the heartbeat of its gateway."""


def overrides_of(health: ReceivedHealth, camera: str) -> dict[Measure, set[str]]:
    """The active overrides of a camera, by measure."""
    found: dict[Measure, set[str]] = {measure: set() for measure in OVERRIDE_MEASURES}
    active = [(each.what, each.rule) for each in health.commands.rules if each.camera == camera]
    for what, rule in active:
        if (override := override_measure(what, rule)) is not None:
            found[override[0]].add(override[1])
    if camera in health.commands.relearning:
        found[Measure.VIEW_RELEARNED].add("the view")
    return found


def overrides(active: set[str]) -> Measurement:
    """The measurement of the active overrides of one camera and measure."""
    text = f"changed by hand: {', '.join(sorted(active))}" if active else "it watches as it is configured"
    return Measurement(float(bool(active)), plain(text))


def version_behind(version: str, wanted: str) -> Measurement:
    """Compare a gateway's version with the wanted one; empty: unknown."""
    if not version or not wanted:
        return Measurement(None, "not known any more")
    older = is_older(version, wanted)
    return _fact(older, f"version {version}, the others have {wanted}", f"version {version}")


def conflict(events: int) -> Measurement:
    """``events``: how many have the sequence number of another event."""
    if events:
        return Measurement(
            1.0, f"{events} events came with numbers that other events have: two boxes, or a copy"
        )
    return Measurement(1.0, "two boxes report under this name by turns")


NO_CONFLICT = Measurement(0.0, "no conflict for a day")


def missing_events(count: int) -> Measurement:
    return Measurement(float(count), f"{count} events are missing, and nobody has said why")


def alarms(count: int) -> Measurement:
    """``count``: alarms of the last ten minutes."""
    return Measurement(float(count), f"{count} alarms in 10 min: they are listed and do not ring one by one")


def retained_messages(count: int) -> Measurement:
    return Measurement(float(count), f"{count} messages beside state and birth are retained at the broker")


COUNTED_MEASURES: dict[Measure, Callable[[int], Measurement]] = {
    Measure.MISSING_EVENTS: missing_events,
    Measure.RETAINED_MESSAGES: retained_messages,
}
"""Measures of a gateway that the centre counts."""
