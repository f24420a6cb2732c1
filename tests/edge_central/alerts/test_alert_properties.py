"""Property test: alerts open and clear in turn, whatever gateways, wards and the centre's own connection
do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.clock import Instant
from edge_agent.wire.received.health import ReceivedHealth
from edge_central.alert_settings import AlertSettings, default_rules
from edge_central.alerts.engine import AlertEngine
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind, AlertKey
from edge_central.measures import Measure
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceState

RULES = AlertSettings(tuple(replace(rule, for_s=rule.for_s / 100) for rule in default_rules()), 20.0)
BOXES = ("dt-1", "dt-2", "dt-3")
WARDS = ("de-tham", "bo-xuyen")

heartbeats = st.fixed_dictionaries(
    {},
    optional={
        "uptime_s": st.sampled_from([5.0, 500.0]),
        "version": st.sampled_from(["0.1.0", "0.2.0", "", "nonsense"]),
        "clock": st.sampled_from([{"synced": True}, {"synced": False}]),
        "box": st.sampled_from([{"disk_percent": 99.0}, {"disk_percent": 87.0}, {}, {"undervoltage": True}]),
        "cameras": st.dictionaries(
            st.sampled_from(["cam-1", "cam-2"]),
            st.sampled_from([{"state": "online"}, {"state": "offline"}, {"view": ["moved"]}]),
        ),
    },
)
gateways, wards = st.sampled_from(BOXES), st.sampled_from(WARDS)
steps = st.one_of(
    st.tuples(st.just("beat"), gateways, wards, heartbeats),
    st.tuples(st.just("stands"), gateways, wards, st.sampled_from([*PresenceState, None])),
    st.tuples(st.just("out"), st.lists(gateways, unique=True), wards),
    st.tuples(st.just("view"), gateways, st.booleans()),
    st.tuples(st.just("missing"), st.dictionaries(gateways, st.integers(1, 5))),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 30.0, 200.0])),
    st.tuples(st.just("connect"), st.booleans()),
    st.tuples(st.just("restart")),
)


@dataclass
class OpenAlerts:
    """The open alerts, as a subscriber to all changes sees them."""

    open: dict[AlertKey, Alert] = field(default_factory=dict)

    def apply(self, changes: Iterable[AlertChange]) -> None:
        for change in changes:
            key = change.alert.key
            if change.kind is AlertChangeKind.OPENED:
                assert key not in self.open, "it is open already"
                self.open[key] = change.alert
            else:
                before = self.open.pop(key)
                assert change.alert.opened_ms == before.opened_ms, "another alert"
                if change.kind is AlertChangeKind.CHANGED:
                    assert change.alert != before, "nothing has changed"
                    self.open[key] = change.alert
                else:
                    assert change.alert.cleared_ms is not None
                    assert change.alert.cleared_text


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=40))
def test_alerts_open_and_end_in_turn(script: list[tuple[Any, ...]]) -> None:
    open_alerts, mono = OpenAlerts(), 100.0
    engine = AlertEngine(RULES)
    connected_mono: float | None = 0.0
    for word, *rest in script:
        at = Instant(mono, round(mono * 1000))
        match word, rest:
            case "beat", [gateway, ward, more]:
                health = msgspec.convert({"time": "", "session": "s", **more}, ReceivedHealth)
                open_alerts.apply(engine.record_heartbeat(gateway, ward, health, at))
            case "stands", [gateway, ward, state]:
                report = GatewayReport(gateway, ward, state, "why", at.ms)
                open_alerts.apply(engine.record_presence(report, at))
            case "out", [away, ward]:
                open_alerts.apply(engine.record_presence(OutageReport(ward, tuple(away), 3, at.ms), at))
            case "view", [gateway, present]:
                open_alerts.apply(engine.record_view(gateway, "cam-1", "moved", present, at))
            case "missing", [counts]:
                open_alerts.apply(engine.judge_counts(Measure.MISSING_EVENTS, counts, at))
            case "wait", [seconds]:
                mono += seconds
                open_alerts.apply(engine.tick(Instant(mono, round(mono * 1000)), connected_mono))
            case "connect", [there]:
                connected_mono = mono if there else None
            case "restart", []:
                engine = AlertEngine(RULES, engine.open_alerts(), engine.pending(0), at)
        assert {alert.key: alert for alert in engine.open_alerts()} == open_alerts.open
    at = Instant(mono, 0)
    for gateway in BOXES:  # in the end all gateways are well
        well = msgspec.convert({"time": "", "session": "s", "clock": {"synced": True}}, ReceivedHealth)
        report = GatewayReport(gateway, "de-tham", PresenceState.ONLINE, "", 0)
        open_alerts.apply(engine.record_presence(report, at))
        open_alerts.apply(engine.record_heartbeat(gateway, "de-tham", well, at))
    for ward in WARDS:
        open_alerts.apply(engine.record_presence(OutageReport(ward, (), 3, 0), at))
    open_alerts.apply(engine.judge_counts(Measure.MISSING_EVENTS, {}, at))
    for _ in range(3):
        mono += 1_000.0
        for gateway in BOXES:
            open_alerts.apply(engine.record_heartbeat(gateway, "de-tham", well, Instant(mono, 0)))
        open_alerts.apply(engine.tick(Instant(mono, 0), 0.0))
    assert open_alerts.open == {}
