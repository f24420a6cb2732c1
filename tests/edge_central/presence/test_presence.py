"""Presence: every change is reported once, in time, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_central.presence.presence import PresenceTracker
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceReport, PresenceState

BEAT_S = 30.0


@dataclass
class City:
    """A ward with a time that the test moves, and heartbeats of the gateways in ``alive``."""

    presence: PresenceTracker = field(default_factory=PresenceTracker)
    mono: float = 0.0
    connected_mono: float | None = 0.0
    reports: list[tuple[float, PresenceReport]] = field(default_factory=list)
    alive: dict[str, str] = field(default_factory=dict)  # gateway -> session
    every_s: float | None = None

    def ward(self, gateway: str) -> str:
        return "de-tham" if gateway.startswith("dt") else "bo-xuyen"

    def online(self, *gateways: str, session: str = "s-1") -> None:
        for gateway in gateways:
            self.alive[gateway] = session
            self._state(gateway, "online", session)

    def will(self, *gateways: str, session: str = "s-1") -> None:
        for gateway in gateways:
            if self.alive.get(gateway) == session:
                del self.alive[gateway]
            self._state(gateway, "offline", session)

    def stopped(self, gateway: str, session: str = "s-1") -> None:
        del self.alive[gateway]
        self._state(gateway, "stopped", session)

    def freeze(self, *gateways: str) -> None:
        """Stop the heartbeats of a gateway, without a will."""
        for gateway in gateways:
            del self.alive[gateway]

    def wait(self, seconds: float) -> None:
        end = self.mono + seconds
        while self.mono < end:
            self.mono += 1.0
            if self.mono % BEAT_S == 0 and self.connected_mono is not None:
                for gateway, session in self.alive.items():
                    self.presence.record_heartbeat(
                        gateway, self.ward(gateway), session, self.every_s, self.mono, self._now_ms
                    )
            told = self.presence.tick(self.mono, self._now_ms, self.connected_mono)
            self.reports += [(self.mono, report) for report in told]

    def told(self, since: float = 0.0) -> list[tuple[str, str | None]]:
        """(gateway or ward, state) of the reports since the last call, in order."""
        return [_words(report) for mono, report in self.reports if mono > since]

    @property
    def _now_ms(self) -> int:
        return round(self.mono * 1000)

    def _state(self, gateway: str, state: str, session: str) -> None:
        self.presence.record_state(
            gateway, self.ward(gateway), state, session, state, self.mono, self._now_ms
        )


def _words(report: PresenceReport) -> tuple[str, str | None]:
    match report:
        case GatewayReport():
            return report.gateway, report.state
        case OutageReport():
            return report.ward, f"{len(report.gateways)} of {report.of}"


FIVE = ("dt-1", "dt-2", "dt-3", "dt-4", "dt-5")


def city(*gateways: str) -> City:
    """All gateways online for five minutes."""
    made = City()
    made.online(*gateways)
    made.wait(300)
    assert made.told() == [(gateway, "online") for gateway in gateways]
    return made


def test_a_will_is_told_once_after_it_has_lasted() -> None:
    box = city("dt-1")
    box.will("dt-1")
    box.wait(29)
    assert box.told(300) == []
    box.wait(600)
    assert box.told(300) == [("dt-1", "offline")]
    assert box.reports[-1][0] == 330


def test_three_missed_heartbeats_are_as_good_as_a_will() -> None:
    box = city("dt-1")
    box.freeze("dt-1")
    box.wait(600)
    assert box.told(300) == [("dt-1", "offline")]
    assert 300 + 3 * BEAT_S < box.reports[-1][0] <= 300 + 4 * BEAT_S + 30


def test_one_lost_heartbeat_is_nothing() -> None:
    box = city("dt-1")
    box.freeze("dt-1")
    box.wait(65)
    box.alive["dt-1"] = "s-1"
    box.wait(300)
    assert box.told(300) == []


def test_a_gateway_that_says_it_beats_seldom_is_waited_for() -> None:
    box = city("dt-1")
    box.every_s = 300.0
    box.wait(30)
    box.freeze("dt-1")
    box.wait(900)
    assert box.told(300) == []
    box.wait(200)
    assert box.told(300) == [("dt-1", "offline")]


def test_a_late_will_of_an_older_session_is_ignored() -> None:
    box = city("dt-1")
    box.online("dt-1", session="s-2")
    box.will("dt-1", session="s-1")
    box.wait(300)
    assert box.told(300) == []
    box.will("dt-1", session="s-2")
    box.wait(60)
    assert box.told(300) == [("dt-1", "offline")]


def test_the_will_of_a_session_that_only_heartbeats_have_named_counts() -> None:
    """The broker was killed and lost the retained message ``online``."""
    box = city("dt-1")
    box.alive["dt-1"] = "s-2"
    box.wait(90)
    box.will("dt-1", session="s-2")
    box.wait(60)
    assert box.told(300) == [("dt-1", "offline")]


def test_a_heartbeat_that_its_own_will_overtook_brings_nobody_back() -> None:
    box = city("dt-1")
    box.will("dt-1")
    box.presence.record_heartbeat("dt-1", "de-tham", "s-1", None, box.mono, 0)
    box.wait(60)
    assert box.told(300) == [("dt-1", "offline")]


def test_a_reconnect_within_half_a_minute_is_not_told() -> None:
    box = city("dt-1")
    box.will("dt-1")
    box.wait(20)
    box.online("dt-1", session="s-2")
    box.wait(300)
    assert box.told(300) == []


def test_a_clean_stop_is_no_failure_and_is_told_at_once() -> None:
    box = city("dt-1")
    box.stopped("dt-1")
    box.wait(300)
    assert box.told(300) == [("dt-1", "stopped")]
    assert box.reports[-1][0] == 301


def test_flapping_is_told_once_and_its_end_when_it_is_calm() -> None:
    box = city("dt-1")
    for number in range(2, 12):
        box.will("dt-1", session=f"s-{number - 1}")
        box.wait(60)
        box.online("dt-1", session=f"s-{number}")
        box.wait(60)
    assert box.told(300) == [
        *[("dt-1", "offline"), ("dt-1", "online")] * 3,
        ("dt-1", "unstable"),
    ]
    box.wait(1000)
    assert box.told(300)[-2:] == [("dt-1", "unstable"), ("dt-1", "online")]


def test_a_ward_without_power_is_one_report_and_its_neighbour_none() -> None:
    made = city(*FIVE, "bx-1", "bx-2")
    for gateway in FIVE[:4]:
        made.will(gateway)
        made.wait(4)
    made.wait(600)
    outages = [each for each in made.told(300) if each[0] == "de-tham"]
    assert outages == [("de-tham", "3 of 5"), ("de-tham", "4 of 5")], "at once, and with all who went"
    assert made.told(300) == outages, "nobody is told by himself"


def test_who_stays_away_after_the_outage_is_told_by_himself() -> None:
    made = city(*FIVE)
    made.will(*FIVE)
    made.wait(300)
    assert made.told(300) == [("de-tham", "5 of 5")] * 2
    made.online(*FIVE[:4], session="s-2")
    made.wait(150)
    assert made.told(600) == [("de-tham", "0 of 5"), ("dt-5", "offline")]


def test_who_comes_back_a_little_later_than_his_ward_is_never_told() -> None:
    """After a power cut of the city the last quarter of the gateways boots when the others are already
    back."""
    made = city(*FIVE)
    made.will(*FIVE)
    made.wait(300)
    made.online(*FIVE[:4], session="s-2")
    made.wait(100)
    made.online("dt-5", session="s-2")
    made.wait(300)
    assert made.told(600) == [("de-tham", "0 of 5")]
    made.will("dt-5", session="s-2")
    made.wait(60)
    assert made.told(1000) == [("dt-5", "offline")], "what he does later is his own again"


def test_two_of_a_ward_are_two() -> None:
    made = city(*FIVE)
    made.will("dt-1", "dt-2")
    made.wait(100)
    assert sorted(made.told(300)) == [("dt-1", "offline"), ("dt-2", "offline")]


def test_a_broker_that_is_restarted_puts_nobody_offline() -> None:
    """A stopping broker publishes every will, and then the centre is disconnected too."""
    made = city(*FIVE)
    made.will(*FIVE)
    made.wait(2)
    made.connected_mono = None
    made.wait(400)
    made.connected_mono = made.mono
    made.wait(40)
    made.online(*FIVE, session="s-2")
    made.wait(300)
    assert made.told(300) == []


def test_a_restarted_centre_tells_only_what_is_new() -> None:
    before = city(*FIVE)
    before.will("dt-1")
    before.wait(60)
    after = City(PresenceTracker(before.presence.current_reports()))
    after.alive = dict.fromkeys(FIVE[1:4], "s-1")
    after.wait(400)
    assert after.told() == [("dt-5", "offline")], "it went while nobody looked, and left no will"


def test_an_outage_goes_on_over_a_restart_of_the_centre() -> None:
    before = city(*FIVE)
    before.will(*FIVE)
    before.wait(60)
    after = City(PresenceTracker(before.presence.current_reports()))
    after.wait(300)
    assert after.told() == []
    after.online(*FIVE, session="s-2")
    after.wait(10)
    assert after.told() == [("de-tham", "0 of 5")]


def test_a_gateway_that_is_taken_away_is_forgotten_and_one_that_moves_is_not() -> None:
    made = city("dt-1", "dt-2")
    made.presence.record_heartbeat("dt-2", "bo-xuyen", "s-1", None, made.mono, 0)
    made.presence.forget("dt-1", "de-tham", 0)
    made.presence.forget("dt-2", "de-tham", 0)
    made.freeze("dt-1", "dt-2")
    made.wait(10)
    assert made.told(300) == [("dt-1", None)]
    assert [_words(report) for report in made.presence.current_reports()] == [("dt-2", PresenceState.ONLINE)]
