"""The alert engine: each alert is reported once, in time, and folded when another one explains it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from edge_agent.core.model import Severity
from edge_agent.wire import RuleOverrideData
from edge_agent.wire.received.bounds import MAX_ITEMS
from edge_agent.wire.received.health import ReceivedHealth
from edge_central.alert_rules import AlertRule, AlertSettings, Measure
from edge_central.alerts.config import default_rules
from edge_central.alerts.engine import AlertEngine
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind
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
class Ward:
    """Gateways that send the heartbeats in ``says``, and a time that the test moves."""

    book: AlertEngine = field(default_factory=lambda: AlertEngine(SETTINGS))
    mono: float = 0.0
    says: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[tuple[float, AlertChange]] = field(default_factory=list)
    connected_mono: float | None = 0.0

    def wait(self, seconds: float) -> None:
        end = self.mono + seconds
        while self.mono < end:
            self.mono += 10.0
            if self.mono % BEAT_S == 0 and self.connected_mono is not None:
                for gateway, more in self.says.items():
                    health = msgspec.convert({**WELL, **more}, ReceivedHealth)
                    self._note(self.book.record_heartbeat(gateway, "de-tham", health, self.mono, self.now_ms))
            self._note(self.book.tick(self.mono, self.now_ms, self.connected_mono))

    def stands(self, gateway: str, standing: PresenceState | None, why: str = "why") -> None:
        report = GatewayReport(gateway, "de-tham", standing, why, self.now_ms)
        self._note(self.book.record_presence(report, self.mono, self.now_ms))

    def out(self, *gateways: str) -> None:
        report = OutageReport("de-tham", gateways, 5, self.now_ms - 5000)
        self._note(self.book.record_presence(report, self.mono, self.now_ms))

    def missing(self, **counts: int) -> None:
        named = {name.replace("_", "-"): count for name, count in counts.items()}
        self._note(self.book.judge_counts(Measure.MISSING_EVENTS, named, self.mono, self.now_ms))

    def told(self, since: float = 0.0) -> list[str]:
        """The changes in order, such as ``opened dt-1/cam-1 tamper``."""
        return [_words(change) for mono, change in self.changes if mono > since]

    @property
    def now_ms(self) -> int:
        return 1_700_000_000_000 + round(self.mono * 1000)

    def _note(self, changes: Iterable[AlertChange]) -> None:
        self.changes += [(self.mono, change) for change in changes]


def _words(change: AlertChange) -> str:
    alert = change.alert
    about = "/".join(part for part in (alert.key.gateway or "ward", alert.key.camera) if part)
    what = change.kind.value
    if change.kind is AlertChangeKind.CHANGED:
        what = "folded" if alert.folded else "told again"
    return f"{what} {about} {alert.key.rule}"


def ward(*gateways: str, **more: Any) -> Ward:
    made = Ward()
    made.says = {gateway: dict(more) for gateway in gateways or ("dt-1",)}
    made.wait(600)
    assert made.told() == []
    return made


DOWN = {"cameras": {"cam-1": {"state": "offline", "cause": "unreachable"}}}
WAYS = [
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
    ({"config": {"given_up": "version 7: no camera"}}, "config-refused", 30, "taken back: version 7"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "rule", "within_s", "words"), WAYS)
def test_what_is_wrong_is_told_once_when_it_has_lasted_and_once_when_it_is_over(
    more: dict[str, Any], rule: str, within_s: float, words: str
) -> None:
    made = ward()
    made.says["dt-1"] = more
    made.wait(within_s - BEAT_S)
    assert made.told() == []
    made.wait(BEAT_S + 600)
    (change,) = [change for _, change in made.changes]
    assert (change.kind, change.alert.key.rule) == (AlertChangeKind.OPENED, rule)
    assert words in change.alert.text
    assert change.alert.since_ms < change.alert.opened_ms or within_s == BEAT_S
    made.says["dt-1"] = {}
    made.wait(1200)
    assert [change.kind for _, change in made.changes] == [AlertChangeKind.OPENED, AlertChangeKind.CLEARED]
    assert made.book.open_alerts() == []


def test_hysteresis_keeps_one_alert_where_a_figure_goes_up_and_down_around_the_bound() -> None:
    made = ward()
    for degrees in (82.0, 78.0) * 20:
        made.says["dt-1"] = {"box": {"temperature_c": degrees}}
        made.wait(330 if degrees > 80 else 300)
    assert made.told() == ["opened dt-1 temperature"]
    made.says["dt-1"] = {"box": {"temperature_c": 74.0}}
    made.wait(600)
    assert made.told() == ["opened dt-1 temperature", "cleared dt-1 temperature"]


def test_what_does_not_last_is_not_told() -> None:
    made = ward()
    for _ in range(10):
        made.says["dt-1"] = DOWN
        made.wait(270)
        made.says["dt-1"] = {}
        made.wait(60)
    assert made.told() == []


def test_a_box_that_is_offline_explains_what_else_was_open_of_it() -> None:
    made = ward("dt-1", "dt-2")
    made.says["dt-1"] = {**DOWN, "box": {"disk_percent": 97.0}}
    made.wait(700)
    del made.says["dt-1"]
    made.stands("dt-1", PresenceState.OFFLINE)
    made.wait(600)
    assert made.told(1300) == ["opened dt-1 box-offline", "folded dt-1 disk", "folded dt-1/cam-1 camera-down"]
    back = made.mono
    made.says["dt-1"] = {**DOWN, "box": {"disk_percent": 50.0}}
    made.stands("dt-1", PresenceState.ONLINE)
    made.wait(60)
    assert made.told(back - 1) == ["cleared dt-1 box-offline", "cleared dt-1 disk"]
    made.wait(600)
    assert made.told(back + 1)[-1] == "told again dt-1/cam-1 camera-down"


def test_a_box_is_away_for_two_minutes_before_it_is_an_alert() -> None:
    made = ward()
    made.stands("dt-1", PresenceState.OFFLINE)
    made.wait(110)
    made.stands("dt-1", PresenceState.ONLINE)
    made.wait(600)
    assert made.told() == []


FIVE = ("dt-1", "dt-2", "dt-3", "dt-4", "dt-5")


def test_a_ward_that_is_out_is_one_alert_and_its_boxes_are_folded_into_it() -> None:
    made = ward(*FIVE)
    made.says["dt-1"] = {"box": {"disk_percent": 97.0}}
    made.wait(700)
    made.says, before = {"dt-5": made.says["dt-5"]}, made.mono
    made.out(*FIVE[:3])
    made.wait(30)
    made.out(*FIVE[:4])
    made.wait(3600)
    assert made.told(before - 1) == [
        "opened ward ward-outage",
        "folded dt-1 disk",
        "told again ward ward-outage",
    ]
    told = made.changes[-1][1].alert
    assert told.text == "4 of 5 boxes went at once"
    assert told.opened_ms - told.since_ms == 5000
    made.says = {gateway: {} for gateway in FIVE}
    made.out()
    back = made.mono
    made.wait(600)
    assert made.told(back - 1) == ["cleared ward ward-outage", "cleared dt-1 disk"]


def test_who_stays_away_after_the_outage_is_an_alert_of_his_own() -> None:
    made = ward(*FIVE)
    made.says = {}
    made.out(*FIVE)
    made.wait(600)
    made.says = {gateway: {} for gateway in FIVE[:4]}
    made.out()
    made.stands("dt-5", PresenceState.OFFLINE)
    made.wait(600)
    assert made.told() == ["opened ward ward-outage", "cleared ward ward-outage", "opened dt-5 box-offline"]


def test_after_an_outage_nobody_is_alerted_for_cameras_that_are_still_starting() -> None:
    made = ward(*FIVE)
    made.says = {}
    made.out(*FIVE)
    made.wait(600)
    made.says = {gateway: {**DOWN, "uptime_s": 60.0, "box": {"uptime_s": 90.0}} for gateway in FIVE}
    made.out()
    made.wait(240)
    made.says = {gateway: {} for gateway in FIVE[:4]} | {"dt-5": DOWN}
    made.wait(900)
    assert made.told(700) == ["cleared ward ward-outage", "opened dt-5/cam-1 camera-down"]


def test_a_box_that_was_rebooted_gets_the_same_grace() -> None:
    made = ward()
    started = made.mono
    while made.mono - started < 700:
        made.says["dt-1"] = {**DOWN, "box": {"uptime_s": made.mono - started}}
        made.wait(BEAT_S)
    (opened,) = made.told()
    assert opened == "opened dt-1/cam-1 camera-down"
    assert made.changes[0][0] - started >= GRACE_S


def test_nothing_is_told_of_what_is_not_known_while_the_centre_itself_is_away() -> None:
    made = ward()
    made.says["dt-1"] = DOWN
    made.wait(270)
    made.connected_mono = None
    made.wait(900)
    made.says["dt-1"], made.connected_mono = {}, made.mono
    made.wait(600)
    assert made.told() == []


def test_a_restart_tells_only_what_is_new() -> None:
    before = ward("dt-1", "dt-2")
    before.says["dt-1"] = DOWN
    before.wait(400)
    after = Ward(AlertEngine(SETTINGS, before.book.open_alerts(), {}, 0.0, 0))
    after.says = {"dt-1": DOWN, "dt-2": {"certificates": {"client_days": 3}}}
    after.wait(600)
    assert after.told() == ["opened dt-2 certificate", "opened dt-2 certificate-soon"]
    after.says["dt-1"] = {}
    after.wait(120)
    assert after.told()[-1] == "cleared dt-1/cam-1 camera-down"


def test_what_has_to_last_for_days_goes_on_over_a_restart() -> None:
    before = ward(*FIVE)
    before.says["dt-1"] = {"version": "0.1.9"}
    before.wait(7200)
    pending = before.book.pending(3600)
    assert [key.rule for key in pending] == ["version"]
    after = Ward(AlertEngine(SETTINGS, (), pending, 0.0, before.now_ms), says=before.says)
    for gateway in FIVE:
        after.book.record_version(gateway, "de-tham", "0.2.0" if gateway != "dt-1" else "0.1.9")
    after.wait(259_200 - 7200 - 600)
    assert after.told() == []
    after.wait(1200)
    assert after.told() == ["opened dt-1 version"]
    assert "version 0.1.9, the others have 0.2.0" in after.changes[0][1].alert.text


def test_one_box_with_a_release_that_is_only_tried_makes_nobody_behind() -> None:
    many = [f"dt-{number}" for number in range(20)]
    made = ward(*many)
    made.says["dt-0"] = {"version": "0.3.0"}
    made.wait(300)
    assert made.book.pending(3600) == {}
    made.says["dt-1"] = {"version": "0.3.0"}
    made.wait(60)
    assert len(made.book.pending(3600)) == 18


def test_an_older_version_than_the_configured_one_is_behind_whatever_the_others_have() -> None:
    rule = AlertRule("version", Measure.VERSION_BEHIND, Severity.INFO, 0, 0, version="0.3.0")
    made = Ward(AlertEngine(AlertSettings((rule,), 0)), says={"dt-1": {}})
    made.wait(30)
    assert made.told() == ["opened dt-1 version"]


def test_events_that_are_missing_are_told_and_over_when_they_came() -> None:
    made = ward("dt-1", "dt-2")
    made.missing(dt_1=7)
    made.missing(dt_1=9)
    assert made.changes[0][1].alert.text == "7 events are missing, and nobody has said why"
    made.missing()
    assert made.told() == ["opened dt-1 gap", "cleared dt-1 gap"]


def test_a_view_that_is_covered_is_told_with_its_event_and_the_next_heartbeat_knows_better() -> None:
    made = ward()
    made._note(made.book.record_view("dt-1", "cam-1", "covered", True, made.mono, made.now_ms))
    assert made.told() == ["opened dt-1/cam-1 tamper"]
    made.says["dt-1"] = {"cameras": {"cam-1": {"state": "online", "view": ["covered"]}}}
    made.wait(600)
    made.says["dt-1"] = {}
    made.wait(120)
    assert made.told() == ["opened dt-1/cam-1 tamper", "cleared dt-1/cam-1 tamper"]


def overridden(made: Ward, phase: str, rule: str | None, what: str = "disarm") -> None:
    data = {"phase": phase, "event_id": "o-1", "what": what, "rule_id": rule, "for_s": 60.0, "why": ""}
    asked = {"origin": "command", "command_id": None, "signed_by": None, "started_at": WELL["time"]}
    event = msgspec.convert(data | asked, RuleOverrideData)
    made._note(made.book.record_override("dt-1", "cam-1", event, made.mono, made.now_ms))


def test_a_rule_that_is_disarmed_is_told_at_once_and_each_further_one_again() -> None:
    made = ward()
    overridden(made, "start", "yard")
    made.wait(BEAT_S)  # a heartbeat from before the event
    made.says["dt-1"] = {"commands": {"rules": [{"camera": "cam-1", "rule": "yard", "what": "disarm"}]}}
    made.wait(120)
    assert made.told() == ["opened dt-1/cam-1 rule-muted"]
    overridden(made, "start", "gate", "mask")
    assert [alert.text for alert in made.book.open_alerts()] == [
        "changed by hand: gate (mask), yard (disarm)"
    ]
    overridden(made, "end", "gate", "mask")
    made.says["dt-1"] = {}
    made.wait(120)
    assert made.told()[1:] == [
        "cleared dt-1/cam-1 rule-muted",
        "opened dt-1/cam-1 rule-muted",
        "cleared dt-1/cam-1 rule-muted",
    ]


def test_a_rule_that_is_disarmed_for_a_second_is_told_too() -> None:
    made = ward()
    overridden(made, "start", "yard")
    overridden(made, "end", "yard")
    made.wait(120)
    assert made.told() == ["opened dt-1/cam-1 rule-muted", "cleared dt-1/cam-1 rule-muted"]


def test_a_gateway_that_disarms_rules_without_end_opens_a_bounded_number_of_alerts() -> None:
    made = ward()
    for number in range(200):
        overridden(made, "start", f"rule-{number}")
    assert made.told().count("opened dt-1/cam-1 rule-muted") == MAX_ITEMS


def test_a_view_that_is_learned_anew_is_told_and_a_rule_that_is_armed_is_not() -> None:
    made = ward()
    overridden(made, "start", "yard", "arm")
    overridden(made, "start", None, "relearn")
    made.says["dt-1"] = {"commands": {"relearning": ["cam-1"]}}
    made.wait(600)
    assert made.told() == ["opened dt-1/cam-1 view-relearned"]
    made.says["dt-1"] = {}
    made.wait(120)
    assert made.told()[1:] == ["cleared dt-1/cam-1 view-relearned"]


def test_what_was_disarmed_before_the_centres_restart_is_told_once() -> None:
    made = ward()
    overridden(made, "start", "yard")
    again = Ward(
        AlertEngine(SETTINGS, made.book.open_alerts(), mono=made.mono, now_ms=made.now_ms), made.mono
    )
    again.says["dt-1"] = {"commands": {"rules": [{"camera": "cam-1", "rule": "yard", "what": "disarm"}]}}
    again.wait(120)
    assert again.told() == []


def test_infos_that_wait_for_the_budget_are_no_full_outbox() -> None:
    waits = {"outbox": {"oldest_s": 900_000.0}, "uplink": {"held": ["media", "info"]}}
    made = ward(**waits)
    made.wait(3600)
    assert made.told() == []


def test_who_is_taken_away_or_moves_leaves_no_alert_behind() -> None:
    made = ward("dt-1", "dt-2")
    made.says = {"dt-1": DOWN, "dt-2": DOWN}
    made.wait(600)
    made.stands("dt-1", None)
    health = msgspec.convert(WELL, ReceivedHealth)
    made._note(made.book.record_heartbeat("dt-2", "bo-xuyen", health, made.mono, made.now_ms))
    assert made.told(1000)[-2:] == ["cleared dt-1/cam-1 camera-down", "cleared dt-2/cam-1 camera-down"]
    assert [alert.cleared_text for alert in _cleared(made)] == [
        "the box was taken away",
        "the box has moved to bo-xuyen",
    ]


def test_a_camera_that_is_not_configured_any_more_is_no_alert() -> None:
    made = ward()
    made.says["dt-1"] = DOWN
    made.wait(600)
    made.says["dt-1"] = {"cameras": {}}
    made.wait(30)
    assert [alert.cleared_text for alert in _cleared(made)] == ["the camera is not configured any more"]


def test_a_rule_that_was_switched_off_ends_its_alerts() -> None:
    before = ward()
    before.says["dt-1"] = DOWN
    before.wait(400)
    after = Ward(AlertEngine(AlertSettings((), GRACE_S), before.book.open_alerts()), says={"dt-1": DOWN})
    after.wait(30)
    assert after.told() == ["cleared dt-1/cam-1 camera-down"]


def _cleared(made: Ward) -> list[Alert]:
    return [change.alert for _, change in made.changes if change.kind is AlertChangeKind.CLEARED]
