"""The measures that alert rules judge: a number or fact of a gateway, camera or ward, with its text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.core.facts import TAMPER
from edge_agent.core.problems import CodedProblem, ProblemText, problem_of
from edge_agent.core.problems.problem import with_code_of
from edge_agent.host.board.platform import is_older
from edge_agent.wire.received.health import ReceivedCameraHealth, ReceivedHealth
from edge_central.sentences import problem_text

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
    DELETIONS_FAILED = "deletions_failed"
    CLAIM_PENDING_S = "claim_pending_s"
    CLAIM_WRONG = "claim_wrong"


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
        Measure.CLAIM_PENDING_S,
    }
)
"""Measures with a number: a rule needs a bound for them. The others are true or false."""
PRESENCE = frozenset({Measure.OFFLINE, Measure.STOPPED, Measure.UNSTABLE})
AWAY = frozenset({Measure.OFFLINE, Measure.STOPPED})
"""While one of these is reported, it explains all other problems of the gateway."""
GRACED = frozenset({Measure.CAMERA_OFFLINE, Measure.CAMERA_DEGRADED})
"""Not judged while a gateway starts: after a power cut cameras start later than their gateway."""

CENTRE_MEASURES = {
    Measure.CENTRE_CLOCK: "the centre's clock is right",
    Measure.DELETIONS_HELD: "retention deletes again",
    Measure.DELETIONS_FAILED: "all expired files are deleted",
}
"""The centre's measures, each with its text if all is well. Their alerts belong to its first ward."""


CLAIM_MEASURES = frozenset({Measure.CLAIM_PENDING_S, Measure.CLAIM_WRONG})
"""Measures of the claims of boxes that have no site yet. Their alerts belong to the ward of the claims."""

UNIT_CODES = frozenset({"unit-failed", "unit-restarting", "units-more"})
"""Lines of a heartbeat about failed systemd units."""
RELEARNED = problem_text("changed-view")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measure's result: ``value`` is None if unknown, 1 or 0 for a fact; ``text`` carries its code."""

    value: float | None
    text: str


def plain(text: str) -> str:
    """Return a gateway's text as one line without control characters. A text with a code keeps the code."""
    visible = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return with_code_of(" ".join(visible.split())[:MAX_TEXT], text)


def _fact(holds: bool | None, text: str, otherwise: str) -> Measurement:
    if holds is None:
        return Measurement(None, "not known any more")
    return Measurement(float(holds), plain(text) if holds else otherwise)


def _number(value: float | None, code: str, figure: str) -> Measurement:
    """Return the measurement of a number, which is called ``figure`` in the sentence of ``code``."""
    if value is None:
        return Measurement(None, "not known any more")
    return Measurement(value, problem_text(code, **{figure: round(value)}))


def _of(code: str, health: ReceivedHealth, problem: str | None) -> Measurement:
    """Return the measurement of a problem that a component reports; None: it has no problem. ``code``: the
    code of the sentence, which is also the code of the heartbeat's line about this problem."""
    if problem is None:
        return Measurement(0.0, f"{code}: well")
    return Measurement(1.0, plain(problem_text(code, why=_with_code(problem, code, health))))


def _with_code(text: str, code: str, health: ReceivedHealth) -> str:
    """Return ``text`` with the coded reason of the heartbeat's line about ``code``, if there is one."""
    line = _line(code, health)
    why = None if line is None else line.params.get("why")
    return ProblemText(text, why) if isinstance(why, CodedProblem) else text


def _line(code: str, health: ReceivedHealth) -> CodedProblem | None:
    problems = map(problem_of, health.degraded)
    return next((problem for problem in problems if problem is not None and problem.code == code), None)


def _certificate_days(health: ReceivedHealth) -> Measurement:
    own, ca = health.certificates.client_days, health.certificates.ca_days
    days = [each for each in (own, ca) if each is not None]
    if not days:
        return Measurement(None, "not known any more")
    least = min(days)
    left, ended = ("certificate-days", "certificate-ended") if own == least else ("ca-days", "ca-ended")
    return Measurement(float(least), problem_text(left if least >= 0 else ended, days=abs(least)))


def _outbox_oldest(health: ReceivedHealth) -> Measurement:
    held = health.uplink.held
    if "info" in held:  # infos are held back to save uplink budget
        return Measurement(None, "events wait for the uplink's budget")
    return _number(health.outbox.oldest_s, "oldest-event", "seconds")


def _uplink_percent(health: ReceivedHealth) -> Measurement:
    uplink = health.uplink
    if not uplink.monthly_bytes:
        return Measurement(None, "there is no budget any more")
    used, budget = uplink.used_bytes / 1e6, uplink.monthly_bytes / 1e6
    text = problem_text("budget-used", used=round(used), budget=round(budget))
    return Measurement(100.0 * used / budget, text)


def _failed_units(health: ReceivedHealth) -> Measurement:
    lines = [line for line in health.degraded if _is_of_unit(line)]
    if not lines:
        return Measurement(0.0, "no unit has failed")
    return Measurement(1.0, plain(problem_text("failed-units", lines=lines)))


def _is_of_unit(line: str) -> bool:
    problem = problem_of(line)
    if problem is None:  # an agent of a version without codes
        return line.startswith(("unit ", "units: "))
    return problem.code in UNIT_CODES


def _reverted(health: ReceivedHealth) -> Measurement:
    update = health.update
    if update.reverted is None:
        return Measurement(0.0, "update: well")
    why = _with_code(str(update.why), "update-reverted", health)
    return Measurement(1.0, plain(problem_text("update-went-back", version=update.reverted, why=why)))


def _model_reverted(health: ReceivedHealth) -> Measurement:
    model = health.model
    if model.reverted is None:
        return Measurement(0.0, "model: well")
    why = _with_code(str(model.why), "model-given-up", health)
    return Measurement(1.0, plain(problem_text("model-went-back", why=why)))


def _config_given_up(health: ReceivedHealth) -> Measurement:
    why = health.config.given_up
    if why is None:
        return Measurement(0.0, "configuration rolled back: well")
    if (line := _line("config-given-up", health)) is not None:
        why = ProblemText(why, CodedProblem("config-version", line.params))
    return Measurement(1.0, plain(problem_text("config-taken-back", why=why)))


UNDERVOLTAGE, THROTTLED = problem_text("undervoltage"), problem_text("throttled")
UNSYNCED = problem_text("clock-not-synced")

GATEWAY_MEASURES: dict[Measure, Callable[[ReceivedHealth], Measurement]] = {
    Measure.DISK_PERCENT: lambda health: _number(health.box.disk_percent, "disk-full", "percent"),
    Measure.MEMORY_PERCENT: lambda health: _number(health.box.memory_percent, "memory-full", "percent"),
    Measure.TEMPERATURE_C: lambda health: _number(health.box.temperature_c, "processor-hot", "celsius"),
    Measure.UNDERVOLTAGE: lambda health: _fact(health.box.undervoltage, UNDERVOLTAGE, "the voltage is well"),
    Measure.THROTTLED: lambda health: _fact(
        health.box.throttled, THROTTLED, "the processor is not throttled"
    ),
    Measure.CLOCK_UNSYNCED: lambda health: _fact(not health.clock.synced, UNSYNCED, "clock synchronised"),
    Measure.CERTIFICATE_DAYS: _certificate_days,
    Measure.OUTBOX_OLDEST_S: _outbox_oldest,
    Measure.OUTBOX_DEGRADED: lambda health: _of("outbox", health, health.outbox.degraded),
    Measure.UPLINK_PERCENT: _uplink_percent,
    Measure.FAILED_UNITS: _failed_units,
    Measure.DETECTOR_DEGRADED: lambda health: _of("detector", health, health.detector.degraded),
    Measure.EVIDENCE_DEGRADED: lambda health: _of("evidence", health, health.evidence.degraded),
    Measure.UPDATE_REVERTED: _reverted,
    Measure.MODEL_REVERTED: _model_reverted,
    Measure.CONFIG_GIVEN_UP: _config_given_up,
}
"""Measures of a gateway, from its heartbeat."""


def _state(camera: ReceivedCameraHealth, state: str) -> Measurement:
    if camera.state != state:
        return Measurement(0.0, camera.state or "not known any more")
    if camera.cause:
        return Measurement(1.0, plain(problem_text("camera-is-because", state=state, cause=camera.cause)))
    return Measurement(1.0, problem_text("camera-is", state=state))


def _tamper(camera: ReceivedCameraHealth) -> Measurement:
    found = [state for state in camera.view if state in TAMPER]
    return view_tampered(found) if found else VIEW_AS_BEFORE


def view_tampered(states: list[str]) -> Measurement:
    return Measurement(1.0, problem_text("view-changed", views=states))


VIEW_AS_BEFORE = Measurement(0.0, "the view is as it was")


CAMERA_MEASURES: dict[Measure, Callable[[ReceivedCameraHealth], Measurement]] = {
    Measure.CAMERA_OFFLINE: lambda camera: _state(camera, "offline"),
    Measure.CAMERA_DEGRADED: lambda camera: _state(camera, "degraded"),
    Measure.TAMPER: _tamper,
}


SWITCHED_OFF = "off"  # a rule that the command ``set-rule`` switched off; the wire has no override for this


def override_measure(what: str, rule: str | None) -> tuple[Measure, str] | None:
    """Return the measure of an operator's override, and its text. ``what``: the override as on the wire, or
    SWITCHED_OFF. None: after this override the camera watches at least as much as before."""
    if what == "relearn":
        return Measure.VIEW_RELEARNED, RELEARNED
    if what in ("mask", "disarm", SWITCHED_OFF) and rule is not None:
        return Measure.RULE_MUTED, problem_text("changed-rule", rule=rule, override=what)
    return None


OVERRIDE_MEASURES = (Measure.RULE_MUTED, Measure.VIEW_RELEARNED)
"""Measures of a camera that come from override events and from its gateway's heartbeat."""


def overrides_of(health: ReceivedHealth, camera: str) -> dict[Measure, set[str]]:
    found: dict[Measure, set[str]] = {measure: set() for measure in OVERRIDE_MEASURES}
    active = [(each.what, each.rule) for each in health.commands.rules if each.camera == camera]
    off = health.commands.switched_off
    active += [(SWITCHED_OFF, each.rule) for each in off if each.camera == camera]
    for what, rule in active:
        if (override := override_measure(what, rule)) is not None:
            found[override[0]].add(override[1])
    if camera in health.commands.relearning:
        found[Measure.VIEW_RELEARNED].add(RELEARNED)
    return found


def overrides(active: set[str]) -> Measurement:
    if not active:
        return Measurement(0.0, "it watches as it is configured")
    return Measurement(1.0, plain(problem_text("changed-by-hand", changes=sorted(active))))


FLEET_SHARE = 0.1
"""Share of the gateways that must have a version before gateways with older ones count as behind. So a
version on trial does not count."""


def newest_version(versions: Mapping[str, int]) -> str:
    """Return the newest of ``versions`` (with counts of gateways) that enough gateways have; empty: none."""
    known = [version for version, count in versions.items() if version and count > 0]
    least = FLEET_SHARE * sum(versions[version] for version in known)
    newest = ""
    for version in known:
        if versions[version] >= least and (not newest or is_older(newest, version)):
            newest = version
    return newest


def version_behind(version: str, wanted: str) -> Measurement:
    """Return whether ``version`` is older than ``wanted``. An empty text is an unknown version."""
    if not version or not wanted:
        return Measurement(None, "not known any more")
    if not is_older(version, wanted):
        return Measurement(0.0, f"version {version}")
    return Measurement(1.0, plain(problem_text("version-behind", version=version, others=wanted)))


def conflict(events: int) -> Measurement:
    """Return a sequence conflict's measurement. ``events``: how many have the number of another event."""
    if events:
        return Measurement(1.0, problem_text("numbers-conflict", events=events))
    return Measurement(1.0, problem_text("names-conflict"))


NO_CONFLICT = Measurement(0.0, "no conflict for a day")


def missing_events(count: int) -> Measurement:
    return Measurement(float(count), problem_text("events-missing", events=count))


def alarms(count: int) -> Measurement:
    """``count``: alarms of the last ten minutes."""
    return Measurement(float(count), problem_text("alarm-flood", alarms=count))


def retained_messages(count: int) -> Measurement:
    return Measurement(float(count), problem_text("retained-messages", messages=count))


COUNTED_MEASURES: dict[Measure, Callable[[int], Measurement]] = {
    Measure.MISSING_EVENTS: missing_events,
    Measure.RETAINED_MESSAGES: retained_messages,
}
"""Measures of a gateway that the centre counts."""
