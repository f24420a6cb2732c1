"""The alert engine: each alert is reported once, in time, and folded when another one explains it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from edge_agent.core.clock import Instant
from edge_agent.core.model import Severity
from edge_agent.wire import RuleChangeData, RuleOverrideData
from edge_agent.wire.received.bounds import MAX_ITEMS
from edge_agent.wire.received.health import ReceivedHealth
from edge_central.alert_settings import AlertRule, AlertSettings, default_rules
from edge_central.alerts.engine import AlertEngine
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind
from edge_central.measures import Measure
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceState

BEAT_S = 30.0
GRACE_S = 300.0
SETTINGS = AlertSettings(default_rules(), GRACE_S)
WELL: dict[str, Any] = {
    "time": "2026-11-24T13:42:15.123Z",
    "session": "s-1",
    "version": "0.2.0",
    "uptime_s": 100_000.0,
    "clock": {"synced": True},
    "cameras": {"cam-1": {"state": "online"}},
}


@dataclass
class AlertScenario:
    """Gateways that send the heartbeats in ``heartbeats``, and a time that the test moves."""

    engine: AlertEngine = field(default_factory=lambda: AlertEngine(SETTINGS))
    mono: float = 0.0
    heartbeats: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[tuple[float, AlertChange]] = field(default_factory=list)
    connected_mono: float | None = 0.0

    def wait(self, seconds: float) -> None:
        end = self.mono + seconds
        while self.mono < end:
            self.mono += 10.0
            if self.mono % BEAT_S == 0 and self.connected_mono is not None:
                for gateway, more in self.heartbeats.items():
                    health = msgspec.convert({**WELL, **more}, ReceivedHealth)
                    self._note(self.engine.record_heartbeat(gateway, "de-tham", health, self.at))
            self._note(self.engine.tick(self.at, self.connected_mono))

    def send(self, heartbeat: dict[str, Any], for_s: float) -> None:
        """Let dt-1 send this in its heartbeats for some time."""
        self.heartbeats["dt-1"] = heartbeat
        self.wait(for_s)

    def presence(self, gateway: str, state: PresenceState | None, why: str = "why") -> None:
        report = GatewayReport(gateway, "de-tham", state, why, self.now_ms)
        self._note(self.engine.record_presence(report, self.at))

    def outage(self, *gateways: str) -> None:
        report = OutageReport("de-tham", gateways, 5, self.now_ms - 5000)
        self._note(self.engine.record_presence(report, self.at))
        for gateway in gateways:
            self.presence(gateway, PresenceState.CUT)

    def lose_power(self, *gateways: str, for_s: float) -> None:
        self.heartbeats = {}
        self.outage(*gateways)
        self.wait(for_s)

    def missing(self, **counts: int) -> None:
        named = {name.replace("_", "-"): count for name, count in counts.items()}
        self._note(self.engine.judge_counts(Measure.MISSING_EVENTS, named, self.at))

    def reported(self, since: float = 0.0) -> list[str]:
        """The changes in order, such as ``opened dt-1/cam-1 tamper``."""
        return [_words(change) for mono, change in self.changes if mono > since]

    @property
    def now_ms(self) -> int:
        return 1_700_000_000_000 + round(self.mono * 1000)

    @property
    def at(self) -> Instant:
        return Instant(self.mono, self.now_ms)

    def _note(self, changes: Iterable[AlertChange]) -> None:
        self.changes += [(self.mono, change) for change in changes]


def _words(change: AlertChange) -> str:
    alert = change.alert
    about = "/".join(part for part in (alert.key.gateway or "ward", alert.key.camera) if part)
    what = change.kind.value
    if change.kind is AlertChangeKind.CHANGED:
        what = "folded" if alert.folded else "unfolded"
    return f"{what} {about} {alert.key.rule}"


def start(*gateways: str, **more: Any) -> AlertScenario:
    scenario = AlertScenario()
    scenario.heartbeats = {gateway: dict(more) for gateway in gateways or ("dt-1",)}
    scenario.wait(600)
    assert scenario.reported() == []
    return scenario


@pytest.fixture
def scenario() -> AlertScenario:
    """Of dt-1, which has been well for ten minutes."""
    return start()


DOWN = {"cameras": {"cam-1": {"state": "offline", "cause": "unreachable"}}}
CASES = [
    # fields of the heartbeat, rule, seconds until the alert (one heartbeat more than for_s), part of its text
    (DOWN, "camera-down", 330, "offline (unreachable)"),
    ({"cameras": {"cam-1": {"state": "degraded"}}}, "camera-degraded", 1830, "degraded"),
    ({"cameras": {"cam-1": {"state": "online", "view": ["covered"]}}}, "tamper", 30, "view covered"),
    ({"box": {"disk_percent": 91.0}}, "disk", 630, "disk 91 % full, above 90"),
    ({"box": {"temperature_c": 84.2}}, "temperature", 330, "processor at 84 °C, above 80"),
    ({"box": {"undervoltage": True}}, "undervoltage", 90, "undervoltage"),
    ({"clock": {"synced": False}}, "clock", 930, "clock not synchronised"),
    ({"certificates": {"client_days": 29, "ca_days": 800}}, "certificate", 30, "certificate ends in 29 days"),
    ({"certificates": {"client_days": 90, "ca_days": 25}}, "certificate", 30, "CA that it trusts ends in 25"),
    ({"outbox": {"oldest_s": 4000.0}}, "outbox", 330, "waits for 4000 s"),
    ({"outbox": {"degraded": "no space"}}, "outbox-memory", 90, "outbox: no space"),
    ({"uplink": {"monthly_bytes": 3 * 10**9, "used_bytes": 28 * 10**8}}, "uplink", 30, "2,800 of 3,000"),
    ({"degraded": ["unit cron.service failed"]}, "failed-units", 630, "unit cron.service failed"),
    ({"detector": {"degraded": "no model"}}, "detector", 630, "detector: no model"),
    ({"evidence": {"degraded": "disk full"}}, "evidence", 630, "evidence: disk full"),
    ({"update": {"reverted": "0.3.0", "why": "deaf"}}, "update-reverted", 30, "went back: 0.3.0: deaf"),
    ({"model": {"reverted": "ab" * 32, "why": "b: blind"}}, "model-reverted", 30, "given up: b: blind"),
    ({"config": {"given_up": "version 7: no camera"}}, "config-refused", 30, "rolled back: version 7"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "rule", "within_s", "words"), CASES)
def test_a_problem_is_reported_once_when_it_has_lasted_and_once_when_it_is_over(
    scenario: AlertScenario, more: dict[str, Any], rule: str, within_s: float, words: str
) -> None:
    scenario.send(more, within_s - BEAT_S)
    assert scenario.reported() == []
    scenario.wait(BEAT_S + 600)
    (change,) = [change for _, change in scenario.changes]
    assert (change.kind, change.alert.key.rule) == (AlertChangeKind.OPENED, rule)
    assert words in change.alert.text
    assert change.alert.since_ms < change.alert.opened_ms or within_s == BEAT_S
    scenario.send({}, 1200)
    kinds = [change.kind for _, change in scenario.changes]
    assert kinds == [AlertChangeKind.OPENED, AlertChangeKind.CLEARED]
    assert scenario.engine.open_alerts() == []


def test_hysteresis_keeps_one_alert_for_a_value_that_oscillates_around_the_bound() -> None:
    scenario = start()
    for degrees in (82.0, 78.0) * 20:
        scenario.send({"box": {"temperature_c": degrees}}, 330 if degrees > 80 else 300)
    assert scenario.reported() == ["opened dt-1 temperature"]
    scenario.send({"box": {"temperature_c": 74.0}}, 600)
    assert scenario.reported() == ["opened dt-1 temperature", "cleared dt-1 temperature"]


def test_a_certificate_that_has_ended_is_not_said_to_end_in_minus_two_days(scenario: AlertScenario) -> None:
    scenario.send({"certificates": {"client_days": -2}}, BEAT_S)
    texts = {change.alert.text for _, change in scenario.changes}
    assert all(text.startswith("the gateway's certificate ended 2 days ago") for text in texts)
    assert texts


def test_a_short_problem_is_not_reported(scenario: AlertScenario) -> None:
    for _ in range(10):
        scenario.send(DOWN, 270)
        scenario.send({}, 60)
    assert scenario.reported() == []


def test_an_offline_gateway_folds_its_other_open_alerts() -> None:
    scenario = start("dt-1", "dt-2")
    scenario.send({**DOWN, "box": {"disk_percent": 97.0}}, 700)
    del scenario.heartbeats["dt-1"]
    scenario.presence("dt-1", PresenceState.OFFLINE)
    scenario.wait(600)
    assert scenario.reported(1300) == [
        "opened dt-1 box-offline",
        "folded dt-1 disk",
        "folded dt-1/cam-1 camera-down",
    ]
    back = scenario.mono
    scenario.heartbeats["dt-1"] = {**DOWN, "box": {"disk_percent": 50.0}}
    scenario.presence("dt-1", PresenceState.ONLINE)
    scenario.wait(60)
    assert scenario.reported(back - 1) == ["cleared dt-1 box-offline", "cleared dt-1 disk"]
    scenario.wait(600)
    assert scenario.reported(back + 1)[-1] == "unfolded dt-1/cam-1 camera-down"


def test_a_gateway_is_away_for_two_minutes_before_an_alert_opens(scenario: AlertScenario) -> None:
    scenario.presence("dt-1", PresenceState.OFFLINE)
    scenario.wait(110)
    scenario.presence("dt-1", PresenceState.ONLINE)
    scenario.wait(600)
    assert scenario.reported() == []


FIVE = ("dt-1", "dt-2", "dt-3", "dt-4", "dt-5")


def test_an_outage_is_one_alert_and_the_wards_gateways_fold_into_it() -> None:
    scenario = start(*FIVE)
    scenario.send({"box": {"disk_percent": 97.0}}, 700)
    scenario.heartbeats, before = {"dt-5": scenario.heartbeats["dt-5"]}, scenario.mono
    scenario.outage(*FIVE[:3])
    scenario.wait(30)
    scenario.outage(*FIVE[:4])
    scenario.wait(3600)
    assert scenario.reported(before - 1) == [
        "opened ward ward-outage",
        "folded dt-1 disk",
        "unfolded ward ward-outage",
    ]
    alert = scenario.changes[-1][1].alert
    assert alert.text == "4 of 5 gateways went offline at once"
    assert alert.opened_ms - alert.since_ms == 5000
    scenario.heartbeats = {gateway: {} for gateway in FIVE}
    scenario.outage()
    back = scenario.mono
    scenario.wait(600)
    assert scenario.reported(back - 1) == ["cleared ward ward-outage", "cleared dt-1 disk"]


def test_a_gateway_that_falls_again_during_the_outage_folds_again() -> None:
    scenario = start(*FIVE)
    scenario.lose_power(*FIVE, for_s=100)
    scenario.heartbeats = {"dt-1": {"box": {"disk_percent": 97.0}}}
    scenario.presence("dt-1", PresenceState.BOOTING)
    scenario.wait(700)
    scenario.heartbeats, before = {}, scenario.mono
    assert scenario.reported()[-1] == "opened dt-1 disk"
    scenario.presence("dt-1", PresenceState.CUT)
    scenario.wait(100)
    assert scenario.reported(before - 1) == ["folded dt-1 disk"]


def test_a_gateway_that_stays_away_after_the_outage_gets_its_own_alert() -> None:
    scenario = start(*FIVE)
    scenario.lose_power(*FIVE, for_s=600)
    scenario.heartbeats = {gateway: {} for gateway in FIVE[:4]}
    scenario.outage()
    scenario.presence("dt-5", PresenceState.OFFLINE)
    scenario.wait(600)
    assert scenario.reported() == [
        "opened ward ward-outage",
        "cleared ward ward-outage",
        "opened dt-5 box-offline",
    ]


def test_without_a_rule_for_outages_each_gateway_gets_its_own_alert() -> None:
    rules = tuple(rule for rule in SETTINGS.rules if rule.measure is not Measure.WARD_OUTAGE)
    scenario = AlertScenario(AlertEngine(replace(SETTINGS, rules=rules)))
    scenario.heartbeats = {"dt-1": {}, "dt-2": {}}
    scenario.wait(600)
    scenario.lose_power("dt-1", "dt-2", for_s=600)
    assert scenario.reported() == ["opened dt-1 box-offline", "opened dt-2 box-offline"]
    scenario.heartbeats = {"dt-1": {}}
    scenario.presence("dt-1", PresenceState.ONLINE)
    scenario.wait(600)
    assert scenario.reported()[2:] == ["cleared dt-1 box-offline"]


def test_after_an_outage_cameras_that_are_still_starting_raise_no_alert() -> None:
    scenario = start(*FIVE)
    scenario.lose_power(*FIVE, for_s=600)
    scenario.heartbeats = {gateway: {**DOWN, "uptime_s": 60.0, "box": {"uptime_s": 90.0}} for gateway in FIVE}
    scenario.outage()
    scenario.wait(240)
    scenario.heartbeats = {gateway: {} for gateway in FIVE[:4]} | {"dt-5": DOWN}
    scenario.wait(900)
    assert scenario.reported(700) == ["cleared ward ward-outage", "opened dt-5/cam-1 camera-down"]


def test_a_rebooted_gateway_gets_the_same_grace(scenario: AlertScenario) -> None:
    started = scenario.mono
    while scenario.mono - started < 700:
        scenario.send({**DOWN, "box": {"uptime_s": scenario.mono - started}}, BEAT_S)
    assert scenario.reported() == ["opened dt-1/cam-1 camera-down"]
    assert scenario.changes[0][0] - started >= GRACE_S


def test_no_alert_opens_on_unknown_states_while_the_centre_is_disconnected(scenario: AlertScenario) -> None:
    scenario.send(DOWN, 270)
    scenario.connected_mono = None
    scenario.wait(900)
    scenario.heartbeats["dt-1"], scenario.connected_mono = {}, scenario.mono
    scenario.wait(600)
    assert scenario.reported() == []


def test_after_a_restart_only_new_alerts_are_reported() -> None:
    before = start("dt-1", "dt-2")
    before.send(DOWN, 400)
    after = AlertScenario(AlertEngine(SETTINGS, before.engine.open_alerts()))
    after.heartbeats = {"dt-1": DOWN, "dt-2": {"certificates": {"client_days": 3}}}
    after.wait(600)
    assert after.reported() == ["opened dt-2 certificate", "opened dt-2 certificate-soon"]
    after.send({}, 120)
    assert after.reported()[-1] == "cleared dt-1/cam-1 camera-down"


def test_a_condition_that_must_last_for_days_survives_a_restart() -> None:
    before = start(*FIVE)
    before.send({"version": "0.1.9"}, 7200)
    pending = before.engine.pending(3600)
    assert [key.rule for key in pending] == ["version"]
    engine = AlertEngine(SETTINGS, (), pending, Instant(0.0, before.now_ms))
    after = AlertScenario(engine, heartbeats=before.heartbeats)
    for gateway in FIVE:
        after.engine.record_version(gateway, "de-tham", "0.2.0" if gateway != "dt-1" else "0.1.9")
    after.wait(259_200 - 7200 - 600)
    assert after.reported() == []
    after.wait(1200)
    assert after.reported() == ["opened dt-1 version"]
    assert "version 0.1.9, the others have 0.2.0" in after.changes[0][1].alert.text


def test_one_gateway_with_a_trial_release_puts_no_other_behind() -> None:
    many = [f"dt-{number}" for number in range(20)]
    scenario = start(*many)
    scenario.heartbeats["dt-0"] = {"version": "0.3.0"}
    scenario.wait(300)
    assert scenario.engine.pending(3600) == {}
    scenario.send({"version": "0.3.0"}, 60)
    assert len(scenario.engine.pending(3600)) == 18


def test_an_older_version_than_the_configured_one_is_behind_whatever_the_others_have() -> None:
    rule = AlertRule(id="version", measure=Measure.VERSION_BEHIND, severity=Severity.INFO, version="0.3.0")
    scenario = AlertScenario(AlertEngine(AlertSettings((rule,), 0)), heartbeats={"dt-1": {}})
    scenario.wait(30)
    assert scenario.reported() == ["opened dt-1 version"]


def test_missing_events_are_an_alert_until_they_arrive() -> None:
    scenario = start("dt-1", "dt-2")
    scenario.missing(dt_1=7)
    scenario.missing(dt_1=9)
    says = "7 events are missing, and the gateway has not announced them as lost"
    assert scenario.changes[0][1].alert.text == says
    scenario.missing()
    assert scenario.reported() == ["opened dt-1 gap", "cleared dt-1 gap"]


def test_a_covered_view_is_an_alert_from_its_event_until_a_heartbeat_denies_it() -> None:
    scenario = start()
    scenario._note(scenario.engine.record_view("dt-1", "cam-1", "covered", True, scenario.at))
    assert scenario.reported() == ["opened dt-1/cam-1 tamper"]
    scenario.send({"cameras": {"cam-1": {"state": "online", "view": ["covered"]}}}, 600)
    scenario.send({}, 120)
    assert scenario.reported() == ["opened dt-1/cam-1 tamper", "cleared dt-1/cam-1 tamper"]


def overridden(scenario: AlertScenario, phase: str, rule: str | None, what: str = "disarm") -> None:
    data = {"phase": phase, "event_id": "o-1", "what": what, "rule_id": rule, "for_s": 60.0, "why": ""}
    asked = {"origin": "command", "command_id": None, "signed_by": None, "started_at": WELL["time"]}
    event = msgspec.convert(data | asked, RuleOverrideData)
    scenario._note(scenario.engine.record_override("dt-1", "cam-1", event, scenario.at))


def test_a_disarmed_rule_is_reported_at_once_and_each_further_one_again(scenario: AlertScenario) -> None:
    overridden(scenario, "start", "yard")
    scenario.wait(BEAT_S)  # a heartbeat from before the event
    scenario.send({"commands": {"rules": [{"camera": "cam-1", "rule": "yard", "what": "disarm"}]}}, 120)
    assert scenario.reported() == ["opened dt-1/cam-1 rule-muted"]
    overridden(scenario, "start", "gate", "mask")
    (alert,) = scenario.engine.open_alerts()
    assert alert.text == "changed by hand: gate (mask), yard (disarm)"
    overridden(scenario, "end", "gate", "mask")
    scenario.send({}, 120)
    then = ("cleared", "opened", "cleared")
    assert scenario.reported()[1:] == [f"{what} dt-1/cam-1 rule-muted" for what in then]


def changed(scenario: AlertScenario, what: str, **more: Any) -> None:
    data = {"rule_id": "yard", "what": what, "enabled": None, "why": "", **more}
    event = msgspec.convert(data, RuleChangeData)
    scenario._note(scenario.engine.record_rule_change("dt-1", "cam-1", event, scenario.at))


def test_a_rule_that_is_switched_off_for_good_is_reported_until_it_is_taken_back() -> None:
    scenario = start()
    changed(scenario, "set", enabled=True)
    assert scenario.reported() == []
    changed(scenario, "set", enabled=False)
    scenario.send({"commands": {"switched_off": [{"camera": "cam-1", "rule": "yard"}]}}, 7200)
    assert scenario.reported() == ["opened dt-1/cam-1 rule-muted"]
    assert [alert.text for alert in scenario.engine.open_alerts()] == ["changed by hand: yard (off)"]
    del scenario.heartbeats["dt-1"]
    changed(scenario, "reverted")
    scenario.wait(90)
    assert scenario.reported()[1:] == [], "a change was undone: the next heartbeat says which"
    changed(scenario, "reset")
    scenario.send({}, 120)
    assert scenario.reported()[1:] == ["cleared dt-1/cam-1 rule-muted"]


def test_a_rule_that_changed_masks_hide_is_reported_by_the_heartbeat(scenario: AlertScenario) -> None:
    changed(scenario, "set", rule_id=None)
    assert scenario.reported() == [], "the event does not say which rules see nothing"
    scenario.send({"commands": {"switched_off": [{"camera": "cam-1", "rule": "yard"}]}}, 120)
    assert scenario.reported() == ["opened dt-1/cam-1 rule-muted"]
    changed(scenario, "reset", rule_id=None)
    scenario.send({}, 120)
    assert scenario.reported()[1:] == ["cleared dt-1/cam-1 rule-muted"]


def test_a_rule_that_is_disarmed_for_a_second_is_reported_too(scenario: AlertScenario) -> None:
    overridden(scenario, "start", "yard")
    overridden(scenario, "end", "yard")
    scenario.wait(120)
    assert scenario.reported() == ["opened dt-1/cam-1 rule-muted", "cleared dt-1/cam-1 rule-muted"]


def test_a_gateway_that_disarms_rules_without_end_opens_a_bounded_number_of_alerts() -> None:
    scenario = start()
    for number in range(200):
        overridden(scenario, "start", f"rule-{number}")
    assert scenario.reported().count("opened dt-1/cam-1 rule-muted") == MAX_ITEMS


def test_a_relearned_view_is_reported_and_an_armed_rule_is_not(scenario: AlertScenario) -> None:
    overridden(scenario, "start", "yard", "arm")
    overridden(scenario, "start", None, "relearn")
    scenario.send({"commands": {"relearning": ["cam-1"]}}, 600)
    assert scenario.reported() == ["opened dt-1/cam-1 view-relearned"]
    scenario.send({}, 120)
    assert scenario.reported()[1:] == ["cleared dt-1/cam-1 view-relearned"]


def test_a_rule_disarmed_before_the_centres_restart_is_reported_once(scenario: AlertScenario) -> None:
    overridden(scenario, "start", "yard")
    engine = AlertEngine(SETTINGS, scenario.engine.open_alerts(), at=scenario.at)
    again = AlertScenario(engine, scenario.mono)
    again.send({"commands": {"rules": [{"camera": "cam-1", "rule": "yard", "what": "disarm"}]}}, 120)
    assert again.reported() == []


def test_infos_held_back_for_the_budget_are_no_outbox_alert() -> None:
    scenario = start(outbox={"oldest_s": 900_000.0}, uplink={"held": ["media", "info"]})
    scenario.wait(3600)
    assert scenario.reported() == []


def test_a_removed_or_moved_gateway_leaves_no_alert_behind() -> None:
    scenario = start("dt-1", "dt-2")
    scenario.heartbeats = {"dt-1": DOWN, "dt-2": DOWN}
    scenario.wait(600)
    scenario.presence("dt-1", None)
    health = msgspec.convert(WELL, ReceivedHealth)
    scenario._note(scenario.engine.record_heartbeat("dt-2", "bo-xuyen", health, scenario.at))
    assert scenario.reported(1000)[-2:] == [f"cleared {box}/cam-1 camera-down" for box in ("dt-1", "dt-2")]
    texts = [alert.cleared_text for alert in _cleared(scenario)]
    assert texts == ["the box was taken away", "the box has moved to bo-xuyen"]


def test_a_camera_that_is_not_configured_any_more_is_no_alert(scenario: AlertScenario) -> None:
    scenario.send(DOWN, 600)
    scenario.send({"cameras": {}}, 30)
    assert [alert.cleared_text for alert in _cleared(scenario)] == ["the camera is not configured any more"]


def test_a_rule_that_was_switched_off_ends_its_alerts() -> None:
    before = start()
    before.send(DOWN, 400)
    engine = AlertEngine(AlertSettings((), GRACE_S), before.engine.open_alerts())
    after = AlertScenario(engine, heartbeats={"dt-1": DOWN})
    after.wait(30)
    assert after.reported() == ["cleared dt-1/cam-1 camera-down"]


def _cleared(scenario: AlertScenario) -> list[Alert]:
    return [change.alert for _, change in scenario.changes if change.kind is AlertChangeKind.CLEARED]
