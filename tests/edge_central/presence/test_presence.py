"""Presence: every change is reported once, in time, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from edge_agent.core.clock import Instant
from edge_central.presence.presence import PresenceTracker
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceReport, PresenceState

BEAT_S = 30.0


@dataclass
class PresenceScenario:
    """A ward with a time that the test moves, and heartbeats of the gateways in ``alive``."""

    presence: PresenceTracker = field(default_factory=PresenceTracker)
    mono: float = 0.0
    connected_mono: float | None = 0.0
    reports: list[tuple[float, PresenceReport]] = field(default_factory=list)
    alive: dict[str, str] = field(default_factory=dict)  # gateway -> session
    every_s: float | None = None

    def ward(self, gateway: str) -> str:
        return "de-tham" if gateway.startswith("dt") else "bo-xuyen"

    def online(self, *gateways: str, session: str = "s-1", for_s: float = 0.0) -> None:
        for gateway in gateways:
            self.alive[gateway] = session
            self._state(gateway, "online", session)
        self.wait(for_s)

    def will(self, *gateways: str, session: str = "s-1", for_s: float = 0.0) -> None:
        for gateway in gateways:
            if self.alive.get(gateway) == session:
                del self.alive[gateway]
            self._state(gateway, "offline", session)
        self.wait(for_s)

    def stopped(self, gateway: str, session: str = "s-1", for_s: float = 0.0) -> None:
        del self.alive[gateway]
        self._state(gateway, "stopped", session)
        self.wait(for_s)

    def freeze(self, *gateways: str, for_s: float = 0.0) -> None:
        """Stop the heartbeats of a gateway, without a will."""
        for gateway in gateways:
            del self.alive[gateway]
        self.wait(for_s)

    def wait(self, seconds: float) -> None:
        end = self.mono + seconds
        while self.mono < end:
            self.mono += 1.0
            if self.mono % BEAT_S == 0 and self.connected_mono is not None:
                for gateway, session in self.alive.items():
                    ward = self.ward(gateway)
                    self.presence.record_heartbeat(gateway, ward, session, self.every_s, self._at)
            reports = self.presence.tick(self._at, self.connected_mono)
            self.reports += [(self.mono, report) for report in reports]

    def published(self, since: float = 0.0) -> list[tuple[str, str | None]]:
        """(gateway or ward, state) of the reports after ``since``, in order."""
        return [_words(report) for mono, report in self.reports if mono > since]

    @property
    def _at(self) -> Instant:
        return Instant(self.mono, round(self.mono * 1000))

    def _state(self, gateway: str, state: str, session: str) -> None:
        self.presence.record_state(gateway, self.ward(gateway), state, session, state, self._at)


def _words(report: PresenceReport) -> tuple[str, str | None]:
    match report:
        case GatewayReport():
            return report.gateway, report.state
        case OutageReport():
            return report.ward, f"{len(report.gateways)} of {report.of}"


FIVE = ("dt-1", "dt-2", "dt-3", "dt-4", "dt-5")


def start(*gateways: str) -> PresenceScenario:
    """All gateways online for five minutes."""
    scenario = PresenceScenario()
    scenario.online(*gateways, for_s=300)
    assert scenario.published() == [(gateway, "online") for gateway in gateways]
    return scenario


@pytest.fixture
def scenario() -> PresenceScenario:
    return start("dt-1")


@pytest.fixture
def ward() -> PresenceScenario:
    return start(*FIVE)


def test_a_will_is_reported_once_after_it_has_lasted(scenario: PresenceScenario) -> None:
    scenario.will("dt-1", for_s=29)
    assert scenario.published(300) == []
    scenario.wait(600)
    assert scenario.published(300) == [("dt-1", "offline")]
    assert scenario.reports[-1][0] == 330


def test_one_lost_heartbeat_is_nothing_and_makes_the_next_absence_no_later() -> None:
    scenario = start("dt-1")
    scenario.freeze("dt-1", for_s=65)
    scenario.alive["dt-1"] = "s-1"
    scenario.wait(35)
    scenario.freeze("dt-1", for_s=150)
    assert scenario.published(300) == [("dt-1", "offline")]
    assert scenario.reports[-1][0] > 500


def test_a_gateway_with_a_long_heartbeat_interval_gets_more_time(scenario: PresenceScenario) -> None:
    scenario.every_s = 300.0
    scenario.wait(30)
    scenario.freeze("dt-1", for_s=900)
    assert scenario.published(300) == []
    scenario.wait(200)
    assert scenario.published(300) == [("dt-1", "offline")]


def test_a_late_stop_or_will_of_an_older_session_is_ignored(scenario: PresenceScenario) -> None:
    scenario.online("dt-1", session="s-2")
    scenario.stopped("dt-1", session="s-1", for_s=60)
    assert scenario.published(300) == []
    scenario.will("dt-1", session="s-2", for_s=60)
    assert scenario.published(300) == [("dt-1", "offline")]


def test_the_will_of_a_session_that_only_heartbeats_have_named_counts(scenario: PresenceScenario) -> None:
    """The broker was killed and lost the retained message ``online``."""
    scenario.alive["dt-1"] = "s-2"
    scenario.wait(90)
    scenario.will("dt-1", session="s-2", for_s=60)
    assert scenario.published(300) == [("dt-1", "offline")]


def test_a_heartbeat_that_arrives_after_its_own_will_is_ignored(scenario: PresenceScenario) -> None:
    scenario.will("dt-1")
    scenario.presence.record_heartbeat("dt-1", "de-tham", "s-1", None, Instant(scenario.mono, 0))
    scenario.wait(60)
    assert scenario.published(300) == [("dt-1", "offline")]


def test_a_clean_stop_is_no_failure_and_is_reported_at_once(scenario: PresenceScenario) -> None:
    scenario.stopped("dt-1", for_s=300)
    assert scenario.published(300) == [("dt-1", "stopped")]
    assert scenario.reports[-1][0] == 301


def test_flapping_is_reported_once_and_its_end_when_stable(scenario: PresenceScenario) -> None:
    for number in range(2, 12):
        scenario.will("dt-1", session=f"s-{number - 1}", for_s=60)
        scenario.online("dt-1", session=f"s-{number}", for_s=60)
    assert scenario.published(300) == [*[("dt-1", "offline"), ("dt-1", "online")] * 3, ("dt-1", "unstable")]
    scenario.wait(1000)
    assert scenario.published(300)[-2:] == [("dt-1", "unstable"), ("dt-1", "online")]


def test_a_ward_without_power_is_one_report_and_its_neighbour_none() -> None:
    scenario = start(*FIVE, "bx-1", "bx-2")
    for gateway in FIVE[:4]:
        scenario.will(gateway, for_s=4)
    scenario.wait(600)
    outages = [each for each in scenario.published(300) if each[0] == "de-tham"]
    assert outages == [("de-tham", "3 of 5"), ("de-tham", "4 of 5")], "at once, and again with all"
    gateways = [each for each in scenario.published(300) if each not in outages]
    assert gateways == [(gateway, "cut") for gateway in FIVE[:4]], "none is reported as offline"


def test_a_gateway_that_stays_away_after_the_outage_is_reported_alone(ward: PresenceScenario) -> None:
    ward.will(*FIVE, for_s=300)
    cut = [(gateway, "cut") for gateway in FIVE]
    assert ward.published(300) == [("de-tham", "5 of 5"), *cut, ("de-tham", "5 of 5")]
    ward.online(*FIVE[:4], session="s-2", for_s=150)
    back = [(gateway, "online") for gateway in FIVE[:4]]
    assert ward.published(600) == [("de-tham", "0 of 5"), *back, ("dt-5", "offline")]


def test_a_gateway_that_comes_back_a_little_later_than_its_ward_is_not_reported() -> None:
    """After a power cut of the city the last quarter of the gateways boots when the others are already
    back."""
    scenario = start(*FIVE)
    scenario.will(*FIVE, for_s=300)
    scenario.online(*FIVE[:4], session="s-2", for_s=100)
    scenario.online("dt-5", session="s-2", for_s=300)
    assert scenario.published(600) == [("de-tham", "0 of 5"), *((gateway, "online") for gateway in FIVE)]
    scenario.will("dt-5", session="s-2", for_s=60)
    assert scenario.published(1000) == [("dt-5", "offline")], "a later absence is its own again"


def test_two_gateways_of_a_ward_are_no_outage(ward: PresenceScenario) -> None:
    ward.will("dt-1", "dt-2", for_s=100)
    assert sorted(ward.published(300)) == [("dt-1", "offline"), ("dt-2", "offline")]


def test_a_broker_restart_puts_no_gateway_offline(ward: PresenceScenario) -> None:
    """A stopping broker publishes every will, and then the centre is disconnected too."""
    ward.will(*FIVE, for_s=2)
    ward.connected_mono = None
    ward.wait(400)
    ward.connected_mono = ward.mono
    ward.wait(40)
    ward.online(*FIVE, session="s-2", for_s=300)
    assert ward.published(300) == []


def test_a_restarted_centre_reports_only_changes(ward: PresenceScenario) -> None:
    ward.will("dt-1", for_s=60)
    after = PresenceScenario(PresenceTracker(ward.presence.current_reports()))
    after.alive = dict.fromkeys(FIVE[1:4], "s-1")
    after.wait(400)
    assert after.published() == [("dt-5", "offline")], "it went offline during the restart, without a will"


def test_an_outage_goes_on_over_a_restart_of_the_centre(ward: PresenceScenario) -> None:
    ward.will(*FIVE, for_s=60)
    after = PresenceScenario(PresenceTracker(ward.presence.current_reports()))
    after.wait(300)
    assert after.published() == []
    after.online(*FIVE, session="s-2", for_s=10)
    assert after.published() == [("de-tham", "0 of 5"), *((gateway, "online") for gateway in FIVE)]


def since_s(presence: PresenceTracker) -> dict[str, float]:
    """Since when each gateway is in its published state, in seconds of the scenario."""
    reports = (each for each in presence.current_reports() if isinstance(each, GatewayReport))
    return {report.gateway: report.since_ms / 1000 for report in reports}


def test_a_restart_of_the_agent_does_not_change_since_when_it_is_online(scenario: PresenceScenario) -> None:
    before = since_s(scenario.presence)
    scenario.stopped("dt-1", for_s=10)
    scenario.online("dt-1", session="s-2", for_s=10)
    assert scenario.published(300) == [("dt-1", "stopped"), ("dt-1", "online")]
    assert since_s(scenario.presence) == before
    scenario.stopped("dt-1", session="s-2", for_s=40)
    scenario.online("dt-1", session="s-3", for_s=10)
    assert since_s(scenario.presence) == {"dt-1": scenario.mono - 10}, "it was away for longer"


def test_a_restart_of_the_centre_changes_no_state_and_no_since() -> None:
    before = start(*FIVE, "bx-1", "bx-2", "bx-3")
    before.will("bx-1")
    before.stopped("bx-2", for_s=100)
    before.will(*FIVE, for_s=100)
    reports = before.presence.current_reports()
    sessions = dict.fromkeys((*FIVE, "bx-1", "bx-2", "bx-3"), "s-1")
    at = Instant(0.0, round(before.mono * 1000))
    after = PresenceScenario(PresenceTracker(reports, None, at, sessions))
    after.alive = {"bx-3": "s-1"}
    after.wait(300)
    assert after.published() == []
    assert after.presence.current_reports() == reports


def test_the_retained_copy_of_an_online_is_no_sign_of_life(scenario: PresenceScenario) -> None:
    """A frozen gateway has published ``online``, and the broker sends that again at every connect of the
    centre."""
    scenario.freeze("dt-1", for_s=600)
    before = since_s(scenario.presence)
    scenario.online("dt-1", session="s-1")
    del scenario.alive["dt-1"]
    scenario.wait(10)
    assert since_s(scenario.presence) == before
    restarted = PresenceTracker(scenario.presence.current_reports(), sessions={"dt-1": "s-1"})
    after = PresenceScenario(restarted)
    after.online("dt-1", session="s-1")
    del after.alive["dt-1"]
    after.wait(10)
    assert after.published() == []
    after.online("dt-1", session="s-2", for_s=10)
    assert after.published() == [("dt-1", "online")], "a new connection is one"


def test_a_gateway_whose_box_has_just_started_is_booting(scenario: PresenceScenario) -> None:
    scenario.will("dt-1", for_s=100)
    scenario.online("dt-1", session="s-2")
    at = Instant(scenario.mono, 400_000)
    scenario.presence.record_heartbeat("dt-1", "de-tham", "s-2", None, at, uptime_s=60.0)
    scenario.wait(100)
    assert scenario.published(400) == [("dt-1", "booting")]
    assert since_s(scenario.presence) == {"dt-1": 400.0}
    reports = scenario.presence.current_reports()
    after = PresenceScenario(PresenceTracker(reports, None, Instant(0.0, 500_000)))
    after.alive = {"dt-1": "s-2"}
    after.wait(150)
    assert after.published() == [], "a restarted centre goes on with the same boot"
    after.wait(100)
    assert after.published() == [("dt-1", "online")]
    assert since_s(after.presence) == {"dt-1": 400.0}


def test_an_unstable_gateway_is_unstable_since_the_last_fall_and_then_online_since_its_return() -> None:
    scenario = start("dt-1")
    for number in range(2, 6):
        scenario.will("dt-1", session=f"s-{number - 1}", for_s=10)
        scenario.online("dt-1", session=f"s-{number}", for_s=10)
    assert scenario.published(300) == [("dt-1", "unstable")]
    assert since_s(scenario.presence) == {"dt-1": 360.0}
    scenario.wait(1000)
    assert scenario.published(400) == [("dt-1", "online")]
    assert since_s(scenario.presence) == {"dt-1": 370.0}


def test_a_removed_gateway_is_forgotten_and_a_moved_one_is_not() -> None:
    scenario = start("dt-1", "dt-2")
    scenario.presence.record_heartbeat("dt-2", "bo-xuyen", "s-1", None, Instant(scenario.mono, 0))
    scenario.presence.remove("dt-1", "de-tham", 0)
    scenario.presence.remove("dt-2", "de-tham", 0)
    scenario.freeze("dt-1", "dt-2", for_s=10)
    assert scenario.published(300) == [("dt-1", None), ("dt-2", "online")]
    assert [report.ward for _, report in scenario.reports[-2:]] == ["de-tham", "bo-xuyen"]
    assert list(map(_words, scenario.presence.current_reports())) == [("dt-2", PresenceState.ONLINE)]
