"""Decides which alerts are open, from heartbeats, presence and counts. Pure: no clock, no broker, no table.

Every decision uses monotonic seconds (``mono``); milliseconds since 1970 (``ms``) are only labels.

- An alert opens when its rule's condition has held for ``for_s``, and is cleared when the condition was
  false for ``clear_s``.
- While a gateway is away, its open alerts are folded into the alert about the absence of the gateway or
  of its whole ward. They unfold when the gateway reports the problem again.
- For a while after a gateway came back, its cameras are not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from edge_agent.core.clock import Instant
from edge_agent.wire import RuleChangeData, RuleOverrideData
from edge_agent.wire.received.bounds import MAX_ITEMS
from edge_agent.wire.received.health import ReceivedHealth
from edge_central import measures
from edge_central.alert_settings import AlertRule, AlertSettings
from edge_central.alerts.model import (
    Alert,
    AlertChange,
    AlertChangeKind,
    AlertCondition,
    AlertKey,
    AlertSubject,
)
from edge_central.measures import CAMERA_MEASURES, GATEWAY_MEASURES, Measure, Measurement
from edge_central.sentences import problem_text
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceReport, PresenceState
from edge_central.trusted_time.clock import Correction

SETTLED_S = 90.0  # for this time after the centre's own connect, no absence counts

BEGINNING = Instant(0.0, 0)
_PRESENCE_STATES = {
    Measure.OFFLINE: PresenceState.OFFLINE,
    Measure.STOPPED: PresenceState.STOPPED,
    Measure.UNSTABLE: PresenceState.UNSTABLE,
}


class AlertEngine:
    """The alerts of all gateways and wards. Not thread-safe. ``alerts`` and ``pending``: open alerts and
    waiting conditions from before a restart."""

    def __init__(
        self,
        settings: AlertSettings,
        alerts: Iterable[Alert] = (),
        pending: Mapping[AlertKey, int] | None = None,  # -> milliseconds since 1970
        at: Instant = BEGINNING,
    ) -> None:
        self._grace_s = settings.boot_grace_s
        self._rules = {rule.id: rule for rule in settings.rules}
        self._gateway_rules = [rule for rule in settings.rules if rule.measure in GATEWAY_MEASURES]
        self._camera_rules = [rule for rule in settings.rules if rule.measure in CAMERA_MEASURES]
        self._gateways: dict[str, AlertSubject] = {}
        self._wards: dict[str, AlertSubject] = {}
        self._still_away: dict[str, set[str]] = {}  # ward -> gateways of its outage not heard since
        self._outage_gateways: dict[str, set[str]] = {}  # ward -> all gateways of its outage
        self._versions: Counter[str] = Counter()
        self._newest = ""
        self._unreported: list[AlertChange] = []
        for alert in alerts:
            rule = self._rules.get(alert.key.rule)
            if rule is None:
                over = replace(alert, cleared_ms=at.ms, cleared_text="the rule is switched off")
                self._unreported.append(AlertChange(AlertChangeKind.CLEARED, over))
            else:
                condition = AlertCondition(rule, at.mono, alert.since_ms, alert.text, alert.value, alert)
                self._conditions(alert.key)[alert.key.rule, alert.key.camera] = condition
        for key, since_ms in (pending or {}).items():
            rule = self._rules.get(key.rule)
            if rule is not None:
                since_mono = at.mono - max(0.0, (at.ms - since_ms) / 1000)
                condition = AlertCondition(rule, since_mono, since_ms, "", None)
                self._conditions(key).setdefault((key.rule, key.camera), condition)

    def record_heartbeat(
        self, gateway: str, ward: str, health: ReceivedHealth, at: Instant
    ) -> Iterator[AlertChange]:
        subject = self._gateway(gateway, ward)
        if subject.ward != ward:
            yield from subject.end_all(f"the box has moved to {ward}", at.ms)
            subject.ward = ward
        back = subject.away or gateway in self._still_away.get(ward, ())
        self._still_away.get(ward, set()).discard(gateway)
        if back:
            subject.come_back(at.mono, self._grace_s)
        for uptime_s in (health.uptime_s, health.box.uptime_s):
            if uptime_s is not None and uptime_s < self._grace_s:
                subject.come_back(at.mono, self._grace_s - uptime_s)
        subject.heard_mono = at.mono
        self._set_version(subject, health.version)
        yield from self._judge_health(subject, health, at)

    def record_version(self, gateway: str, ward: str, version: str) -> None:
        """Record the version that a gateway last reported before this start."""
        self._set_version(self._gateway(gateway, ward), version)

    def record_view(
        self, gateway: str, camera: str, state: str, present: bool, at: Instant
    ) -> Iterator[AlertChange]:
        """Handle an event that begins or ends tampering with a camera's view. The next heartbeat reports the
        same."""
        subject = self._gateways.get(gateway)
        if subject is None or subject.away:
            return
        measurement = measures.view_tampered([state]) if present else measures.VIEW_AS_BEFORE
        for rule in self._camera_rules:
            if rule.measure is Measure.TAMPER:
                yield from subject.judge(rule, camera, measurement, at)

    def record_override(
        self, gateway: str, camera: str, data: RuleOverrideData, at: Instant
    ) -> Iterator[AlertChange]:
        """Handle an event that begins or ends an override: a rule is muted or disarmed, or a view is
        relearned. The next heartbeat reports the override too, and the heartbeat prevails."""
        matches = measures.override_measure(data.what, data.rule_id)
        if matches is not None:
            yield from self._record_override(gateway, camera, matches, data.phase == "start", at)

    def record_rule_change(
        self, gateway: str, camera: str, data: RuleChangeData, at: Instant
    ) -> Iterator[AlertChange]:
        """Handle the event of a rule change, which may have switched the rule off. The next heartbeat reports
        the rule's state again and prevails. After an undone change only the heartbeat counts."""
        matches = measures.override_measure(measures.SWITCHED_OFF, data.rule_id)
        if matches is not None and data.what != "reverted":
            yield from self._record_override(gateway, camera, matches, data.enabled is False, at)

    def _record_override(
        self, gateway: str, camera: str, matches: tuple[Measure, str], is_active: bool, at: Instant
    ) -> Iterator[AlertChange]:
        subject, (measure, text) = self._gateways.get(gateway), matches
        if subject is None or subject.away:
            return
        for rule in self._rules_for(measure):
            before = subject.overrides.get((rule.id, camera))
            active = set() if before is None else before.active - {text}
            if is_active and len(active) < MAX_ITEMS:
                active |= {text}
            yield from subject.judge_overrides(rule, camera, active, at)

    def judge_counts(self, measure: Measure, counts: Mapping[str, int], at: Instant) -> Iterator[AlertChange]:
        """Judge what the centre counts for each gateway, such as missing events without an explanation."""
        for rule in self._rules_for(measure):
            for gateway, subject in self._gateways.items():
                count = counts.get(gateway, 0)
                if subject.away:
                    continue
                if count or (rule.id, "") in subject.conditions:
                    measurement = measures.COUNTED_MEASURES[measure](count)
                    yield from subject.judge(rule, "", measurement, at)

    def judge_centre(
        self, ward: str, measure: Measure, problem: str | None, at: Instant
    ) -> Iterator[AlertChange]:
        """Judge a problem of the centre itself, as an alert of this ward; None: no problem."""
        measurement = Measurement(float(problem is not None), problem or measures.CENTRE_MEASURES[measure])
        for rule in self._rules_for(measure):
            subject = self._ward(ward)
            yield from subject.judge(rule, "", measurement, at)

    def judge_wards(
        self, measure: Measure, measured: Mapping[str, Measurement], at: Instant
    ) -> Iterator[AlertChange]:
        """Judge what the centre measures for each ward, such as claims that wait."""
        for rule in self._rules_for(measure):
            for ward, measurement in measured.items():
                if measurement.value or (rule.id, "") in self._ward(ward).conditions:
                    yield from self._ward(ward).judge(rule, "", measurement, at)

    def judge_conflicts(self, events: Mapping[str, int], at: Instant) -> Iterator[AlertChange]:
        """Judge how many events of a gateway have the sequence number of another event, which means that two
        gateways alternate under one name; 0: none."""
        for rule in self._rules_for(Measure.CONFLICT):
            for gateway, subject in self._gateways.items():
                if gateway in events:
                    yield from subject.judge(rule, "", measures.conflict(events[gateway]), at)
                elif (rule.id, "") in subject.conditions:
                    yield from subject.judge(rule, "", measures.NO_CONFLICT, at)

    def judge_alarms(
        self, gateway: str, ward: str, count: int, since_ms: int, at: Instant
    ) -> Iterator[AlertChange]:
        """Judge ``count`` new ringing events of a gateway, received at ``since_ms``."""
        subject = self._gateway(gateway, ward)
        measurement = measures.alarms(subject.count_alarms(count, at.mono))
        for rule in self._rules_for(Measure.ALARMS):
            yield from subject.judge(rule, "", measurement, at, since_ms)

    def record_presence(self, report: PresenceReport, at: Instant) -> Iterator[AlertChange]:
        match report:
            case GatewayReport(gateway, ward, None):
                subject = self._gateways.pop(gateway, None)
                if subject is not None:
                    self._set_version(subject, "")
                    yield from subject.end_all("the box was taken away", at.ms)
            case GatewayReport():
                yield from self._judge_presence(report, at)
            case OutageReport(ward, ()):
                self._still_away.pop(ward, None)
                self._outage_gateways.pop(ward, None)
                yield from self._outage(report, Measurement(0.0, "most of the boxes are back"), at)
            case OutageReport(ward, gateways, of):
                away = self._outage_gateways.setdefault(ward, set())
                new = set(gateways) - away
                away |= new
                self._still_away.setdefault(ward, set()).update(new)
                text = problem_text("ward-outage", gateways=len(gateways), count=of)
                yield from self._outage(report, Measurement(float(len(gateways)), text), at)
                for gateway in sorted(new):
                    subject = self._gateway(gateway, ward)
                    subject.go_away()
                    if self._ward(subject.ward).has_alert_of({Measure.WARD_OUTAGE}):
                        yield from subject.fold()

    def tick(self, at: Instant, connected_mono: float | None) -> Iterator[AlertChange]:
        """Open the alerts whose conditions have held long enough, and clear those whose conditions were false
        long enough. ``connected_mono``: when the broker session began; None: there is no session."""
        late, self._unreported = self._unreported, []
        yield from late
        for rule in self._rules_for(Measure.ALARMS):
            for subject in self._gateways.values():
                if (rule.id, "") in subject.conditions:
                    measurement = measures.alarms(subject.count_alarms(0, at.mono))
                    yield from subject.judge(rule, "", measurement, at)
        if connected_mono is None:
            return
        settled = at.mono - connected_mono >= SETTLED_S
        for subject in self._subjects():
            for change in subject.settle(at, settled, connected_mono):
                yield change
                if (
                    change.kind is AlertChangeKind.OPENED
                    and self._rules[change.alert.key.rule].measure in measures.AWAY
                ):
                    yield from subject.fold()

    def open_alerts(self) -> list[Alert]:
        return [
            condition.alert
            for subject in self._subjects()
            for condition in subject.conditions.values()
            if condition.alert is not None
        ]

    def pending(self, least_s: float) -> dict[AlertKey, int]:
        """Return the conditions that have no alert yet and whose ``for_s`` is at least ``least_s``, with the
        time since which they hold. They are stored, so that a restart does not begin their wait again."""
        return {
            AlertKey(subject.ward, subject.gateway, *condition_key): condition.since_ms
            for subject in self._subjects()
            for condition_key, condition in subject.conditions.items()
            if condition.alert is None and condition.rule.for_s >= least_s
        }

    def apply_correction(self, correction: Correction) -> None:
        """Correct the times of all conditions and open alerts, as in the database."""
        for subject in self._subjects():
            for condition in subject.conditions.values():
                condition.since_ms = correction.of(condition.since_ms)
                if condition.alert is not None:
                    condition.alert = condition.alert.corrected(correction)

    def _subjects(self) -> list[AlertSubject]:
        return [*self._wards.values(), *self._gateways.values()]

    def _rules_for(self, measure: Measure) -> list[AlertRule]:
        return [rule for rule in self._rules.values() if rule.measure is measure]

    def _ward(self, ward: str) -> AlertSubject:
        return self._wards.setdefault(ward, AlertSubject(ward))

    def _gateway(self, gateway: str, ward: str) -> AlertSubject:
        return self._gateways.setdefault(gateway, AlertSubject(ward, gateway))

    def _judge_health(
        self, subject: AlertSubject, health: ReceivedHealth, at: Instant
    ) -> Iterator[AlertChange]:
        for rule in self._gateway_rules:
            yield from subject.judge(rule, "", GATEWAY_MEASURES[rule.measure](health), at)
        for rule in self._rules_for(Measure.VERSION_BEHIND):
            measurement = measures.version_behind(health.version, rule.version or self._newest)
            yield from subject.judge(rule, "", measurement, at)
        for name, camera in health.cameras.items():
            for rule in self._camera_rules:
                yield from subject.judge(rule, name, CAMERA_MEASURES[rule.measure](camera), at)
            for measure, active in measures.overrides_of(health, name).items():
                for rule in self._rules_for(measure):
                    yield from subject.judge_overrides(rule, name, active, at)
        for rule_id, name in list(subject.conditions):
            if name and name not in health.cameras:
                yield from subject.end((rule_id, name), "the camera is not configured any more", at.ms)

    def _judge_presence(self, report: GatewayReport, at: Instant) -> Iterator[AlertChange]:
        subject = self._gateway(report.gateway, report.ward)
        reported = report.state
        if reported is PresenceState.CUT:
            if self._rules_for(Measure.WARD_OUTAGE):  # the alert of the ward covers this gateway
                subject.go_away()
                if self._ward(subject.ward).has_alert_of({Measure.WARD_OUTAGE}):
                    yield from subject.fold()
                return
            reported = PresenceState.OFFLINE
        if reported in (PresenceState.OFFLINE, PresenceState.STOPPED):
            subject.go_away()
        elif subject.away:
            subject.come_back(at.mono, self._grace_s)
        for measure, state in _PRESENCE_STATES.items():
            for rule in self._rules_for(measure):
                text = problem_text(f"is-{report.state}", why=report.why)
                measurement = Measurement(float(reported is state), text)
                yield from subject.judge(rule, "", measurement, at, report.since_ms)
        if subject.away and subject.has_alert_of(measures.AWAY):
            yield from subject.fold()

    def _outage(self, report: OutageReport, measurement: Measurement, at: Instant) -> Iterator[AlertChange]:
        subject = self._ward(report.ward)
        for rule in self._rules_for(Measure.WARD_OUTAGE):
            before = subject.conditions.get((rule.id, ""))
            yield from subject.judge(rule, "", measurement, at, report.since_ms)
            if before is not None and before.alert is not None and measurement.value:
                text = measures.plain(measurement.text)
                if text != before.alert.text:
                    before.alert = replace(before.alert, text=text, value=measurement.value)
                    yield AlertChange(AlertChangeKind.CHANGED, before.alert)

    def _set_version(self, subject: AlertSubject, version: str) -> None:
        if version == subject.version:
            return
        self._versions[subject.version] -= 1
        if self._versions[subject.version] <= 0:  # versions that keep changing must not fill the memory
            del self._versions[subject.version]
        subject.version = version
        self._versions[version] += 1
        self._newest = measures.newest_version(self._versions)

    def _conditions(self, key: AlertKey) -> dict[tuple[str, str], AlertCondition]:
        """Return the conditions of the gateway or ward to which an alert belongs."""
        if key.gateway:
            return self._gateway(key.gateway, key.ward).conditions
        return self._ward(key.ward).conditions
